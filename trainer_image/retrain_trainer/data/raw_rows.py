"""The columns of a file as they were read, for their digests: of a file in memory, or of chosen columns and rows on a disk.

Raw columns are digested, never what was computed from them. One column at a time is copied, never the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.time import Interval

from .columns.column_names import CANDLE_COLUMNS
from .columns.timeline import TimeArray
from .day_digests import TIME, DayDigests, day_digests
from .files.candles import FeatureFile
from .files.parquet import ParquetColumns
from .row_pin import RowPin

Named: TypeAlias = Iterator[tuple[str, NDArray[Any]]]


def rows_of_file(file: FeatureFile, interval: Interval) -> RowPin:
    """The rows that were read of a file. It has at least one."""
    times = file.candles.timestamps
    return _pin(interval, times, day_digests(times, _columns(file, slice(0, len(times)))))


def digests_within(file: FeatureFile, first: int, last: int) -> DayDigests:
    """The digests of its rows between two times, in nanoseconds UTC, both included."""
    times = file.candles.timestamps
    rows = slice(int(np.searchsorted(times, first)), int(np.searchsorted(times, last, side="right")))
    return day_digests(times[rows], _columns(file, rows))


def rows_on_disk(
    file: ParquetColumns, columns: Sequence[str], interval: Interval, first: int, last: int
) -> RowPin | None:
    """The rows of a file between two times, of these columns, each of which it must have; None where it has no such row.

    Raises DataError for a damaged file.
    """
    times = file.read_timestamps(TIME)[0]
    inside = np.flatnonzero((times >= first) & (times <= last))
    if not len(inside):
        return None
    rows = slice(int(inside[0]), int(inside[-1]) + 1)
    read = ((name, file.read_numbers(name)[rows]) for name in columns)
    return _pin(interval, times[rows], day_digests(times[rows], read))


def lacking(file: ParquetColumns, columns: Sequence[str]) -> str | None:
    """The first of the columns that the file has not, or not as numbers."""
    if TIME not in file.types or not str(file.types[TIME]).startswith("timestamp"):
        return TIME
    return next((name for name in columns if name not in file.types or not file.is_numeric(name)), None)


def _pin(interval: Interval, times: TimeArray, digests: DayDigests) -> RowPin:
    return RowPin(interval.nanoseconds, int(times[0]), int(times[-1]), len(times), digests)


def _columns(file: FeatureFile, rows: slice) -> Named:
    for name in CANDLE_COLUMNS:
        values = getattr(file.candles, name)
        if values is not None:
            yield name, values[rows]
    for column, name in enumerate(file.names):
        if name not in CANDLE_COLUMNS:
            yield name, file.values[rows, column]
