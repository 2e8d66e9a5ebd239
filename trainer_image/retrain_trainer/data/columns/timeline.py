"""The time axis of a file: how rows are named in messages, and checks of their order and spacing."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Interval

from . import time_causes

TimeArray: TypeAlias = NDArray[np.int64]

_UNITS = {"m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}


def iso_time(timestamp: int) -> str:
    """Nanoseconds UTC as ISO 8601 in seconds, such as 2025-05-04T00:00:00Z."""
    return f"{np.datetime64(int(timestamp), 'ns').astype('datetime64[s]')}Z"


def nanoseconds(time: str) -> int:
    """An ISO 8601 time in UTC as nanoseconds since 1970, to the last one. Raises ValueError."""
    return int(np.datetime64(time.removesuffix("Z"), "ns").astype(np.int64))


def row_name(timestamps: TimeArray, row: int) -> str:
    """A row's number, from 0, and its time, for messages."""
    last = "the last row, " if row == len(timestamps) - 1 else ""
    return f"{last}row {row} ({iso_time(timestamps[row])})"


def require_spacing(timestamps: TimeArray, interval: Interval, name: str) -> None:
    """Refuse rows that are out of order or repeated, and steps that are no multiple of the interval.

    Raises DataError: RepeatedTimestamp, NotSorted, WrongInterval, IrregularSpacing.
    """
    steps = np.diff(timestamps)
    if len(steps) == 0:
        return
    if steps.min() <= 0:
        row = int(np.argmax(steps <= 0)) + 1
        where = row_name(timestamps, row)
        if steps[row - 1] == 0:
            raise DataError(
                reasons.REPEATED_TIMESTAMP,
                f"{name} repeats a timestamp: {where} has the time of the row before"
                f"{_in_all(int((steps == 0).sum()))}{_ended(time_causes.repeated(timestamps, steps))}",
            )
        cause = time_causes.backwards(int(timestamps[row - 1]), int(timestamps[row]), interval)
        raise DataError(
            reasons.NOT_SORTED,
            f"{name} is not sorted by time: {where} is earlier than the row before it "
            f"({iso_time(timestamps[row - 1])}){_ended(cause)}",
        )
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[np.argmax(counts)])
    if usual != interval.nanoseconds:
        cause = time_causes.wrong_interval(usual, interval)
        advice = cause or "correct data.interval, or use a file with that interval"
        raise DataError(
            reasons.WRONG_INTERVAL,
            f"{name} has bars {_length(usual)} apart, and data.interval says {interval}; {advice}.",
        )
    if (lengths % interval.nanoseconds).any():
        row = int(np.argmax(steps % interval.nanoseconds != 0)) + 1
        cause = time_causes.off_the_grid(int(timestamps[row - 1]), int(timestamps[row]), interval)
        raise DataError(
            reasons.IRREGULAR_SPACING,
            f"{name} leaves the {interval} grid: {row_name(timestamps, row)} comes {_length(int(steps[row - 1]))} after the "
            f"row before it ({iso_time(timestamps[row - 1])}), which is no multiple of {interval}{_ended(cause)}",
        )


def _in_all(count: int) -> str:
    return f" ({count:,} such rows)" if count > 1 else ""


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith("?") else sentence + "."


def span(nanoseconds: int) -> str:
    """A length of time in the largest unit that it fills once, for messages: 3,649 days, 5 hours, 7 minutes, 30 seconds."""
    for unit, length in (("day", _UNITS["d"]), ("hour", _UNITS["h"]), ("minute", _UNITS["m"])):
        if nanoseconds >= length:
            count = nanoseconds // length
            return f"{count:,} {unit}{'s' if count > 1 else ''}"
    return f"{nanoseconds / 1e9:g} seconds"


def _length(nanoseconds: int) -> str:
    for unit in ("d", "h", "m"):
        if nanoseconds % _UNITS[unit] == 0:
            return f"{nanoseconds // _UNITS[unit]}{unit}"
    return f"{nanoseconds / 1e9:g}s"
