"""Bars that can't be are refused with row, value and cause; unlikely ones are named, and real candles stay quiet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.errors import DataError
from retrain_api.spec.data import Split
from retrain_api.time import Interval, Question, Windows
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.data.files.candles import Candles, read_feature_file
from retrain_trainer.data.files.plausible import BETWEEN, WITHIN, find_jumps

NAME = "candles_BTC-USD_1m.parquet"
FIRST = pd.Timestamp("2025-03-10T00:00:00Z")
PRICES = ["open", "high", "low", "close"]
MINUTE = Interval.parse("1m")


def candles(rows: int = 600, interval: str = "1min", start: pd.Timestamp = FIRST) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    close = 50 * np.exp(np.cumsum(generator.normal(0, 0.002, rows)))
    opened = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=rows, freq=interval),
            "open": opened,
            "high": np.maximum(opened, close) * 1.0001,
            "low": np.minimum(opened, close) * 0.9999,
            "close": close,
            "volume": generator.exponential(3, rows),
        }
    )


def last_closed(now: str) -> str:
    """The last minute that had closed."""
    return (pd.Timestamp(now) - pd.Timedelta("1min")).floor("1min").strftime("%Y-%m-%dT%H:%M:%SZ")


def load(
    folder: Path,
    table: pd.DataFrame,
    interval: str = "1m",
    lookback: int = 5,
    now: str | None = None,
    until: str | None = None,
) -> Dataset:
    path = folder / NAME
    table.to_parquet(path, index=False)
    return load_dataset(
        path,
        symbol="BTC-USD",
        question=Question.parse(interval, 1, "Drop"),
        windows=Windows(lookback, Split()),
        features=None,
        now=None if now is None else pd.Timestamp(now).value,
        until=None if until is None else pd.Timestamp(until).value,
    )


def refusal(folder: Path, table: pd.DataFrame, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        load(folder, table, **options)
    assert "\n" not in caught.value.message and not caught.value.message.endswith("..")
    return caught.value


class TestBarsOfTheFuture:
    def test_the_case_one_bar_of_2035(self, tmp_path):
        table = candles()
        table.loc[599, "timestamp"] += pd.Timedelta(days=3650)
        error = refusal(tmp_path, table)
        assert error.reason == "BarInFuture"
        assert f"{NAME} has 1 bar in the future: the last row, row 599 (2035-03-08T09:59:00Z)" in error.message
        assert "is the column in UTC, and in one unit?" in error.message

    @pytest.mark.parametrize("row", [0, 300, 599])
    def test_wherever_the_bar_is(self, tmp_path, row):
        table = candles()
        table.loc[row, "timestamp"] = pd.Timestamp("2150-01-01T00:00:00Z")
        error = refusal(tmp_path, table)
        assert error.reason == "BarInFuture" and f"row {row} (2150-01-01" in error.message

    @pytest.mark.parametrize(
        ("now", "reason"),
        [
            ("2025-03-10T09:54:00Z", None),
            ("2025-03-10T09:53:59.999Z", "BarInFuture"),
            ("2025-03-10T12:00:00Z", None),
            ("2025-03-10T08:00:00Z", "BarInFuture"),
        ],
        ids=["five minutes early", "a millisecond more", "past", "two hours early"],
    )
    def test_a_clock_may_be_five_minutes_behind(self, tmp_path, now, reason):
        if reason is None:
            assert load(tmp_path, candles(), now=now).last_bar == min("2025-03-10T09:59:00Z", last_closed(now))
        else:
            assert refusal(tmp_path, candles(), now=now).reason == reason

    def test_hours_ahead_are_local_time(self, tmp_path):
        message = refusal(tmp_path, candles(), now="2025-03-10T08:00:00Z").message
        assert "114 bars in the future: row 486 (2025-03-10T08:06:00Z)" in message
        assert "local times must be converted first" in message

    def test_whatever_until_says(self, tmp_path):
        table = candles()
        table.loc[599, "timestamp"] = pd.Timestamp("2150-01-01T00:00:00Z")
        assert refusal(tmp_path, table, until="2025-03-10T05:00:00Z").reason == "BarInFuture"


class TestClosesOutsideTheirBars:
    def test_the_case_every_close_above_its_high(self, tmp_path):
        table = candles()
        table["high"], table["low"] = table.close * 0.999, table.close * 0.998
        error = refusal(tmp_path, table)
        assert error.reason == "CloseOutside"
        assert (
            "in row 0 (2025-03-10T00:00:00Z): low 50.1041, high " in error.message
            and "(600 such rows)" in error.message
        )

    @given(row=st.integers(0, 599), share=st.floats(1.1e-6, 0.5), above=st.booleans())
    def test_one_close_anywhere(self, tmp_path_factory, row, share, above):
        table = candles()
        column, factor = ("high", 1 - share) if above else ("low", 1 + share)
        table.loc[row, ["high", "low", "close"]] = 50.0
        table.loc[row, column] = 50.0 * factor
        table.loc[row, "low" if above else "high"] = 20.0 if above else 80.0
        error = refusal(tmp_path_factory.mktemp("outside"), table)
        assert error.reason == "CloseOutside" and f"row {row} " in error.message

    def test_prices_that_were_stored_as_float32_are_no_fault(self, tmp_path):
        table = candles()
        table["close"] = table.high
        table["high"] = table.high.astype(np.float32).astype(np.float64)
        assert (table.close > table.high).any()
        assert load(tmp_path, table).rows == 540

    def test_an_open_outside_is_a_warning(self, tmp_path):
        table = candles()
        table.loc[7, "open"] = table.high[7] * 1.01
        (warning,) = load(tmp_path, table).warnings
        assert warning.startswith(f"The open lies outside low and high in 1 row of {NAME}, first in row 7 ")

    @pytest.mark.parametrize(
        ("column", "value", "reason"),
        [("close", 0.0, "NotPositive"), ("low", -1.0, "NotPositive"), ("high", 1.0, "InvertedBar")],
    )
    def test_what_was_refused_before_is_refused_for_the_same_reason(self, tmp_path, column, value, reason):
        table = candles()
        table.loc[9, column] = value
        error = refusal(tmp_path, table)
        assert error.reason == reason and "row 9 " in error.message


def split(table: pd.DataFrame, row: int, factor: float) -> pd.DataFrame:
    changed = table.copy()
    changed.loc[row:, [name for name in PRICES if name in table]] *= factor
    return changed


class TestUnlikelyJumps:
    @pytest.mark.parametrize("factor", [1 / 10, 1 / 2, 2 / 3, 2, 5, 100, 1000])
    def test_a_split_or_another_unit(self, tmp_path, factor):
        dataset = load(tmp_path, split(candles(), 580, factor))
        (warning,) = dataset.warnings
        assert warning.startswith("Unlikely jump: the close goes from ")
        assert "row 580 (2025-03-10T09:40:00Z), in the test part." in warning
        assert "The backtest can trade through it." in warning
        assert [jump.row for jump in dataset.jumps] == [520], "60 rows of warm-up are cut"
        assert dataset.jumps[0].change == pytest.approx(factor - 1, rel=0.02)

    def test_in_the_train_part_no_backtest_trades_through_it(self, tmp_path):
        (warning,) = load(tmp_path, split(candles(), 200, 0.1)).warnings
        assert "in the train part." in warning and "backtest" not in warning

    def test_one_close_a_hundred_times_too_high(self, tmp_path):
        table = candles()
        table.loc[585, ["high", "close"]] = table.close[585] * 100
        dataset = load(tmp_path, table)
        assert [jump.row for jump in dataset.jumps] == [525, 526]
        assert dataset.warnings[0].startswith("2 unlikely jumps, the largest: the close goes from ")

    def test_a_file_of_closes_alone(self, tmp_path):
        table = split(candles()[["timestamp", "close"]].assign(wave=np.sin(np.arange(600))), 580, 0.1)
        assert [jump.row for jump in load(tmp_path, table).jumps] == [580]

    @pytest.mark.parametrize("share", [-0.35, -0.3, 0.3, 0.5])
    def test_a_wild_minute_in_which_the_price_was_traded_all_the_way_is_quiet(self, tmp_path, share):
        table = candles()
        table.loc[580, "close"] *= 1 + share
        table.loc[580, "low"] = min(table.low[580], table.close[580])
        table.loc[580, "high"] = max(table.high[580], table.close[580])
        table.loc[581:, PRICES] *= 1 + share
        table.loc[581, "open"] = table.close[580]
        table.loc[581, "low"] = min(table.low[581], table.close[580])
        table.loc[581, "high"] = max(table.high[581], table.close[580])
        assert load(tmp_path, table).jumps == ()

    def test_another_price_after_a_gap_is_no_jump(self, tmp_path):
        table = split(candles(), 580, 1.5)
        table.loc[580:, "timestamp"] += pd.Timedelta(days=2)
        assert load(tmp_path, table).jumps == ()

    def test_a_market_that_always_moves_so_much_is_quiet(self):
        close = np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.12, 3_000)))
        times = np.arange(3_000, dtype=np.int64) * MINUTE.nanoseconds
        assert find_jumps(Candles(times, None, None, None, close, None), MINUTE) == ()

    @pytest.mark.parametrize("symbol", ["BTC", "ETH", "SOL"])
    def test_real_candles_are_quiet_by_far(self, symbol):
        path = Path(__file__).parents[5] / "examples" / "data" / f"candles_{symbol}-USD_1m.parquet"
        read = read_feature_file(path, MINUTE, None).candles
        assert find_jumps(read, MINUTE) == ()
        before = read.close[:-1]
        assert read.high is not None and read.low is not None
        assert np.abs(np.diff(np.log(read.close))).max() < WITHIN / 10
        assert np.maximum(np.log(read.low[1:] / before), np.log(before / read.high[1:])).max() < BETWEEN / 100
