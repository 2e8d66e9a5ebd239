"""The plots of a model in service: the wealth of whoever bets against it, and its accuracy day by day."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.observation.days import Day
from retrain_api.observation.record import Block, Totals
from retrain_trainer.measure.observed.life import Life
from retrain_trainer.measure.observed.promise import Promise
from retrain_trainer.report.drawing.figure import (
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    RED,
    WIDTH,
    Axes,
    Figure,
    FuncFormatter,
    dated,
    panels,
)
from retrain_trainer.report.drawing.plots import percent, upright

from .facts import against_bar, against_promise
from .facts import wealth as in_words

Draw: TypeAlias = Callable[[], Figure]
POINTS = 600
SHOWN = 1_000
"""Times the alarm's line up to which a wealth is drawn: what is beyond says no more, and would squeeze the line to the ground."""
ROOMY = 90
"""Days whose dots have room beside each other; those of more are smaller."""
_DASHED = (0, (4, 3))
_MOST = 690.0
"""A logarithm beyond which a number has no float."""
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def wealth(life: Life) -> Figure:
    """The wealth of both bets after each block on a logarithmic axis, and the alarm's line."""
    figure, (axes,) = panels([1], 3.1, width=WIDTH)
    picked = _picked(life.steps)
    firsts = [block.first for block, _ in life.steps]
    ends = _seconds([*firsts[1:], life.until or firsts[-1]])[picked]
    after = [life.steps[i][1] for i in picked]
    times = np.concatenate([_seconds(firsts[:1]), ends])
    axes.plot(times, _exp([0.0, *(one.bar.log for one in after)]), color=BLUE, label="below bar", zorder=3)
    if after[0].promise is not None:
        warned = _exp([0.0, *(one.promise.log if one.promise else 0.0 for one in after)])
        axes.plot(times, warned, color=ORANGE, linewidth=1, label="below promise")
    axes.axhline(life.alarm, color=RED, linewidth=1.4, linestyle=_DASHED, label=f"alarm at {life.alarm:g}")
    axes.axhline(1, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(max(min(low, 0.4), 1 / SHOWN), min(max(high, life.alarm * 2.5), life.alarm * SHOWN))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    axes.set_ylabel("Wealth")
    _at_least_a_day(axes)
    _legend(axes)
    upright((axes,), ends, [_moment(str(end), one) for end, one in zip(ends, after, strict=True)])
    return figure


def _seconds(texts: Sequence[str]) -> np.ndarray:
    return np.array([text.removesuffix("Z") for text in texts], dtype="datetime64[s]")


def _at_least_a_day(axes: Axes) -> None:
    """A time axis of a day or more: matplotlib shows years around a single moment. It counts times in days."""
    low, high = axes.get_xlim()
    middle, half = (low + high) / 2, max(high - low, 1.0) / 2
    single = axes.dataLim.width == 0
    dated(axes)
    axes.set_xlim(middle - (0.5 if single else half), middle + (0.5 if single else half))


def _picked(found: Sequence[tuple[Block, Totals]]) -> list[int]:
    """Indexes of at most POINTS blocks, evenly spaced, with the first, the last and the one after which the wealth is highest."""
    if len(found) <= POINTS:
        return list(range(len(found)))
    highest = max(range(len(found)), key=lambda i: found[i][1].bar.log)
    evenly: list[int] = np.linspace(0, len(found) - 1, POINTS - 1).round().astype(int).tolist()
    return sorted({*evenly, highest})


def _exp(logs: Sequence[float]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.exp(np.clip(np.array(logs), -_MOST, _MOST))
    return found


def _power(value: float) -> str:
    """1, 10, 100, 0.01; and 10⁶ where the zeros would be too many to count."""
    exponent = round(math.log10(value))
    return f"{value:g}" if -3 < exponent < 5 else "10" + str(exponent).translate(_SUPERSCRIPT)


def _moment(end: str, totals: Totals) -> str:
    return f"{end[:16].replace('T', ' ')} UTC: wealth {in_words(totals.bar.log)}"


def accuracies(life: Life) -> Figure:
    """Accuracy of each day, larger dots for more bars, with the promised interval and the bar."""
    figure, (axes,) = panels([1], 3.1, width=WIDTH)
    promise, shown = life.promise, [day for day in life.days if day.accuracy is not None]
    _promised(axes, promise)
    times = _seconds([f"{day.day}T12:00:00" for day in shown])
    values = [float(day.accuracy or 0.0) for day in shown]
    most = max((day.bars for day in shown), default=1)
    axes.plot(times, values, color=BLUE, linewidth=0.8, alpha=0.6)
    largest = min(34.0, 34.0 * ROOMY / max(len(shown), 1))
    sizes = [largest * (0.25 + 0.75 * day.bars / most) for day in shown]
    axes.scatter(times, values, s=sizes, color=BLUE, linewidths=0, zorder=3, label="of a day")
    if promise.bar is not None:
        axes.axhline(promise.bar, color=RED, linewidth=1.4, linestyle=_DASHED, label=f"bar {promise.bar * 100:.4g} %")
    axes.margins(x=0.04, y=0.15)
    axes.set_ylabel("Accuracy")
    percent(axes)
    _at_least_a_day(axes)
    _legend(axes)
    upright((axes,), times, [_of(day, promise) for day in shown])
    return figure


def _promised(axes: Axes, promise: Promise) -> None:
    if promise.low is not None and promise.high is not None:
        axes.axhspan(promise.low, promise.high, color=GREEN, alpha=0.22, linewidth=0, label="promised, 95 %")
    elif promise.low is not None:
        axes.axhline(promise.low, color=GREEN, linewidth=1, label="promised at least, 95 %")


def _of(day: Day, promise: Promise) -> str:
    right = day.accuracy or 0.0
    beside = f"{against_promise(right, promise)} of the promise" if promise.low is not None else ""
    far = "" if promise.bar is None else f"{against_bar(right, promise)} from the bar"
    return ", ".join(filter(None, [f"{day.day}: {right * 100:.1f} % of {day.bars:,} bars", beside, far]))


def _legend(axes: Axes) -> None:
    """Above the panel, where no line runs through it."""
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, borderaxespad=0.2, handlelength=1.6)
