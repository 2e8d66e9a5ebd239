"""Is a file new enough? Its newest closed bar against `data.maxAge`, and its bars since the last used one against `data.minNewBars`.

A training asks the same questions again as the preflight before it, at the same time `until`, so however long it waited for a
GPU, a file that was fresh then is fresh now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Duration, Interval

from .columns.timeline import TimeArray, iso_time

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@dataclass(frozen=True)
class LastUsed:
    """The last bar that a model used, in nanoseconds UTC when it opens, and whose it is, such as "the promoted model"."""

    bar: int
    by: str


def require_fresh(closed: TimeArray, interval: Interval, until: int, most: Duration | None, name: str) -> None:
    """Refuse a file whose newest closed bar is older than `most` at `until`. Raises DataError("DataStale")."""
    if most is None or not len(closed):
        return
    closes = newest_close(closed, interval)
    age = until - closes
    if age > most.nanoseconds:
        raise DataError(
            reasons.DATA_STALE,
            f"The newest bar of {name} closed at {iso_time(closes)}, which is {exact_span(age)} before {iso_time(until)}, and "
            f"data.maxAge is {most}; look at what writes the file.",
        )


def require_new(closed: TimeArray, least: int, used: LastUsed | None, name: str) -> None:
    """Stop a symbol that has fewer than `least` bars after the last one that was used. Raises DataError("NoNewBars")."""
    if used is None or least <= 0:
        return
    count = len(closed) - int(np.searchsorted(closed, used.bar, side="right"))
    if count < least:
        bars = "no closed bar" if count == 0 else "1 closed bar" if count == 1 else f"{count:,} closed bars"
        raise DataError(
            reasons.NO_NEW_BARS,
            f"{name} has {bars} after {iso_time(used.bar)}, the last one that {used.by} used, and data.minNewBars is {least:,}.",
        )


def newest_close(closed: TimeArray, interval: Interval) -> int:
    """When the newest closed bar closed, in nanoseconds UTC."""
    return int(closed[-1]) + interval.nanoseconds


def exact_span(nanoseconds: int) -> str:
    """A length of time in its two largest units, for a comparison: 2 hours and 5 minutes, not 2 hours."""
    left = nanoseconds // 1_000_000_000
    parts: list[str] = []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count and len(parts) < 2:
            parts.append(f"{count:,} {unit}{'s' * (count > 1)}")
    return " and ".join(parts) or "less than a second"
