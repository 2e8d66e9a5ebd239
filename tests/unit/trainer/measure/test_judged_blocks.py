"""The answers on the test bars in blocks of time, and the rule that comes of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retrain_api.observation.blocks import Count
from retrain_api.spec.data import Split
from retrain_api.time import Question, Windows
from retrain_trainer.data.dataset import load_dataset
from retrain_trainer.measure.assess import Predictions, windows_of_test
from retrain_trainer.measure.judged_blocks import counts, rule_of

LOOKBACK, HORIZON, ROWS, INTERVAL = 5, 1, 8_000, 60_000_000_000
GAP_AT, GAP = 6_500, 100


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Predictions:
    """Bars with ties and a gap in the test part, and a model that is right for 50 bars on end, and then wrong for 20."""
    path = tmp_path_factory.mktemp("data") / "features.parquet"
    generator = np.random.default_rng(5)
    times = pd.date_range("2025-05-30T00:00:00Z", periods=ROWS, freq="1min")
    times = times[:GAP_AT].append(times[GAP_AT:] + pd.Timedelta(minutes=GAP))
    close = np.round(100 + np.cumsum(generator.normal(0, 0.05, ROWS)), 1)
    pd.DataFrame({"timestamp": times, "close": close, "wave": np.sin(np.arange(ROWS))}).to_parquet(path, index=False)
    windows = Windows(LOOKBACK, Split(validation_percent=15, test_percent=25))
    dataset = load_dataset(
        path, symbol="X-USD", question=Question.parse("1m", HORIZON, "Drop"), windows=windows, features=None
    )
    ends, labelled = windows_of_test(dataset, LOOKBACK)
    found = np.full(dataset.split.test.stop - dataset.split.test.start, np.nan)
    right = np.arange(len(ends)) % 70 < 50
    found[ends - dataset.split.test.start] = np.where((dataset.labels.values[ends] == 1) == right, 0.7, 0.3)
    return Predictions(dataset, dataset.values, LOOKBACK, ends, labelled, found)


def by_hand(predictions: Predictions, length: int) -> list[Count]:
    """Bar by bar: the block of each by its time."""
    times, first = predictions.dataset.candles.timestamps, predictions.test.start
    whole = (int(times[predictions.test.stop - 1] - times[first]) // INTERVAL + 1) // length
    found = [[0, 0] for _ in range(whole)]
    for row, right in zip(predictions.labelled, predictions.right(predictions.labelled), strict=True):
        block = int(times[row] - times[first]) // INTERVAL // length
        if block < whole:
            found[block][0] += 1
            found[block][1] += int(right)
    return [Count(judged, right) for judged, right in found]


@pytest.mark.parametrize("length", [1, 6, 48, 2_000, 5_000])
def test_bars_are_counted_by_their_time_and_a_block_that_is_not_whole_is_left_out(
    predictions: Predictions, length: int
) -> None:
    found = counts(predictions, length)
    assert found == by_hand(predictions, length)
    assert all(0 <= one.right <= one.judged <= length for one in found)


def test_a_gap_takes_up_its_place(predictions: Predictions) -> None:
    assert Count(0, 0) in counts(predictions, 48)
    judged = sum(one.judged for one in counts(predictions, 1))
    assert judged == len(predictions.labelled) < len(predictions.ends), "ties are not judged"


def test_the_rule_is_that_of_the_models_own_answers(predictions: Predictions) -> None:
    """Right and wrong for so long, blocks of six bars follow each other. Longer ones don't."""
    blocks = rule_of(predictions).blocks
    assert blocks is not None
    assert blocks.length >= 24 and 0 < blocks.deviation < 0.5 and blocks.correlation < 0.3
