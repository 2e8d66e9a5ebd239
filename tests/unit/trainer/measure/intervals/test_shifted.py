"""Is a model better than its own calls, moved to where they know nothing? What is counted, and how often that is right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drawn_markets import drawn

from retrain_trainer.measure.intervals.paired import paired
from retrain_trainer.measure.intervals.resampling import FEWEST_BLOCKS
from retrain_trainer.measure.intervals.shifted import FEWEST_SHIFTS, shifted_p_value

HORIZON, LOOKBACK = 5, 15


def by_hand(p: np.ndarray, labels: np.ndarray, block: int) -> float:
    """Each shift counted bar by bar."""

    def accuracy(shift: int) -> float:
        moved = np.roll(p, -shift)
        judged = np.isfinite(moved) & (labels >= 0)
        return float(np.mean((moved[judged] > 0.5) == (labels[judged] == 1))) if judged.any() else 0.0

    others = [accuracy(shift) for shift in range(block, labels.size - block + 1)]
    return (1 + sum(each >= accuracy(0) - 1e-12 for each in others)) / (1 + len(others))


@given(st.integers(60, 130), st.integers(1, 6), st.integers(0, 2**16))
@settings(max_examples=100)
def test_the_p_value_is_the_share_of_shifts_that_are_right_as_often(bars: int, block: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(bars) < 0.1, np.nan, rng.random(bars))
    labels = rng.integers(-1, 2, bars).astype(np.int8)
    assert shifted_p_value(p, labels, block) == pytest.approx(by_hand(p, labels, block))


def test_a_model_that_knows_has_the_smallest_p_value_and_one_that_always_says_the_same_the_largest() -> None:
    labels = np.random.default_rng(0).integers(0, 2, 1_000).astype(np.int8)
    assert shifted_p_value(labels.astype(float), labels, 10) == pytest.approx(1 / 982)
    assert shifted_p_value(np.full(1_000, 0.7), labels, 10) == 1


def test_too_few_shifts_or_no_judged_bar_give_none() -> None:
    for block, fewest in ((1, FEWEST_SHIFTS + 1), (50, 50 * FEWEST_BLOCKS)):
        labels = np.ones(fewest, dtype=np.int8)
        assert shifted_p_value(np.full(fewest, 0.6), labels, block) is not None
        assert shifted_p_value(np.full(fewest - 1, 0.6), labels[1:], block) is None
        assert shifted_p_value(np.full(fewest, np.nan), labels, block) is None
    assert shifted_p_value(np.array([]), np.array([], dtype=np.int8), 10) is None


@pytest.mark.parametrize("lasts", [0.9, 0.99])
def test_without_skill_at_most_one_in_twenty_is_ahead_and_significant(lasts: float) -> None:
    """The standard error of 300 markets is 1.3 points."""
    found = []
    for seed in range(300):
        p, labels = drawn(np.random.default_rng(seed), 1_500, HORIZON, LOOKBACK, lasts, 0.99).judged()
        p_value = shifted_p_value(p, labels, 20)
        assert p_value is not None
        found.append(_ahead(p, labels) > 0 and p_value < 0.05)
    assert np.mean(found) <= 0.076  # 5 % and two standard errors


def test_it_finds_skill_that_the_paired_test_against_the_majority_misses() -> None:
    """True accuracy 55.7 %; benchmarks/majority_test.py has the whole table."""
    shifted, beside_majority = [], []
    for seed in range(60):
        p, labels = drawn(np.random.default_rng(seed), 4_000, HORIZON, LOOKBACK, 0.9, 0.99, skill=0.21).judged()
        rows = np.flatnonzero((labels >= 0) & np.isfinite(p))
        right = ((p[rows] > 0.5) == (labels[rows] == 1)).astype(float)
        majority = (labels[rows] == (labels[rows].mean() >= 0.5)).astype(float)
        p_value = shifted_p_value(p, labels, 20)
        against = paired(right, majority, rows, 20, resamples=200).p_value
        assert p_value is not None and against is not None
        shifted.append(p_value < 0.05)
        beside_majority.append(against < 0.05)
    assert np.mean(shifted) > 0.9 > np.mean(beside_majority) + 0.2


def _ahead(p: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy less that of the more frequent class."""
    judged = np.isfinite(p) & (labels >= 0)
    up = labels[judged] == 1
    return float(np.mean((p[judged] > 0.5) == up) - max(up.mean(), 1 - up.mean()))
