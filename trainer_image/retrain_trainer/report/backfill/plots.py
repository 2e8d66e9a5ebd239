"""The plots of a backfill, in the colours of the report: accuracies slot by slot, and the accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from retrain_trainer.measure.later.figures import Right, SymbolFigures
from retrain_trainer.measure.later.scores import Floats, Integers, Promise
from retrain_trainer.report.drawing.figure import (
    BLUE,
    MUTED,
    ORANGE,
    RED,
    Axes,
    Figure,
    FuncFormatter,
    PercentFormatter,
    panels,
)

Draw: TypeAlias = Callable[[], Figure]
POINTS = 600
WIDTH = 5.2
"""Inches."""
_WIDE = 20.0
_LOWEST = 1e-6


def accuracies(figures: SymbolFigures, bar: float | None) -> Figure:
    """Promised at each slot, and what the model in service then did until the next, and the refused one."""
    figure, axes = _panel(3.1)
    times = np.array([row.slot for row in figures.rows], dtype="datetime64[ns]").astype("datetime64[s]")
    shift = np.timedelta64(_shift(times), "s")
    served = [row.served.right if row.served else None for row in figures.rows]
    own = [row.own.right if row.own else None for row in figures.rows]
    kept_out = [None if row.promoted else right for row, right in zip(figures.rows, own, strict=True)]
    _marks(axes, times - shift, [row.promise for row in figures.rows], MUTED, "o", "promised on the test")
    _marks(axes, times, served, BLUE, "s", "then, in service")
    _marks(axes, times + shift, kept_out, ORANGE, "^", "then, of a refused model")
    if bar is not None:
        axes.axhline(bar, color=RED, linewidth=1.2, linestyle=(0, (4, 3)), label=f"gate {bar * 100:g} %")
    axes.set_ylabel("Accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.margins(x=0.06, y=0.12)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, borderaxespad=0.2, handlelength=1.6)
    return figure


def _panel(height: float) -> tuple[Figure, Axes]:
    """One panel, for a column of which two stand beside each other on a desk."""
    figure, (axes,) = panels([1], height)
    figure.set_size_inches(WIDTH, height)
    return figure, axes


def _shift(times: Any) -> int:
    """Seconds by which neighbours stand beside each other, so that no interval hides another."""
    steps = np.diff(times).astype(np.int64)
    return int(steps.min() * 0.14) if steps.size else 3600


def _marks(
    axes: Axes, times: Any, found: Sequence[Right | Promise | None], colour: str, marker: str, label: str
) -> None:
    known = [(time, one) for time, one in zip(times, found, strict=True) if one is not None]
    if not known:
        return
    for time, one in known:
        if one.low is not None and one.high is not None:
            axes.plot([time, time], [one.low, one.high], color=colour, linewidth=3, alpha=0.4, solid_capstyle="butt")
    axes.scatter(
        [time for time, _ in known], [one.accuracy for _, one in known], s=26, color=colour, marker=marker,
        linewidths=0, zorder=3, label=label,
    )  # fmt: skip


def accounts(times: Integers, curves: Mapping[str, Floats], starts: Sequence[int]) -> Figure:
    """The accounts after fees, beginning at 1, and a thin line at each slot with a new model."""
    figure, axes = _panel(2.8)
    picked = np.unique(np.linspace(0, times.size - 1, min(times.size, POINTS)).round().astype(np.int64))
    when = times[picked].astype("datetime64[ns]").astype("datetime64[s]")
    axes.axhline(1, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    looks = {
        "hold": (MUTED, "-", "buy and hold"),
        "first": (ORANGE, (0, (4, 3)), "never retrained"),
        "served": (BLUE, "-", "in service"),
    }
    shown = {name: np.maximum(values[picked], _LOWEST) for name, values in curves.items()}
    for name, (colour, line, label) in looks.items():
        if name in shown:
            axes.plot(when, shown[name], color=colour, linestyle=line, label=label)
    for start in starts:
        axes.axvline(np.datetime64(start, "ns").astype("datetime64[s]"), color=MUTED, linewidth=0.5, alpha=0.5)
    if max(map(np.max, shown.values())) / min(map(np.min, shown.values())) > _WIDE:
        axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylabel("Account")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, borderaxespad=0.2, handlelength=1.6)
    return figure
