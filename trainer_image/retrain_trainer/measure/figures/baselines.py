"""Simple rules that a model has to beat on the test labels: 1 where a rule is right, 0 where it is wrong.

Without them an accuracy has no meaning: 86 % is no achievement where reversal alone reads 85 %, as on a stablecoin.

- majority: always the more frequent of the test labels. It knows the test's base rate, which no trader
  does, so it is a strict bar.
- persistence: the direction of the last bar continues.
- reversal: the price returns to its mean, minus the sign of (close - mean of the last 20 closes).
- logistic: logistic regression on the last bar of each window, fitted on the train rows.

Persistence and reversal are not fitted. Where their rule gives no direction (an unchanged close) they count half,
as a coin flip would on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.model.calibration import sigmoid

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Labels: TypeAlias = NDArray[np.int8]

REVERSAL_BARS = 20
PENALTY = 1.0
"""L2 penalty of the logistic regression: half the squared weights, as scikit-learn's C = 1."""

_ROUNDING = 1e-10
"""A close this near to its mean, relative to itself, is taken to be equal to it: the rest is rounding of the sums."""
_CHUNK_ROWS = 65_536
_ITERATIONS = 25
_HALVINGS = 20
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class Baselines:
    """Answers of each baseline [test rows]: 1 right, 0 wrong, 0.5 no direction; None where the baseline can't be fitted."""

    majority: Floats
    persistence: Floats
    reversal: Floats
    logistic: Floats | None

    def by_name(self) -> dict[str, Floats | None]:
        """The answers by the name of their baseline."""
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
    """Answers of all baselines on labelled rows (labels 0 or 1).

    `close` [rows] and `features` [rows, features] (scaled as for the model) cover the whole file;
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
    """Answers of "the last bar's direction continues" to the labels of `rows`, which are indices into `close`."""
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
    """Answers on the test rows by a logistic regression fitted on the train rows; None when the train rows are all one class."""
    if np.unique(train_labels).size < 2:
        return None
    model = fit_logistic(features, train_rows, train_labels)
    predicted_up = np.zeros(test_rows.size, dtype=np.bool_)
    for i in range(0, test_rows.size, _CHUNK_ROWS):
        scores = _design(features, test_rows[i : i + _CHUNK_ROWS]) @ np.append(model.weights, model.intercept)
        predicted_up[i : i + _CHUNK_ROWS] = scores > 0
    right: Floats = (predicted_up == (test_labels == 1)).astype(np.float64)
    return right


def fit_logistic(features: NDArray[Any], rows: Integers, labels: Labels, penalty: float = PENALTY) -> Logistic:
    """Logistic regression with an L2 penalty on the weights (the intercept is free), by Newton's method.

    Minimises sum of cross-entropies + penalty / 2 * |weights|^2 (T. Hastie, R. Tibshirani, J. Friedman, The
    Elements of Statistical Learning, 2009, section 4.4.1). The gradient and the Hessian are added up over
    chunks of rows, so that a million rows need no copy in float64. A step that does not lower the loss is halved.
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
    """Features of some rows in float64, with a column of ones appended for the intercept."""
    design = np.ones((rows.size, features.shape[1] + 1))
    design[:, :-1] = features[rows]
    return design


def _answers(signs: Floats, labels: Labels) -> Floats:
    """1 where a sign agrees with its label and 0 where it does not [n]; a sign of 0 counts half."""
    return np.where(signs == 0, 0.5, (signs > 0) == (labels == 1))


def _trailing_mean(values: Floats, bars: int) -> Floats:
    """Mean of the last `bars` values [n], or of fewer at the start; values are shifted so that the sums lose no digits."""
    shifted = values - values[:1]
    sums = np.concatenate([[0.0], np.cumsum(shifted)])
    ends = np.arange(1, values.size + 1)
    starts = np.maximum(ends - bars, 0)
    mean: Floats = (sums[ends] - sums[starts]) / (ends - starts) + values[:1]
    return mean
