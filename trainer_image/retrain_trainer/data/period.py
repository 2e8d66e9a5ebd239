"""Which rows of a file a run learns from: those of bars that had closed by its time, in its window, and no others.

A timestamp is a bar's opening, so a bar is known one interval later. The cut is made once, where a file is read, before its
values are looked at: labels, features, scaling, windows and split are of the rows that are left. No label reads a close after
`until`, and what stands in later bars, complete, forming or wrong, changes nothing.

`data.window` ends at the close of the last bar that is left, and not at `until`: a file that is late keeps its whole window, so
that a run learns from as many bars as ever. How late a file may be is for data.maxAge to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import UNITS, Duration, Interval

from .columns.timeline import TimeArray, iso_time

HOLE = 4 * UNITS["d"]
"""Longer without a bar than nights, weekends and holidays close a market: then bars are missing."""
LEAST_PERCENT = 95
"""Of a window that a file must fill."""


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


@dataclass(frozen=True)
class Window:
    """Bars that open in the `length` before the last close, and `warmup` rows before them to compute their features from."""

    length: Duration
    warmup: int

    def rows(self, timestamps: TimeArray, interval: Interval) -> tuple[int, int]:
        """How many of the first rows are skipped, and how many after them are warm-up: fewer where the file has no more."""
        if not len(timestamps):
            return 0, 0
        first = int(np.argmax(timestamps >= self.starts(timestamps, interval)))
        skipped = max(first - self.warmup, 0)
        return skipped, first - skipped

    def starts(self, timestamps: TimeArray, interval: Interval) -> int:
        """When the window starts, in nanoseconds UTC."""
        return int(timestamps[-1]) + interval.nanoseconds - self.length.nanoseconds


def require_covered(timestamps: TimeArray, interval: Interval, window: Window, name: str) -> None:
    """Refuse the rows of a window that leave more than 5 % of it without bars: DataError("WindowNotCovered").

    What counts is the time before the first bar, and holes longer than HOLE; a market that closes is no gap in the file.
    """
    if not len(timestamps):
        return
    edges = np.concatenate(([window.starts(timestamps, interval) - interval.nanoseconds], timestamps))
    empty = np.diff(edges) - interval.nanoseconds
    holes = np.flatnonzero(empty[1:] > HOLE) + 1
    filled = window.length.nanoseconds - int(empty[0]) - sum(map(int, empty[holes]))
    if 100 * filled >= LEAST_PERCENT * window.length.nanoseconds:
        return
    where = f" with {len(holes):,} hole{'s' * (len(holes) > 1)} of more than 4 days, the last" if len(holes) else ""
    where += f" up to {iso_time(timestamps[holes[-1]])}" if len(holes) else ""
    whole = timestamps[holes[-1] :] if len(holes) else timestamps
    raise _not_covered(timestamps, whole, filled, interval, window, f"{name} has bars from", where)


def require_filled(timestamps: TimeArray, interval: Interval, window: Window, column: str, name: str) -> None:
    """The same of the rows that are left after those without a value in `column`."""
    filled = int(timestamps[-1]) + interval.nanoseconds - int(timestamps[0])
    if 100 * filled < LEAST_PERCENT * window.length.nanoseconds:
        what = f"column {column!r} of {name} has values from"
        raise _not_covered(timestamps, timestamps, filled, interval, window, what, "")


def _not_covered(
    timestamps: TimeArray, whole: TimeArray, filled: int, interval: Interval, window: Window, what: str, where: str
) -> DataError:
    end, share = int(timestamps[-1]) + interval.nanoseconds, 1000 * filled // window.length.nanoseconds / 10
    shorter = _length(end - int(whole[0]), interval)
    return DataError(
        reasons.WINDOW_NOT_COVERED,
        f"data.window asks for the {window.length} before {iso_time(end)}, the close of the last bar that is used, and {what} "
        f"{iso_time(timestamps[0])} on{where}: that is {share:g} % of the window, and at least {LEAST_PERCENT} % are needed. "
        f"Give a longer file, or write data.window: {shorter}.",
    )


def _length(nanoseconds: int, interval: Interval) -> str:
    """The longest duration of whole bars that is not longer, in a unit that reads well."""
    for unit in ("d", "h"):
        count = nanoseconds // UNITS[unit]
        if count >= 10 and UNITS[unit] % interval.nanoseconds == 0:
            return f"{count}{unit}"
    own = interval.text[-1]
    return f"{nanoseconds // interval.nanoseconds * interval.nanoseconds // UNITS[own]}{own}"
