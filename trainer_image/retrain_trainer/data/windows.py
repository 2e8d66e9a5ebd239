"""Windows as row numbers. A window is copied from the features only when a batch needs it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrain_api.time import Interval

_CHUNK = 65_536


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each feature over the train rows, float32[f] each. No std is zero."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def apply(self, values: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """(values - mean) / std for float32[..., f], in a new array or in `out`, which may be `values`."""
        scaled = np.subtract(values, self.mean, out=out)
        return np.divide(scaled, self.std, out=scaled)


def window_ends(
    timestamps: NDArray[np.int64],
    interval: Interval,
    lookback: int,
    rows: slice,
    labels: NDArray[np.int8] | None = None,
) -> NDArray[np.int64]:
    """Row numbers of the last bars of the usable windows, int64[k] in time order.

    A window of `lookback` bars is usable when it lies entirely in `rows` and spans no gap in time. With `labels`
    (int8[n], -1 for none), its last bar must have a label, too.
    """
    start, stop, _ = rows.indices(len(timestamps))
    ends = np.arange(start + lookback - 1, max(stop, start + lookback - 1), dtype=np.int64)
    usable = timestamps[ends] - timestamps[ends - (lookback - 1)] == (lookback - 1) * interval.nanoseconds
    if labels is not None:
        usable &= labels[ends] >= 0
    selected: NDArray[np.int64] = ends[usable]
    return selected


def fit_scaling(values: NDArray[np.float32], rows: slice) -> Scaling:
    """Mean and population standard deviation of float32[n, f] over `rows`, which are the train rows alone.

    Summed in float64, chunk by chunk, in two passes: the second sums squared differences from the mean, so a large
    mean costs no precision. A feature that does not vary gets a std of 1.
    """
    part = values[rows]
    count = max(len(part), 1)
    mean = sum(_chunk_sums(part, np.zeros(part.shape[1]), 1), np.zeros(part.shape[1])) / count
    variance = sum(_chunk_sums(part, mean, 2), np.zeros(part.shape[1])) / count
    std = np.sqrt(variance).astype(np.float32)
    return Scaling(mean.astype(np.float32), np.where(std > 0, std, np.float32(1)))


def _chunk_sums(part: NDArray[np.float32], centre: NDArray[np.float64], power: int) -> list[NDArray[np.float64]]:
    starts = range(0, len(part), _CHUNK)
    return [((part[start : start + _CHUNK] - centre) ** power).sum(axis=0) for start in starts]
