"""The rows that a training began with, as digests by UTC day and column: kept, found again in a longer file, and compared.

A file `pins/<SYMBOL>/<as of>-<digits>` is one line that says which form it has, one line of JSON, the UTC days (int32, days since 1970)
and 8 bytes for each day and column (`day_digests` says of what), all little-endian. Its sha256 is the `rowsSha256` of a model card.

What is equal and what is not: docs/measuring.md, "The rows behind a model".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np

from .columns.column_names import CANDLE_COLUMNS
from .day_digests import BYTES, TIME, DayDigests

_FORM = b"retrain rows 1\n"
_DAY = 86_400_000_000_000
_MOST = 100_000_000
"""Digests in one file: a damaged file claims no more memory than that."""


@dataclass(frozen=True)
class RowPin:
    """Rows `first` to `last` (nanoseconds UTC) of bars `interval` nanoseconds apart, and the digests of their days and columns."""

    interval: int
    first: int
    last: int
    rows: int
    digests: DayDigests

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns beside the times."""
        return tuple(name for name in self.digests.names if name != TIME)

    @cached_property
    def encoded(self) -> bytes:
        """The bytes of the file."""
        days, columns = len(self.digests.days), list(self.digests.names)
        head = {"interval": self.interval, "first": self.first, "last": self.last, "rows": self.rows}
        text = json.dumps(head | {"days": days, "columns": columns}, separators=(",", ":")).encode()
        return _FORM + text + b"\n" + self.digests.days.astype("<i4").tobytes() + self.digests.digests.tobytes()

    @cached_property
    def sha256(self) -> str:
        """Of the file's bytes: the same rows have the same."""
        return sha256(self.encoded).hexdigest()


@dataclass(frozen=True)
class Difference:
    """A UTC day and a column whose values differ."""

    number: int
    column: str

    @property
    def day(self) -> str:
        """The day as text, such as 2026-11-20."""
        return str(np.datetime64(self.number, "D"))

    @property
    def is_of_candles(self) -> bool:
        """Whether bars or their candles differ, and not only what was made of them."""
        return self.column == TIME or self.column in CANDLE_COLUMNS


def decode(data: bytes) -> RowPin | None:
    """The rows that a file is about; None where it is damaged, or of a form that only a newer release knows."""
    if not data.startswith(_FORM):
        return None
    text, _, body = data.removeprefix(_FORM).partition(b"\n")
    try:
        head = json.loads(text)
        interval, first, last, rows, days = (int(head[name]) for name in ("interval", "first", "last", "rows", "days"))
        names = tuple(map(str, head["columns"]))
        if not 0 <= days * len(names) <= _MOST or len(body) != days * (4 + len(names) * BYTES):
            return None
    except (ValueError, KeyError, TypeError):
        return None
    numbers = np.frombuffer(body, dtype="<i4", count=days).astype(np.int64)
    digests = np.frombuffer(body, dtype=np.uint8, offset=4 * days).reshape(days, len(names), BYTES)
    return RowPin(interval, first, last, rows, DayDigests(numbers, names, digests))


def first_difference(pinned: RowPin, now: RowPin) -> Difference | None:
    """The first day and column in which the rows of one range differ; None where all are the same.

    A day that only one of them has differs in its times.
    """
    return next(_differing(pinned.digests, now.digests, alone=True), None)


def restated(earlier: RowPin, now: RowPin, within: Callable[[int, int], DayDigests]) -> tuple[Difference, ...]:
    """Where days that both pins have hold other values now, in the order of time.

    `within` digests today's rows between two times, both included: the first and the last day of the earlier pin may be cut, so they
    are compared over its own bars. A day is left out where today's rows begin or end within what the earlier pin had of it.
    """
    if earlier.interval != now.interval or not len(earlier.digests.days) or not len(now.digests.days):
        return ()
    edges = {int(earlier.digests.days[0]), int(earlier.digests.days[-1])}
    inner = [day for day in now.digests.days.tolist() if day not in edges and _is_whole(day, earlier, now)]
    found = list(_differing(_of_days(earlier.digests, inner), _of_days(now.digests, inner)))
    for day in sorted(edges):
        if _is_whole(day, earlier, now):
            part = within(max(day * _DAY, earlier.first), min((day + 1) * _DAY - 1, earlier.last))
            found += _differing(_of_days(earlier.digests, [day]), part)
    return tuple(sorted(found, key=lambda one: one.number))


def are_late(found: tuple[Difference, ...], earlier: RowPin) -> bool:
    """Whether they are no more than late corrections: candles of the earlier pin's last day, and what was made of them."""
    last = int(earlier.digests.days[-1])
    return all(one.number == last for one in found) and any(one.is_of_candles for one in found)


def _is_whole(day: int, earlier: RowPin, now: RowPin) -> bool:
    """Whether today's rows reach over all that the earlier pin may have of a day."""
    begin, end = day * _DAY, (day + 1) * _DAY
    begins = now.first <= max(begin, earlier.first)
    ends = now.last >= earlier.last if earlier.last < end else now.last + now.interval >= end
    return begins and ends


def _of_days(digests: DayDigests, days: list[int]) -> DayDigests:
    kept = np.isin(digests.days, days)
    return DayDigests(digests.days[kept], digests.names, digests.digests[kept])


def _differing(one: DayDigests, other: DayDigests, alone: bool = False) -> Iterator[Difference]:
    """Where days and columns that both have differ; with `alone` also the days that only one of them has."""
    names = [name for name in one.names if name in other.names]
    days, mine, theirs = np.intersect1d(one.days, other.days, return_indices=True)
    first, second = (np.array([digests.names.index(name) for name in names], np.int64) for digests in (one, other))
    differs = (one.digests[np.ix_(mine, first)] != other.digests[np.ix_(theirs, second)]).any(axis=2)
    places = [(int(days[day]), names[column]) for day, column in np.argwhere(differs)]
    if alone:
        places += [(int(day), TIME) for day in np.setxor1d(one.days, other.days)]
    yield from (Difference(*place) for place in sorted(places, key=lambda place: place[0]))
