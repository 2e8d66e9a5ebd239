"""Logits of a weighted loss become probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression

from retrain_api.errors import ConfigurationError, SoftwareError
from retrain_trainer.model.calibration import Calibration, fit, probability, sigmoid

LOGITS = st.floats(-1e6, 1e6)


def drawn(slope: float, intercept: float, rows: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels that follow sigmoid(slope * logit + intercept)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, rows)
    return logits, (rng.random(rows) < sigmoid(slope * logits + intercept)).astype(np.int8)


@pytest.mark.parametrize("weight", [0.25, 1.0, 4.2])
def test_without_platt_only_the_logarithm_of_the_weight_is_taken_off(weight: float) -> None:
    odds = np.array([0.1, 1.0, 7.0])
    calibration = fit(np.log(odds * weight), np.array([0, 1, 1], np.int8), weight, "None")
    assert (calibration.slope, calibration.intercept, calibration.method) == (1.0, 0.0, "None")
    np.testing.assert_allclose(probability(calibration, np.log(odds * weight)), odds / (1 + odds), rtol=1e-12)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.3, -0.5), (2.5, 1.0), (0.01, 0.2)])
def test_platt_is_logistic_regression_on_the_shifted_logit(slope: float, intercept: float) -> None:
    logits, labels = drawn(slope, intercept)
    calibration = fit(logits + np.log(3.0), labels, 3.0, "Platt")
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], labels)
    assert calibration.slope == pytest.approx(reference.coef_[0, 0], rel=2e-3, abs=2e-4)
    assert calibration.intercept == pytest.approx(reference.intercept_[0], abs=2e-3)


def test_the_fit_is_the_minimum_of_the_smoothed_cross_entropy() -> None:
    logits = np.array([-2.0, -1.0, 0.5, 1.0, 3.0])
    labels = np.array([0, 0, 1, 0, 1], np.int8)
    targets = np.where(labels == 1, 3 / 4, 1 / 5)
    calibration = fit(logits, labels, 1.0, "Platt")
    residual = probability(calibration, logits) - targets
    assert abs(residual.sum()) < 1e-8
    assert abs((residual * logits).sum()) < 1e-8


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e8])
def test_labels_that_a_threshold_separates_do_not_diverge(scale: float) -> None:
    logits = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]) * scale
    calibration = fit(logits, (logits > 0).astype(np.int8), 1.0, "Platt")
    assert np.isfinite([calibration.slope, calibration.intercept]).all()
    p = probability(calibration, logits)
    assert (np.diff(p) > 0).all()
    assert 0.05 < p[0] < 0.5 < p[-1] < 0.95


@pytest.mark.parametrize(
    "logits", [np.array([3.0, 2.0, 1.0, -2.0]), np.full(4, 2.5)], ids=["wrong way round", "constant"]
)
def test_a_model_without_the_right_direction_gets_the_base_rate(logits: np.ndarray) -> None:
    calibration = fit(logits, np.array([0, 0, 1, 1], np.int8), 1.0, "Platt")
    assert calibration.slope == 0.0
    np.testing.assert_allclose(probability(calibration, logits), 0.5)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []], ids=["down", "up", "none"])
def test_one_class_says_that_nothing_was_fitted(labels: list[int]) -> None:
    calibration = fit(np.arange(float(len(labels))), np.array(labels, np.int8), 2.0, "Platt")
    assert calibration == Calibration(np.log(2.0), 1.0, 0.0, "None")


@given(arrays(np.float64, st.integers(2, 40), elements=LOGITS), st.data())
def test_probability_rises_with_the_logit(logits: np.ndarray, data: st.DataObject) -> None:
    labels = data.draw(arrays(np.int8, logits.size, elements=st.integers(0, 1)))
    calibration = fit(logits, labels, data.draw(st.floats(0.01, 100)), "Platt")
    p = probability(calibration, np.sort(logits))
    assert calibration.slope >= 0
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= -1e-12).all()


def test_a_bar_without_a_logit_has_no_probability() -> None:
    assert np.isnan(probability(Calibration(0.0, 1.0, 0.0, "None"), np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("logits", "weight", "method", "error"),
    [
        ([0.0, 1.0], 0.0, "Platt", ConfigurationError),
        ([0.0, 1.0], float("nan"), "Platt", ConfigurationError),
        ([0.0, 1.0], 1.0, "Isotonic", ConfigurationError),
        ([np.inf, 1.0], 1.0, "Platt", SoftwareError),
        ([np.nan, 1.0], 1.0, "None", SoftwareError),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    logits: list[float], weight: float, method: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        fit(np.array(logits), np.array([0, 1], np.int8), weight, method)
