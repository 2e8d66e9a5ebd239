"""Reads candles and feature columns from a parquet file, column by column, and refuses implausible values."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Interval
from retrain_trainer.data.columns.column_names import CANDLE_COLUMNS as CANDLE_COLUMNS
from retrain_trainer.data.columns.column_values import as_float32, require_finite
from retrain_trainer.data.columns.rolling import FloatArray
from retrain_trainer.data.columns.time_causes import type_advice
from retrain_trainer.data.columns.timeline import TimeArray, iso_time, require_spacing, row_name
from retrain_trainer.data.period import Window, closed_rows, earlier_rows, left_open, require_covered

from .own_columns import Column, LeftOut, listed, named_columns, near, own_columns, read_column, require_numeric
from .parquet import ParquetColumns, open_parquet
from .plausible import require_close_inside, require_past

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Candles:
    """Bars in time order: timestamps int64[n] in nanoseconds UTC (when a bar opens), the rest float64[n].

    All columns but `timestamps` and `close` are None where the file lacks them.
    """

    timestamps: TimeArray
    open: FloatArray | None
    high: FloatArray | None
    low: FloatArray | None
    close: FloatArray
    volume: FloatArray | None


@dataclass(frozen=True)
class FeatureFile:
    """The contents of a file: candles, the names of the feature columns, their values float32[n, f], C-contiguous.

    `names` is empty when the file holds candles only. Column i has no value (NaN) in its first `starts[i]` rows. `left_out`
    are the columns that are no features, with the reason. `left_open` says which bars were left out, because they had not closed.
    `skipped` rows of the file come before the first one here, and the first `warmup` rows are here for the features of later ones.
    """

    candles: Candles
    names: tuple[str, ...]
    values: NDArray[np.float32]
    starts: tuple[int, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    left_open: str = ""
    skipped: int = 0
    warmup: int = 0


def read_feature_file(
    path: Path,
    interval: Interval,
    wanted: Sequence[str] | None,
    computable: Collection[str] = (),
    now: int | None = None,
    until: int | None = None,
    window: Window | None = None,
) -> FeatureFile:
    """As `read_features`, of a file by its path. Raises NotFoundError for a missing file as well."""
    return read_features(open_parquet(path), interval, wanted, computable, now, until, window)


def read_features(
    file: ParquetColumns,
    interval: Interval,
    wanted: Sequence[str] | None,
    computable: Collection[str] = (),
    now: int | None = None,
    until: int | None = None,
    window: Window | None = None,
    since: int | None = None,
) -> FeatureFile:
    """Read the candle columns and the feature columns of a parquet file, and no others.

    `wanted` names the feature columns, which may include candle columns, in the order to return them; wanted names that
    the file lacks and that are `computable` are left to the caller. None takes every numeric column that is not a candle
    column, not known from exchanges' files and not without any value. No bar may open after `now`, in nanoseconds UTC (None: this
    machine's clock). Bars that had not closed by `until` are left out before anything else is read of them; None reads all. So are bars
    before `since`, and bars before the warm-up of `window`. Raises DataError for everything in the file that would make a training wrong.
    """
    require_columns(file, ("timestamp", "close"))
    used = used_rows(file, _timestamps(file), interval, now, until, window, since)
    with used.rows_counted():
        used.require_order(interval, window)
        found = _columns(used.file, used.timestamps, wanted, computable)
    return replace(found, left_open=used.left_open, skipped=used.skipped, warmup=used.warmup)


@dataclass(frozen=True)
class UsedRows:
    """The rows of a file that are read of it, as if it had no others; the other fields are as in FeatureFile."""

    file: ParquetColumns
    timestamps: TimeArray
    left_open: str
    skipped: int
    warmup: int

    def require_order(self, interval: Interval, window: Window | None) -> None:
        """Raises DataError: what `require_spacing` raises, and WindowNotCovered."""
        require_spacing(self.timestamps, interval, self.file.name)
        if window is not None:
            require_covered(self.timestamps[self.warmup :], interval, window, self.file.name)

    def rows_counted(self) -> AbstractContextManager[None]:
        """Says from where rows are counted in a message that names one, where the file's first rows are skipped."""
        return _rows_counted_from(self.timestamps, self.skipped)


def used_rows(
    file: ParquetColumns,
    timestamps: TimeArray,
    interval: Interval,
    now: int | None,
    until: int | None,
    window: Window | None,
    since: int | None = None,
) -> UsedRows:
    """Leave out the bars that had not closed by `until`, those before `since` and before the warm-up of `window`. Raises DataError("BarInFuture")."""
    clock = time.time_ns() if now is None else now
    # No bar that had closed by `until` is of the future, however late this machine's clock is.
    require_past(timestamps, file.name, clock if until is None else max(clock, until))
    rows = len(timestamps) if until is None else closed_rows(timestamps, interval, until)
    open_bars = "" if until is None else left_open(timestamps, rows, until)
    file, timestamps = file.first(rows), timestamps[:rows]
    earlier = 0 if since is None else earlier_rows(timestamps, since)
    file, timestamps = file.after(earlier), timestamps[earlier:]
    skipped, warmup = (0, 0) if window is None else window.rows(timestamps, interval)
    return UsedRows(file.after(skipped), timestamps[skipped:], open_bars, earlier + skipped, warmup)


@contextmanager
def _rows_counted_from(timestamps: TimeArray, skipped: int) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        if not skipped or not re.search(r"\brows? \d", error.message):
            raise
        begins = f"row 0 here is row {skipped:,} of the file, where data.window and its warm-up begin"
        raise DataError(error.reason, f"{error.message} Counted from {iso_time(timestamps[0])}: {begins}.") from None


def _columns(
    file: ParquetColumns, timestamps: TimeArray, wanted: Sequence[str] | None, computable: Collection[str]
) -> FeatureFile:
    """The candles and the feature columns of the rows that are read."""
    names, left_out = own_columns(file) if wanted is None else (named_columns(file, wanted, computable), ())
    candles = _candles(file, timestamps)
    values, starts = np.empty((file.rows, len(names)), dtype=np.float32), []
    for column, name in enumerate(names):
        read = _candle_feature(file, candles, name) if name in CANDLE_COLUMNS else read_column(file, name, timestamps)
        values[:, column] = read.values
        starts.append(read.start)
    found = FeatureFile(candles, names, values, tuple(starts), left_out)
    return _with_values_only(found, file.name, wanted is not None)


def _candle_feature(file: ParquetColumns, candles: Candles, name: str) -> Column:
    return Column(as_float32(getattr(candles, name), name, file.name, candles.timestamps), 0)


def _with_values_only(file: FeatureFile, name: str, named: bool) -> FeatureFile:
    """The file without columns that have no value in any row. Raises DataError("NotFinite") where one is `named`."""
    rows = len(file.candles.timestamps)
    empty = [column for column, start in zip(file.names, file.starts, strict=True) if rows and start == rows]
    if not empty:
        return file
    if named:
        raise no_value(empty[0], name)
    kept = [index for index, column in enumerate(file.names) if column not in empty]
    return replace(
        file,
        names=tuple(file.names[index] for index in kept),
        values=np.ascontiguousarray(file.values[:, kept]),
        starts=tuple(file.starts[index] for index in kept),
        left_out=file.left_out + tuple(LeftOut(column, "no value in any row") for column in empty),
    )


def no_value(column: str, name: str) -> DataError:
    """The error for a column that is asked for and has no value at all."""
    return DataError(reasons.NOT_FINITE, f"Column {column!r} of {name} has no value in any row.")


def require_columns(file: ParquetColumns, names: Sequence[str]) -> None:
    """Raises DataError("MissingColumn") where the file lacks one of these."""
    for name in names:
        if name not in file.types:
            advice = f" `retrain import {file.name}` makes the file that a run reads." if name == "timestamp" else ""
            raise DataError(
                reasons.MISSING_COLUMN,
                f"{file.name} has no column {name!r}{near(name, file.types)}; it has {listed(list(file.types))}.{advice}",
            )


def timestamp_type_error(kind: pa.DataType, first: Any, name: str) -> DataError:
    """The error for times of another type than date and time; `first` is the first of them, if there is any."""
    return DataError(
        reasons.TIMESTAMP_TYPE,
        f"Column 'timestamp' of {name} holds {kind}; it must hold date and time (UTC): {type_advice(kind, first)}.",
    )


def require_times(file: ParquetColumns) -> None:
    """Raises DataError("TimestampType") where column `timestamp` holds something else."""
    kind = file.types["timestamp"]
    if not pa.types.is_timestamp(kind):
        raise timestamp_type_error(kind, file.first_value("timestamp"), file.name)


def _timestamps(file: ParquetColumns) -> TimeArray:
    require_times(file)
    timestamps, missing = file.read_timestamps("timestamp")
    if missing is not None:
        raise missing_time(missing, file.name)
    return timestamps


def missing_time(row: int, name: str) -> DataError:
    """The error for a row without a time."""
    return DataError(reasons.NOT_FINITE, f"Column 'timestamp' of {name} is empty in row {row}.")


def _candles(file: ParquetColumns, timestamps: TimeArray) -> Candles:
    columns: dict[str, FloatArray | None] = dict.fromkeys(CANDLE_COLUMNS)
    for name in CANDLE_COLUMNS:
        if name in file.types:
            require_numeric(file, name)
            columns[name] = checked(file.read_numbers(name), name, file.name, timestamps)
    close = columns["close"]
    assert close is not None
    candles = Candles(timestamps, columns["open"], columns["high"], columns["low"], close, columns["volume"])
    require_possible(candles, file.name)
    return candles


def require_possible(candles: Candles, name: str) -> None:
    """Refuse bars that can't be. Raises DataError: InvertedBar, CloseOutside."""
    high, low = candles.high, candles.low
    if high is not None and low is not None and (high < low).any():
        row = int(np.argmax(high < low))
        raise DataError(
            reasons.INVERTED_BAR, f"{name} has a high below its low in {row_name(candles.timestamps, row)}."
        )
    require_close_inside(candles, name)


def checked(values: FloatArray, column: str, name: str, timestamps: TimeArray) -> FloatArray:
    """The values of a candle column. Raises DataError: NotFinite, NotPositive for a price, NegativeVolume."""
    require_finite(values, column, name, timestamps)
    wrong = values <= 0 if column in _PRICES else values < 0
    if wrong.any():
        row = int(np.argmax(wrong))
        reason, rule = (
            (reasons.NOT_POSITIVE, "above zero") if column in _PRICES else (reasons.NEGATIVE_VOLUME, "zero or more")
        )
        where = row_name(timestamps, row)
        raise DataError(reason, f"Column {column!r} of {name} is {values[row]:g} in {where}; it must be {rule}.")
    return values
