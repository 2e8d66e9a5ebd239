"""A table of bars, as a prediction is given it, held to what training holds a file to, and refused with the same sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Interval
from retrain_trainer.data.columns.column_names import CANDLE_COLUMNS
from retrain_trainer.data.columns.column_values import as_float32, require_finite, rows_without_value
from retrain_trainer.data.columns.rolling import FloatArray
from retrain_trainer.data.columns.timeline import TimeArray, require_spacing

from .candles import Candles, checked, missing_time, no_value, require_possible, timestamp_type_error
from .parquet import as_nanoseconds
from .plausible import require_past
from .tables import Table

_NAME = "the table of bars"
_BEGINNING = "The table of bars"


def read_times(bars: Table, interval: Interval, now: int) -> TimeArray:
    """Column `timestamp` as nanoseconds UTC, int64[n]; `now` is the time that no bar may open after.

    Raises DataError: MissingColumn, TimestampType, TimestampRange, NotFinite, BarInFuture and what `require_spacing` raises.
    """
    timestamps = _nanoseconds(_column(bars, "timestamp"))
    require_past(timestamps, _BEGINNING, now)
    require_spacing(timestamps, interval, _BEGINNING)
    return timestamps


def read_candles(bars: Table, timestamps: TimeArray, needed: bool) -> Candles | None:
    """The candle columns that the table has; None where it has no close. All five must be there where they are `needed`.

    Raises DataError: MissingColumn, NotNumeric, NotFinite, NotPositive, NegativeVolume, InvertedBar, CloseOutside.
    """
    found: dict[str, FloatArray | None] = {}
    for name in CANDLE_COLUMNS:
        there = needed or _has(bars, name)
        found[name] = checked(_numbers(bars, name), name, _NAME, timestamps) if there else None
    close = found["close"]
    if close is None:
        return None
    candles = Candles(timestamps, found["open"], found["high"], found["low"], close, found["volume"])
    require_possible(candles, _BEGINNING)
    return candles


def read_feature(bars: Table, name: str, timestamps: TimeArray) -> tuple[NDArray[np.float32], int]:
    """A column of the table's own, float32[n], and how many rows at its start hold no value: as in training, they are no error.

    Raises DataError: MissingColumn, NotNumeric, NotFinite, Overflow.
    """
    values = _numbers(bars, name)
    start = rows_without_value(values)
    if len(values) and start == len(values):
        raise no_value(name, _NAME)
    require_finite(values, name, _NAME, timestamps, start)
    return as_float32(values, name, _NAME, timestamps, start), start


def _column(bars: Table, name: str) -> Any:
    try:
        return bars[name]
    except KeyError:
        raise DataError(
            reasons.MISSING_COLUMN, f"{_BEGINNING} has no column {name!r}, which the model needs."
        ) from None


def _has(bars: Table, name: str) -> bool:
    try:
        bars[name]
    except KeyError:
        return False
    return True


def _numbers(bars: Table, name: str) -> FloatArray:
    column = _column(bars, name)
    try:
        read = np.asarray(column)
        if read.dtype.kind in "US" or (read.dtype.kind == "O" and any(isinstance(value, str) for value in read)):
            raise DataError(reasons.NOT_NUMERIC, f"Column {name!r} of {_NAME} holds text; pass its values as numbers.")
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(reasons.NOT_NUMERIC, f"Column {name!r} of {_NAME} does not hold numbers.") from None


def _nanoseconds(times: Sequence[Any]) -> TimeArray:
    """Times of any kind that Arrow knows (pandas, numpy, datetime) as nanoseconds UTC, int64[n]."""
    try:
        array = times.combine_chunks() if isinstance(times, pa.ChunkedArray) else pa.array(times)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(reasons.TIMESTAMP_TYPE, f"Column 'timestamp' of {_NAME} can't be read: {error}.") from None
    if not pa.types.is_timestamp(array.type):
        there = array.drop_null()
        raise timestamp_type_error(array.type, there[0].as_py() if len(there) else None, _NAME)
    if array.null_count:
        raise missing_time(int(np.argmax(array.is_null().to_numpy(zero_copy_only=False))), _NAME)
    return as_nanoseconds(array, "timestamp", _NAME)
