"""The times of a file from its footer: the statistics of each row group, and the time column only where they show a gap.

A row group whose first and last time are as far apart as its number of rows says has a bar at each time in between, if its
rows are in order and none is repeated. Where they are not, a training refuses the file; so whatever a training takes has the
very times that are told here.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from retrain_api.errors import DataError
from retrain_api.time import Interval
from retrain_trainer.data.columns.timeline import TimeArray

from .candles import missing_time, require_times
from .parquet import ParquetColumns, as_nanoseconds

_NANOSECONDS = {"milliseconds": 1_000_000, "microseconds": 1_000, "nanoseconds": 1}
_RANGE = np.iinfo(np.int64)

Ends: TypeAlias = tuple[int, int]
"""The first and the last time of a row group, in nanoseconds UTC."""


def times_by_footer(file: ParquetColumns, interval: Interval) -> TimeArray:
    """Column `timestamp` as int64[rows] nanoseconds UTC.

    Raises DataError: TimestampType, and NotFinite, TimestampRange and Damaged where the column has to be read.
    """
    require_times(file)
    groups = [_times(file, group, interval) for group in range(file.file.num_row_groups)]
    known = [times for times in groups if times is not None]
    if len(known) == len(groups):
        return np.concatenate([np.empty(0, dtype=np.int64), *known])
    # Something is wrong with a time, so the file is refused; read whole, the sentence names the row.
    times, missing = file.read_timestamps("timestamp")
    if missing is not None:
        raise missing_time(missing, file.name)
    return times


def _times(file: ParquetColumns, group: int, interval: Interval) -> TimeArray | None:
    """The times of a row group; None where one of them is missing or can't be read."""
    rows = file.file.metadata.row_group(group).num_rows
    ends = _ends(file, group)
    if ends is not None and ends[1] - ends[0] == (rows - 1) * interval.nanoseconds:
        return np.arange(rows, dtype=np.int64) * interval.nanoseconds + ends[0]
    return _read(file, group)


def _ends(file: ParquetColumns, group: int) -> Ends | None:
    """What the statistics say; None where there are none, such as of times in the old form of 96 bits."""
    found = _column(file, group)
    if found is None or not found.is_stats_set:
        return None
    statistics = found.statistics
    unit = _NANOSECONDS.get(_unit(statistics.logical_type))
    if unit is None or not statistics.has_min_max or (statistics.has_null_count and statistics.null_count):
        return None
    first, last = int(statistics.min_raw) * unit, int(statistics.max_raw) * unit
    return (first, last) if _RANGE.min < first <= last < _RANGE.max else None


def _column(file: ParquetColumns, group: int) -> Any:
    """The metadata of the time column of a row group."""
    name, metadata = file.stored_name("timestamp"), file.file.metadata
    place = next((index for index in range(metadata.num_columns) if metadata.schema.column(index).path == name), None)
    return None if place is None else metadata.row_group(group).column(place)


def _unit(logical: Any) -> str:
    return str(json.loads(logical.to_json()).get("timeUnit", ""))


def _read(file: ParquetColumns, group: int) -> TimeArray | None:
    name = file.stored_name("timestamp")
    try:
        column = file.file.read_row_group(group, columns=[name], use_threads=False).column(name)
    except (pa.ArrowException, OSError):
        return None
    if column.null_count:
        return None
    try:
        chunks = [as_nanoseconds(chunk, "timestamp", file.name) for chunk in column.chunks]
    except DataError:
        return None
    return np.concatenate([np.empty(0, dtype=np.int64), *chunks])
