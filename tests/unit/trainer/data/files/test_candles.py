"""What is read of a parquet file, and every file that is refused, each with one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.errors import DataError, NotFoundError
from retrain_api.time import Interval
from retrain_trainer.data.files.candles import read_feature_file

MINUTE = 60_000_000_000
INTERVAL = Interval.parse("1m")
FIRST = pd.Timestamp("2025-05-04T00:00:00Z")


def frame(rows: int = 20) -> pd.DataFrame:
    """A tidy file: candles and two features."""
    close = 100 + np.arange(rows, dtype=float)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(FIRST, periods=rows, freq="1min"),
            "open": close - 0.5,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": np.arange(rows, dtype=float),
            "momentum": np.linspace(-1, 1, rows),
            "spread": np.linspace(1, 2, rows),
        }
    )


def write(folder: Path, table: pd.DataFrame | pa.Table, **options) -> Path:
    path = folder / "features_BTC-USD_1m_latest.parquet"
    table = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(table, path, **options)
    return path


def refusal(path: Path, interval: str = "1m", wanted=None, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        read_feature_file(path, Interval.parse(interval), wanted, **options)
    assert "\n" not in caught.value.message
    return caught.value


class TestWhatIsRead:
    def test_candles_and_the_other_numeric_columns(self, tmp_path):
        tidy = frame()
        file = read_feature_file(write(tmp_path, tidy), INTERVAL, None)
        assert file.names == ("momentum", "spread")
        assert file.values.dtype == np.float32
        assert file.values.flags.c_contiguous
        np.testing.assert_array_equal(file.values, tidy[["momentum", "spread"]].to_numpy(np.float32))
        for name in ("open", "high", "low", "close", "volume"):
            column = getattr(file.candles, name)
            assert column.dtype == np.float64
            np.testing.assert_array_equal(column, tidy[name])
        assert file.candles.timestamps[:2].tolist() == [FIRST.value, FIRST.value + MINUTE]
        assert file.left_out == ()

    def test_several_row_groups_are_one_column(self, tmp_path):
        whole = read_feature_file(write(tmp_path, frame()), INTERVAL, None)
        parts = read_feature_file(write(tmp_path, frame(), row_group_size=3), INTERVAL, None)
        np.testing.assert_array_equal(parts.values, whole.values)
        np.testing.assert_array_equal(parts.candles.timestamps, whole.candles.timestamps)

    def test_close_alone_is_enough_for_a_feature_file(self, tmp_path):
        file = read_feature_file(write(tmp_path, frame()[["timestamp", "close", "momentum"]]), INTERVAL, None)
        assert (file.names, file.candles.open, file.candles.volume) == (("momentum",), None, None)

    def test_a_candle_file_has_no_features(self, tmp_path):
        file = read_feature_file(write(tmp_path, frame().drop(columns=["momentum", "spread"])), INTERVAL, None)
        assert file.names == ()
        assert file.values.shape == (20, 0)

    def test_wanted_features_in_the_order_asked_candle_columns_too(self, tmp_path):
        file = read_feature_file(write(tmp_path, frame()), INTERVAL, ["spread", "volume"])
        assert file.names == ("spread", "volume")
        np.testing.assert_array_equal(file.values, frame()[["spread", "volume"]].to_numpy(np.float32))

    def test_unwanted_columns_are_not_looked_at(self, tmp_path):
        spoiled = frame().assign(momentum=np.nan)
        assert read_feature_file(write(tmp_path, spoiled), INTERVAL, ["spread"]).names == ("spread",)

    def test_computable_features_that_the_file_lacks_are_left_to_the_caller(self, tmp_path):
        for table in (frame().drop(columns=["momentum", "spread"]), frame()):
            path = write(tmp_path, table)
            assert read_feature_file(path, INTERVAL, ["zscore", "volume"], ["zscore"]).names == ("volume",)
        assert refusal(path, wanted=["zscore"]).reason == "MissingFeature"
        mine = write(tmp_path, frame().assign(zscore=np.arange(20.0)))
        assert read_feature_file(mine, INTERVAL, ["zscore"], ["zscore"]).names == ("zscore",)

    def test_text_that_nobody_asked_for_is_left_out_with_the_reason(self, tmp_path):
        file = read_feature_file(write(tmp_path, frame().assign(symbol="BTC-USD")), INTERVAL, None)
        assert file.names == ("momentum", "spread")
        assert [(one.name, one.why) for one in file.left_out] == [("symbol", "text")]

    def test_a_row_number_that_pandas_wrote_is_no_feature(self, tmp_path):
        table = pa.Table.from_pandas(frame().iloc[::1].set_index(pd.Index(range(5, 25))), preserve_index=True)
        assert "__index_level_0__" in table.column_names
        assert read_feature_file(write(tmp_path, table), INTERVAL, None).names == ("momentum", "spread")

    @pytest.mark.parametrize("kind", ["int64", "int8", "uint64", "float32", "float16", "bool"])
    def test_every_kind_of_number(self, tmp_path, kind):
        numbers = (np.arange(20) % 2).astype(kind)
        file = read_feature_file(write(tmp_path, frame().assign(momentum=numbers)), INTERVAL, None)
        np.testing.assert_array_equal(file.values[:, 0], numbers.astype(np.float32))

    def test_decimals(self, tmp_path):
        table = pa.Table.from_pandas(frame(), preserve_index=False)
        decimals = table["close"].cast(pa.decimal128(12, 4))
        table = table.set_column(table.column_names.index("close"), "close", decimals)
        np.testing.assert_array_equal(
            read_feature_file(write(tmp_path, table), INTERVAL, None).candles.close, frame()["close"]
        )

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    @pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
    def test_every_kind_of_time(self, tmp_path, unit, zone):
        table = pa.Table.from_pandas(frame(), preserve_index=False)
        times = table["timestamp"].cast(pa.timestamp(unit, tz=zone))
        path = write(tmp_path, table.set_column(0, "timestamp", times))
        expected = FIRST.value + np.arange(20) * MINUTE
        np.testing.assert_array_equal(read_feature_file(path, INTERVAL, None).candles.timestamps, expected)

    def test_gaps_of_whole_intervals_are_allowed(self, tmp_path):
        holed = frame().drop(index=[4, 5, 11])
        assert len(read_feature_file(write(tmp_path, holed), INTERVAL, None).candles.close) == 17


class TestNoFileToRead:
    def test_missing(self, tmp_path):
        with pytest.raises(NotFoundError, match=r"nowhere\.parquet") as caught:
            read_feature_file(tmp_path / "nowhere.parquet", INTERVAL, None)
        assert caught.value.reason == "FileNotFound"

    def test_a_folder(self, tmp_path):
        assert refusal(tmp_path).reason == "Unreadable"

    @pytest.mark.parametrize("content", [b"", b"timestamp,close\n1,2\n", b"PAR", b"\x1f\x8b\x08\x00" * 9])
    def test_not_parquet(self, tmp_path, content):
        path = tmp_path / "candles.parquet"
        path.write_bytes(content)
        assert refusal(path).reason == "NotParquet"

    @given(share=st.floats(0.002, 0.999))
    def test_cut_short_anywhere(self, tmp_path_factory, share):
        path = write(tmp_path_factory.mktemp("cut"), frame())
        content = path.read_bytes()
        path.write_bytes(content[: max(4, int(len(content) * share))])
        assert refusal(path).reason == "Truncated"

    @pytest.mark.parametrize("where", ["pages", "footer"])
    def test_damaged_inside(self, tmp_path, where):
        path = write(tmp_path, frame(2000))
        content = bytearray(path.read_bytes())
        span = range(4, 20_000) if where == "pages" else range(len(content) - 400, len(content) - 8)
        for position in span:
            content[position] ^= 0xA5
        path.write_bytes(content)
        assert refusal(path).reason == "Damaged"

    def test_a_column_twice(self, tmp_path):
        table = pa.Table.from_pandas(frame(), preserve_index=False)
        table = table.append_column("momentum", table["spread"])
        assert refusal(write(tmp_path, table)).reason == "RepeatedColumn"


def put(column: str, row: int, value: object):
    """The tidy file with one value replaced."""
    tidy = frame()
    tidy[column] = tidy[column].astype(object) if value is None else tidy[column]
    tidy.loc[row, column] = value
    return tidy.astype({column: float}) if value is None else tidy


def rows(*order: int) -> pd.DataFrame:
    return frame().iloc[list(order)]


def moved(row: int, seconds: int) -> pd.DataFrame:
    tidy = frame()
    tidy.loc[row:, "timestamp"] += pd.Timedelta(seconds=seconds)
    return tidy


REFUSED = {
    "no close": (frame().drop(columns="close"), "MissingColumn", ["'close'", "momentum"]),
    "close in capitals": (
        frame().rename(columns={"close": "Close"}),
        "MissingColumn",
        ["did you mean 'Close'"],
    ),
    "no timestamp": (frame().rename(columns={"timestamp": "time"}), "MissingColumn", ["'timestamp'"]),
    "unsorted": (rows(0, 1, 2, 4, 3, 5), "NotSorted", ["row 4 (2025-05-04T00:03:00Z)"]),
    "newest first": (frame().iloc[::-1], "NotSorted", ["row 1 (2025-05-04T00:18:00Z)"]),
    "repeated": (rows(0, 1, 2, 2, 3), "RepeatedTimestamp", ["row 3 (2025-05-04T00:02:00Z)"]),
    "NaN": (put("momentum", 7, np.nan), "NotFinite", ["'momentum'", "NaN", "row 7 (2025-05-04T00:07:00Z)"]),
    "missing value": (put("close", 7, None), "NotFinite", ["'close'", "NaN", "row 7 "]),
    "NaN in the last row": (put("spread", 19, np.nan), "NotFinite", ["the last row, row 19 "]),
    "infinity": (put("momentum", 0, np.inf), "NotFinite", ["'momentum'", "infinite", "row 0 "]),
    "minus infinity": (put("volume", 3, -np.inf), "NotFinite", ["'volume'", "infinite", "row 3 "]),
    "no time in a row": (put("timestamp", 3, pd.NaT), "NotFinite", ["'timestamp'", "row 3"]),
    "another interval": (rows(*range(0, 20, 5)), "WrongInterval", ["5m apart", "says 1m"]),
    "off the grid": (moved(9, 30), "IrregularSpacing", ["row 9 (2025-05-04T00:09:30Z)", "90s"]),
    "price of zero": (put("low", 2, 0.0), "NotPositive", ["'low'", "row 2 ", "above zero"]),
    "negative price": (put("close", 19, -3.0), "NotPositive", ["'close' ", "-3 in the last row"]),
    "negative volume": (put("volume", 2, -1.0), "NegativeVolume", ["'volume'", "row 2 "]),
    "high below low": (put("high", 5, 1.0), "InvertedBar", ["row 5 "]),
    "too large": (put("momentum", 5, 1e39), "Overflow", ["'momentum'", "1e+39", "row 5 "]),
    "text in close": (frame().assign(close="1.5"), "NotNumeric", ["'close'", "string"]),
    "time as a number": (
        frame().assign(timestamp=range(20)),
        "TimestampType",
        ["int64", "pandas.to_datetime"],
    ),
    "time as text": (frame().astype({"timestamp": str}), "TimestampType", ["string"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    table, reason, words = REFUSED[name]
    error = refusal(write(tmp_path, table))
    assert error.reason == reason
    for word in ["features_BTC-USD_1m_latest.parquet", *words]:
        assert word in error.message


def test_a_file_of_larger_bars_is_named_in_its_own_interval(tmp_path):
    hourly = frame().assign(timestamp=pd.date_range(FIRST, periods=20, freq="1h"))
    assert "1h apart" in refusal(write(tmp_path, hourly)).message
    assert "1h apart" in refusal(write(tmp_path, hourly), interval="4h").message


@pytest.mark.parametrize(
    ("wanted", "reason", "words"),
    [
        (["momentun", "spread"], "MissingFeature", ["'momentun' (did you mean 'momentum'?)"]),
        (["SPREAD"], "MissingFeature", ["did you mean 'spread'"]),
        (["nothing_like_it"], "MissingFeature", ["'nothing_like_it'; it has momentum, spread, open"]),
        (["session"], "NotNumeric", ["'session'", "string"]),
        (["timestamp"], "NotNumeric", ["'timestamp'"]),
    ],
)
def test_wanted_features_that_cannot_be_had(tmp_path, wanted, reason, words):
    error = refusal(write(tmp_path, frame().assign(session="asia")), wanted=wanted)
    assert error.reason == reason
    for word in words:
        assert word in error.message


def test_times_beyond_nanoseconds(tmp_path):
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    late = pa.array([2**40 + 60 * row for row in range(20)], pa.timestamp("s"))
    assert refusal(write(tmp_path, table.set_column(0, "timestamp", late))).reason == "TimestampRange"
