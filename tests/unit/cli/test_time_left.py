"""How long a backfill takes, by finished slots or by the epochs of those at work."""

from __future__ import annotations

import pytest

from retrain_api.status.run import RetrainRunStatus
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
        ((60.0,), ((90.0, 0.5),), 0, 2, "about 0 seconds"),
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
