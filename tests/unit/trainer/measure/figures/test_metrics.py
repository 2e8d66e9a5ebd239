"""Metrics against scikit-learn, cases computed by hand, and properties that must always hold."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrain_api.errors import DataError, SoftwareError
from retrain_trainer.measure.figures.metrics import (
    Confusion,
    auc,
    bin_of,
    calibration_error,
    classify,
    expected_calibration_error,
    f1,
    log_loss,
)

ROWS = st.integers(1, 60)
BINS = st.integers(2, 30)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (with ties) and labels."""
    rows = draw(ROWS)
    grid = draw(arrays(np.int64, rows, elements=st.integers(0, 20)))
    return grid / 20, draw(arrays(np.int8, rows, elements=st.integers(0, 1)))


def random_case(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(rows), 2)
    return p, (rng.random(rows) < p**1.5).astype(np.int8)


def test_a_case_by_hand() -> None:
    p = np.array([0.05, 0.15, 0.45, 0.5, 0.55, 0.95])
    y = np.array([0, 1, 0, 1, 1, 1], np.int8)
    measured = classify(p, y, bins=2)
    assert measured.confusion == Confusion(tp=2, fp=0, tn=2, fn=2)  # at 0.5 a bar is called down
    assert measured.accuracy == pytest.approx(4 / 6)
    assert measured.f1 == pytest.approx(4 / 6)
    assert measured.base_rate == pytest.approx(4 / 6)
    assert measured.auc == pytest.approx(7 / 8)  # of 4 x 2 pairs only (0.15 up, 0.45 down) is the wrong way round
    assert measured.brier == pytest.approx((0.05**2 + 0.85**2 + 0.45**2 + 0.5**2 + 0.45**2 + 0.05**2) / 6)
    # [0, 0.5): 0.65 expected, 1 seen; [0.5, 1]: 2.0 expected, 3 seen
    assert measured.calibration_error == pytest.approx((0.35 + 1.0) / 6)
    low, high = measured.reliability
    assert (low.low, low.high, low.count) == (0.0, 0.5, 3)
    assert (low.mean_probability, low.observed_share) == pytest.approx((0.65 / 3, 1 / 3))
    assert (high.mean_probability, high.observed_share) == pytest.approx((2 / 3, 1.0))
    assert measured.bars == 6


@pytest.mark.parametrize("seed", range(5))
def test_figures_agree_with_scikit_learn(seed: int) -> None:
    p, y = random_case(500, seed)
    measured = classify(p, y, 15)
    assert measured.accuracy == pytest.approx(reference.accuracy_score(y, p > 0.5))
    assert measured.f1 == pytest.approx(reference.f1_score(y, p > 0.5))
    assert measured.auc == pytest.approx(reference.roc_auc_score(y, p))
    assert measured.brier == pytest.approx(reference.brier_score_loss(y, p))
    c = measured.confusion
    assert [[c.tn, c.fp], [c.fn, c.tp]] == reference.confusion_matrix(y, p > 0.5).tolist()


@pytest.mark.parametrize(
    ("p", "bins", "index"), [(0.0, 10, 0), (0.0999, 10, 0), (0.5, 2, 1), (1.0, 15, 14), (0.99, 15, 14)]
)
def test_bins_are_closed_below_and_the_last_one_holds_1(p: float, bins: int, index: int) -> None:
    assert bin_of(np.array([p]), bins).tolist() == [index]


def test_log_loss_by_hand() -> None:
    p, labels = np.array([0.8, 0.4, 0.5]), np.array([1, 0, 1], np.int8)
    assert log_loss(p, labels) == pytest.approx(-np.log([0.8, 0.6, 0.5]).mean())
    assert log_loss(np.array([0.0]), np.array([1], np.int8)) == pytest.approx(np.log(1e12))


@given(cases(), BINS)
def test_the_calibration_error_is_a_share_and_the_bins_make_it_up(
    case: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    p, y = case
    measured = classify(p, y, bins)
    assert 0 <= measured.calibration_error <= 1
    assert 0 <= measured.calibration_error_expected <= 1
    parts = [
        b.count * abs(b.mean_probability - b.observed_share)
        for b in measured.reliability
        if b.mean_probability is not None and b.observed_share is not None
    ]
    assert sum(parts) / y.size == pytest.approx(measured.calibration_error)
    assert sum(b.count for b in measured.reliability) == y.size
    assert all((b.mean_probability is None) == (b.count == 0) for b in measured.reliability)


@given(cases())
def test_auc_depends_only_on_the_order(case: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = case
    value = auc(p, y)
    assert value == auc(p**3 / 2 + 0.1, y)
    if value is not None:
        assert auc(1 - p, y) == pytest.approx(1 - value)
        assert auc(p, (1 - y).astype(np.int8)) == pytest.approx(1 - value)


@given(cases())
def test_no_figure_is_nan(case: tuple[np.ndarray, np.ndarray]) -> None:
    measured = classify(*case, 15)
    figures = [measured.accuracy, measured.calibration_error, measured.brier, measured.auc, measured.f1]
    assert all(figure is None or 0 <= figure <= 1 for figure in figures)
    assert (measured.auc is None) == (np.unique(case[1]).size < 2)


def test_undefined_is_none() -> None:
    measured = classify(np.array([0.1, 0.2]), np.zeros(2, np.int8), 15)
    assert (measured.auc, measured.f1) == (None, None)
    assert f1(Confusion(tp=0, fp=1, tn=0, fn=0)) == 0.0


@pytest.mark.parametrize("rows", [50, 1_000])
def test_a_perfect_model_reads_what_is_expected_of_it(rows: int) -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(5, 5, rows)
    seen = [calibration_error(p, (rng.random(rows) < p).astype(np.int8), 15) for _ in range(200)]
    assert expected_calibration_error(p, 15, seed=0) == pytest.approx(np.mean(seen), rel=0.08)


def test_one_bin_has_the_expected_error_of_a_coin() -> None:
    # E|k - n/2| / n of n = 4 fair coins: (2 * 2 + 8 * 1 + 6 * 0) / 16 / 4
    assert expected_calibration_error(np.full(4, 0.5), 15, seed=0, simulations=20_000) == pytest.approx(
        12 / 64, rel=0.02
    )


def test_the_same_seed_gives_the_same_figure() -> None:
    p, y = random_case(200)
    assert classify(p, y, 15, seed=3) == classify(p, y, 15, seed=3)
    assert expected_calibration_error(p, 15, 3) != expected_calibration_error(p, 15, 4)


@pytest.mark.parametrize(
    ("p", "y", "error", "reason"),
    [
        ([], [], DataError, "NoLabelledBars"),
        ([np.nan], [1], SoftwareError, "BadProbability"),
        ([1.5], [1], SoftwareError, "BadProbability"),
        ([0.5], [-1], SoftwareError, "BadLabel"),
    ],
)
def test_unmeasurable_rows_are_refused(p: list[float], y: list[int], error: type, reason: str) -> None:
    with pytest.raises(error) as caught:
        classify(np.array(p), np.array(y, np.int8), 15)
    assert caught.value.reason == reason
