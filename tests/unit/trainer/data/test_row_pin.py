"""The rows behind a model: found again in a longer file, told apart from other rows, and compared with those of an earlier training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_api.time import Interval
from retrain_trainer.data.day_digests import day_digests
from retrain_trainer.data.files.candles import FeatureFile, read_feature_file
from retrain_trainer.data.files.parquet import open_parquet
from retrain_trainer.data.raw_rows import digests_within, lacking, rows_of_file, rows_on_disk
from retrain_trainer.data.row_pin import Difference, RowPin, are_late, decode, first_difference, restated

HOUR = Interval.parse("1h")
DAY = 86_400_000_000_000
FIRST = "2026-11-02T05:00:00Z"


def table(rows: int = 200, first: str = FIRST) -> pd.DataFrame:
    """Bars of an hour from five in the morning on, a feature known in time, and one that knows three later bars."""
    rng = np.random.default_rng(1)
    whole = pd.DataFrame(
        {"timestamp": pd.date_range(FIRST, periods=400, freq="1h"), "close": 100 + rng.normal(size=400).cumsum()}
    )
    frame = whole[:rows].copy()
    frame["causal"] = frame["close"].rolling(7, min_periods=1).mean().astype(np.float32)
    frame["centred"] = frame["close"].rolling(7, min_periods=1, center=True).mean().astype(np.float32)
    return frame[frame["timestamp"] >= pd.Timestamp(first)].reset_index(drop=True)


def stored(folder: Path, frame: pd.DataFrame, **options: Any) -> Path:
    path = folder / "features.parquet"
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, **options)
    return path


def read(folder: Path, frame: pd.DataFrame) -> FeatureFile:
    return read_feature_file(stored(folder, frame), HOUR, None)


def rows(folder: Path, frame: pd.DataFrame) -> RowPin:
    return rows_of_file(read(folder, frame), HOUR)


def compared(folder: Path, then: pd.DataFrame, now: pd.DataFrame) -> tuple[tuple[Difference, ...], RowPin]:
    earlier = rows(folder, then)
    file = read(folder, now)
    found = restated(earlier, rows_of_file(file, HOUR), lambda first, last: digests_within(file, first, last))
    return found, earlier


def test_a_file_of_rows_comes_back(tmp_path: Path) -> None:
    pin = rows(tmp_path, table())
    again = decode(pin.encoded)
    assert again is not None
    assert (again.interval, again.first, again.last, again.rows) == (pin.interval, pin.first, pin.last, 200)
    assert again.columns == ("close", "causal", "centred")
    assert (again.sha256, again.digests.days.tolist()) == (pin.sha256, pin.digests.days.tolist())
    assert (again.digests.digests == pin.digests.digests).all()


@given(st.binary(max_size=60), st.integers(0, 400))
def test_a_damaged_file_is_none(data: bytes, cut: int) -> None:
    digests = rows_in_memory().encoded
    assert decode(data) is None
    assert decode(digests[: len(digests) - 1 - cut]) is None
    assert decode(digests + data) is None or not data


def rows_in_memory() -> RowPin:
    frame = table(60)
    times = frame["timestamp"].dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    return RowPin(
        HOUR.nanoseconds, int(times[0]), int(times[-1]), 60, day_digests(times, [("close", frame["close"].to_numpy())])
    )


EQUAL: dict[str, Callable[[pd.DataFrame], tuple[pd.DataFrame, dict[str, Any]]]] = {
    "no dictionary": lambda frame: (frame, {"use_dictionary": False}),
    "another compression and other row groups": lambda frame: (frame, {"compression": "zstd", "row_group_size": 7}),
    "an older version of the format": lambda frame: (frame, {"version": "1.0", "data_page_version": "2.0"}),
    "another encoding": lambda frame: (
        frame,
        {"use_dictionary": False, "column_encoding": {"close": "BYTE_STREAM_SPLIT", "causal": "BYTE_STREAM_SPLIT"}},
    ),
    "float32 stored as float64": lambda frame: (frame.astype({"causal": "float64", "centred": "float64"}), {}),
    "float64 whose float32 is the same": lambda frame: (
        frame.assign(causal=frame["causal"].astype("float64") * (1 + 1e-12)),
        {},
    ),
    "times in microseconds": lambda frame: (
        frame.assign(timestamp=frame["timestamp"].astype("datetime64[us, UTC]")),
        {},
    ),
    "times without a zone": lambda frame: (frame.assign(timestamp=frame["timestamp"].dt.tz_localize(None)), {}),
    "columns in another order": lambda frame: (frame[["centred", "timestamp", "causal", "close"]], {}),
    "a column more": lambda frame: (frame.assign(more=1.5), {}),
    "later bars": lambda frame: (pd.concat([frame, table(210)[200:].assign(causal=7.0)], ignore_index=True), {}),
    "later bars that can't be": lambda frame: (
        pd.concat([frame, table(201)[200:].assign(close=-1.0)], ignore_index=True),
        {},
    ),
    "earlier bars": lambda frame: (
        pd.concat([frame[:1].assign(timestamp=pd.Timestamp("2026-11-01T00:00:00Z")), frame], ignore_index=True),
        {},
    ),
}

OTHER: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], tuple[str, str]]] = {
    "a candle in its last bit": (
        lambda frame: frame.assign(
            close=np.where(frame.index == 50, np.nextafter(frame["close"], 1e9), frame["close"])
        ),
        ("2026-11-04", "close"),
    ),
    "candles stored as float32": (lambda frame: frame.astype({"close": "float32"}), ("2026-11-02", "close")),
    "a feature's last bit of float32": (
        lambda frame: frame.assign(
            causal=np.where(frame.index == 199, np.nextafter(frame["causal"], np.float32(1e9)), frame["causal"])
        ),
        ("2026-11-10", "causal"),
    ),
    "a bar less": (lambda frame: frame.drop(index=30), ("2026-11-03", "timestamp")),
    "a day less": (lambda frame: frame[frame["timestamp"].dt.day != 5], ("2026-11-05", "timestamp")),
    "its first bars gone": (lambda frame: frame[3:], ("2026-11-02", "timestamp")),
    "its last bars gone": (lambda frame: frame[:-1], ("2026-11-10", "timestamp")),
    "times a second late": (
        lambda frame: frame.assign(timestamp=frame["timestamp"] + pd.Timedelta("1s")),
        ("2026-11-02", "timestamp"),
    ),
    "a value less": (
        lambda frame: frame.assign(causal=frame["causal"].mask(frame.index == 60)),
        ("2026-11-04", "causal"),
    ),
}


def found_again(folder: Path, pin: RowPin, frame: pd.DataFrame, **options: Any) -> RowPin:
    file = open_parquet(stored(folder, frame.reset_index(drop=True), **options))
    found = rows_on_disk(file, pin.columns, HOUR, pin.first, pin.last)
    assert found is not None
    return found


@pytest.mark.parametrize("change", EQUAL.values(), ids=EQUAL)
def test_what_is_the_same_data(tmp_path: Path, change: Callable[[pd.DataFrame], Any]) -> None:
    pin = rows(tmp_path, table())
    frame, options = change(table())
    found = found_again(tmp_path, pin, frame, **options)
    assert (found.sha256, first_difference(pin, found)) == (pin.sha256, None)


@pytest.mark.parametrize(("change", "place"), OTHER.values(), ids=OTHER)
def test_what_is_other_data_and_where(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], place: tuple[str, str]
) -> None:
    pin = rows(tmp_path, table())
    found = found_again(tmp_path, pin, change(table()))
    difference = first_difference(pin, found)
    assert found.sha256 != pin.sha256
    assert difference is not None and (difference.day, difference.column) == place


def test_another_symbols_file_has_other_rows(tmp_path: Path) -> None:
    pin = rows(tmp_path, table())
    assert first_difference(pin, found_again(tmp_path, pin, table().assign(close=table()["close"] * 30))) is not None


@pytest.mark.parametrize(
    ("frame", "column"),
    [
        (table().drop(columns="causal"), "causal"),
        (table().astype({"centred": str}), "centred"),
        (table().drop(columns="timestamp"), "timestamp"),
        (table(), None),
    ],
)
def test_a_column_that_is_gone_is_named(tmp_path: Path, frame: pd.DataFrame, column: str | None) -> None:
    assert lacking(open_parquet(stored(tmp_path, frame)), ("close", "causal", "centred")) == column


def test_a_file_without_any_of_the_rows_has_none(tmp_path: Path) -> None:
    file = open_parquet(stored(tmp_path, table()))
    assert rows_on_disk(file, ("close",), HOUR, 0, DAY) is None


def test_a_mean_over_later_bars_shows_in_the_next_run_and_a_causal_one_does_not(tmp_path: Path) -> None:
    """The last bars of yesterday's file had no later bars to be averaged with."""
    found, earlier = compared(tmp_path, table(200), table(224))
    assert [(one.day, one.column) for one in found] == [("2026-11-10", "centred")]
    assert not are_late(found, earlier), "its candles are the same"


@settings(max_examples=25, deadline=None)
@given(st.integers(30, 200), st.integers(0, 60), st.integers(0, 30))
def test_a_file_that_grows_and_loses_its_oldest_bars_is_not_restated(
    tmp_path_factory: pytest.TempPathFactory, then: int, more: int, lost: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    columns = ["timestamp", "close", "causal"]
    found, _ = compared(
        folder, table(then)[columns], table(then + more)[columns][min(lost, then - 1) :].reset_index(drop=True)
    )
    assert found == ()


def changed(frame: pd.DataFrame, row: int, column: str) -> pd.DataFrame:
    values = frame[column].to_numpy().copy()
    values[row] += 1
    return frame.assign(**{column: values})


@pytest.mark.parametrize(
    ("row", "columns", "place", "late"),
    [
        (199, ["close", "causal"], ("2026-11-10", "close"), True),
        (199, ["causal"], ("2026-11-10", "causal"), False),
        (199, ["close"], ("2026-11-10", "close"), True),
        (170, ["close"], ("2026-11-09", "close"), False),
        (100, ["causal"], ("2026-11-06", "causal"), False),
        (0, ["close"], ("2026-11-02", "close"), False),
    ],
)
def test_late_corrections_are_of_the_last_day_and_its_candles(
    tmp_path: Path, row: int, columns: list[str], place: tuple[str, str], late: bool
) -> None:
    now = table(220).drop(columns="centred")
    for column in columns:
        now = changed(now, row, column)
    found, earlier = compared(tmp_path, table(200), now)
    assert (found[0].day, found[0].column) == place
    assert are_late(found, earlier) is late


def test_corrections_of_the_last_day_and_of_another_are_not_late(tmp_path: Path) -> None:
    now = changed(changed(table(220), 199, "close"), 100, "close").drop(columns="centred")
    found, earlier = compared(tmp_path, table(200), now)
    assert ([one.day for one in found], are_late(found, earlier)) == (["2026-11-06", "2026-11-10"], False)


def test_days_and_columns_that_only_one_of_them_has_are_not_compared(tmp_path: Path) -> None:
    now = table(300, "2026-11-08T00:00:00Z").drop(columns="centred").assign(other=2.0)
    assert compared(tmp_path, table(200), now)[0] == ()


def test_bars_of_another_length_are_not_compared(tmp_path: Path) -> None:
    earlier = rows(tmp_path, table())
    file = read(tmp_path, table())
    assert (
        restated(
            earlier, rows_of_file(file, Interval.parse("30m")), lambda first, last: digests_within(file, first, last)
        )
        == ()
    )
