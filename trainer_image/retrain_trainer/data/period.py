"""Which rows of a file a run may know: those of bars that had closed by its time, and no others.

A timestamp is a bar's opening, so a bar is known one interval later. The cut is made once, where a file is read, before its
values are looked at: labels, features, scaling, windows and split are of the rows that are left. No label reads a close after
`until`, and what stands in later bars, complete, forming or wrong, changes nothing.
"""

from __future__ import annotations

import numpy as np

from retrain_api.time import Interval

from .columns.timeline import TimeArray, iso_time


def closed_rows(timestamps: TimeArray, interval: Interval, until: int) -> int:
    """How many rows from the first reach to the last bar that had closed by `until`, in nanoseconds UTC.

    Of rows out of order, later ones may be among them: those are refused by their order.
    """
    closed = np.flatnonzero(timestamps <= until - interval.nanoseconds)
    return int(closed[-1]) + 1 if len(closed) else 0


def earlier_rows(timestamps: TimeArray, since: int) -> int:
    """How many rows come before the first bar that opens at `since` or later, in nanoseconds UTC."""
    inside = np.flatnonzero(timestamps >= since)
    return int(inside[0]) if len(inside) else len(timestamps)


def left_open(timestamps: TimeArray, rows: int, until: int) -> str:
    """A sentence where bars after the first `rows` are left out; empty where none is."""
    count = len(timestamps) - rows
    if not count:
        return ""
    opens = f"opens at {iso_time(timestamps[rows])}"
    which = f"1 bar is left out: it {opens}" if count == 1 else f"{count:,} bars are left out: the first {opens}"
    return f"{which} and had not closed by {iso_time(until)}, the time as of which this run learns."
