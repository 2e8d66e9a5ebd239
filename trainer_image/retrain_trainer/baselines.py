"""What is reached without the model: answers to the test labels that a model has to beat, 1 where right, 0 where wrong.

- majority: always the more frequent of the test labels. It knows the test's base rate, which no trader
  does, so it is a strict bar.
- persistence: the direction of the last bar goes on.
- reversal: the price returns to its mean, minus the sign of (close - mean of the last 20 closes).
- logistic: logistic regression on the last bar of each window, fitted on the train rows.

Persistence and reversal are not fitted. Where their rule says nothing (an unchanged close) they count half,
what a coin would earn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .calibrate import sigmoid

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Labels: TypeAlias = NDArray[np.int8]

REVERSAL_BARS = 20
PENALTY = 1.0
"""L2 penalty of the logistic regression: half the squared weights, as scikit-learn's C = 1."""

_ROUNDING = 1e-10
"""A close as near to its mean as this, relative to itself, is at it: the rest is rounding of the sums."""
_CHUNK_ROWS = 65_536
_ITERATIONS = 25
_HALVINGS = 20
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Baselines:
    """Answers of each baseline to the test labels [test rows]: 1 right, 0 wrong, 0.5 none; None where it can't be made."""

    majority: Floats
    persistence: Floats
    reversal: Floats
    logistic: Floats | None

    def by_name(self) -> dict[str, Floats | None]:
        """As a mapping."""
        return dict(vars(self))


@dataclass(frozen=True)
class Logistic:
    """Probability of up = sigmoid(features @ weights + intercept)."""

    weights: Floats
    intercept: float


def measure(
    close: Floats,
    features: NDArray[Any],
    train_rows: Integers,
    train_labels: Labels,
    test_rows: Integers,
    test_labels: Labels,
) -> Baselines:
    """All baselines at once, for labelled rows (labels 0 or 1).

    `close` [rows] and `features` [rows, features] (scaled as for the model) are those of the whole file;
    `train_rows` and `test_rows` are indices into them, each the last bar of a window.
    """
    return Baselines(
        majority=majority(test_labels),
        persistence=persistence(close, test_rows, test_labels),
        reversal=reversal(close, test_rows, test_labels),
        logistic=logistic(features, train_rows, train_labels, test_rows, test_labels),
    )


def majority(labels: Labels) -> Floats:
    """Answers [n] of always saying the more frequent label."""
    up = labels == 1
    right: Floats = (up if np.mean(up) >= 0.5 else ~up).astype(np.float64)
    return right


def persistence(close: Floats, rows: Integers, labels: Labels) -> Floats:
    """Answers of "the last bar's direction goes on" to the labels of `rows`; indices into `close`."""
    change = np.diff(close, prepend=close[:1])
    return _answers(np.sign(change[rows]), labels)


def reversal(close: Floats, rows: Integers, labels: Labels, bars: int = REVERSAL_BARS) -> Floats:
    """Answers of "the price returns to the mean of its last `bars` closes, this one included"."""
    distance = (close - _trailing_mean(close, bars))[rows]
    distance[np.abs(distance) <= _ROUNDING * np.abs(close[rows])] = 0.0
    return _answers(-np.sign(distance), labels)


def logistic(
    features: NDArray[Any],
    train_rows: Integers,
    train_labels: Labels,
    test_rows: Integers,
    test_labels: Labels,
) -> Floats | None:
    """Answers to the test rows of a logistic regression fitted on the train rows; None when those are all of one class."""
    if np.unique(train_labels).size < 2:
        return None
    model = fit_logistic(features, train_rows, train_labels)
    called = np.zeros(test_rows.size, dtype=np.bool_)
    for i in range(0, test_rows.size, _CHUNK_ROWS):
        scores = _design(features, test_rows[i : i + _CHUNK_ROWS]) @ np.append(model.weights, model.intercept)
        called[i : i + _CHUNK_ROWS] = scores > 0
    right: Floats = (called == (test_labels == 1)).astype(np.float64)
    return right


def fit_logistic(features: NDArray[Any], rows: Integers, labels: Labels, penalty: float = PENALTY) -> Logistic:
    """Logistic regression with an L2 penalty on the weights (the intercept is free), by Newton's method.

    Minimises sum of cross-entropies + penalty / 2 * |weights|^2 (T. Hastie, R. Tibshirani, J. Friedman, The
    Elements of Statistical Learning, 2009, section 4.4.1). Rows are read in chunks, which add up to the
    gradient and the Hessian, so that a million rows need no copy; a step that does not lower the loss is
    halved.
    """
    theta = np.zeros(features.shape[1] + 1)
    ridge = np.append(np.full(features.shape[1], penalty), 0.0)
    loss, gradient, hessian = _derivatives(features, rows, labels, theta, ridge)
    for _ in range(_ITERATIONS):
        step = np.linalg.solve(hessian + 1e-9 * np.eye(theta.size), gradient)
        if gradient @ step < _TOLERANCE * rows.size:
            break
        for _ in range(_HALVINGS):
            candidate = _derivatives(features, rows, labels, theta - step, ridge)
            if candidate[0] < loss:
                break
            step /= 2
        else:
            break
        theta = theta - step
        loss, gradient, hessian = candidate
    return Logistic(theta[:-1], float(theta[-1]))


def _derivatives(
    features: NDArray[Any], rows: Integers, labels: Labels, theta: Floats, ridge: Floats
) -> tuple[float, Floats, Floats]:
    """Loss, gradient and Hessian of the penalised cross-entropy at `theta`."""
    loss, gradient, hessian = float(ridge @ theta**2) / 2, ridge * theta, np.diag(ridge)
    for i in range(0, rows.size, _CHUNK_ROWS):
        design = _design(features, rows[i : i + _CHUNK_ROWS])
        truth = labels[i : i + _CHUNK_ROWS].astype(np.float64)
        scores = design @ theta
        p = sigmoid(scores)
        loss += float((np.logaddexp(0.0, scores) - truth * scores).sum())
        gradient = gradient + design.T @ (p - truth)
        hessian = hessian + design.T @ (design * (p * (1 - p))[:, None])
    return loss, gradient, hessian


def _design(features: NDArray[Any], rows: Integers) -> Floats:
    """Features of some rows in float64 with a last column of ones."""
    design = np.ones((rows.size, features.shape[1] + 1))
    design[:, :-1] = features[rows]
    return design


def _answers(signs: Floats, labels: Labels) -> Floats:
    """Whether each sign foretells its label [n]; a sign of 0 counts half."""
    return np.where(signs == 0, 0.5, (signs > 0) == (labels == 1))


def _trailing_mean(values: Floats, bars: int) -> Floats:
    """Mean of the last `bars` values [n], of fewer at the start; shifted, so that sums lose no digits."""
    shifted = values - values[:1]
    sums = np.concatenate([[0.0], np.cumsum(shifted)])
    ends = np.arange(1, values.size + 1)
    starts = np.maximum(ends - bars, 0)
    mean: Floats = (sums[ends] - sums[starts]) / (ends - starts) + values[:1]
    return mean
