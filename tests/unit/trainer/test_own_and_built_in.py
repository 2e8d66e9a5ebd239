"""A model of own and built-in features from its training to its predictions: the same rule in every place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.training_case import CPU, LATER, LOOKBACK, TrainingSetup, candle_table

from retrain_api.documents.results import TrainResult
from retrain_api.errors import DataError
from retrain_trainer.data.features.built_in import BUILT_IN
from retrain_trainer.data.windows import window_ends
from retrain_trainer.measure.figures.score import probabilities, rows_for
from retrain_trainer.predict import Predictor, load
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop

NAMES = tuple(definition.name for definition in BUILT_IN)
BLANK = 80
"""Rows at the start in which `funding` has no value, more than the warm-up of the built-in features."""


def table() -> pd.DataFrame:
    bars = candle_table()
    funding = np.where(np.arange(len(bars)) < BLANK, np.nan, np.sin(np.arange(len(bars)) / 8))
    return bars.assign(funding=funding, close_time=np.arange(len(bars)) * 60_000, ignore=0)


class Trained:
    """A training of `data.builtIn: true` on candles, a feature of one's own and what a kline file has."""

    def __init__(self, root: Path) -> None:
        self.setup = TrainingSetup(root)
        self.setup.put(table())
        task = self.setup.task(built_in=True, epochs=1)
        self.result: TrainResult = training_task.run(task, {}, self.setup.log.append, Stop())

    @property
    def predictor(self) -> Predictor:
        return load(self.setup.model_bytes(self.result))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("mixed") / "setup")


def test_the_model_file_says_which_features_are_computed(trained: Trained) -> None:
    model = trained.setup.model(trained.result)
    assert model.features == ("funding", *NAMES)
    assert model.computed_features == NAMES
    assert not model.built_in, "an older release must ask for columns rather than believe that candles are enough"


def test_predictions_are_those_of_the_evaluation(trained: Trained) -> None:
    model = trained.setup.model(trained.result)
    candles, scaled = rows_for(model, trained.setup.file, LATER)
    ends = window_ends(candles.timestamps, model.question.interval, LOOKBACK, slice(0, len(scaled)))
    assert len(candles.timestamps) == len(table()) - BLANK
    expected = pd.Series(
        probabilities(model, scaled, ends, "Platt", CPU), pd.to_datetime(candles.timestamps[ends], utc=True)
    )
    found = pd.Series(trained.predictor.predict_all(table()), index=table()["timestamp"])
    np.testing.assert_allclose(found[expected.index], expected, atol=1e-6)
    assert found.drop(expected.index).isna().all()


def test_the_last_bars_are_enough_and_own_columns_are_asked_for(trained: Trained) -> None:
    needed = trained.predictor.bars_needed
    assert needed == LOOKBACK + 60
    assert np.isfinite(trained.predictor.predict(table().tail(needed)))
    for column in ("funding", "volume"):
        with pytest.raises(DataError, match=f"no column '{column}'"):
            trained.predictor.predict(table().drop(columns=column))


@pytest.mark.parametrize("column", ["funding", "close"])
def test_text_is_refused_by_a_prediction_too(trained: Trained, column: str) -> None:
    bars = table().tail(100)
    with pytest.raises(DataError, match=f"Column '{column}' of the table of bars holds text") as caught:
        trained.predictor.predict(bars.assign(**{column: bars[column].astype(str)}))
    assert caught.value.reason == "NotNumeric"


def test_a_champion_computes_what_its_training_computed_whatever_the_file_has_since(
    trained: Trained, tmp_path: Path
) -> None:
    model, later = trained.setup.model(trained.result), tmp_path / "later.parquet"
    table().assign(body=7.0).to_parquet(later, index=False)
    np.testing.assert_array_equal(rows_for(model, later, LATER)[1], rows_for(model, trained.setup.file, LATER)[1])


def test_log_card_and_result_say_what_was_learnt_from(trained: Trained) -> None:
    line = (
        "32 features: 1 of the file's own (funding); all 31 built in. Left out: close_time (a time), ignore (a filler)."
    )
    assert trained.setup.log[0] == f"BTC-USD: {line}"
    card = trained.setup.card(trained.result)
    features = trained.result.features
    assert features is not None
    assert (features.count, features.own, len(features.digest)) == (32, 1, 16)
    assert card["features"] == ["funding", *NAMES]
    assert card["featureSet"] == {
        "sentence": line,
        "digest": features.digest,
        "own": ["funding"],
        "builtIn": list(NAMES),
        "leftOut": [{"name": "close_time", "reason": "a time"}, {"name": "ignore", "reason": "a filler"}],
    }


def test_the_digest_tells_a_column_from_a_built_in_feature_of_its_name(trained: Trained, tmp_path: Path) -> None:
    def digest(bars: pd.DataFrame) -> str:
        setup = TrainingSetup(tmp_path / str(len(list(tmp_path.iterdir()))))
        setup.put(bars)
        result = training_task.run(setup.task(features=("body", "return_1"), epochs=1), {}, lambda line: None, Stop())
        assert result.features is not None
        return result.features.digest

    bars = candle_table()
    mine = bars.assign(body=np.cos(np.arange(len(bars)) / 5))
    assert digest(bars) == digest(bars) != digest(mine)


def test_a_model_of_before_keeps_the_features_in_its_file(tmp_path: Path) -> None:
    """Release 0.1.0 learnt from whatever column a file had; such a model is measured and predicts as it was trained."""
    setup = TrainingSetup(tmp_path / "setup")
    bars = table()[["timestamp", "close", "close_time"]]
    setup.put(bars)
    result = training_task.run(setup.task(features=("close_time",), epochs=1), {}, lambda line: None, Stop())
    model = setup.model(result)
    assert (model.features, model.computed, model.computed_features) == (("close_time",), None, ())
    candles, scaled = rows_for(model, setup.file, LATER)
    ends = window_ends(candles.timestamps, model.question.interval, LOOKBACK, slice(0, len(scaled)))
    found = load(setup.model_bytes(result)).predict_all(bars)
    np.testing.assert_allclose(found[ends], probabilities(model, scaled, ends, "Platt", CPU), atol=1e-6)
