"""Turns the logits of a weighted loss into calibrated probabilities.

Two steps. The weight on the up labels shifts every logit by exactly the logarithm of the weight (C. Elkan, The
Foundations of Cost-Sensitive Learning, IJCAI 2001, theorem 2), which is subtracted. Platt scaling, sigmoid(slope * logit
+ intercept), fitted on validation, then corrects over- and underconfidence (J. Platt, Probabilistic Outputs for Support
Vector Machines, 1999).

The fit uses Platt's smoothed targets: an up label counts as (N1 + 1) / (N1 + 2), a down label as 1 / (N0 + 2). They keep
the optimum finite on data that a threshold separates; on thousands of validation rows their effect is invisible. The
slope is never below 0: a model that is wrong about the direction gets the base rate, and is not inverted afterwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, SoftwareError

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int8]
Method: TypeAlias = Literal["Platt", "None"]

_ITERATIONS = 100
_HALVINGS = 30
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(slope * (logit - log_weight) + intercept).

    `method` is what was done: also "None" where Platt scaling was requested but could not be fitted.
    """

    log_weight: float
    slope: float
    intercept: float
    method: Method


def fit(logits: Floats, labels: Labels, positive_weight: float, method: str) -> Calibration:
    """Calibration of a model from its logits [n] and the labels [n] (0 or 1) of the validation rows.

    With labels of one class, or without labels, there is nothing to fit: only the weight is removed. Raises
    ConfigurationError for a weight that is not positive or an unknown method, SoftwareError for logits that are not
    finite.
    """
    if not (math.isfinite(positive_weight) and positive_weight > 0):
        raise ConfigurationError(
            reasons.BAD_POSITIVE_WEIGHT, f"positiveWeight is {positive_weight}; it must be above 0."
        )
    if method not in ("Platt", "None"):
        raise ConfigurationError(reasons.UNKNOWN_CALIBRATION, f"Calibration {method!r} is unknown; use Platt or None.")
    logits = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(logits).all():
        raise SoftwareError(
            reasons.LOGITS_NOT_FINITE, "The model gave logits on validation that are not finite numbers."
        )
    log_weight = math.log(positive_weight)
    if method == "None" or np.unique(labels).size < 2:
        return Calibration(log_weight, 1.0, 0.0, "None")
    slope, intercept = _platt(logits - log_weight, labels)
    return Calibration(log_weight, slope, intercept, "Platt")


def probability(calibration: Calibration, logits: Floats) -> Floats:
    """Probability of up [n] for logits [n]; NaN stays NaN."""
    shifted = np.asarray(logits, dtype=np.float64) - calibration.log_weight
    return sigmoid(calibration.slope * shifted + calibration.intercept)


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)) without overflow."""
    with np.errstate(invalid="ignore"):  # NaN in, NaN out, on purpose
        result: Floats = np.exp(-np.logaddexp(0.0, -x))
    return result


def _platt(logits: Floats, labels: Labels) -> tuple[float, float]:
    """Slope (at least 0) and intercept that minimise the cross-entropy to the smoothed targets.

    The problem is convex, so where the unconstrained optimum has a slope below 0, the constrained one is at slope 0, with
    the mean target as its constant probability. Logits are standardised for the search only.
    """
    targets = _smoothed(labels)
    center, spread = float(logits.mean()), float(logits.std())
    base = math.log(targets.mean() / (1 - targets.mean()))
    if spread <= 1e-12 * max(1.0, abs(center)):
        return 0.0, base
    slope, intercept = _newton((logits - center) / spread, targets, base)
    if slope <= 0:
        return 0.0, base
    return slope / spread, intercept - slope * center / spread


def _smoothed(labels: Labels) -> Floats:
    up = int((labels == 1).sum())
    down = labels.size - up
    return np.where(labels == 1, (up + 1) / (up + 2), 1 / (down + 2))


def _newton(x: Floats, targets: Floats, base: float) -> tuple[float, float]:
    """Newton steps, each halved until the loss falls (H.-T. Lin, C.-J. Lin, R. Weng, A Note on Platt's
    Probabilistic Outputs for Support Vector Machines, 2007)."""
    design = np.column_stack([x, np.ones_like(x)])
    theta: Floats = np.array([0.0, base])
    loss = _loss(design @ theta, targets)
    for _ in range(_ITERATIONS):
        p = sigmoid(design @ theta)
        gradient = design.T @ (p - targets) / x.size
        if np.abs(gradient).max() < _TOLERANCE:
            break
        hessian = design.T @ (design * (p * (1 - p))[:, None]) / x.size + 1e-12 * np.eye(2)
        step = np.asarray(np.linalg.solve(hessian, gradient), dtype=np.float64)
        lower = _descend(design, targets, theta, step, loss)
        if lower is None:
            break
        theta, loss = lower
    return float(theta[0]), float(theta[1])


def _descend(design: Floats, targets: Floats, theta: Floats, step: Floats, loss: float) -> tuple[Floats, float] | None:
    """The longest halved step that lowers the loss, or None where none does."""
    for halving in range(_HALVINGS):
        candidate = theta - step / 2**halving
        candidate_loss = _loss(design @ candidate, targets)
        if candidate_loss < loss:
            return candidate, candidate_loss
    return None


def _loss(logits: Floats, targets: Floats) -> float:
    return float((np.logaddexp(0.0, logits) - targets * logits).mean())
