"""Digests of a file's values by UTC day and column: are two files the same market, and which day of which column differs?

A sha256 of a file changes with every bar that is added, with the compression, and with the version of the library that wrote
it. The values don't. So each column of each day has a digest of its own, 8 bytes long.

Exactly this is hashed, for each UTC day that has bars and for each column by itself: the column's values in the bars of that day,
in the order of the file, as little-endian numbers one after the other, and nothing else.

- times: int64, nanoseconds since 1970 in UTC
- candles (open, high, low, close, volume): float64
- every other column: float32, the precision in which a model reads it
- -0.0 counts as 0.0, and every NaN (no value) is the one with the bits 0x7FC00000, or 0x7FF8000000000000 in float64

The hash is BLAKE2b (RFC 7693) with a digest of 8 bytes, without key, salt or personalisation. Columns are hashed as they were
read, never features that were computed from them: logarithms and exponentials differ in the last bit between processors.

Two days differ unnoticed with a probability of 2^-64. A digest says nothing against somebody who searches for a collision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .columns.column_names import CANDLE_COLUMNS

Times: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]

BYTES = 8
"""Of a digest: a year of 64 columns is 187 KB, and a chance collision in a million files is one in 10^7."""
TIME = "timestamp"

_DAY = 86_400_000_000_000


@dataclass(frozen=True)
class DayDigests:
    """`digests` uint8[days, columns, BYTES] of the UTC days int64[days] (days since 1970, ascending) and of the columns `names`."""

    days: Times
    names: tuple[str, ...]
    digests: Bytes

    def column(self, name: str) -> Bytes:
        """One column's digests, uint8[days, BYTES]. Raises ValueError for an unknown name."""
        found: Bytes = self.digests[:, self.names.index(name)]
        return found


def day_digests(times: Times, columns: Iterable[tuple[str, NDArray[Any]]]) -> DayDigests:
    """Digest the times int64[n] (nanoseconds UTC, ascending), and each of `columns`: its name and its values [n].

    Columns are taken one after the other, so that a generator which reads them needs memory for one only.
    """
    days, bounds = day_bounds(times)
    names, digests = [TIME], [_by_day(times.astype("<i8", copy=False), bounds)]
    for name, values in columns:
        names.append(name)
        digests.append(_by_day(canonical(name, values), bounds))
    return DayDigests(days, tuple(names), np.stack(digests, axis=1))


def day_bounds(times: Times) -> tuple[Times, list[int]]:
    """The UTC days that have bars, int64[days], and the row where each of them begins, followed by the number of rows."""
    day = times // _DAY
    starts = np.flatnonzero(np.diff(day, prepend=day[:1] - 1))
    return day[starts], [*starts.tolist(), len(times)]


def canonical(name: str, values: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """A column's values as they are hashed: their precision by the column's name, with one zero and one NaN."""
    kind = "<f8" if name in CANDLE_COLUMNS else "<f4"
    zeroed: NDArray[np.floating[Any]] = values.astype(kind, copy=False) + np.array(0, kind)  # -0.0 + 0.0 is 0.0
    if len(zeroed) and np.isnan(zeroed.min()):  # the smallest is NaN where any is
        zeroed[np.isnan(zeroed)] = np.nan
    return zeroed


def _by_day(values: NDArray[Any], bounds: list[int]) -> Bytes:
    data, size = np.ascontiguousarray(values).view(np.uint8).data, values.itemsize
    found = (blake2b(data[start * size : stop * size], digest_size=BYTES).digest() for start, stop in pairwise(bounds))
    return np.frombuffer(b"".join(found), dtype=np.uint8).reshape(-1, BYTES)
