"""Logits of many windows, in batches: shared by validation, evaluation and prediction."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .model import DirectionLSTM
from .windows import gather
from .workers import Workers

BATCH = 128
"""Windows at a time on a CPU. One number for all callers, so that they compute the same bits on the same machine; of 64
to 1,024 the fastest with two threads (`docs/performance.md`)."""

BATCH_ON_GPU = 4096
"""A GPU is idle with fewer; the outputs of a layer of 2 x 128 over 60 bars take 250 MB."""


def forward(
    model: DirectionLSTM,
    features: Tensor,
    ends: Tensor,
    lookback: int,
    precision: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Logits float32[batch] of the windows that end at rows `ends` (int64[batch]) of scaled features [rows, f].

    Model, features and ends are on one device. With bfloat16 the network runs under autocast; `generator` is dropout's.
    """
    windows = gather(features, ends - (lookback - 1), lookback)
    with torch.autocast(features.device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
        logits: Tensor = model(windows, generator)
    return logits


def batch_on(device: torch.device) -> int:
    """Windows at a time on that device."""
    return BATCH if device.type == "cpu" else BATCH_ON_GPU


def logits(
    model: DirectionLSTM, features: Tensor, ends: NDArray[np.int64], lookback: int, batch: int | None = None
) -> NDArray[np.float64]:
    """Logits float64[k] of the windows that end at rows `ends` (int64[k]) of scaled features float32[rows, f].

    Always computed in float32 and without dropout; the model is left in evaluation mode. The features are on
    the model's device. A window needs lookback - 1 rows before its end. On a CPU batches are computed side by side.
    """
    model.eval()
    parts = torch.from_numpy(ends).to(features.device).split(batch or batch_on(features.device))

    @torch.inference_mode()  # it holds for the thread that computes
    def compute(part: Tensor) -> Tensor:
        return forward(model, features, part, lookback)

    with Workers(len(parts) if features.device.type == "cpu" else 1) as workers:
        return torch.cat(list(workers.map(compute, parts))).cpu().double().numpy()
