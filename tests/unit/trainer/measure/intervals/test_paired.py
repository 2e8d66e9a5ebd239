"""Two predictors on the same bars: the difference, its interval and its p-value, and how often they are right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_trainer.measure.intervals.paired import paired
from retrain_trainer.measure.intervals.resampling import FEWEST_BLOCKS


def answers(rng: np.random.Generator, bars: int, skill: float) -> np.ndarray:
    """Right or wrong in runs: overlapping horizons make neighbours agree."""
    run = 10
    single = rng.random(bars // run + 1) < skill
    return np.repeat(single, run)[:bars].astype(float)


def test_the_difference_is_that_of_the_accuracies_and_lies_in_its_interval() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = answers(rng, 3_000, 0.7), answers(rng, 3_000, 0.5)
    found = paired(ours, theirs, np.arange(3_000), 20)
    assert found.difference == pytest.approx(ours.mean() - theirs.mean())
    assert found.low is not None and found.high is not None and found.p_value is not None
    assert 0 < found.low < found.difference < found.high
    assert found.p_value < 0.01


def test_what_moves_both_moves_the_difference_less() -> None:
    """A hard week for everybody is no doubt about who is better."""
    rng = np.random.default_rng(1)
    shared = answers(rng, 3_000, 0.6)
    ours = np.where(rng.random(3_000) < 0.02, 1.0, shared)
    rows = np.arange(3_000)
    found, alone = paired(ours, shared, rows, 20), paired(ours, np.full(3_000, 0.6), rows, 20)
    assert found.high - found.low < (alone.high - alone.low) / 5


@given(st.integers(0, 2**32 - 1))
def test_the_other_way_round_is_the_same_with_the_other_sign(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(rng.random(400) < 0.8)
    ours, theirs = rng.integers(0, 2, rows.size).astype(float), rng.integers(0, 2, rows.size).astype(float)
    there, back = paired(ours, theirs, rows, 10, resamples=200), paired(theirs, ours, rows, 10, resamples=200)
    assert back.difference == pytest.approx(-there.difference)
    assert (back.low, back.high) == (pytest.approx(-there.high), pytest.approx(-there.low))


def test_equal_predictors_can_not_be_told_apart() -> None:
    ours = answers(np.random.default_rng(2), 1_000, 0.6)
    found = paired(ours, ours, np.arange(1_000), 10)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_unlabelled_bars_weigh_nothing_and_bars_before_the_first_labelled_one_are_left_out() -> None:
    rng = np.random.default_rng(3)
    rows = np.flatnonzero(rng.random(2_000) < 0.5)
    ours, theirs = answers(rng, rows.size, 0.7), answers(rng, rows.size, 0.5)
    assert paired(ours, theirs, rows, 20) == paired(ours, theirs, rows + 10_000, 20)
    assert paired(ours, theirs, rows, 20).difference == pytest.approx(np.mean(ours - theirs))


def test_too_few_blocks_give_the_difference_alone() -> None:
    rows = np.arange(20 * FEWEST_BLOCKS)
    ours, theirs = np.ones(rows.size), np.zeros(rows.size)
    assert paired(ours, theirs, rows, 20).low == 1
    found = paired(ours[1:], theirs[1:], rows[1:], 20)
    assert (found.difference, found.low, found.high, found.p_value) == (1, None, None, None)


def test_without_skill_one_in_twenty_p_values_is_below_5_percent() -> None:
    """500 simulations: the standard error is 1 point. Blocks keep a little too little of the dependence (`docs/experiments.md`)."""
    rng = np.random.default_rng(4)
    p_values = [
        paired(answers(rng, 1_000, 0.5), np.full(1_000, 0.5), np.arange(1_000), 40, seed, 300).p_value
        for seed in range(500)
    ]
    assert 0.03 <= np.mean(np.array(p_values) <= 0.05) <= 0.08
