"""Bars that can't be: times after the clock, closes outside their bar, and jumps that no market makes.

What can't be is refused. What is only unlikely is named, with its bar, so that a person can decide.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Interval
from retrain_trainer.data.columns.rolling import FloatArray
from retrain_trainer.data.columns.timeline import TimeArray, iso_time, row_name, span

if TYPE_CHECKING:
    from .candles import Candles

CLOCK_TOLERANCE = 5 * 60 * 10**9
"""Nanoseconds by which a bar may open after the clock: machines' clocks differ by that much at most."""
LOCAL_TIME = 15 * 3600 * 10**9
"""No time zone is further from UTC than 14 hours, so a bar that is less far ahead may be in local time."""
CLOSED_TOLERANCE = 5 * 10**9
"""Nanoseconds before its end from which on a bar counts as closed for a prediction, which is asked for at once and on a clock of its
own."""
PRICE_TOLERANCE = 1e-6
"""Share of the price by which a close may lie outside its bar: what prices lose when they are stored as float32."""

BETWEEN = float(np.log(1.2))
"""A price that opens a fifth away from the last close is unlikely. Bars of a market that never closes touch: in docs/experiments.md
the widest such step is 0.1 %, while a stock split or another unit is nothing else."""
WITHIN = 0.5
"""A log return within a bar beyond this (-39 %, +65 %) is unlikely; crypto does move 30 % in a minute now and then."""
DEVIATIONS = 10.0
"""And either is at least so many standard deviations of all other returns, so that wild markets stay quiet."""


@dataclass(frozen=True)
class Jump:
    """A close that is unlikely to follow the one before it. `row` is counted in the candles that were searched."""

    row: int
    before: float
    after: float

    @property
    def change(self) -> float:
        """The return, as a share."""
        return self.after / self.before - 1


def require_past(timestamps: TimeArray, name: str, now: int | None = None) -> None:
    """Refuse a bar that opens more than CLOCK_TOLERANCE after `now`, in nanoseconds UTC (None: this machine's clock).

    Raises DataError("BarInFuture").
    """
    clock = time.time_ns() if now is None else now
    late = timestamps > clock + CLOCK_TOLERANCE
    if not late.any():
        return
    row, count = int(np.argmax(late)), int(late.sum())
    ahead = int(timestamps[row]) - clock
    cause = "is the column in UTC, and in one unit?"
    if ahead < LOCAL_TIME:
        cause = "times without a zone are read as UTC, so local times must be converted first."
    raise DataError(
        reasons.BAR_IN_FUTURE,
        f"{name} has {count:,} bar{'s' if count > 1 else ''} in the future: {row_name(timestamps, row)} opens "
        f"{span(ahead)} after now ({iso_time(clock)}); {cause} Correct or remove {'them' if count > 1 else 'it'}.",
    )


def require_close_inside(candles: Candles, name: str) -> None:
    """Refuse a close above its bar's high or below its low. Raises DataError("CloseOutside")."""
    outside = _outside(candles.close, candles)
    if not outside.any():
        return
    row, count = int(np.argmax(outside)), int(outside.sum())
    raise DataError(
        reasons.CLOSE_OUTSIDE,
        f"{name} has a close outside its bar in {row_name(candles.timestamps, row)}: {_bar(candles, row)} "
        f"({count:,} such row{'s' if count > 1 else ''}); are two columns mixed up, or prices of two sources?",
    )


def open_warning(candles: Candles, name: str) -> tuple[str, ...]:
    """A sentence where opens lie outside their bars; some sources take the open from the bar before, so it is no error."""
    if candles.open is None:
        return ()
    outside = _outside(candles.open, candles)
    if not outside.any():
        return ()
    row, count = int(np.argmax(outside)), int(outside.sum())
    return (
        f"The open lies outside low and high in {count:,} row{'s' if count > 1 else ''} of {name}, first in "
        f"{row_name(candles.timestamps, row)}: {candles.open[row]:g}, {_bar(candles, row)}.",
    )


def _outside(price: FloatArray, candles: Candles) -> NDArray[np.bool_]:
    outside = np.zeros(len(price), dtype=np.bool_)
    if candles.high is not None:
        outside |= price > candles.high * (1 + PRICE_TOLERANCE)
    if candles.low is not None:
        outside |= price < candles.low * (1 - PRICE_TOLERANCE)
    return outside


def _bar(candles: Candles, row: int) -> str:
    known = {"low": candles.low, "high": candles.high, "close": candles.close}
    return ", ".join(f"{name} {values[row]:.10g}" for name, values in known.items() if values is not None)


def is_forming(timestamps: TimeArray, interval: Interval, now: int) -> bool:
    """Whether the last bar closes later than `now` and CLOSED_TOLERANCE."""
    return bool(len(timestamps) and timestamps[-1] + interval.nanoseconds > now + CLOSED_TOLERANCE)


def require_closed(timestamps: TimeArray, interval: Interval, now: int) -> None:
    """Refuse a prediction from a bar whose prices will still change. Raises DataError("BarForming")."""
    if is_forming(timestamps, interval, now):
        closes = int(timestamps[-1]) + interval.nanoseconds
        raise DataError(
            reasons.BAR_FORMING,
            f"The last bar ({iso_time(timestamps[-1])}) closes at {iso_time(closes)}, so it is still forming at "
            f"{iso_time(now)}, and training never saw such a bar; leave it out, or ask again once it has closed.",
        )


def require_recent(timestamps: TimeArray, interval: Interval, now: int, most: int) -> None:
    """Refuse bars of which the last closed more than `most` nanoseconds before `now`. Raises DataError("BarsTooOld")."""
    if not len(timestamps):
        return
    age = now - int(timestamps[-1]) - interval.nanoseconds
    if age > most:
        raise DataError(
            reasons.BARS_TOO_OLD,
            f"The last bar ({iso_time(timestamps[-1])}) closed {span(age)} before {iso_time(now)}, and max_age is "
            f"{span(most)}; give the bars since then.",
        )


def find_jumps(candles: Candles, interval: Interval) -> tuple[Jump, ...]:
    """Closes that are unlikely to follow the bar before; in time order. A price after a gap in time is none of them.

    Unlikely is a step between the last close and the nearest price of the bar beyond BETWEEN, or a return beyond WITHIN, that
    is also beyond DEVIATIONS standard deviations of the returns that are neither.
    """
    if len(candles.close) < 2:
        return ()
    returns = np.diff(np.log(candles.close))
    steps = _steps(candles, returns)
    neighbours = np.diff(candles.timestamps) == interval.nanoseconds
    rest = neighbours & (np.abs(returns) <= BETWEEN)
    usual = DEVIATIONS * float(np.sqrt(np.mean(np.square(returns[rest])))) if rest.any() else 0.0
    jumped = neighbours & ((steps > max(BETWEEN, usual)) | (np.abs(returns) > max(WITHIN, usual)))
    rows = np.flatnonzero(jumped) + 1
    return tuple(Jump(int(row), float(candles.close[row - 1]), float(candles.close[row])) for row in rows)


def _steps(candles: Candles, returns: FloatArray) -> FloatArray:
    """How far the nearest price of each bar is from the close before it, as a logarithm [n - 1]; 0 where they touch."""
    if candles.high is None or candles.low is None:
        return np.zeros_like(returns)
    before = np.log(candles.close[:-1])
    above, below = np.log(candles.low[1:]) - before, before - np.log(candles.high[1:])
    nearest: FloatArray = np.maximum(np.maximum(above, below), 0.0)
    return nearest


def jump_warning(
    jumps: Sequence[Jump], timestamps: TimeArray, first_row: int, parts: Mapping[str, slice]
) -> tuple[str, ...]:
    """One sentence for all jumps, which names the largest. `first_row` rows of the file come before the first of `timestamps`."""
    if not jumps:
        return ()
    largest = max(jumps, key=lambda jump: abs(np.log(jump.after / jump.before)))
    inside = [part for part, rows in parts.items() if rows.start <= largest.row < rows.stop]
    where = f", in the {inside[0]} part" if inside else ""
    head = "Unlikely jump" if len(jumps) == 1 else f"{len(jumps):,} unlikely jumps, the largest"
    tested = sum(parts["test"].start < jump.row < parts["test"].stop for jump in jumps)
    told = f" The backtest can trade through {'it' if len(jumps) == 1 else f'{tested:,} of them'}." if tested else ""
    return (
        f"{head}: the close goes from {largest.before:.6g} to {largest.after:.6g} ({100 * largest.change:+,.1f} %) in row "
        f"{first_row + largest.row} ({iso_time(timestamps[largest.row])}){where}. A split, another unit or a wrong price looks "
        f"like this; correct the file, or adjust all prices before it.{told}",
    )
