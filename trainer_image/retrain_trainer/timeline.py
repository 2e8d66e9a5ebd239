"""The time axis of a file: bar lengths, row names, and what rows in time order must look like."""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from retrain_api.errors import ConfigurationError, DataError

TimeArray: TypeAlias = NDArray[np.int64]

_UNITS = {"m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}


def interval_nanoseconds(interval: str) -> int:
    """Length of a bar, such as 1m, 4h or 1d, in nanoseconds. Raises ConfigurationError for any other text."""
    if not re.fullmatch(r"[1-9][0-9]{0,3}[mhd]", interval, re.ASCII):
        raise ConfigurationError(
            "BadInterval", f"Interval {interval!r} must be a number and m, h or d, such as 1m, 4h or 1d."
        )
    return int(interval[:-1]) * _UNITS[interval[-1]]


def iso_time(timestamp: int) -> str:
    """Nanoseconds UTC as ISO 8601 in seconds, such as 2025-05-04T00:00:00Z."""
    return f"{np.datetime64(int(timestamp), 'ns').astype('datetime64[s]')}Z"


def row_name(timestamps: TimeArray, row: int) -> str:
    """A row as a person finds it: its number from 0, and its time."""
    last = "the last row, " if row == len(timestamps) - 1 else ""
    return f"{last}row {row} ({iso_time(timestamps[row])})"


def require_spacing(timestamps: TimeArray, interval: str, interval_ns: int, name: str) -> None:
    """Refuse rows out of order or repeated, and steps that are not the interval or, at gaps, a multiple."""
    steps = np.diff(timestamps)
    if len(steps) == 0:
        return
    if steps.min() <= 0:
        row = int(np.argmax(steps <= 0)) + 1
        where = row_name(timestamps, row)
        if steps[row - 1] == 0:
            raise DataError("RepeatedTimestamp", f"{name} repeats a timestamp: {where} has the time of the row before.")
        raise DataError("NotSorted", f"{name} is not sorted by time: {where} is earlier than the row before it.")
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[np.argmax(counts)])
    if usual != interval_ns:
        raise DataError(
            "WrongInterval",
            f"{name} has bars {_length(usual)} apart, and data.interval says {interval}; "
            "correct data.interval or give the file of that interval.",
        )
    if (lengths % interval_ns).any():
        row = int(np.argmax(steps % interval_ns != 0)) + 1
        raise DataError(
            "IrregularSpacing",
            f"{name} leaves the {interval} grid: {row_name(timestamps, row)} comes "
            f"{_length(int(steps[row - 1]))} after the row before it, which is no multiple of {interval}.",
        )


def _length(nanoseconds: int) -> str:
    for unit in ("d", "h", "m"):
        if nanoseconds % _UNITS[unit] == 0:
            return f"{nanoseconds // _UNITS[unit]}{unit}"
    return f"{nanoseconds / 1e9:g}s"
