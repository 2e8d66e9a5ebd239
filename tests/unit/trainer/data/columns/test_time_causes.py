"""Times that are refused are told with the likely cause: unit, local time, summer time, several symbols, a folder of parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retrain_api.errors import DataError
from retrain_api.spec.data import Split
from retrain_api.time import Question, Windows
from retrain_trainer.data.dataset import load_dataset

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def candles(times: pd.DatetimeIndex | pd.Series) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    close = 50 * np.exp(np.cumsum(generator.normal(0, 0.01, len(times))))
    opened = np.r_[close[:1], close[:-1]]
    prices = {"open": opened, "high": np.maximum(opened, close) * 1.001, "low": np.minimum(opened, close) * 0.999}
    return pd.DataFrame({"timestamp": times, **prices, "close": close, "volume": generator.exponential(3, len(times))})


def minutes(start: str, rows: int = 600, freq: str = "1min") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=rows, freq=freq, tz="UTC")


def local(times: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """As a clock on the wall shows it: without the zone."""
    return times.tz_convert(zone).tz_localize(None)


def refusal(folder: Path, table: pd.DataFrame | pa.Table, interval: str = "1m", lookback: int = 5) -> DataError:
    path = folder / "candles_BTC-USD.parquet"
    pq.write_table(table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False), path)
    with pytest.raises(DataError) as caught:
        load(path, interval, lookback)
    assert "\n" not in caught.value.message and not caught.value.message.endswith(("..", "?."))
    return caught.value


def load(path: Path, interval: str = "1m", lookback: int = 5):  # type: ignore[no-untyped-def]
    question, windows = Question.parse(interval, 1, "Drop"), Windows(lookback, Split())
    return load_dataset(path, symbol="BTC-USD", question=question, windows=windows, features=None)


def with_times(times: pa.Array) -> pa.Table:
    table = pa.Table.from_pandas(candles(minutes("2025-03-10", len(times))), preserve_index=False)
    return table.set_column(0, "timestamp", times)


def mixed_units(row: int) -> pd.DatetimeIndex:
    """Milliseconds, and one row in seconds."""
    epochs = minutes("2025-03-10").as_unit("ms").astype(np.int64).to_numpy().copy()
    epochs[row] //= 1000
    return pd.to_datetime(epochs, unit="ms", utc=True)


TWICE = minutes("2025-10-26T00:00", 240)
IN_A_UNIT = "rows in two units"
HOUR_TWICE = "the hour comes twice, as where summer time ends: the times are local, convert them to UTC"
REFUSED = {
    "seconds among milliseconds": (mixed_units(300), "1m", "NotSorted", ["row 300 (1970-01-21T03:", "1,000 times", IN_A_UNIT]),
    "the first row in seconds": (mixed_units(0), "1m", "IrregularSpacing", ["row 1 (2025-03-10T00:01:00Z)", IN_A_UNIT]),
    "an hour that comes twice": (local(TWICE, BERLIN), "1m", "NotSorted", ["row 60 (2025-10-26T02:00:00Z)", HOUR_TWICE]),
    "the same, sorted": (local(TWICE, BERLIN).sort_values(), "1m", "RepeatedTimestamp", ["row 1 ", "(60 such rows)", HOUR_TWICE]),
    "the same, of hours": (
        local(minutes("2025-10-25", 100, "1h"), BERLIN), "1h", "RepeatedTimestamp", ["(2025-10-26T02:00:00Z)", HOUR_TWICE],
    ),
    "the same in New York": (local(minutes("2025-11-02T05:00", 120), NEW_YORK), "1m", "NotSorted", [HOUR_TWICE]),
    "days of New York": (
        pd.bdate_range("2015-01-02", periods=200).tz_localize(NEW_YORK), "1d", "IrregularSpacing",
        ["row 46 (2015-03-09T04:00:00Z) comes 71h after", "the times shift with summer time: give each date as 00:00 UTC"],
    ),
    "four hours of New York": (
        pd.date_range("2025-03-01", periods=200, freq="4h").tz_localize(NEW_YORK), "4h", "IrregularSpacing",
        ["the times shift with summer time: convert them to UTC"],
    ),
    "two symbols in one file": (
        minutes("2025-03-10").repeat(2), "1m", "RepeatedTimestamp", ["are there several symbols or sources in one file?"],
    ),
    "a row twice": (minutes("2025-03-10").insert(9, minutes("2025-03-10")[8]), "1m", "RepeatedTimestamp", ["keep one row for each time"]),
    "newest first": (minutes("2025-03-10")[::-1], "1m", "NotSorted", ["; sort the rows by time."]),
    "milliseconds read as microseconds": (
        pd.to_datetime(minutes("2025-03-10").as_unit("ms").astype(np.int64), unit="us", utc=True), "1m", "WrongInterval",
        ["0.06s apart", "a factor of 1,000: the times were read in another unit than they were written in"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_times_that_are_refused_name_row_value_and_cause(tmp_path, name):
    times, interval, reason, words = REFUSED[name]
    error = refusal(tmp_path, candles(times), interval)
    assert error.reason == reason
    for word in words:
        assert word in error.message


@pytest.mark.parametrize(
    ("unit", "name"), [("s", "seconds"), ("ms", "milliseconds"), ("us", "microseconds"), ("ns", "nanoseconds")]
)
def test_epoch_numbers_are_told_in_their_unit(tmp_path, unit, name):
    epochs = minutes("2025-03-10").as_unit(unit).astype(np.int64)
    error = refusal(tmp_path, candles(epochs))
    assert error.reason == "TimestampType"
    assert (
        f'{epochs[0]} looks like epoch {name}, which pandas.to_datetime(..., unit="{unit}", utc=True)' in error.message
    )


def test_times_as_text(tmp_path):
    error = refusal(tmp_path, candles(minutes("2025-03-10").astype(str)))
    assert error.reason == "TimestampType" and "pandas.to_datetime(..., utc=True) gives them" in error.message


def test_microseconds_read_as_milliseconds(tmp_path):
    """As of dumps that changed their unit in 2025."""
    epochs = minutes("2025-03-10").as_unit("us").astype(np.int64).to_numpy()
    error = refusal(tmp_path, with_times(pa.array(epochs, pa.timestamp("ms"))))
    assert error.reason == "TimestampRange"
    assert (
        f"in row 0: {epochs[0]} was read as milliseconds, and is a time of these years in microseconds" in error.message
    )


def test_one_row_in_microseconds_among_milliseconds(tmp_path):
    epochs = minutes("2025-03-10").as_unit("ms").astype(np.int64).to_numpy().copy()
    epochs[412] *= 1000
    error = refusal(tmp_path, with_times(pa.array(epochs, pa.timestamp("ms"))))
    assert error.reason == "TimestampRange" and "in row 412: " in error.message


def test_a_folder_of_parts(tmp_path):
    (tmp_path / "candles.parquet").mkdir()
    with pytest.raises(DataError) as caught:
        load(tmp_path / "candles.parquet")
    assert caught.value.reason == "Unreadable"
    assert "candles.parquet is a folder of parts, as Spark and Dask write it" in caught.value.message


class TestGapsThatMayBeNone:
    def warning(self, folder: Path, times: pd.DatetimeIndex, interval: str = "1m") -> str:
        path = folder / "candles.parquet"
        candles(times).to_parquet(path, index=False)
        return next(warning for warning in load(path, interval).warnings if "in time" in warning)

    def test_the_hour_that_summer_time_skips(self, tmp_path):
        message = self.warning(tmp_path, local(minutes("2025-03-29T22:00", 600), BERLIN))
        assert "60 bars missing" in message
        assert message.endswith("One is the hour that summer time skips: are the times local? They must be UTC.")

    def test_an_hour_on_another_day(self, tmp_path):
        times = minutes("2025-03-10", 600)
        assert "summer" not in self.warning(tmp_path, times.delete(range(120, 180)))

    def test_a_gap_longer_than_the_file(self, tmp_path):
        times = minutes("2015-03-10", 300).append(minutes("2025-03-10", 300))
        assert self.warning(tmp_path, times).endswith("That is more than the file has bars: is a time wrong?")


class TestMarketsThatClose:
    DAYS = pd.bdate_range("2015-01-02", periods=800).tz_localize("UTC")
    HOURS = pd.DatetimeIndex(
        [
            day + pd.Timedelta(hours=14 + hour)
            for day in pd.bdate_range("2024-01-02", periods=200, tz="UTC")
            for hour in range(7)
        ]
    )

    @pytest.mark.parametrize(
        ("times", "interval", "lookback", "words"),
        [
            (
                DAYS,
                "1d",
                20,
                ["has 5 bars, and a window of 20 with its label needs 21", "or a model.lookbackBars of 4."],
            ),
            (DAYS, "1d", 5, ["has 5 bars, and a window of 5 with its label needs 6"]),
            (
                HOURS,
                "1h",
                20,
                ["has 7 bars, and a window of 20 with its label needs 21", "or a model.lookbackBars of 6."],
            ),
        ],
    )
    def test_the_longest_run_is_told(self, tmp_path, times, interval, lookback, words):
        error = refusal(tmp_path, candles(times), interval, lookback)
        assert error.reason == "NoWindows"
        for word in [
            *words,
            "bars of a market that closes (nights, weekends) can only be trained on within one opening",
        ]:
            assert word in error.message

    @pytest.mark.parametrize(("times", "interval", "lookback"), [(DAYS, "1d", 4), (HOURS, "1h", 6)])
    def test_the_lookback_that_is_named_can_be_trained(self, tmp_path, times, interval, lookback):
        candles(times).to_parquet(tmp_path / "c.parquet", index=False)
        assert load(tmp_path / "c.parquet", interval, lookback).rows > 600

    def test_minutes_of_a_trading_day_can_be_trained(self, tmp_path):
        times = minutes("2025-03-10T14:30", 390).append(minutes("2025-03-11T13:30", 390))
        candles(times).to_parquet(tmp_path / "c.parquet", index=False)
        assert load(tmp_path / "c.parquet", lookback=60).gaps == 1
