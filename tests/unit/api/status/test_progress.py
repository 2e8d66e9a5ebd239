"""Progress is read from exactly the lines that a training writes, and from no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.status.progress import Pace, Progress, Step, last_epoch, read_epoch, read_step

EPOCH = "Epoch 1/50: Train Loss=0.6543, Val Loss=0.6789, Val Acc=0.523, LR=0.001000"
STEP = "Progress: epoch=3 epochs=50 windows=12345/65000 rate=456.1"


def test_a_finished_epoch() -> None:
    assert read_epoch(EPOCH) == Progress(
        epoch=1, epochs=50, train_loss=0.6543, validation_loss=0.6789, validation_accuracy=0.523, learning_rate=0.001
    )


def test_a_position_within_an_epoch() -> None:
    assert read_step(STEP) == Step(epoch=3, epochs=50, windows=12345, of_windows=65000, rate=456.1)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Early stopping triggered at epoch 34",
        "BTC-USD training complete in 11.2 minutes",
        "Epoch 1/50: Train Loss=, Val Loss=0.6789, Val Acc=0.523, LR=0.001000",
        "Epoch one/50: Train Loss=0.6, Val Loss=0.6, Val Acc=0.5, LR=0.001",
        f"as said before: {EPOCH}",
        f"{EPOCH} and more",
        f"as said before: {STEP}",
        "Progress: epoch=3 epochs=50 windows=12345/65000 rate=fast",
    ],
)
def test_any_other_line_is_nothing(line: str) -> None:
    assert read_epoch(line) is None
    assert read_step(line) is None


def test_the_two_kinds_are_told_apart() -> None:
    assert read_step(EPOCH) is None
    assert read_epoch(STEP) is None


def test_a_number_that_is_none_is_left_out() -> None:
    found = read_epoch("Epoch 2/50: Train Loss=nan, Val Loss=inf, Val Acc=nan, LR=0.001000")
    assert found is not None
    assert (found.train_loss, found.validation_loss, found.validation_accuracy) == (None, None, None)


def test_the_last_epoch_of_a_log_counts() -> None:
    assert last_epoch([EPOCH, "noise", EPOCH.replace("1/50", "2/50"), STEP]) == read_epoch(
        EPOCH.replace("1/50", "2/50")
    )
    assert last_epoch(["noise"]) is None


def stamped(*ends: tuple[int, str]) -> list[str]:
    """The log of a kubelet, with the minutes and seconds at which epochs of 50 ended."""
    return [f"2026-01-05T12:{at}.123456789Z {EPOCH.replace('1/50', f'{epoch}/50')}" for epoch, at in ends]


@pytest.mark.parametrize(
    ("ends", "remaining"),
    [
        ([(1, "00:10")], None),
        ([(1, "00:10"), (2, "00:20")], 480),
        # The pace is that of the last three: an earlier, slower one is forgotten.
        ([(1, "00:00"), (2, "10:00"), (3, "10:10"), (4, "10:20"), (5, "10:30")], 450),
        ([(1, "00:00"), (2, "00:10"), (3, "00:30")], 15 * 47),
        ([(48, "00:00"), (49, "00:30"), (50, "01:00")], 0),
        # Another pod goes on from a checkpoint: the time in between is none that an epoch took.
        ([(1, "00:00"), (2, "00:10"), (2, "30:00")], None),
        ([(1, "00:00"), (2, "00:10"), (7, "30:00"), (8, "30:05")], 210),
        # A clock that was set back.
        ([(1, "00:10"), (2, "00:00")], 0),
    ],
)
def test_what_remains_is_by_the_pace_of_the_last_epochs(ends: list[tuple[int, str]], remaining: int | None) -> None:
    found = last_epoch(["2026-01-05T12:00:00Z noise", *stamped(*ends), "2026-01-05T12:59:00.5+00:00 noise"])
    assert found and (found.epoch, found.remaining_seconds) == (ends[-1][0], remaining)
    plain = last_epoch(line.split(" ", 1)[1] for line in stamped(*ends))
    assert plain == found.model_copy(update={"remaining_seconds": None}), "a log without times says no less than before"


@given(st.integers(2, 60), st.floats(0.01, 1e5))
def test_of_epochs_alike_as_many_remain_as_are_left(epochs: int, duration: float) -> None:
    pace, at = Pace().then(1, 0.0), 0.0
    for number in range(2, epochs + 1):
        at += duration
        pace = pace.then(number, at)
        found = pace.of(Progress(epoch=number, epochs=epochs))
        assert found.remaining_seconds == pytest.approx((epochs - number) * duration, abs=1, rel=1e-6)


def test_what_the_trainer_writes_is_what_is_read() -> None:
    log_format = pytest.importorskip("retrain_trainer.tasks.log_format")
    entry = log_format.Epoch(
        epoch=4, train_loss=0.5, validation_loss=0.25, validation_accuracy=0.75, learning_rate=0.01
    )
    found = read_epoch(log_format.epoch_line(entry, 9))
    assert found == Progress(
        epoch=4, epochs=9, train_loss=0.5, validation_loss=0.25, validation_accuracy=0.75, learning_rate=0.01
    )
    assert read_step(log_format.progress_line(4, 9, 10, 20, 1.5)) == Step(4, 9, 10, 20, 1.5)
