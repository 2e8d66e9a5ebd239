"""The plots of the HTML report: each turns plain numbers into a matplotlib figure in the colours of `figure`.

They know nothing about runs, gates or tasks, so a plot can be tried with any numbers. Shares are fractions of 1 here as
everywhere else, and percent on the axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .figure import (
    BLUE,
    COLUMN,
    GREEN,
    INK,
    MOST_TIPS,
    MUTED,
    ORANGE,
    RED,
    Axes,
    Figure,
    FuncFormatter,
    MaxNLocator,
    PercentFormatter,
    dated,
    panels,
    tips,
)

Row = Mapping[str, Any]

_WIDE = 20.0
"""From this ratio of the highest to the lowest value on, a logarithmic axis shows more."""
ROOM = 0.05
"""Around the reliability diagram, so that the largest point at 0 or 100 % lies in it."""
ROUND = [1, 2, 5, 10]
"""Steps between the numbers of an axis: with 2.5 a label of whole percents would be rounded."""
LOWEST = 1e-6
"""Lowest account that is drawn: a model that loses everything gets to 1e-300."""


def training(epochs: Sequence[Row], best: int | None) -> Figure:
    """Losses, validation accuracy and learning rate by epoch, from the model card's `epochs`."""
    figure, (losses, accuracy, rate) = panels([3, 2, 1.4], 3.9, width=COLUMN)
    numbers = [epoch["epoch"] for epoch in epochs]
    _line(losses, numbers, _column(epochs, "train_loss"), BLUE, "train")
    _line(losses, numbers, _column(epochs, "validation_loss"), ORANGE, "validation", marker="s")
    losses.set_ylabel("Loss")
    _line(accuracy, numbers, _column(epochs, "validation_accuracy"), ORANGE, marker="s")
    accuracy.set_ylabel("Validation\naccuracy")
    percent(accuracy)
    _line(rate, numbers, _column(epochs, "learning_rate"), GREEN)
    rates = [value for value in _column(epochs, "learning_rate") if value > 0]
    if rates and max(rates) / min(rates) > _WIDE:
        rate.set_yscale("log")
    rate.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    rate.set_ylabel("Learning\nrate")
    rate.set_xlabel("Epoch")
    rate.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if best is not None:
        for axes in (losses, accuracy, rate):
            axes.axvline(best, color=INK, linewidth=0.9, linestyle=(0, (2, 2)), label=f"kept: {best}")
    legend(losses, 3)
    upright((losses, accuracy, rate), numbers, [_epoch(row) for row in epochs])
    figure.align_ylabels()
    return figure


def _epoch(row: Row) -> str:
    known = {name: row.get(name) for name in ("train_loss", "validation_loss", "validation_accuracy")}
    words = [f"{name.replace('_', ' ')} {value:.4g}" for name, value in known.items() if value is not None]
    return f"epoch {row['epoch']}: {', '.join(words)}"


def reliability(bins: Sequence[Row]) -> Figure:
    """Observed share of up against the mean probability of each bin, and the number of bars in it."""
    figure, (diagram, counts) = panels([3, 1], 3.6, width=COLUMN)
    filled = [part for part in bins if part.get("count") and part.get("meanProbability") is not None]
    diagram.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated")
    most = max((part["count"] for part in filled), default=1)
    sizes = [16 + 90 * part["count"] / most for part in filled]
    x, y = _column(filled, "meanProbability"), _column(filled, "observedShare")
    diagram.plot(x, y, color=BLUE, linewidth=1)
    diagram.scatter(x, y, s=sizes, color=BLUE, alpha=0.75, linewidths=0, label="this model", zorder=3)
    diagram.set(xlim=(-ROOM, 1 + ROOM), ylim=(-ROOM, 1 + ROOM), ylabel="Share that went up")
    legend(diagram)
    percent(diagram)
    for axis in (diagram.xaxis, diagram.yaxis):
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1])
    widths = [part["high"] - part["low"] for part in bins]
    counts.bar(_column(bins, "low"), _column(bins, "count"), widths, align="edge", color=BLUE, alpha=0.5, linewidth=0)
    counts.set(ylabel="Bars", xlabel="Predicted probability of up")
    counts.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    counts.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    counts.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    if bins:
        edges = [*_column(bins, "low"), float(bins[-1]["high"])]
        tips((diagram, counts), edges, [_bin(part) for part in bins])
    figure.align_ylabels()
    return figure


def _bin(part: Row) -> str:
    if not part.get("count"):
        return f"{part['low']:.0%} to {part['high']:.0%}: no bar"
    seen = part.get("observedShare")
    went = "" if seen is None else f", {seen * 100:.1f} % of them went up"
    return f"{part['low']:.0%} to {part['high']:.0%}: {part['count']:,} bars{went}"


def equity(points: Sequence[Row]) -> Figure:
    """The account after fees, which starts at 1, beside one that holds where it is known, and its fall from its highest value."""
    figure, (account, fall) = panels([2.2, 1], 3.4, width=COLUMN)
    times, values = _times(points, "time"), np.array(_column(points, "equity"))
    held = np.array(_column(points, "hold"))
    account.axhline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    shown = np.maximum(values, LOWEST)
    if not np.isnan(held).all():
        account.plot(times, np.maximum(held, LOWEST), color=ORANGE, linewidth=1, label="buy and hold")
    account.plot(times, shown, color=BLUE, label="this model")
    legend(account)
    both = np.concatenate([shown, np.maximum(held, LOWEST)])
    if np.nanmax(both) / np.nanmin(both) > _WIDE:
        account.set_yscale("log")
    account.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    account.set_ylabel("Account")
    below = drawdown(values)
    fall.fill_between(times, below, 0, color=RED, alpha=0.3, linewidth=0)
    fall.plot(times, below, color=RED, linewidth=1)
    fall.set_ylabel("Drawdown")
    fall.set_ylim(top=0)
    dated(fall)
    percent(fall)
    upright((account, fall), times, [_moment(*row) for row in zip(times, values, held, below, strict=True)])
    figure.align_ylabels()
    return figure


def _moment(time: np.datetime64, value: float, held: float, below: float) -> str:
    beside = "" if math.isnan(held) else f", buy and hold {held:.3g}"
    return f"{str(time)[:16].replace('T', ' ')} UTC: account {value:.3g}{beside}, {abs(below) * 100:.1f} % below its highest"


def drawdown(values: np.ndarray) -> np.ndarray:
    """How far an account [n] that starts at 1 is below its highest value so far, as a share of it; 0 or below."""
    peaks = np.maximum(np.maximum.accumulate(values), 1.0)
    return np.asarray(values / peaks - 1)


def over_time(periods: Sequence[Row], whole: float | None, majority: float | None) -> Figure:
    """Accuracy of each day or month; larger dots stand for more bars."""
    figure, (axes,) = panels([1], 2.6, width=COLUMN)
    times, values = _times(periods, "period"), _column(periods, "accuracy")
    most = max((row["bars"] for row in periods), default=1)
    axes.plot(times, values, color=BLUE, linewidth=0.8, alpha=0.6)
    axes.scatter(times, values, s=[6 + 30 * row["bars"] / most for row in periods], color=BLUE, linewidths=0, zorder=3)
    if whole is not None:
        axes.axhline(whole, color=INK, linewidth=1, label="all test bars")
    if majority is not None:
        axes.axhline(majority, color=ORANGE, linewidth=1, linestyle=(0, (4, 3)), label="majority")
    axes.set_ylabel("Accuracy")
    percent(axes)
    axes.margins(x=0.04, y=0.15)
    dated(axes)
    legend(axes)
    words = [f"{row['period']}: {row['accuracy'] * 100:.1f} % of {row['bars']:,} bars" for row in periods]
    upright((axes,), times, words)
    return figure


def comparison(rows: Sequence[tuple[str, float]], interval: tuple[float, float] | None, bar: float | None) -> Figure:
    """Accuracies beside each other: the model first, with its interval, and the gate's bar.

    All words stand outside of the panel, where no line runs through them.
    """
    figure = Figure(figsize=(COLUMN, 0.9 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = list(range(len(rows)))[::-1]
    values = [value for _, value in rows]
    if interval is not None:
        axes.plot(interval, [places[0]] * 2, color=BLUE, linewidth=6, alpha=0.35, solid_capstyle="butt")
    axes.scatter(values[:1], places[:1], s=52, color=BLUE, linewidths=0, zorder=3)
    axes.scatter(values[1:], places[1:], s=34, color=MUTED, linewidths=0, zorder=3)
    edges = [*values, *(interval or ()), *(() if bar is None else (bar,))]
    room = max(max(edges) - min(edges), 0.02) * 0.12
    axes.set(xlim=(min(edges) - room, max(edges) + room), ylim=(-0.6, len(rows) - 0.4))
    if bar is not None:
        axes.axvline(bar, color=RED, linewidth=1.4, label=f"gate {bar * 100:.6g} %")
        legend(axes)
    for value, place in zip(values, places, strict=True):
        axes.text(1.02, place, f"{value * 100:.1f} %", transform=axes.get_yaxis_transform(), va="center", color=INK)
    axes.set_yticks(places, [name.replace(" ", "\n") for name, _ in rows])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    narrow = max(edges) - min(edges) < 0.04
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=1 if narrow else 0, symbol=" %"))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=ROUND))
    sure = "" if interval is None else f", 95 % interval {interval[0] * 100:.1f} to {interval[1] * 100:.1f} %"
    words = [
        f"{name}: {value * 100:.1f} %{sure if place == places[0] else ''}"
        for (name, value), place in zip(rows, places, strict=True)
    ]
    tips((axes,), [place - 0.5 for place in range(len(rows) + 1)], words[::-1], upright=False)
    return figure


def _line(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, label: str = "", marker: str = "o") -> None:
    few = len(x) <= 40
    axes.plot(x, y, color=colour, label=label or None, marker=marker if few else "", markersize=3)


def upright(axes: Sequence[Axes], places: Any, words: Sequence[str]) -> None:
    """Tips around places on the x axis, in order; of many places every few get one."""
    every = -(-len(words) // MOST_TIPS)
    at = _on_axis(places)
    picked, said = at[::every], list(words)[::every]
    between = (picked[:-1] + picked[1:]) / 2
    edge = (picked[1] - picked[0]) / 2 if len(picked) > 1 else 0.5
    tips(axes, [picked[0] - edge, *between, picked[-1] + edge], said)


def _on_axis(places: Any) -> np.ndarray:
    """Places as numbers of the axis: matplotlib counts times in days."""
    found = np.asarray(places)
    days = found.dtype.kind == "M"
    return found.astype("datetime64[s]").astype(np.float64) / 86_400 if days else found.astype(np.float64)


def legend(axes: Axes, columns: int = 2) -> None:
    """A legend above the panel, where no line can run through it."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.02, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=1.4,
        columnspacing=1.2,
    )


def percent(axes: Axes) -> None:
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0 if high - low > 0.04 else 1, symbol=" %"))


def _column(rows: Sequence[Row], name: str) -> list[float]:
    return [math.nan if row.get(name) is None else float(row[name]) for row in rows]


def _times(rows: Sequence[Row], name: str) -> np.ndarray:
    return np.array([str(row[name]).removesuffix("Z") for row in rows], dtype="datetime64[s]")
