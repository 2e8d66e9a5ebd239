"""Candles and feature columns of a parquet file, read column by column, refused when they cannot be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from retrain_api.errors import DataError

from .parquet import ParquetColumns, open_parquet
from .rolling import FloatArray
from .timeline import TimeArray, interval_nanoseconds, require_spacing, row_name

__all__ = ["CANDLE_COLUMNS", "Candles", "FeatureFile", "interval_nanoseconds", "read_feature_file"]

CANDLE_COLUMNS = ("open", "high", "low", "close", "volume")
_PRICES = ("open", "high", "low", "close")
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class Candles:
    """Bars in time order: timestamps int64[n] in nanoseconds UTC (when a bar opens), the rest float64[n].

    All but `timestamps` and `close` are None where the file lacks them.
    """

    timestamps: TimeArray
    open: FloatArray | None
    high: FloatArray | None
    low: FloatArray | None
    close: FloatArray
    volume: FloatArray | None


@dataclass(frozen=True)
class FeatureFile:
    """What a file holds: its candles, the names of its feature columns, float32[n, f] C-contiguous values.

    `names` is empty when the file holds candles only. `warnings` are sentences about columns left out.
    """

    candles: Candles
    names: tuple[str, ...]
    values: NDArray[np.float32]
    warnings: tuple[str, ...] = ()


def read_feature_file(
    path: Path, interval: str, wanted: Sequence[str] | None, computable: Collection[str] = ()
) -> FeatureFile:
    """Read the candle columns and the feature columns of a parquet file, and nothing else of it.

    `wanted` names the feature columns, candle columns included, in the order to be returned; None takes every
    numeric column that is no candle column. In a file without such columns, wanted names that are
    `computable` are left to the caller. Raises NotFoundError for a missing file, ConfigurationError for a bad
    interval and DataError for everything in the file that training could not be right on.
    """
    interval_ns = interval_nanoseconds(interval)
    file = open_parquet(path)
    _require_columns(file, ("timestamp", "close"))
    names, warnings = _feature_names(file, wanted, computable)
    timestamps = _timestamps(file)
    require_spacing(timestamps, interval, interval_ns, file.name)
    candles = _candles(file, timestamps)
    values = np.empty((file.rows, len(names)), dtype=np.float32)
    for column, name in enumerate(names):
        known = getattr(candles, name) if name in CANDLE_COLUMNS else _finite(file, name, timestamps)
        values[:, column] = _as_float32(file, name, known, timestamps)
    return FeatureFile(candles, names, values, warnings)


def _require_columns(file: ParquetColumns, names: Sequence[str]) -> None:
    for name in names:
        if name not in file.types:
            raise DataError(
                "MissingColumn",
                f"{file.name} has no column {name!r}{_near(name, file.types)}; it has {_listed(list(file.types))}.",
            )


def _near(name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(names), n=3, cutoff=0.6)
    cased = [other for other in names if other.lower() == name.lower() and other not in close]
    found = [repr(other) for other in cased + close]
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def _listed(names: Sequence[str], most: int = 12) -> str:
    if not names:
        return "no column"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _feature_names(
    file: ParquetColumns, wanted: Sequence[str] | None, computable: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The feature columns to read, and warnings about columns without numbers that nobody asked for."""
    others = [
        name
        for name in file.types
        if name != "timestamp" and name not in CANDLE_COLUMNS and not _PANDAS_INDEX.fullmatch(name)
    ]
    numeric = tuple(name for name in others if file.is_numeric(name))
    if wanted is None:
        return numeric, tuple(
            f"Column {name!r} of {file.name} holds {file.types[name]}, not numbers, and is not used."
            for name in others
            if name not in numeric
        )
    elsewhere = () if numeric else computable
    missing = [name for name in wanted if name not in file.types and name not in elsewhere]
    if missing:
        known = [*numeric, *(name for name in CANDLE_COLUMNS if name in file.types), *elsewhere]
        near = "; ".join(f"{name!r}{_near(name, known)}" for name in missing[:5])
        raise DataError(
            "MissingFeature",
            f"{file.name} lacks features that data.features names: {near}; it has {_listed(known)}.",
        )
    names = tuple(name for name in wanted if name in file.types)
    for name in names:
        _require_numeric(file, name)
    return names, ()


def _require_numeric(file: ParquetColumns, name: str) -> None:
    if not file.is_numeric(name):
        raise DataError(
            "NotNumeric",
            f"Column {name!r} of {file.name} holds {file.types[name]}, not numbers; "
            "write it as numbers, or leave it out of data.features.",
        )


def _timestamps(file: ParquetColumns) -> TimeArray:
    kind = file.types["timestamp"]
    if not pa.types.is_timestamp(kind):
        raise DataError(
            "TimestampType",
            f"Column 'timestamp' of {file.name} holds {kind}; it must hold date and time (UTC), "
            "such as pandas.to_datetime(..., utc=True) gives.",
        )
    timestamps, missing = file.read_timestamps("timestamp")
    if missing is not None:
        raise DataError("NotFinite", f"Column 'timestamp' of {file.name} is empty in row {missing}.")
    return timestamps


def _candles(file: ParquetColumns, timestamps: TimeArray) -> Candles:
    columns: dict[str, FloatArray | None] = dict.fromkeys(CANDLE_COLUMNS)
    for name in CANDLE_COLUMNS:
        if name in file.types:
            _require_numeric(file, name)
            columns[name] = _checked(file, name, _finite(file, name, timestamps), timestamps)
    high, low, close = columns["high"], columns["low"], columns["close"]
    if high is not None and low is not None and (high < low).any():
        row = int(np.argmax(high < low))
        raise DataError("InvertedBar", f"{file.name} has a high below its low in {row_name(timestamps, row)}.")
    assert close is not None
    return Candles(timestamps, columns["open"], high, low, close, columns["volume"])


def _checked(file: ParquetColumns, name: str, values: FloatArray, timestamps: TimeArray) -> FloatArray:
    wrong = values <= 0 if name in _PRICES else values < 0
    if wrong.any():
        row = int(np.argmax(wrong))
        reason, rule = ("NotPositive", "above zero") if name in _PRICES else ("NegativeVolume", "zero or more")
        where = row_name(timestamps, row)
        raise DataError(reason, f"Column {name!r} of {file.name} is {values[row]:g} in {where}; it must be {rule}.")
    return values


def _finite(file: ParquetColumns, name: str, timestamps: TimeArray) -> FloatArray:
    values = file.read_numbers(name)
    finite = np.isfinite(values)
    if not finite.all():
        row, count = int(np.argmin(finite)), int(len(values) - finite.sum())
        what = "NaN" if np.isnan(values[row]) else "infinite"
        raise DataError(
            "NotFinite",
            f"Column {name!r} of {file.name} is {what} in {row_name(timestamps, row)} "
            f"({count} such row{'s' if count > 1 else ''}); fill or cut these rows.",
        )
    return values


def _as_float32(file: ParquetColumns, name: str, values: FloatArray, timestamps: TimeArray) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        row = int(np.argmin(np.isfinite(narrow)))
        raise DataError(
            "Overflow",
            f"Column {name!r} of {file.name} is {values[row]:g} in {row_name(timestamps, row)}, "
            "too large for float32; scale the column.",
        )
    return narrow
