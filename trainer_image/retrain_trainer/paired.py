"""Two predictors on the same bars: how far apart they are, and whether that could be luck.

Both stand before the same bars, so what is resampled is the difference of their answers, bar by bar: an easy or a hard
day moves both, and leaves the difference alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .resampling import RESAMPLES, block_length, bounds, draw, totals

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

CONFIDENCE = 95
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Paired:
    """`difference` of the accuracies, ours less theirs, with its 95 % interval.

    `p_value` is one-sided: how often a predictor that is no better would come out this far ahead. All but the difference
    are None where the bars are too few for an interval.
    """

    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


def paired(
    ours: Floats, theirs: Floats, rows: Integers, block_bars: int, seed: int = 0, resamples: int = RESAMPLES
) -> Paired:
    """Compare answers [k] (1 right, 0 wrong, 0.5 no answer) at bars `rows` (int64[k], ascending row numbers, k > 0).

    Bars in between that were not judged are there and weigh nothing. The p-value is that of differences moved to a mean
    of 0 (A. Davison, D. Hinkley, Bootstrap Methods and their Application, 1997, section 4.4), widened for few blocks as
    the intervals are.
    """
    difference = float(np.mean(ours - theirs))
    bars = int(rows[-1] - rows[0]) + 1
    block = block_length(bars, block_bars)
    if block is None:
        return Paired(difference)
    gap, judged = np.zeros(bars), np.zeros(bars)
    gap[rows - rows[0]], judged[rows - rows[0]] = ours - theirs, 1.0
    starts = draw(bars, block, seed, resamples)
    counts = totals(judged, starts, block)
    found = np.divide(totals(gap, starts, block), counts, out=np.full(resamples, np.nan), where=counts > 0)
    interval = bounds(found, starts.shape[1])
    if interval is None:
        return Paired(difference)
    low, high = interval[CONFIDENCE]
    return Paired(difference, low, high, _p_value(found[counts > 0], difference, starts.shape[1]))


def _p_value(resampled: Floats, difference: float, blocks: int) -> float:
    """Share of the differences without skill that are no smaller; the measured one counts as one of them."""
    without_skill = (resampled - resampled.mean()) * math.sqrt(blocks / (blocks - 1))
    return float((1 + (without_skill >= difference - _ROUNDING).sum()) / (1 + resampled.size))
