"""The interval of the calibration error, less what luck adds to it.

The error is a sum of absolute values, so noise only adds to it: on few bars even a perfectly calibrated model reads well above
0. Both ends of the interval take that off, in ways that were compared in docs/experiments.md.

- Resamples add their own noise to that of the labels. What they read above the measured value estimates what the labels'
  noise has added to that, so the resamples are moved down by twice that difference.
- A perfectly calibrated model reads as much as the resampled errors of the bins about their measured ones. Unlike answers drawn
  one by one from the probabilities, those keep the dependence of overlapping outcomes, which more than doubles what such a
  model reads with a horizon of 15 bars. The lower end is at most what is left of the measured value without the
  largest such reading: 0 where a calibrated model might read as much. Independent noise adds as squares do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.measurement import CONFIDENCES

from .resampling import Interval, bounds, tail

Floats: TypeAlias = NDArray[np.float64]


def calibration_bounds(
    gaps: Floats, rows: Floats, measured: Sequence[float], measured_rows: int, blocks: int
) -> dict[int, Interval] | None:
    """Intervals at each of CONFIDENCES; None where more than a tenth of the resamples has no row.

    `gaps` [bins, resamples] are the resampled sums of probability less label, and `rows` [resamples] the resampled numbers of
    labelled bars; `measured` [bins] and `measured_rows` are those of the bars as they are.
    """
    known = rows > 0
    shares = np.divide(1.0, rows, out=np.full(rows.size, np.nan), where=known)
    means = np.asarray(measured) / max(measured_rows, 1)
    error, resampled = float(np.abs(means).sum()), np.abs(gaps).sum(axis=0) * shares
    if not known.any():
        return None
    excess = float(resampled[known].mean()) - error
    found = bounds(resampled - 2 * excess, blocks)
    if found is None:
        return None
    calibrated = (np.abs(gaps - means[:, None] * rows).sum(axis=0) * shares)[known]
    return {
        confidence: _kept(found[confidence], error, float(np.quantile(calibrated, 1 - tail(confidence, blocks))))
        for confidence in CONFIDENCES
    }


def _kept(interval: Interval, error: float, calibrated: float) -> Interval:
    left = math.sqrt(max(error**2 - calibrated**2, 0.0))
    low, high = (min(max(bound, 0.0), 1.0) for bound in (min(interval[0], left), interval[1]))
    return low, high
