"""The digest by UTC day and column: what is hashed, to the byte, and that it is the values that count, not how a file holds them."""

from __future__ import annotations

import struct
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrain_trainer.data.day_digests import DayDigests, day_digests
from retrain_trainer.data.files.parquet import open_parquet

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
START = 20_000 * DAY + 22 * HOUR
TIMES = START + HOUR * np.arange(60)
RNG = np.random.default_rng(7)
CLOSE = RNG.lognormal(size=60)
RSI = RNG.standard_normal(60).astype(np.float32)


def of(close: NDArray[Any] = CLOSE, rsi: NDArray[Any] = RSI, times: NDArray[np.int64] = TIMES) -> DayDigests:
    return day_digests(times, [("close", close), ("rsi", rsi)])


def digest(form: str, values: Any) -> bytes:
    return blake2b(struct.pack(f"<{len(values)}{form}", *values), digest_size=8).digest()


def test_each_day_and_column_is_hashed_by_itself() -> None:
    found = of()
    assert found.days.tolist() == [20_000, 20_001, 20_002, 20_003]
    assert found.names == ("timestamp", "close", "rsi")
    for day, rows in enumerate([slice(0, 2), slice(2, 26), slice(26, 50), slice(50, 60)]):
        assert found.column("timestamp")[day].tobytes() == digest("q", TIMES[rows].tolist())
        assert found.column("close")[day].tobytes() == digest("d", CLOSE[rows].tolist())
        assert found.column("rsi")[day].tobytes() == digest("f", RSI[rows].tolist())


def test_the_digest_never_changes() -> None:
    """Pins of earlier releases are compared with those of later ones."""
    found = day_digests(np.array([0, DAY]), [("close", np.array([1.5, -0.0])), ("x", np.array([np.nan, 0.1]))])
    assert found.digests.tobytes().hex() == (
        "ca08ea5bca49cc1815b2c23605a33fef9e1cc459c2356618ba582328aacb4287ca08ea5bca49cc18843190231619d957"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [(0.0, -0.0), (np.nan, -np.nan), (np.float64(np.nan), np.frombuffer(b"\1\0\0\0\0\0\xf8\x7f")[0])],
)
@pytest.mark.parametrize("column", ["close", "rsi"])
def test_one_zero_and_one_value_for_none(column: str, first: float, second: float) -> None:
    one, other = (day_digests(TIMES[:1], [(column, np.array([value]))]).digests for value in (first, second))
    assert (one == other).all()


def test_no_bars_have_no_days() -> None:
    found = day_digests(TIMES[:0], [("close", CLOSE[:0])])
    assert (len(found.days), found.digests.shape) == (0, (0, 2, 8))


def test_the_arrays_are_left_as_they_were() -> None:
    values = np.array([-0.0, np.nan])
    before = values.tobytes()
    day_digests(TIMES[:2], [("close", values)])
    assert values.tobytes() == before


@given(st.integers(0, 59), st.sampled_from(["close", "rsi"]))
def test_one_changed_value_changes_its_day_of_its_column_and_no_other(row: int, column: str) -> None:
    changed = {"close": CLOSE.copy(), "rsi": RSI.copy()}
    changed[column][row] = np.nextafter(changed[column][row], changed[column].dtype.type(np.inf))
    differs = (of().digests != of(changed["close"], changed["rsi"]).digests).any(axis=2)
    day = (TIMES[row] // DAY) - 20_000
    assert np.argwhere(differs).tolist() == [[day, 1 if column == "close" else 2]]


@given(st.integers(1, 59))
def test_later_bars_leave_the_whole_days_before_them_alone(rows: int) -> None:
    shorter = of(CLOSE[:rows], RSI[:rows], TIMES[:rows])
    whole = len(shorter.days) - 1
    assert (shorter.digests[:whole] == of().digests[:whole]).all()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dictionary": False},
        {"compression": "zstd", "row_group_size": 7},
        {"version": "1.0", "data_page_version": "2.0"},
        {"use_dictionary": False, "column_encoding": {"close": "BYTE_STREAM_SPLIT", "rsi": "BYTE_STREAM_SPLIT"}},
    ],
)
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_how_a_file_was_written_does_not_matter(
    tmp_path: Path, options: dict[str, Any], kind: pa.DataType, unit: str
) -> None:
    """Features of float32 that pandas stored as float64, other encodings, other row groups, other units of time."""
    path = tmp_path / "features.parquet"
    times = pa.array(TIMES, pa.timestamp("ns", "UTC")).cast(pa.timestamp(unit, "UTC"))
    table = pa.table({"timestamp": times, "close": CLOSE, "rsi": pa.array(RSI).cast(kind)})
    pq.write_table(table, path, **options)
    file = open_parquet(path)
    read = day_digests(
        file.read_timestamps("timestamp")[0], ((name, file.read_numbers(name)) for name in ("close", "rsi"))
    )
    assert (read.digests == of().digests).all()
