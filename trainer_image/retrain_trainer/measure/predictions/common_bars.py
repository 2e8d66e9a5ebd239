"""Compares two measured models on the bars that both were judged on, from the predictions of both.

Two runs seldom have exactly the same test bars: with a longer lookback the first windows end later. The bars in common still answer
which model is better, with an interval, as for a champion. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .answers import Answers, compared
from .prediction_file import Recorded

FEWEST_BARS = 100
"""As for a champion: with fewer bars in common there is no comparison."""
_SAME_PRICE = 1e-6
"""Share of a close by which two files may differ: what prices lose when they are stored as float32."""


@dataclass(frozen=True)
class CommonBars:
    """The accuracy of the first less that of the second on `bars` bars, with its 95 % interval; or why there is none."""

    bars: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    obstacle: str = ""


def on_common_bars(one: Recorded, other: Recorded) -> CommonBars:
    """Compare two models on their common bars."""
    ours, theirs = one.predictions, other.predictions
    if ours.dataset.question != theirs.dataset.question:
        return CommonBars(0, obstacle="they predict different things")
    _, first, second = np.intersect1d(
        ours.dataset.candles.timestamps[ours.labelled],
        theirs.dataset.candles.timestamps[theirs.labelled],
        assume_unique=True,
        return_indices=True,
    )
    rows, other_rows = ours.labelled[first], theirs.labelled[second]
    closes = ours.dataset.candles.close[rows], theirs.dataset.candles.close[other_rows]
    labels = ours.dataset.labels.values[rows], theirs.dataset.labels.values[other_rows]
    if rows.size < FEWEST_BARS:
        return CommonBars(
            int(rows.size),
            obstacle=f"they have {rows.size:,} judged bars in common, and at least {FEWEST_BARS} are needed",
        )
    if not np.allclose(*closes, rtol=_SAME_PRICE, atol=0) or not np.array_equal(*labels):
        return CommonBars(int(rows.size), obstacle="their prices differ on the bars in common")
    window = max(ours.lookback, theirs.lookback)
    found = compared(ours, Answers("", rows, theirs.right(other_rows), window)).champion
    return CommonBars(int(rows.size), found.difference, found.low, found.high)
