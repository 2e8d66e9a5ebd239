"""What a model has to beat, against cases by hand, scikit-learn and real candles."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

from retrain_trainer.measure.figures.baselines import fit_logistic, logistic, majority, measure, persistence, reversal

SHARED_DATA = Path(os.environ.get("RETRAIN_SHARED_DATA", Path(__file__).parents[6] / "shared" / "data"))


def labelled(rows: int, features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (rows, features)).astype(np.float32)
    score = x @ np.linspace(-1, 1, features) + 0.3
    return x, (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(np.int8)


@pytest.mark.parametrize(("labels", "share"), [([1, 0, 0, 0], 0.75), ([1, 1, 0], 2 / 3), ([1], 1.0), ([0], 1.0)])
def test_majority(labels: list[int], share: float) -> None:
    assert majority(np.array(labels, np.int8)).mean() == pytest.approx(share)


def test_persistence_by_hand() -> None:
    close = np.array([10.0, 11, 11, 10, 12])
    rows, labels = np.array([1, 2, 3, 4]), np.array([1, 1, 1, 0], np.int8)
    # up and right, no move (half), down and wrong, up and wrong
    assert persistence(close, rows, labels).mean() == pytest.approx(1.5 / 4)


def test_reversal_by_hand() -> None:
    close = np.array([10.0, 12, 11, 13, 10])
    rows, labels = np.array([1, 2, 3, 4]), np.array([0, 1, 1, 1], np.int8)
    # means of 2: 11 (above, down, right), 11.5 (below, up, right), 12 (above, down, wrong), 11.5 (below, right)
    assert reversal(close, rows, labels, bars=2).mean() == pytest.approx(3 / 4)
    assert reversal(np.full(5, 7.1), rows, labels).mean() == 0.5


def test_a_close_at_its_mean_counts_half_whatever_the_rounding() -> None:
    close = np.append(np.linspace(0.9, 1.1, 100), np.full(60, 0.9993))
    rows = np.arange(130, 160)
    assert reversal(close, rows, np.ones(30, np.int8)).mean() == 0.5


def test_the_mean_keeps_its_digits_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    close = 1e5 + np.cumsum(rng.normal(0, 0.1, 3_000))
    rows = np.arange(20, 3_000)
    means = np.array([close[i - 19 : i + 1].mean() for i in rows])
    labels = (close[rows] < means).astype(np.int8)
    assert reversal(close, rows, labels).mean() > 0.999


@pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
def test_logistic_regression_is_that_of_scikit_learn(penalty: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain_trainer.measure.figures.baselines._CHUNK_ROWS", 300)
    x, y = labelled(2_000, 6)
    rows = np.arange(500, 2_000)
    model = fit_logistic(x, rows, y[rows], penalty)
    reference = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=1_000).fit(x[rows].astype(np.float64), y[rows])
    np.testing.assert_allclose(model.weights, reference.coef_[0], atol=1e-4)
    assert model.intercept == pytest.approx(reference.intercept_[0], abs=1e-4)


def test_logistic_accuracy_is_that_of_scikit_learn() -> None:
    x, y = labelled(3_000, 4)
    train, test = np.arange(2_000), np.arange(2_000, 3_000)
    reference = LogisticRegression(tol=1e-10).fit(x[train], y[train]).score(x[test], y[test])
    assert logistic(x, train, y[train], test, y[test]).mean() == pytest.approx(reference, abs=2e-3)
    assert reference > 0.6


def test_features_that_separate_the_labels_do_not_diverge() -> None:
    x = np.linspace(-1e3, 1e3, 400, dtype=np.float32)[:, None]
    y = (x[:, 0] > 0).astype(np.int8)
    model = fit_logistic(x, np.arange(400), y)
    assert np.isfinite(model.weights).all()
    assert logistic(x, np.arange(400), y, np.arange(400), y).mean() == 1.0


def test_duplicate_features_do_no_harm() -> None:
    x, y = labelled(500, 2)
    twice = np.column_stack([x, x])
    model = fit_logistic(twice, np.arange(500), y)
    np.testing.assert_allclose(model.weights[:2], model.weights[2:], atol=1e-6)


def test_a_single_class_gives_no_logistic_regression() -> None:
    x, y = labelled(100, 2)
    rows = np.arange(50)
    measured = measure(np.arange(1.0, 101), x, rows, np.ones(50, np.int8), np.arange(50, 100), y[50:])
    assert measured.logistic is None
    assert measured.persistence.mean() == pytest.approx(y[50:].mean())  # prices only rise
    assert measured.reversal.mean() == pytest.approx(1 - y[50:].mean())


@pytest.mark.parametrize(("last_share", "accuracy"), [(1.0, 0.84), (0.3, 0.80), (0.15, 0.76)])
def test_the_unfitted_rule_on_real_candles_of_a_pinned_price(last_share: float, accuracy: float) -> None:
    """One bar ahead, flat bars dropped: no training reaches this, and it fades towards the end of the file."""
    path = SHARED_DATA / "candles_USD1-USDT_5m.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there; RETRAIN_SHARED_DATA names the folder of the shared candles")
    close = pq.read_table(path, columns=["close"]).column("close").to_numpy().astype(np.float64)
    change = np.diff(close)
    rows = np.flatnonzero(change != 0)
    rows = rows[rows >= (1 - last_share) * close.size]
    labels = (change[rows] > 0).astype(np.int8)
    assert reversal(close, rows, labels).mean() == pytest.approx(accuracy, abs=0.005)
    assert persistence(close, rows, labels).mean() < 0.35
    assert majority(labels).mean() < 0.51
