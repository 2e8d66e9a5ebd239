"""How long a backfill takes, by finished slots or by the epochs of those at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO

import pytest

from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.run import RetrainRunStatus
from retrain_cli.display.backfill.progress import BackfillProgress, Cost
from retrain_cli.display.time_left import Slots, epochs_done, taken, time_left


@pytest.mark.parametrize(
    ("finished", "working", "waiting", "parallel", "said"),
    [
        ((), (), 4, 2, None),
        ((), ((30.0, 0.0),), 4, 2, None),  # nothing is measured yet
        ((), ((30.0, 0.25),), 0, 1, "at most 90 seconds"),
        ((), ((30.0, 0.25), (30.0, 0.5)), 2, 2, "at most 3 minutes"),  # the slower one counts
        ((60.0, 60.0), (), 4, 2, "about 2 minutes"),
        ((60.0, 50.0, 9000.0), (), 4, 4, "about 60 seconds"),  # one night's interruption is no pace
        ((60.0,), ((90.0, 0.5),), 0, 2, "a moment"),
        ((60.0,), (), 1, 8, "about 60 seconds"),  # one slot is not divided among eight places
    ],
)
def test_the_time_that_is_left(
    finished: tuple[float, ...],
    working: tuple[tuple[float, float], ...],
    waiting: int,
    parallel: int,
    said: str | None,
) -> None:
    left = time_left(Slots(finished, working, waiting, parallel))
    assert (None if left is None else str(left)) == said


def test_a_run_has_done_the_mean_share_of_its_symbols_epochs_and_all_of_a_trained_one() -> None:
    trained = {"symbol": "A", "result": {"model": {"uri": "file:///m.pt", "sha256": "0"}}}
    under_way = {"symbol": "B", "progress": {"epoch": 5, "epochs": 10}}
    symbols = [trained, under_way, {"symbol": "C"}]
    assert epochs_done(RetrainRunStatus.model_validate({"symbols": symbols})) == 0.5
    assert epochs_done(RetrainRunStatus()) == 0


@pytest.mark.parametrize(
    ("begun", "ended", "seconds"),
    [("2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z", 90.0), ("2026-01-01T00:00:00Z", None, None), (None, None, None)],
)
def test_what_a_finished_run_took(begun: str | None, ended: str | None, seconds: float | None) -> None:
    assert taken(RetrainRunStatus(start_time=begun, completion_time=ended)) == seconds


@dataclass
class Stub:
    """A child as the progress looks at it."""

    run: RetrainRun

    def at(self, epoch: int) -> None:
        """Its training has done so many of ten epochs."""
        entry = {"symbol": "A", "progress": {"epoch": epoch, "epochs": 10}}
        status = RetrainRunStatus.model_validate({"symbols": [entry]})
        self.run = self.run.model_copy(update={"status": status})


def test_what_was_trained_before_is_no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot that was stopped after most of its epochs is taken up with them, and that took no time."""
    document = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "weekly-bf-1a2b3c-202601100300"},
        "spec": {"symbols": ["A"], "data": {"uri": "file:///d/"}, "artifacts": {"uri": "file:///m/"}},
    }
    clock = [0.0]
    monkeypatch.setattr("retrain_cli.display.backfill.progress.time.monotonic", lambda: clock[0])
    cost = Cost(2, 0, 1, 1, (), datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 10, tzinfo=UTC))
    out, child = StringIO(), Stub(parse_run(document))
    progress = BackfillProgress(cost, out)
    child.at(9)
    progress.began(child)  # type: ignore[arg-type]
    clock[0] = 10.0
    progress.tick(1)
    assert out.getvalue() == ""
    child.at(10)
    clock[0] = 20.0
    progress.tick(1)
    assert "at most 6 minutes until all are done" in out.getvalue()
