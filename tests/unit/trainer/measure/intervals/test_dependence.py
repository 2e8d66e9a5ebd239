"""The block length that the data ask for: as the theory has it, with gaps, and how often the intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from retrain_trainer.measure.intervals.dependence import automatic_length, dependent_block
from retrain_trainer.measure.intervals.resampling import FEWEST_BLOCKS, bounds, draw, totals


def lasting(rng: np.random.Generator, bars: int, phi: float, series: int = 1) -> np.ndarray:
    """Autoregressive series [series, bars] with variance 1."""
    noise = rng.standard_normal((series, bars + 2_000)) * np.sqrt(1 - phi**2)
    found: np.ndarray = lfilter([1], [1, -phi], noise)[:, 2_000:]
    return found


@pytest.mark.parametrize("phi", [0.3, 0.5, 0.8, 0.9])
def test_an_autoregressive_series_gets_the_length_of_the_theory(phi: float) -> None:
    """(3/2)^(1/3) (2 phi / (1 - phi^2))^(2/3) n^(1/3), in Politis and White's section 3."""
    wanted = (1.5 * (2 * phi / (1 - phi**2)) ** 2 * 5_000) ** (1 / 3)
    found = [automatic_length(series, 500) for series in lasting(np.random.default_rng(0), 5_000, phi, 40)]
    assert np.median(found) == pytest.approx(wanted, rel=0.25)


def test_independent_bars_need_no_block() -> None:
    found = [automatic_length(series, 500) for series in np.random.default_rng(1).standard_normal((40, 5_000))]
    assert np.median(found) <= 3


def test_bars_without_a_value_keep_their_place_in_time() -> None:
    """Left out, they would halve every distance, and with it the length."""
    rng = np.random.default_rng(2)
    whole = lasting(rng, 8_000, 0.95)[0]
    thin = np.where(rng.random(8_000) < 0.5, whole, np.nan)
    assert automatic_length(thin, 800) == pytest.approx(automatic_length(whole, 800), rel=0.35)


@pytest.mark.parametrize("series", [np.full(100, np.nan), np.full(100, 0.3), np.array([1.0]), np.array([])])
def test_without_values_that_vary_there_is_no_dependence(series: np.ndarray) -> None:
    assert automatic_length(series, max(series.size // 10, 1)) == 1


@given(st.integers(1, 400), st.integers(1, 30), st.sampled_from([0.0, 0.9, 0.999]), st.integers(0, 99))
@settings(max_examples=100)
def test_a_block_is_never_shorter_than_the_least_and_never_leaves_fewer_than_ten(
    bars: int, least: int, phi: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-lasting(rng, bars, phi)[0]))
    p[: least - 1] = np.nan
    block = dependent_block(p, rng.integers(-1, 2, bars).astype(np.int8), least)
    assert block >= least
    assert block == least or bars >= FEWEST_BLOCKS * block


def foretold(rng: np.random.Generator, bars: int) -> tuple[np.ndarray, np.ndarray]:
    """A market whose volatility lasts, and a model of lasting scores that is right more often where the market moves."""
    volatility, score = np.exp(0.5 * lasting(rng, bars, 0.99)[0]), lasting(rng, bars, 0.99)[0]
    move = rng.standard_normal(bars) * volatility
    return 1 / (1 + np.exp(-0.3 * (score + 0.11 * move))), (move > 0).astype(np.int8)


def test_intervals_hold_the_truth_where_answers_depend_on_each_other_for_longer_than_a_window() -> None:
    """Blocks of lookback and horizon, 11 bars, hold it in 75 % of such series (`benchmarks/coverage.py`)."""
    p, labels = foretold(np.random.default_rng(3), 1_000_000)
    truth, held = float(np.mean((p - labels) ** 2)), {"window": 0, "automatic": 0}
    rng = np.random.default_rng(4)
    for _ in range(150):
        p, labels = foretold(rng, 3_000)
        for name, block in {"window": 11, "automatic": dependent_block(p, labels, 11)}.items():
            starts = draw(3_000, block, 0, 300)
            found = bounds(totals((p - labels) ** 2, starts, block) / 3_000, starts.shape[1])
            assert found is not None
            held[name] += found[90][0] <= truth <= found[90][1]
    assert held["automatic"] >= 123 > held["window"]  # 82 %
