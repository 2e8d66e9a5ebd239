"""Weighted binary cross-entropy on logits, and its weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from retrain_api.errors import DataError
from retrain_api.spec_data import Loss
from torch import Tensor
from torch.nn import functional


def positive_weight(labels: NDArray[np.int8], loss: Loss) -> float:
    """Weight of the up labels: the spec's number, or down labels / up labels of the train windows [k].

    `labels` are 1 and 0 of the train windows alone. Raises DataError when Auto has only one class to weigh.
    """
    if loss.weight is not None:
        return loss.weight
    up = int((labels == 1).sum())
    down = int((labels == 0).sum())
    if up == 0 or down == 0:
        raise DataError(
            "OneClass",
            f"The train windows have {up:,} up and {down:,} down labels; both are needed. "
            "Use a longer file, or another label.horizonBars.",
        )
    return down / up


def weighted_bce(logits: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    """Mean of -(weight * y * ln s(x) + (1 - y) * ln(1 - s(x))) over logits x [n] and targets y [n] of 0 or 1.

    s is the logistic function and part of the loss: it must not be applied to the logits before. `weight` is
    a scalar tensor.
    """
    return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight)
