"""Test bars that stand in the train part are found, wherever they come from; what repeats itself honestly is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrain_api.time import Interval
from retrain_trainer.data.files.candles import Candles, read_feature_file
from retrain_trainer.data.split import Split
from retrain_trainer.measure.leaks.copied_bars import HANDFUL, RUN, CopiedBars, copied_bars

ROWS = 6_000
SPLIT = Split(slice(0, 4_000), slice(4_100, 4_900), slice(5_000, ROWS))
DATA = Path(__file__).resolve().parents[5] / "examples" / "data"
PRICES = ("open", "high", "low", "close")


def candles(symbol: str = "BTC") -> Candles:
    found = read_feature_file(DATA / f"candles_{symbol}-USD_1m.parquet", Interval.parse("1m"), ["close"]).candles
    parts = (found.timestamps, found.open, found.high, found.low, found.close, found.volume)
    return Candles(*(None if part is None else part[:ROWS].copy() for part in parts))  # type: ignore[arg-type]


def with_copy(source: int, to: int, bars: int, factor: float = 1.0) -> Candles:
    """The bars from row `source` once more at row `to`, with the times that belong there."""
    found = candles()
    for name in (*PRICES, "volume"):
        values = getattr(found, name)
        values[to : to + bars] = values[source : source + bars] * (factor if name in PRICES else 1.0)
    return found


def ticks(seed: int = 0) -> Candles:
    """A pair that hangs between a few ticks, half of the bars flat, closes alone."""
    moves = np.random.default_rng(seed).choice([-1, 0, 0, 1], ROWS)
    price = 1 + 1e-4 * np.clip(np.cumsum(moves) % 12, 0, 11)
    return replace(candles(), open=None, high=None, low=None, close=price, volume=None)


def stuck() -> Candles:
    found = candles()
    for name in PRICES:
        getattr(found, name)[1_000:2_000] = getattr(found, name)[5_100:5_900] = 100.0
    assert found.volume is not None
    found.volume[1_000:2_000] = found.volume[5_100:5_900] = 0
    return found


@pytest.mark.parametrize("symbol", ["BTC", "ETH", "SOL"])
@pytest.mark.parametrize("known", [(), ("volume",), ("volume", "open", "high", "low")], ids=["all", "prices", "closes"])
def test_honest_candles_have_not_one_run_twice(symbol: str, known: tuple[str, ...]) -> None:
    assert copied_bars(replace(candles(symbol), **dict.fromkeys(known)), SPLIT) == CopiedBars()  # type: ignore[arg-type]


@pytest.mark.parametrize("of", [ticks(), stuck()], ids=["a pair between two ticks", "a stuck feed"])
def test_what_repeats_itself_honestly_is_no_copy(of: Candles) -> None:
    assert copied_bars(of, SPLIT).runs <= HANDFUL and not copied_bars(of, SPLIT).suspect


@pytest.mark.parametrize("factor", [1.0, 1e-3, 7.0], ids=["as it was", "in another unit", "after a split"])
def test_the_same_bars_in_train_and_in_test_are_suspect(factor: float) -> None:
    found = copied_bars(with_copy(1_000, 5_000, 1_000, factor), SPLIT)
    assert found.suspect and found.bars >= 998 and found.share == pytest.approx(1, abs=0.002)
    (sentence,) = found.sentences()
    assert sentence.startswith(f"Copied bars: {found.bars:,} test bars (9") or "(100.0 %)" in sentence
    times = [str(np.datetime64(int(candles().timestamps[row]), "ns"))[:16] for row in (5_001, 1_001)]
    assert all(time in sentence for time in times), "where they stand in both"


def test_one_page_that_a_feed_repeats_is_suspect() -> None:
    found = copied_bars(with_copy(1_000, 5_200, 100), SPLIT)
    assert found.suspect and found.bars == 99 and found.runs == 99 - RUN + 1


def test_a_few_copied_bars_are_a_warning_and_a_handful_is_chance() -> None:
    long_test = Split(slice(0, 1_500), slice(1_600, 1_800), slice(2_000, ROWS))
    few = copied_bars(with_copy(1_000, 5_200, RUN + HANDFUL + 1), long_test)
    assert few.runs == HANDFUL + 1 and not few.suspect and few.sentences()
    handful = copied_bars(with_copy(1_000, 5_200, RUN + HANDFUL), long_test)
    assert handful.runs == HANDFUL and not handful.suspect and handful.sentences() == ()


@pytest.mark.parametrize(("source", "to"), [(4_200, 5_200), (5_050, 5_600), (1_000, 2_000)])
def test_bars_that_stand_twice_elsewhere_give_the_model_nothing(source: int, to: int) -> None:
    """In validation and test, in the test alone, in the train part alone."""
    assert copied_bars(with_copy(source, to, 300), SPLIT) == CopiedBars()


def test_parts_shorter_than_a_run_have_none() -> None:
    short = Split(slice(0, 15), slice(20, 30), slice(40, 50))
    assert copied_bars(candles(), short) == CopiedBars()


def test_the_document_is_ready_for_json() -> None:
    assert CopiedBars().as_document() == {"runs": 0, "bars": 0, "share": 0.0, "firstTest": None, "firstTrain": None}
    found = CopiedBars(90, 109, 0.123456, "2025-05-04T00:00:00Z", "2025-05-01T00:00:00Z").as_document()
    assert found["share"] == 0.123 and found["firstTest"] == "2025-05-04T00:00:00Z"
