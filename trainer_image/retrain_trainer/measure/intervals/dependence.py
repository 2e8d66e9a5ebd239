"""For how long do bars depend on each other? The block length that the data themselves ask for.

A lookback and a horizon are the least: bars closer than that share a window or an outcome. But a calm market or a model that
hardly changes its mind makes bars depend on each other for much longer, and intervals from short blocks are then far
too narrow (docs/measuring.md, the table of coverage).

The length is the automatic one of D. Politis and H. White (Automatic Block-Length Selection for the Dependent Bootstrap,
Econometric Reviews 23, 2004) with the correction of A. Patton, D. Politis and H. White (Econometric Reviews 28, 2009), for
blocks of equal length, with two differences. Correlations are searched up to the longest block that is allowed, not only
up to the square root of the number of bars: a probability that moves once in a thousand bars is still correlated there. And
bars without a label keep their place in time and weigh nothing (E. Parzen, On Spectral Analysis with Missing Observations,
Sankhya A 25, 1963).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .resampling import FEWEST_BLOCKS, block_length

Floats: TypeAlias = NDArray[np.float64]

_CONSTANT = 1e-12
"""A variance this small beside the mean square is a rounding error."""


def dependent_block(probabilities: Floats, labels: NDArray[np.int8], least: int) -> int:
    """Bars of a block over all test bars: `least`, or longer, yet never so long that fewer than FEWEST_BLOCKS fit between the
    first and the last judged bar.

    `probabilities` [bars] (NaN where there is no window) and `labels` [bars] (1, 0, or -1 for none) are in time order.
    Dependence is looked for in the answers, the squared errors and the probabilities. A model that hardly changes its mind
    has few independent answers, and that shows first in its probabilities: answers and errors are mostly noise. Where
    not even blocks of `least` fit often enough, it is `least`.
    """
    p, up = np.where(labels >= 0, probabilities, np.nan), labels == 1
    known = np.isfinite(p)
    right = np.where(known, (p > 0.5) == up, np.nan)
    places = np.flatnonzero(known)
    longest = int(places[-1] - places[0] + 1) // FEWEST_BLOCKS if places.size else 0
    found = [automatic_length(series, longest) for series in (right, np.square(p - up), p)]
    return block_length(labels.size, max(least, *found)) or least


def automatic_length(series: Floats, longest: int) -> int:
    """Bars of a block for the mean of `series` [bars] (NaN where a bar has no value), from 1 to `longest`."""
    known = np.isfinite(series)
    if longest < 2 or not known.any():
        return 1
    values = np.where(known, series, 0.0)
    centred = np.where(known, values - values[known].mean(), 0.0)
    if np.square(centred).sum() <= _CONSTANT * np.square(values).sum():
        return 1
    bars, quiet = int(known.sum()), _quiet_lags(int(known.sum()))
    correlation = _correlation(centred, known, min(longest + quiet, series.size - 1))
    bandwidth = min(2 * max(_last_dependent(correlation, bars, quiet), 1), longest)
    return max(1, min(_length(correlation[: bandwidth + 1], bars), longest))


def _correlation(centred: Floats, known: NDArray[np.bool_], lags: int) -> Floats:
    """Autocorrelation at lags 0 to `lags` [lags + 1], of pairs that are both known, tapered as in the usual estimator."""
    together, taper = _products(known.astype(np.float64), lags), 1 - np.arange(lags + 1) / centred.size
    covariance = np.divide(_products(centred, lags), together, out=np.zeros(lags + 1), where=together > 0.5) * taper
    correlation: Floats = covariance / covariance[0]
    return correlation


def _products(values: Floats, lags: int) -> Floats:
    """Sums of values[i] * values[i + lag] over i, for lags 0 to `lags` [lags + 1]."""
    size = 1 << (values.size + lags).bit_length()
    spectrum = np.fft.rfft(values, size)
    products: Floats = np.fft.irfft(spectrum * spectrum.conj(), size)[: lags + 1]
    return products


def _quiet_lags(bars: int) -> int:
    """How many insignificant correlations in a row end the dependence: Politis and White's K."""
    return max(5, math.isqrt(round(math.log10(max(bars, 1)))))


def _last_dependent(correlation: Floats, bars: int, quiet: int) -> int:
    """The lag after which `quiet` correlations in a row are insignificant; the last one searched where there is none."""
    significant = np.abs(correlation[1:]) >= 2 * math.sqrt(math.log10(max(bars, 2)) / bars)
    if significant.size < quiet:
        return int(significant.size)
    runs = np.convolve(significant, np.ones(quiet), "valid")
    still = np.flatnonzero(runs < 0.5)
    return int(still[0]) if still.size else int(runs.size)


def _length(correlation: Floats, bars: int) -> int:
    """(2 G^2 / D)^(1/3) n^(1/3) with D = 4/3 g(0)^2, from correlations at lags 0 to the bandwidth."""
    lags = np.arange(1, correlation.size)
    window = np.minimum(1.0, 2 * (1 - lags / lags.size))  # flat, then falling to 0 at the bandwidth
    slope = 2 * float((window * lags * correlation[1:]).sum())
    level = 1 + 2 * float((window * correlation[1:]).sum())
    if abs(level) < _CONSTANT:
        return bars
    return math.ceil(float((1.5 * slope**2 / level**2 * bars) ** (1 / 3)))
