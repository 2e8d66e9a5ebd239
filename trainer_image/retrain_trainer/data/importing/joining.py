"""Bars of several files as one table in time order, each bar once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError
from retrain_api.time import Interval
from retrain_trainer.data.columns.timeline import TimeArray, iso_time

from .columns import TIME, Bars, finite_or_none


@dataclass(frozen=True)
class Joined:
    """Bars in time order. `repeated` candles were dropped; `reordered` says whether the files had another order.

    `uncommon` are columns that only some of the files have, which were left out.
    """

    table: pa.Table
    repeated: int
    reordered: bool
    uncommon: tuple[str, ...]


@dataclass(frozen=True)
class Gap:
    """Bars that are missing: how many, and the time of the bar before them."""

    after: str
    bars: int


def join(files: Sequence[Bars]) -> Joined:
    """All bars, sorted. Raises DataError("RepeatedTimestamp") where two candles of one time differ, and names both."""
    common = [name for name in files[0].table.column_names if all(name in bars.table.column_names for bars in files)]
    every = dict.fromkeys(name for bars in files for name in bars.table.column_names)
    uncommon = tuple(name for name in every if name not in common)
    if "volume" in uncommon:
        lacking = next(bars.source.name for bars in files if "volume" not in bars.table.column_names)
        raise DataError(
            reasons.MISSING_COLUMN, f"{lacking} has no volume, and other files have; leave it out, or mend it."
        )
    table = pa.concat_tables(
        [bars.table.select(common) for bars in files], promote_options="permissive"
    ).combine_chunks()
    times = _times(table)
    order = np.arange(len(times))
    reordered = bool((np.diff(times) < 0).any())
    if reordered:
        order = np.argsort(times, kind="stable")
        table, times = table.take(order), times[order]
    repeats = np.flatnonzero(np.diff(times) == 0) + 1
    _require_equal(files, table, times, order, repeats)
    if len(repeats):
        table = table.filter(pa.array(~_mask(len(times), repeats)))
    return Joined(table, len(repeats), reordered, uncommon)


def find_interval(times: TimeArray, name: str) -> Interval:
    """The usual step between bars. Raises ConfigurationError("BadInterval") where no step is usual or none has a name."""
    steps, counts = np.unique(np.diff(times), return_counts=True)
    if len(steps) == 0 or counts.max() * 2 < counts.sum() or steps[np.argmax(counts)] % 60_000_000_000:
        raise ConfigurationError(
            reasons.BAD_INTERVAL,
            f"The times of {name} do not show how long a bar is; if they are candles of one length, say it: --interval 1m.",
        )
    return Interval.parse(_length(int(steps[np.argmax(counts)])))


def require_interval(times: TimeArray, interval: Interval, name: str) -> None:
    """Raises ConfigurationError("WrongInterval") where the bars have another usual step."""
    steps, counts = np.unique(np.diff(times), return_counts=True)
    if len(steps) and steps[np.argmax(counts)] != interval.nanoseconds:
        usual = _length(int(steps[np.argmax(counts)]))
        raise ConfigurationError(
            reasons.WRONG_INTERVAL, f"{name} has bars {usual} apart, and --interval says {interval}; leave it out."
        )


def find_gaps(times: TimeArray, interval: Interval) -> list[Gap]:
    """Where bars are missing, in time order."""
    steps = np.diff(times)
    rows = np.flatnonzero(steps > interval.nanoseconds)
    return [Gap(iso_time(times[row]), int(steps[row] // interval.nanoseconds - 1)) for row in rows]


def without_open_bar(table: pa.Table, interval: Interval, now: int) -> tuple[pa.Table, str | None]:
    """The table without a last bar that is still forming at `now` (ns UTC), and that bar's time, or None."""
    last = int(_times(table)[-1])
    if len(table) > 1 and last <= now < last + interval.nanoseconds:
        return table.slice(0, len(table) - 1), iso_time(last)
    return table, None


def _length(nanoseconds: int) -> str:
    """A step between bars as an interval is written; one that is no whole minutes in seconds."""
    for unit, nanoseconds_of in (("d", 86_400 * 10**9), ("h", 3_600 * 10**9), ("m", 60 * 10**9)):
        if nanoseconds % nanoseconds_of == 0:
            return f"{nanoseconds // nanoseconds_of}{unit}"
    return f"{nanoseconds / 10**9:g}s"


def _times(table: pa.Table) -> TimeArray:
    found: TimeArray = table[TIME].cast(pa.int64()).to_numpy()
    return found


def _mask(rows: int, at: NDArray[np.int64]) -> NDArray[np.bool_]:
    mask = np.zeros(rows, dtype=bool)
    mask[at] = True
    return mask


def _require_equal(
    files: Sequence[Bars], table: pa.Table, times: TimeArray, order: NDArray[np.int64], repeats: NDArray[np.int64]
) -> None:
    if len(repeats) == 0:
        return
    for name in table.column_names[1:]:
        values = finite_or_none(table[name].combine_chunks())
        before, here = values[repeats - 1], values[repeats]
        differ = (before != here) & ~(np.isnan(before) & np.isnan(here))
        if differ.any():
            row = int(repeats[np.argmax(differ)])
            first, second = (_place(files, int(order[at])) for at in (row - 1, row))
            raise DataError(
                reasons.REPEATED_TIMESTAMP,
                f"Two candles of {iso_time(times[row])} differ: {name} is {values[row - 1]:.10g} in {first} and "
                f"{values[row]:.10g} in {second}; remove the wrong one (a candle downloaded before it closed is one).",
            )


def _place(files: Sequence[Bars], row: int) -> str:
    for bars in files:
        if row < bars.table.num_rows:
            return bars.source.place(row)
        row -= bars.table.num_rows
    raise AssertionError("a row of no file")
