"""A training asks again what the preflight asked: is the file fresh, and is there anything new in it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.training_case import ROWS, RUN, TrainingSetup, feature_table

from retrain_api.documents.results import TrainResult
from retrain_api.errors import DataError
from retrain_api.names import judged_folder
from retrain_trainer.measure.tries.test_reuse import record_name
from retrain_trainer.measure.tries.try_record import TryRecord
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop

RECIPE = "b" * 16
ANY_AGE = "36500d"


@pytest.fixture
def setup(tmp_path: Path) -> TrainingSetup:
    return TrainingSetup(tmp_path / "setup")


def run(setup: TrainingSetup, **changes: Any) -> TrainResult:
    return training_task.run(setup.task(epochs=1, **changes), {}, setup.log.append, Stop())


def record(setup: TrainingSetup, bars_after: int) -> None:
    """A measured model of this recipe, whose last bar has so many after it."""
    times = feature_table()["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    first, last = times[0], times[ROWS - 1 - bars_after]
    found = TryRecord("BTC-USD", "d" * 64, first, last, RECIPE)
    setup.store.write(judged_folder("BTC-USD") + record_name(first, last, found.sha256), found.encode(RUN))


def test_a_stale_file_is_not_learnt_from(setup: TrainingSetup) -> None:
    with pytest.raises(DataError, match=r"data\.maxAge is 2h; look at what writes the file") as caught:
        run(setup, max_age="2h")
    assert caught.value.reason == "DataStale"
    assert setup.files() == [], "nothing is pinned, so that a retry reads what has come since"


@pytest.mark.parametrize(("bars_after", "trained"), [(9, False), (10, True)])
def test_nothing_new_is_not_learnt_again(setup: TrainingSetup, bars_after: int, trained: bool) -> None:
    record(setup, bars_after)
    if trained:
        assert run(setup, min_new_bars=10, recipe=RECIPE, max_age=ANY_AGE).epochs == 1
    else:
        with pytest.raises(DataError, match=r"9 closed bars after .* and data\.minNewBars is 10\.") as caught:
            run(setup, min_new_bars=10, recipe=RECIPE)
        assert caught.value.reason == "NoNewBars"


def test_another_recipe_is_never_too_old_to_be_tried(setup: TrainingSetup) -> None:
    record(setup, 0)
    assert run(setup, min_new_bars=10, recipe="e" * 16).epochs == 1


def test_what_a_restored_run_has_trained_already_is_not_asked_again(setup: TrainingSetup) -> None:
    before = run(setup)
    record(setup, 0)
    restored = RUN.model_copy(update={"uid": "another"})
    assert run(setup, run=restored, min_new_bars=10, recipe=RECIPE, max_age="2h") == before


def test_a_training_that_has_begun_goes_on(setup: TrainingSetup) -> None:
    before = run(setup)
    setup.store.delete(f"{setup.folder}result.json")
    record(setup, 0)
    again = run(setup, min_new_bars=10, recipe=RECIPE, max_age="2h")
    assert again.model == before.model
