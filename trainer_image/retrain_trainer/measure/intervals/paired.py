"""Compares two predictors on the same bars: how far apart are they, and could that be luck?

The difference of their answers is resampled bar by bar, not each accuracy on its own. An easy or a hard day moves both
predictors alike and leaves the difference alone, so this finds real differences that two separate intervals would hide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .dependence import automatic_length
from .resampling import FEWEST_BLOCKS, RESAMPLES, SEED, Interval, block_length, bounds, draw, totals

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

CONFIDENCE = 95
_ROUNDING = 1e-12
"""Differences this close count as equal, so that rounding can't lower a p-value."""


@dataclass(frozen=True)
class Paired:
    """The `difference` of the accuracies, ours minus theirs, with its 95 % interval; `levels` holds it at all confidences.

    `p_value` is one-sided: the probability that a predictor that is no better comes out this far ahead. Everything except
    the difference is None where there are too few bars for an interval.
    """

    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    levels: Mapping[int, Interval] | None = None


def paired(
    ours: Floats, theirs: Floats, rows: Integers, block_bars: int, seed: int = SEED, resamples: int = RESAMPLES
) -> Paired:
    """Compare answers [k] (1 right, 0 wrong, 0.5 no answer) at bars `rows` (int64[k], ascending row numbers, k > 0).

    `block_bars` is the least distance up to which two answers depend on each other; blocks are longer where the differences
    are seen to depend on each other for longer (`dependence`). Blocks are counted in bars of time: bars in between without a label take up their place and weigh nothing. Otherwise a block over
    flat bars would span more time than intended, and the interval would depend on how many bars were left out.

    The p-value comes from the resampled differences shifted to a mean of 0 (A. Davison, D. Hinkley, Bootstrap Methods and
    their Application, 1997, section 4.4), and is widened for few blocks in the same way as the intervals.
    """
    difference = float(np.mean(ours - theirs))
    bars = int(rows[-1] - rows[0]) + 1
    gap, labelled = np.zeros(bars), np.zeros(bars)
    gap[rows - rows[0]], labelled[rows - rows[0]] = ours - theirs, 1.0
    dependent = automatic_length(np.where(labelled > 0, gap, np.nan), bars // FEWEST_BLOCKS)
    block = block_length(bars, max(block_bars, dependent))
    if block is None:
        return Paired(difference)
    starts = draw(bars, block, seed, resamples)
    counts = totals(labelled, starts, block)
    found = np.divide(totals(gap, starts, block), counts, out=np.full(resamples, np.nan), where=counts > 0)
    interval = bounds(found, starts.shape[1])
    if interval is None:
        return Paired(difference)
    low, high = interval[CONFIDENCE]
    return Paired(difference, low, high, _p_value(found[counts > 0], difference, starts.shape[1]), interval)


def _p_value(resampled: Floats, difference: float, blocks: int) -> float:
    """Share of the differences without skill that are at least as large; the measured one counts as one of them."""
    without_skill = (resampled - resampled.mean()) * math.sqrt(blocks / (blocks - 1))
    return float((1 + (without_skill >= difference - _ROUNDING).sum()) / (1 + resampled.size))
