"""The block bootstrap: which blocks are drawn, and how often its intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from retrain_trainer.measure.intervals.resampling import (
    FEWEST_BLOCKS,
    MOST_BLOCKS,
    block_length,
    bounds,
    draw,
    student,
    tail,
    totals,
)


@given(st.integers(1, 2_000_000), st.integers(1, 5_000))
def test_blocks_are_as_long_as_wanted_or_longer_and_neither_too_few_nor_too_many(bars: int, wanted: int) -> None:
    block = block_length(bars, wanted)
    if block is None:
        assert bars < FEWEST_BLOCKS * max(wanted, 1)
        return
    assert block >= wanted
    assert FEWEST_BLOCKS <= -(-bars // block) <= MOST_BLOCKS


@given(st.integers(20, 300), st.integers(1, 20), st.integers(0, 9))
def test_every_resample_has_as_many_bars_as_the_series_and_only_bars_of_it(bars: int, block: int, seed: int) -> None:
    starts = draw(bars, block, seed, 20)
    assert starts.min() >= 0 and starts.max() < bars
    assert (totals(np.ones(bars), starts, block) == bars).all()


@given(st.integers(20, 60), st.integers(1, 20), st.integers(0, 9))
def test_a_block_that_reaches_the_last_bar_goes_on_at_the_first(bars: int, block: int, seed: int) -> None:
    column, starts = np.arange(bars) ** 2.0, draw(bars, block, seed, 5)
    for total, row in zip(totals(column, starts, block), starts, strict=True):
        drawn = np.concatenate([np.arange(start, start + block) for start in row])[:bars] % bars
        assert total == pytest.approx(column[drawn].sum())


def test_every_bar_is_drawn_as_often_as_any_other() -> None:
    """Bars at the ends too: drawn less often, they would move the resamples away from the measured figure."""
    starts = draw(100, 10, 0, 20_000)
    counts = [totals((np.arange(100) == bar).astype(float), starts, 10).mean() for bar in (0, 1, 50, 98, 99)]
    assert counts == pytest.approx([1.0] * 5, abs=0.05)


@pytest.mark.parametrize("share", [0.95, 0.975, 0.995])
@pytest.mark.parametrize("degrees", [6, 8.5, 12, 40, 2_000])
def test_students_quantiles(share: float, degrees: float) -> None:
    assert student(share, degrees) == pytest.approx(t.ppf(share, degrees), rel=5e-4)


def test_with_few_blocks_percentiles_lie_further_out() -> None:
    tails = [tail(90, blocks) for blocks in (10, 20, 100, 2_000)]
    assert tails == sorted(tails) and tails[0] < 0.03 and tails[-1] == pytest.approx(0.05, rel=0.01)


def test_figures_that_most_resamples_do_not_define_have_no_interval() -> None:
    figures = np.arange(100.0)
    figures[:10] = np.nan
    assert bounds(figures, 100) is not None
    figures[10] = np.nan
    assert bounds(figures, 100) is None


def filtered(rng: np.random.Generator, weights: np.ndarray, series: int, bars: int) -> np.ndarray:
    """Gaussian moving averages [series, bars] of white noise."""
    noise = rng.normal(0, 1, (series, bars + len(weights) - 1))
    return sum(weight * noise[:, i : i + bars] for i, weight in enumerate(weights))


def decaying(rng: np.random.Generator, series: int, bars: int) -> np.ndarray:
    """Right when an autoregressive series (0.8) is above 0, its weights cut where they are below a thousandth."""
    return filtered(rng, 0.8 ** np.arange(32)[::-1], series, bars) > 0


def overlapping(rng: np.random.Generator, series: int, bars: int) -> np.ndarray:
    """Right when calls that change as slowly as the labels, which share 15 bars, agree with them."""
    label, call = (filtered(rng, np.ones(15), series, bars) for _ in range(2))
    return (label > 0) == (call > 0)


@pytest.mark.parametrize(
    ("answers", "bars", "block"),
    [(decaying, 800, 50), (decaying, 3_000, 50), (overlapping, 1_000, 75), (overlapping, 4_000, 75)],
)
def test_intervals_at_90_percent_hold_the_truth_in_87_to_93_percent_of_autocorrelated_series(
    answers: object, bars: int, block: int
) -> None:
    """1,000 series each: the standard error of a coverage is 1 point. With 13 to 60 blocks; the truth is 0.5."""
    held = []
    for seed, right in enumerate(answers(np.random.default_rng(bars), 1_000, bars).astype(float)):  # type: ignore[operator]
        starts = draw(bars, block, seed, 300)
        low, high = bounds(totals(right, starts, block) / bars, starts.shape[1])[90]  # type: ignore[index]
        held.append(low <= 0.5 <= high)
    assert 0.87 <= np.mean(held) <= 0.93
