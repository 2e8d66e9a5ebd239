"""Logits of many windows, in batches: shared by validation, evaluation and prediction."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .model import DirectionLSTM
from .windows import gather

BATCH = 256
"""Windows at a time. One number for all callers, so that they compute the same bits on the same machine."""


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


@torch.inference_mode()
def logits(
    model: DirectionLSTM, features: Tensor, ends: NDArray[np.int64], lookback: int, batch: int = BATCH
) -> NDArray[np.float64]:
    """Logits float64[k] of the windows that end at rows `ends` (int64[k]) of scaled features float32[rows, f].

    Always computed in float32 and without dropout; the model is left in evaluation mode. The features are on
    the model's device. A window needs lookback - 1 rows before its end.
    """
    model.eval()
    rows = torch.from_numpy(ends).to(features.device)
    parts = [forward(model, features, part, lookback) for part in rows.split(batch)] if len(ends) else []
    return np.concatenate([part.cpu().numpy() for part in parts] or [np.empty(0)]).astype(np.float64)
