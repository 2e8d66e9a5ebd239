"""Computes the logits of many windows in batches; used by validation, evaluation and prediction."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .network import DirectionLSTM
from .workers import Workers

BATCH = 128
"""Windows at a time on a CPU. All callers use the same number, so they get the same bits on the same machine. Of 64 to
1,024 it is the fastest with two threads (`docs/performance.md`)."""

BATCH_ON_GPU = 4096
"""Windows at a time on a GPU, which is idle with fewer; the outputs of a layer of 2 x 128 over 60 bars take 250 MB."""


def gather(features: Tensor, starts: Tensor, lookback: int) -> Tensor:
    """The windows that begin at rows `starts` (int64[batch]) of `features` [rows, f]: [batch, lookback, f].

    Only these windows are copied.
    """
    return features[starts.unsqueeze(1) + torch.arange(lookback, device=starts.device)]


def forward(
    model: DirectionLSTM,
    features: Tensor,
    ends: Tensor,
    lookback: int,
    precision: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Logits float32[batch] of the windows that end at rows `ends` (int64[batch]) of scaled features [rows, f].

    Model, features and ends are on the same device. With bfloat16 the network runs under autocast. Dropout draws from
    `generator`.
    """
    windows = gather(features, ends - (lookback - 1), lookback)
    with torch.autocast(features.device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
        logits: Tensor = model(windows, generator)
    return logits


def batch_on(device: torch.device) -> int:
    """Windows at a time on a device."""
    return BATCH if device.type == "cpu" else BATCH_ON_GPU


@dataclass
class _Float32:
    """How many threads compute in float32 now, and the setting to go back to after the last of them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    before: str = ""


_float32 = _Float32()


@contextmanager
def in_float32() -> Iterator[None]:
    """Computes LSTMs in full float32. On a GPU, torch lets cuDNN round the factors to TF32, which has a 10-bit mantissa.

    A model is judged by the numbers that a service on a CPU will get. The setting is the whole process's: several threads
    may be inside at once, and it is set back when the last one leaves.
    """
    lstm: Any = torch.backends.cudnn.rnn  # torch replaces the module by one with settings, unknown to its types
    with _float32.lock:
        if _float32.users == 0:
            _float32.before, lstm.fp32_precision = lstm.fp32_precision, "ieee"
        _float32.users += 1
    try:
        yield
    finally:
        with _float32.lock:
            _float32.users -= 1
            if _float32.users == 0:
                lstm.fp32_precision = _float32.before


def logits(
    model: DirectionLSTM,
    features: Tensor,
    ends: NDArray[np.int64],
    lookback: int,
    batch: int | None = None,
    *,
    parallel: bool = True,
) -> NDArray[np.float64]:
    """Logits float64[k] of the windows that end at rows `ends` (int64[k]) of scaled features float32[rows, f].

    Always computed in float32 and without dropout; the model is left in evaluation mode. The features are on the model's
    device. A window needs lookback - 1 rows before its end. On a CPU, batches are computed in parallel, which sets torch's
    number of threads for the whole process meanwhile; without `parallel` they come one by one, and nothing is set.
    """
    model.eval()
    parts = torch.split(torch.from_numpy(ends).to(features.device), batch or batch_on(features.device))

    @torch.inference_mode()  # per thread, so it decorates what the workers run
    def compute(part: Tensor) -> Tensor:
        return forward(model, features, part, lookback)

    with in_float32(), Workers(len(parts) if parallel and features.device.type == "cpu" else 1) as workers:
        return torch.cat(list(workers.map(compute, parts))).cpu().double().numpy()
