"""How good are probabilities of up? Accuracy, calibration, Brier score, AUC and F1 over labelled rows.

These formulas decide what the gate lets through, so each one names its source and is tested against scikit-learn. A row is
predicted up when its probability is above 0.5 (at 0.5 it is down), just as the backtest goes long only above its
threshold. A value that the rows do not define is None, never NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError, SoftwareError

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Labels: TypeAlias = NDArray[np.int8]

_SIMULATIONS = 200


@dataclass(frozen=True)
class Confusion:
    """Number of rows by prediction and truth, where positive means up."""

    tp: int
    fp: int
    tn: int
    fn: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows with a probability in [low, high): their mean probability and the share of them that went up."""

    low: float
    high: float
    count: int
    mean_probability: float | None
    observed_share: float | None


@dataclass(frozen=True)
class Classification:
    """The result of `classify`; `bars` is the number of rows, and `base_rate` the share of up labels."""

    accuracy: float
    calibration_error: float
    calibration_error_expected: float
    brier: float
    auc: float | None
    f1: float | None
    base_rate: float
    confusion: Confusion
    bars: int
    reliability: tuple[ReliabilityBin, ...]


def classify(probabilities: Floats, labels: Labels, bins: int, seed: int = 0) -> Classification:
    """Measure probabilities [n] of up against labels [n] (1 up, 0 down).

    `bins` is the number of equal-width bins of the calibration error; `seed` seeds the simulation in
    `expected_calibration_error`. Raises DataError when there is no row, and SoftwareError for a probability
    outside [0, 1] or a label that is neither 0 nor 1.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    _require_rows(probabilities, labels)
    confusion = confusion_of(probabilities, labels)
    return Classification(
        accuracy=(confusion.tp + confusion.tn) / labels.size,
        calibration_error=calibration_error(probabilities, labels, bins),
        calibration_error_expected=expected_calibration_error(probabilities, bins, seed),
        brier=float(np.mean((probabilities - labels) ** 2)),
        auc=auc(probabilities, labels),
        f1=f1(confusion),
        base_rate=float(np.mean(labels == 1)),
        confusion=confusion,
        bars=int(labels.size),
        reliability=reliability(probabilities, labels, bins),
    )


def confusion_of(probabilities: Floats, labels: Labels) -> Confusion:
    """Confusion matrix of the rows [n], predicted up above 0.5."""
    up, truth = probabilities > 0.5, labels == 1
    return Confusion(
        tp=int((up & truth).sum()),
        fp=int((up & ~truth).sum()),
        tn=int((~up & ~truth).sum()),
        fn=int((~up & truth).sum()),
    )


def f1(confusion: Confusion) -> float | None:
    """2 tp / (2 tp + fp + fn) (C. van Rijsbergen, Information Retrieval, 1979); None when no row is up and
    none was predicted up."""
    denominator = 2 * confusion.tp + confusion.fp + confusion.fn
    return 2 * confusion.tp / denominator if denominator else None


def auc(probabilities: Floats, labels: Labels) -> float | None:
    """Share of (up, down) pairs in the right order, with ties counted half; None when there is only one class.

    By the rank sum of the up rows (J. Hanley, B. McNeil, The Meaning and Use of the Area under a ROC Curve,
    Radiology 143, 1982): (R - n1 (n1 + 1) / 2) / (n1 n0), with mean ranks for ties.
    """
    truth = labels == 1
    up = int(truth.sum())
    down = labels.size - up
    if up == 0 or down == 0:
        return None
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[inverse][truth].sum() - up * (up + 1) / 2) / (up * down))


def log_loss(probabilities: Floats, labels: Labels) -> float:
    """Mean cross-entropy in nats; probabilities below 1e-12 for the true class count as 1e-12."""
    given = np.where(labels == 1, probabilities, 1 - probabilities)
    return float(-np.log(np.clip(given, 1e-12, 1.0)).mean())


def base_rate_loss(train_labels: Labels, labels: Labels, weight: float) -> float:
    """The loss, on `labels` [n], of a model that has learnt the share of ups among the train labels [k], and nothing else.

    As a training's loss is computed: the mean of -(w y ln s + (1 - y) ln(1 - s)), where w is the `weight` of the up labels.
    The constant s that is best for a share u of ups is w u / (w u + 1 - u).
    """
    ups = float(np.clip(np.mean(train_labels == 1), 1e-12, 1 - 1e-12))
    share, truth = weight * ups / (weight * ups + 1 - ups), float(np.mean(labels == 1))
    return float(-(weight * truth * np.log(share) + (1 - truth) * np.log1p(-share)))


def bin_of(probabilities: Floats, bins: int) -> Integers:
    """Equal-width bin [n] of each probability: bin i is [i / bins, (i + 1) / bins), and the last one includes 1."""
    return np.minimum((probabilities * bins).astype(np.int64), bins - 1)


def calibration_error(probabilities: Floats, labels: Labels, bins: int) -> float:
    """Expected calibration error of the up class over equal-width bins.

    The mean over rows of |mean probability - share that went up| of the row's bin (M. Pakdaman Naeini,
    G. Cooper, M. Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015); a
    bin with n rows of N weighs n / N, so it is the sum of |sum of (p - y)| over the bins, divided by N.
    """
    gaps = np.bincount(bin_of(probabilities, bins), weights=probabilities - labels, minlength=bins)
    return float(np.abs(gaps).sum() / labels.size)


def expected_calibration_error(probabilities: Floats, bins: int, seed: int, simulations: int = _SIMULATIONS) -> float:
    """The average `calibration_error` if every probability [n] were exactly right.

    With few rows even a perfectly calibrated model reads well above 0, so a measured value means something only beside
    this one. Labels are drawn from the probabilities themselves, `simulations` times (consistency resampling:
    J. Bröcker, L. Smith, Increasing the Reliability of Reliability Diagrams, 2007).
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(bin_of(probabilities, bins), kind="stable")
    p = probabilities[order]
    starts = np.flatnonzero(np.diff(bin_of(p, bins), prepend=-1))
    wanted = np.add.reduceat(p, starts)
    errors = [
        np.abs(np.add.reduceat(rng.random(p.size) < p, starts, dtype=np.int64) - wanted).sum()
        for _ in range(simulations)
    ]
    return float(np.mean(errors) / p.size)


def reliability(probabilities: Floats, labels: Labels, bins: int) -> tuple[ReliabilityBin, ...]:
    """The bins of the calibration error, including empty ones, from low to high."""
    index = bin_of(probabilities, bins)
    counts = np.bincount(index, minlength=bins)
    sums = np.bincount(index, weights=probabilities, minlength=bins)
    ups = np.bincount(index, weights=(labels == 1).astype(np.float64), minlength=bins)
    return tuple(
        ReliabilityBin(
            low=i / bins,
            high=(i + 1) / bins,
            count=int(count),
            mean_probability=float(sums[i] / count) if count else None,
            observed_share=float(ups[i] / count) if count else None,
        )
        for i, count in enumerate(counts)
    )


def _require_rows(probabilities: Floats, labels: Labels) -> None:
    if labels.size == 0:
        raise DataError(
            reasons.NO_LABELLED_BARS,
            "No test bar has a label, so nothing can be measured; use a longer test part (split.test or split.testPercent), or more data.",
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise SoftwareError(reasons.BAD_PROBABILITY, "A probability on the test bars is not a number from 0 to 1.")
    if not np.isin(labels, (0, 1)).all():
        raise SoftwareError(reasons.BAD_LABEL, "A label of a measured test bar is neither 0 nor 1.")
