"""Windows as row numbers: a window is copied out of the features only when a batch asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK = 65_536


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each feature over the train rows, float32[f] each; no std is zero."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def apply(self, values: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """(values - mean) / std for float32[..., f]; into `out` (`values` itself, say) or a new array."""
        scaled = np.subtract(values, self.mean, out=out)
        return np.divide(scaled, self.std, out=scaled)


def window_ends(
    timestamps: NDArray[np.int64],
    interval_ns: int,
    lookback: int,
    rows: slice,
    labels: NDArray[np.int8] | None = None,
) -> NDArray[np.int64]:
    """Row numbers of the last bars of the usable windows, int64[k] in time order.

    A window of `lookback` bars is usable when all of it lies in `rows` and no gap in time is in it; with
    `labels` (int8[n], -1 for none) only windows whose last bar has a label are.
    """
    start, stop, _ = rows.indices(len(timestamps))
    ends = np.arange(start + lookback - 1, max(stop, start + lookback - 1), dtype=np.int64)
    usable = timestamps[ends] - timestamps[ends - (lookback - 1)] == (lookback - 1) * interval_ns
    if labels is not None:
        usable &= labels[ends] >= 0
    selected: NDArray[np.int64] = ends[usable]
    return selected


def gather(features: Tensor, starts: Tensor, lookback: int) -> Tensor:
    """The windows that begin at rows `starts` (int64[batch]) of `features` [rows, f]: [batch, lookback, f].

    Only these windows are copied. A window that ends at row e starts at e - lookback + 1.
    """
    import torch  # here, so that whoever only counts windows does not wait for torch

    return features[starts.unsqueeze(1) + torch.arange(lookback, device=starts.device)]


def fit_scaling(values: NDArray[np.float32], rows: slice) -> Scaling:
    """Mean and population standard deviation of float32[n, f] over `rows` (the train rows, and no others).

    Summed in float64, chunk by chunk, in two passes: the squares are of differences from the mean, so a large
    mean costs no digits. A feature that does not vary gets a std of 1.
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
