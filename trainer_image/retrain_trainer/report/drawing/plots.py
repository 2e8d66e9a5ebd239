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
    GREEN,
    INK,
    MUTED,
    ORANGE,
    RED,
    WIDTH,
    Axes,
    Figure,
    FuncFormatter,
    MaxNLocator,
    PercentFormatter,
    panels,
)

Row = Mapping[str, Any]

_WIDE = 20.0
"""From this ratio of the highest to the lowest value on, a logarithmic axis shows more."""
LOWEST = 1e-6
"""Lowest account that is drawn: a model that loses everything gets to 1e-300."""


def training(epochs: Sequence[Row], best: int | None) -> Figure:
    """Losses, validation accuracy and learning rate by epoch, from the model card's `epochs`."""
    figure, (losses, accuracy, rate) = panels([3, 2, 1.4], 4.3)
    numbers = [epoch["epoch"] for epoch in epochs]
    _line(losses, numbers, _column(epochs, "train_loss"), BLUE, "train")
    _line(losses, numbers, _column(epochs, "validation_loss"), ORANGE, "validation", marker="s")
    losses.set_ylabel("Loss")
    _legend(losses)
    _line(accuracy, numbers, _column(epochs, "validation_accuracy"), ORANGE, marker="s")
    accuracy.set_ylabel("Validation\naccuracy")
    _percent(accuracy)
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
            axes.axvline(best, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
        losses.set_title(f"dashed: best epoch, {best}", loc="left", fontsize=9, color=MUTED)
    figure.align_ylabels()
    return figure


def reliability(bins: Sequence[Row]) -> Figure:
    """Observed share of up against the mean probability of each bin, and the number of bars in it."""
    figure, (diagram, counts) = panels([3, 1], 4.3)
    filled = [part for part in bins if part.get("count") and part.get("meanProbability") is not None]
    diagram.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated")
    most = max((part["count"] for part in filled), default=1)
    sizes = [16 + 90 * part["count"] / most for part in filled]
    x, y = _column(filled, "meanProbability"), _column(filled, "observedShare")
    diagram.plot(x, y, color=BLUE, linewidth=1)
    diagram.scatter(x, y, s=sizes, color=BLUE, alpha=0.75, linewidths=0, label="this model", zorder=3)
    diagram.set(xlim=(0, 1), ylim=(0, 1), ylabel="Share that went up")
    _legend(diagram)
    _percent(diagram)
    widths = [part["high"] - part["low"] for part in bins]
    counts.bar(_column(bins, "low"), _column(bins, "count"), widths, align="edge", color=BLUE, alpha=0.5, linewidth=0)
    counts.set(ylabel="Bars", xlabel="Predicted probability of up")
    counts.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    counts.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    counts.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    figure.align_ylabels()
    return figure


def equity(points: Sequence[Row]) -> Figure:
    """The account after fees, which starts at 1, and how far it is below its highest value so far."""
    figure, (account, fall) = panels([2.2, 1], 3.7)
    times = _times(points, "time")
    values = np.array(_column(points, "equity"))
    account.axhline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    shown = np.maximum(values, LOWEST)
    account.plot(times, shown, color=BLUE)
    if shown.max() / shown.min() > _WIDE:
        account.set_yscale("log")
    account.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    account.set_ylabel("Account")
    below = drawdown(values)
    fall.fill_between(times, below, 0, color=RED, alpha=0.3, linewidth=0)
    fall.plot(times, below, color=RED, linewidth=1)
    fall.set_ylabel("Drawdown")
    fall.set_ylim(top=0)
    _percent(fall)
    figure.align_ylabels()
    return figure


def drawdown(values: np.ndarray) -> np.ndarray:
    """How far an account [n] that starts at 1 is below its highest value so far, as a share of it; 0 or below."""
    peaks = np.maximum(np.maximum.accumulate(values), 1.0)
    return np.asarray(values / peaks - 1)


def over_time(periods: Sequence[Row], whole: float | None, majority: float | None) -> Figure:
    """Accuracy of each day or month; larger dots stand for more bars."""
    figure, (axes,) = panels([1], 2.8)
    times, values = _times(periods, "period"), _column(periods, "accuracy")
    most = max((row["bars"] for row in periods), default=1)
    axes.plot(times, values, color=BLUE, linewidth=0.8, alpha=0.6)
    axes.scatter(times, values, s=[6 + 30 * row["bars"] / most for row in periods], color=BLUE, linewidths=0, zorder=3)
    if whole is not None:
        axes.axhline(whole, color=INK, linewidth=1, label="all test bars")
    if majority is not None:
        axes.axhline(majority, color=ORANGE, linewidth=1, linestyle=(0, (4, 3)), label="majority")
    axes.set_ylabel("Accuracy")
    _percent(axes)
    axes.margins(y=0.15)
    _legend(axes)
    return figure


def comparison(rows: Sequence[tuple[str, float]], interval: tuple[float, float] | None, bar: float | None) -> Figure:
    """Accuracies beside each other: the model first, with its interval, and the gate's bar."""
    figure = Figure(figsize=(WIDTH, 0.9 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = list(range(len(rows)))[::-1]
    values = [value for _, value in rows]
    if interval is not None:
        axes.plot(interval, [places[0]] * 2, color=BLUE, linewidth=6, alpha=0.35, solid_capstyle="butt")
    axes.scatter(values[:1], places[:1], s=52, color=BLUE, linewidths=0, zorder=3)
    axes.scatter(values[1:], places[1:], s=34, color=MUTED, linewidths=0, zorder=3)
    for (_, value), place in zip(rows, places, strict=True):
        axes.annotate(
            f"{value * 100:.1f} %", (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8
        )
    edges = [*values, *(interval or ()), *(() if bar is None else (bar,))]
    if bar is not None:
        axes.axvline(bar, color=RED, linewidth=1.4)
        left = bar > (min(edges) + max(edges)) / 2
        axes.annotate(
            f"gate {bar * 100:.6g} %",
            (bar, places[0] + 0.62),
            (-4 if left else 4, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            color=RED,
            fontsize=8,
        )
    room = max(max(edges) - min(edges), 0.02) * 0.12
    axes.set(xlim=(min(edges) - room, max(edges) + room), ylim=(-0.6, len(rows) - 0.1))
    axes.set_yticks(places, [name.replace(" ", "\n") for name, _ in rows])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    return figure


def _line(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, label: str = "", marker: str = "o") -> None:
    few = len(x) <= 40
    axes.plot(x, y, color=colour, label=label or None, marker=marker if few else "", markersize=3)


def _legend(axes: Axes) -> None:
    """A legend above the panel, where no line can run through it."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.02, 0.97), ncols=2, borderaxespad=0.2, handlelength=1.6)


def _percent(axes: Axes) -> None:
    low, high = axes.get_ylim()
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0 if high - low > 0.04 else 1, symbol=" %"))


def _column(rows: Sequence[Row], name: str) -> list[float]:
    return [math.nan if row.get(name) is None else float(row[name]) for row in rows]


def _times(rows: Sequence[Row], name: str) -> np.ndarray:
    return np.array([str(row[name]).removesuffix("Z") for row in rows], dtype="datetime64[s]")
