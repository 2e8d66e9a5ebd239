"""The circular block bootstrap: drawing blocks of consecutive bars, and intervals from the resampled figures.

Bars that are close in time share windows and outcomes. Drawn one by one they would look independent, and the intervals
would be far too narrow, so they are drawn in blocks (H. Künsch, The Jackknife and the Bootstrap for General Stationary
Observations, Annals of Statistics 17, 1989). After the last bar comes the first one again (D. Politis, J. Romano, A Circular
Block-Resampling Procedure for Stationary Data, 1992): otherwise the bars near both ends are drawn less often, and with ten
blocks the resamples lie beside the measured figure instead of around it. A block is counted in bars of time: a bar without
a label takes up its place and weighs nothing. Sums are looked up in a table of the sums of all blocks, so a resample costs
one look-up a block.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.measurement import CONFIDENCES

Floats: TypeAlias = NDArray[np.float64]
Starts: TypeAlias = NDArray[np.int32]
Interval: TypeAlias = tuple[float, float]

RESAMPLES = 1_000
SEED = 0
"""Of every draw of blocks: the same predictions give the same intervals."""
FEWEST_BLOCKS = 10
"""With fewer blocks the resamples are too much alike to say anything, so there is no interval."""
MOST_BLOCKS = 2_000
"""With more blocks than this, blocks are made longer: they keep more of the dependence, and the time stays bounded."""

_INDEPENDENT = 2 / 3
"""Degrees of freedom for each block after the first. Neighbouring blocks depend on each other a little, and with a whole one the
90 % intervals of 10 to 20 blocks hold the truth in only 86 to 89 % of series (docs/experiments.md)."""
_CHUNK_RESAMPLES = 200
_DEFINED_SHARE = 0.9


def block_length(bars: int, wanted: int) -> int | None:
    """Bars of a block, at least `wanted`; None where the series has fewer than FEWEST_BLOCKS such blocks."""
    block = max(wanted, math.ceil(bars / MOST_BLOCKS), 1)
    return block if bars >= FEWEST_BLOCKS * block else None


def draw(bars: int, block: int, seed: int, resamples: int = RESAMPLES) -> Starts:
    """First bars of the blocks of each resample [resamples, blocks]; a block that reaches the last bar goes on at the first."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, bars, size=(resamples, math.ceil(bars / block)), dtype=np.int32)


def around(column: Floats, block: int) -> Floats:
    """A column [bars] with its first bars once more at its end, so that a block may begin at any bar: [bars + block - 1]."""
    return np.concatenate([column, column[: block - 1]])


def totals(column: Floats, starts: Starts, block: int) -> Floats:
    """Sum of a column [bars] over each resample; the last block is cut, so that every resample has as many bars as the data."""
    sums = np.concatenate([[0.0], np.cumsum(around(column, block))])
    rest = column.size - (starts.shape[1] - 1) * block
    whole = sums[block:] - sums[:-block]
    last = starts[:, -1]
    added = [whole[part].sum(axis=1) for part in parts(starts[:, :-1])]
    result: Floats = np.concatenate(added) + sums[last + rest] - sums[last]
    return result


def parts(starts: Starts) -> list[Starts]:
    """Resamples in groups, so that the arrays computed from them stay small."""
    return np.array_split(starts, math.ceil(starts.shape[0] / _CHUNK_RESAMPLES))


def bounds(figures: Floats, blocks: int) -> dict[int, Interval] | None:
    """Intervals at each of CONFIDENCES from the defined resamples; None where more than a tenth is undefined."""
    defined = figures[np.isfinite(figures)]
    if defined.size < _DEFINED_SHARE * figures.size:
        return None
    tails = [100 * tail(confidence, blocks) for confidence in CONFIDENCES]
    low, high = np.percentile(defined, tails), np.percentile(defined, [100 - each for each in tails])
    return {confidence: (float(low[i]), float(high[i])) for i, confidence in enumerate(CONFIDENCES)}


def tail(confidence: int, blocks: int) -> float:
    """Share of the resamples that an interval leaves out on each side.

    With few blocks the resamples vary too little, by sqrt(1 - 1 / blocks), and the normal tails are too thin. So the
    percentiles are taken further out, where Student's distribution has its tails (T. Hesterberg, What Teachers Should Know
    About the Bootstrap, The American Statistician 69, 2015, section 4.2: the expanded percentile interval).
    """
    degrees = _INDEPENDENT * (blocks - 1)
    return NormalDist().cdf(-student((1 + confidence / 100) / 2, degrees) * math.sqrt(blocks / (blocks - 1)))


def student(share: float, degrees: float) -> float:
    """Quantile of Student's distribution, computed from the normal one (M. Abramowitz, I. Stegun, Handbook of Mathematical
    Functions, 1964, 26.7.5); from 6 degrees of freedom on it is right to three digits up to 99.5 %."""
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + math.fsum(term / float(degrees) ** (power + 1) for power, term in enumerate(terms))
