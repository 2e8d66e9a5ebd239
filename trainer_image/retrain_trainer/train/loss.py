"""Weighted binary cross-entropy on logits, and its weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.spec.training import Loss


def positive_weight(labels: NDArray[np.int8], loss: Loss) -> float:
    """Weight of the up labels: the spec's number, or for Auto the down labels divided by the up labels.

    `labels` int8[k] are those of the train windows alone, 1 or 0. Raises DataError("OneClass") where Auto finds only one
    class.
    """
    if loss.weight is not None:
        return loss.weight
    up = int((labels == 1).sum())
    down = int((labels == 0).sum())
    if up == 0 or down == 0:
        raise DataError(
            reasons.ONE_CLASS,
            f"The train windows have {up:,} up and {down:,} down labels; both are needed. "
            "Use a longer file, or another label.horizonBars.",
        )
    return down / up


def weighted_bce(logits: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    """Mean of -(weight * y * ln s(x) + (1 - y) * ln(1 - s(x))) over logits x [n] and targets y [n] of 0 or 1.

    s is the logistic function. It is part of the loss and must not be applied to the logits beforehand. `weight` is a
    scalar tensor.
    """
    return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight)
