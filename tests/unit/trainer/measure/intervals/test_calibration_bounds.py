"""The interval of the calibration error: it holds the truth for a calibrated model too, which a finite test reads above 0."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, ndtr

from retrain_trainer.measure.figures.metrics import bin_of, calibration_error
from retrain_trainer.measure.intervals.calibration_bounds import calibration_bounds
from retrain_trainer.measure.intervals.resampling import draw, totals

BINS = 15
HORIZON = 10


def predicted(rng: np.random.Generator, bars: int, overconfident: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are right where `overconfident` is 1, and labels that share HORIZON bars with their neighbours."""
    score = 0.6 * rng.standard_normal(bars)
    shared = np.convolve(rng.standard_normal(bars + HORIZON - 1), np.ones(HORIZON) / np.sqrt(HORIZON), "valid")
    return expit(overconfident * score), (ndtr(shared) < expit(score)).astype(np.int8)


def found(p: np.ndarray, labels: np.ndarray, block: int, resamples: int = 200) -> dict[int, tuple[float, float]] | None:
    starts, bins = draw(labels.size, block, 0, resamples), bin_of(p, BINS)
    columns = [np.where(bins == each, p - labels, 0.0) for each in np.unique(bins)]
    gaps = np.stack([totals(column, starts, block) for column in columns])
    rows = np.full(resamples, float(labels.size))
    return calibration_bounds(gaps, rows, [column.sum() for column in columns], labels.size, starts.shape[1])


@pytest.mark.parametrize(("overconfident", "least"), [(1.0, 0.88), (1.5, 0.82), (3.0, 0.82)])
def test_intervals_at_90_percent_hold_the_truth(overconfident: float, least: float) -> None:
    truth = calibration_error(*predicted(np.random.default_rng(0), 400_000, overconfident), BINS)
    truth = 0.0 if overconfident == 1 else truth
    held = []
    for seed in range(150):
        bounds = found(*predicted(np.random.default_rng(seed), 2_000, overconfident), 2 * HORIZON)
        assert bounds is not None
        held.append(bounds[90][0] <= truth <= bounds[90][1])
    assert np.mean(held) >= least


def test_a_calibrated_model_reads_well_above_0_and_its_interval_begins_there() -> None:
    p, labels = predicted(np.random.default_rng(1), 2_000, 1.0)
    bounds = found(p, labels, 2 * HORIZON)
    assert bounds is not None
    assert bounds[90][0] == 0 < bounds[90][1] < 0.1
    assert calibration_error(p, labels, BINS) > 0.02


def test_a_model_that_is_surely_wrong_has_an_interval_above_0_and_below_1() -> None:
    p, labels = np.full(2_000, 1.0), np.zeros(2_000, dtype=np.int8)
    labels[::100] = 1
    bounds = found(p, labels, 20)
    assert bounds is not None
    assert 0.9 < bounds[99][0] <= bounds[90][0] < bounds[90][1] <= bounds[99][1] <= 1


def test_without_rows_there_is_no_interval() -> None:
    assert calibration_bounds(np.zeros((2, 10)), np.zeros(10), [0.0, 0.0], 0, 20) is None
