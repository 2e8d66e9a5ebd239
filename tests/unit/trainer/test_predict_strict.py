"""A prediction is as strict as training: it refuses what training refuses, in the same words, and bars that aren't closed or are old."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.training_case import LOOKBACK, TrainingSetup, candle_table

from retrain_api.errors import DataError
from retrain_api.spec.data import Split
from retrain_api.time import Question, Windows
from retrain_trainer.data.dataset import load_dataset
from retrain_trainer.predict import FAR, Prediction, Predictor, load
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop

Spoil = Callable[[pd.DataFrame], pd.DataFrame]
FILE = "features_BTC-USD_1m_latest.parquet"
ROW = 650
LAST = pd.Timestamp("2025-05-30T11:39:00Z")
"""When the last of the 700 bars opens; it closes a minute later."""


def trained(root: Path, table: pd.DataFrame) -> Predictor:
    setup = TrainingSetup(root)
    setup.put(table)
    result = training_task.run(setup.task(epochs=1), {}, lambda line: None, Stop())
    return load(setup.model_bytes(result))


def with_signal() -> pd.DataFrame:
    return candle_table().assign(signal=np.sin(np.arange(700) / 9))


@pytest.fixture(scope="module")
def of_candles(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return trained(tmp_path_factory.mktemp("candles") / "setup", candle_table())


@pytest.fixture(scope="module")
def of_a_signal(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return trained(tmp_path_factory.mktemp("signal") / "setup", with_signal())


def at(column: str, change: Callable[[Any], Any]) -> Spoil:
    """One value of a column changed."""

    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        values = list(table[column])
        values[ROW] = change(values[ROW])
        return table.assign(**{column: values})

    return spoil


SPOILED: dict[str, tuple[Spoil, str]] = {
    "high below low": (lambda table: table.assign(high=table.low, low=table.high), "InvertedBar"),
    "one high below its low": (at("high", lambda high: high / 2), "InvertedBar"),
    "a close above its high": (at("close", lambda close: close * 1.5), "CloseOutside"),
    "a close below its low": (at("close", lambda close: close * 0.99), "CloseOutside"),
    "a negative volume": (at("volume", lambda volume: -volume), "NegativeVolume"),
    "a price of 0": (at("close", lambda close: 0.0), "NotPositive"),
    "an open of -1": (at("open", lambda opened: -1.0), "NotPositive"),
    "a close without a value": (at("close", lambda close: np.nan), "NotFinite"),
    "an infinite volume": (at("volume", lambda volume: np.inf), "NotFinite"),
    "a bar of 2150": (at("timestamp", lambda time: time + pd.Timedelta(days=365 * 125)), "BarInFuture"),
    "an hour late": (at("timestamp", lambda time: time + pd.Timedelta(hours=1)), "NotSorted"),
    "off the grid": (at("timestamp", lambda time: time + pd.Timedelta(seconds=7)), "IrregularSpacing"),
    "newest first": (lambda table: table.iloc[::-1], "NotSorted"),
    "repeated": (lambda table: table.loc[[*range(700), 699]], "RepeatedTimestamp"),
    "another interval": (lambda table: table.iloc[::5], "WrongInterval"),
    "read in another unit": (
        lambda table: table.assign(timestamp=pd.Timestamp(0, tz="UTC") + (table.timestamp - LAST) / 1000 + (LAST - pd.Timestamp(0, tz="UTC"))),
        "WrongInterval",
    ),
    "epoch milliseconds": (
        lambda table: table.assign(timestamp=[int(time.timestamp() * 1000) for time in table.timestamp]),
        "TimestampType",
    ),
    "a row without a time": (at("timestamp", lambda time: pd.NaT), "NotFinite"),
}  # fmt: skip


def of_training(folder: Path, table: pd.DataFrame) -> DataError:
    """The refusal of a file."""
    table.to_parquet(folder / FILE, index=False)
    with pytest.raises(DataError) as caught:
        load_dataset(
            folder / FILE,
            symbol="BTC-USD",
            question=Question.parse("1m", 1, "Drop"),
            windows=Windows(LOOKBACK, Split()),
            features=None,
        )
    return caught.value


@pytest.mark.parametrize(("spoil", "reason"), SPOILED.values(), ids=SPOILED)
@pytest.mark.parametrize("kind", ["of_candles", "of_a_signal"])
def test_what_training_refuses_a_prediction_refuses_with_the_same_sentence(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, spoil: Spoil, reason: str
) -> None:
    table = spoil(with_signal())
    predictor: Predictor = request.getfixturevalue(kind)
    expected = of_training(tmp_path, table)
    for ask in (predictor.predict, predictor.predict_all):
        with pytest.raises(DataError) as caught:
            ask(table)
        assert caught.value.reason == expected.reason == reason
        said, sentence = caught.value.message, expected.message.replace(FILE, "the table of bars")
        if reason == "BarInFuture":  # it says the time
            said, sentence = said.partition(" after now")[0], sentence.partition(" after now")[0]
        assert said == sentence[0].upper() + sentence[1:]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (at("signal", lambda value: np.nan), "Column 'signal' of the table of bars is NaN in row 650 (2025-05-30T10:50:00Z)"),
        (at("signal", lambda value: 1e300), "Column 'signal' of the table of bars is 1e+300 in row 650 (2025-05-30T10:50:00Z), too"),
        (lambda table: table.assign(signal=np.nan), "Column 'signal' of the table of bars has no value in any row."),
    ],
)  # fmt: skip
def test_a_feature_of_ones_own_is_held_to_the_same(of_a_signal: Predictor, spoil: Spoil, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        of_a_signal.predict(spoil(with_signal()))
    assert caught.value.message.startswith(sentence)


def test_a_model_of_ones_own_columns_needs_no_candles(of_a_signal: Predictor) -> None:
    table = with_signal()
    assert of_a_signal.predict(table[["timestamp", "signal"]]) == of_a_signal.predict(table)


@pytest.mark.parametrize(
    ("now", "closed"),
    [
        (LAST, False),
        (LAST + pd.Timedelta(seconds=54), False),
        (LAST + pd.Timedelta(seconds=55), True),
        (LAST + pd.Timedelta(seconds=60), True),
        (LAST.tz_convert("America/New_York") + pd.Timedelta(seconds=60), True),
        ((LAST + pd.Timedelta(seconds=60)).tz_localize(None), True),
        (LAST.to_pydatetime() + timedelta(seconds=30), False),
        (None, True),
    ],
    ids=["it opens", "six seconds left", "five seconds left", "it closes", "New York", "no zone", "datetime", "the clock"],
)  # fmt: skip
def test_a_bar_that_is_still_forming_is_not_predicted_from(
    of_candles: Predictor, now: datetime | None, closed: bool
) -> None:
    table = candle_table()
    every = of_candles.predict_all(table, now=now)
    assert np.isfinite(every[-2]) and np.isfinite(every[-1]) == closed
    if closed:
        assert of_candles.predict(table, now=now) == pytest.approx(every[-1], abs=1e-6)
        return
    with pytest.raises(DataError) as caught:
        of_candles.predict(table, now=now)
    assert caught.value.reason == "BarForming"
    assert caught.value.message.startswith(
        "The last bar (2025-05-30T11:39:00Z) closes at 2025-05-30T11:40:00Z, so it is still forming at 2025-05-30T11:39:"
    )
    assert 0 < of_candles.predict(table.iloc[:-1], now=now) < 1


def test_bars_that_are_older_than_asked_for_are_refused(of_candles: Predictor) -> None:
    table, closed = candle_table(), LAST + pd.Timedelta(minutes=1)
    asked = {"now": closed + pd.Timedelta(minutes=5), "max_age": timedelta(minutes=5)}
    assert 0 < of_candles.predict(table, **asked) < 1
    with pytest.raises(DataError) as caught:
        of_candles.predict(table, now=closed + pd.Timedelta(minutes=6), max_age=timedelta(minutes=5))
    assert caught.value.reason == "BarsTooOld"
    assert caught.value.message == (
        "The last bar (2025-05-30T11:39:00Z) closed 6 minutes before 2025-05-30T11:46:00Z, and max_age is 5 minutes; give the "
        "bars since then."
    )
    with pytest.raises(DataError, match=r"closed [0-9,]+ days before .*, and max_age is 1 hour;"):
        of_candles.predict(table, max_age=timedelta(hours=1))


def test_a_bar_later_than_the_given_time_is_refused(of_candles: Predictor) -> None:
    with pytest.raises(DataError) as caught:
        of_candles.predict(candle_table(), now=LAST - pd.Timedelta(hours=2))
    assert caught.value.reason == "BarInFuture"


def test_bars_as_in_training_are_near_what_was_learnt_from(of_candles: Predictor, of_a_signal: Predictor) -> None:
    assert of_candles.predict(candle_table()).far == {} == of_a_signal.predict(with_signal()).far


@pytest.mark.parametrize("place", [-1, -LOOKBACK])
def test_a_feature_far_from_what_was_learnt_from_is_told_anywhere_in_the_window(
    of_a_signal: Predictor, place: int
) -> None:
    table = with_signal()
    mean, std = float(of_a_signal.model.scaling.mean[0]), float(of_a_signal.model.scaling.std[0])
    for deviations, told in ((FAR + 1, True), (-FAR - 1, True), (FAR - 1, False)):
        table.loc[table.index[place], "signal"] = mean + deviations * std
        far = of_a_signal.predict(table).far
        assert far == ({"signal": pytest.approx(deviations, abs=0.1)} if told else {})
    table.loc[table.index[-LOOKBACK - 1], "signal"] = 1e9
    assert of_a_signal.predict(table).far == {}


def test_prices_of_another_market_are_told(of_candles: Predictor) -> None:
    table = candle_table()
    table[["open", "high", "low", "close"]] *= np.exp(np.arange(700) * 0.02)[:, None]
    found = of_candles.predict(table.assign(open=table.close / 1.02, low=table.close / 1.03))
    assert 0 < found < 1 and "return_60" in found.far
    assert list(map(abs, found.far.values())) == sorted(map(abs, found.far.values()), reverse=True)


def test_a_prediction_is_a_float_with_two_fields(of_candles: Predictor) -> None:
    found = of_candles.predict(candle_table())
    assert isinstance(found, float) and found.bar == datetime(2025, 5, 30, 11, 39, tzinfo=UTC)
    for other in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert isinstance(other, Prediction)
        assert (other, other.bar, other.far) == (found, found.bar, found.far)
