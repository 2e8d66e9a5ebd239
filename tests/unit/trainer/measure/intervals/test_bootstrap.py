"""Intervals by the block bootstrap: what they are made of, properties, and how often they hold the truth."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrain_trainer.measure.figures import backtest, metrics
from retrain_trainer.measure.figures.backtest import Backtest
from retrain_trainer.measure.intervals import bootstrap, resampling
from retrain_trainer.measure.intervals.bootstrap import BAR_METRICS, intervals

MINUTE = 60 * 10**9
Series = tuple[np.ndarray, np.ndarray, Backtest]


def series(bars: int = 1_200, seed: int = 0, fee_bps: float = 0.0) -> Series:
    """A price that a model foretells now and then, with flat bars and bars without a window."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, 1e-3, bars) * (rng.random(bars) > 0.2)
    close = 100 * np.exp(np.cumsum(returns))
    change = np.append(np.diff(close), 0.0)
    labels = np.where(change == 0, -1, change > 0).astype(np.int8)
    p = 1 / (1 + np.exp(-(800 * change / close + rng.normal(0, 1, bars))))
    p[:20] = np.nan
    return p, labels, backtest.run(p, close, np.arange(bars) * MINUTE, MINUTE, 3, 0.5, fee_bps)


def measured(p: np.ndarray, labels: np.ndarray, result: Backtest) -> dict[str, float | None]:
    kept = (labels >= 0) & np.isfinite(p)
    c = metrics.classify(p[kept], labels[kept], 15)
    return {
        "accuracy": c.accuracy,
        "calibrationError": c.calibration_error,
        "f1": c.f1,
        "auc": c.auc,
        "brier": c.brier,
        "winRate": result.win_rate,
        "pnl": result.pnl,
        "maxDrawdown": result.max_drawdown,
    }


@pytest.mark.parametrize("seed", range(3))
def test_each_interval_holds_the_measured_value_and_the_narrower_ones(seed: int) -> None:
    case = series(seed=seed)
    found, values = intervals(*case, 30), measured(*case)
    assert tuple(found) == BAR_METRICS
    for name in BAR_METRICS:
        bounds, value = found[name], values[name]
        assert bounds is not None, name
        assert value is not None, name
        assert bounds[99][0] <= value <= bounds[99][1], name
        assert all(b[0] <= a[0] < a[1] <= b[1] for a, b in pairwise([bounds[90], bounds[95], bounds[99]])), name


def test_the_original_order_of_blocks_gives_the_measured_figures() -> None:
    """With one resample that puts every block in its place, sums and path are the measured ones."""
    p, labels, result = series(bars=1_010)
    starts = np.arange(0, 1_010, 20, dtype=np.int32)[None, :]  # the last block is cut to 10 bars
    for name, column in bootstrap._columns(p, labels, result, 15).items():
        assert resampling.totals(column, starts, 20)[0] == pytest.approx(column.sum()), name
    assert bootstrap._drawdowns(result.log_returns, starts, 20)[0] == pytest.approx(result.max_drawdown)


def test_figures_of_all_bars_are_the_measured_ones() -> None:
    case = series()
    values = measured(*case)
    totals = {name: np.array([column.sum()]) for name, column in bootstrap._columns(*case, 15).items()}
    found = bootstrap._figures(totals, values["auc"])
    for name, figure in found.items():
        assert figure[0] == pytest.approx(values[name]), name


@given(arrays(np.float64, st.integers(12, 60), elements=st.floats(-0.5, 0.5)), st.integers(1, 12), st.data())
@settings(max_examples=200)
def test_the_drawdown_of_a_resample_is_that_of_its_path(steps: np.ndarray, block: int, data: st.DataObject) -> None:
    blocks = -(-steps.size // block)
    starts = data.draw(arrays(np.int32, (2, blocks), elements=st.integers(0, steps.size - 1)))
    found = bootstrap._drawdowns(steps, starts, block)
    for row, drawdown in zip(starts, found, strict=True):
        bars = np.concatenate([np.arange(s, s + block) for s in row])[: steps.size] % steps.size
        assert drawdown == pytest.approx(backtest.max_drawdown(np.cumsum(steps[bars])), abs=1e-12)


def test_auc_to_first_order_is_near_the_auc_of_the_resampled_rows() -> None:
    p, labels, result = series(bars=3_000)
    kept = (labels >= 0) & np.isfinite(p)
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 2_970, size=(200, 100), dtype=np.int32)
    totals = {n: resampling.totals(c, starts, 30) for n, c in bootstrap._columns(p, labels, result, 15).items()}
    found = bootstrap._figures(totals, metrics.auc(p[kept], labels[kept]))["auc"]
    rows = [np.concatenate([np.arange(s, s + 30) for s in row]) for row in starts]
    exact = np.array([metrics.auc(p[r][kept[r]], labels[r][kept[r]]) for r in rows])
    assert np.abs(found - exact).max() < 0.1 * np.ptp(exact)


def test_the_same_seed_gives_the_same_intervals() -> None:
    case = series()
    assert intervals(*case, 30, seed=1) == intervals(*case, 30, seed=1)
    assert intervals(*case, 30, seed=1) != intervals(*case, 30, seed=2)


def test_longer_blocks_than_the_series_holds_give_no_interval() -> None:
    case = series(bars=299)
    assert intervals(*case, 30) == dict.fromkeys(BAR_METRICS)
    assert intervals(*case, 29)["accuracy"] is not None


def test_an_undefined_figure_has_no_interval() -> None:
    p, labels, result = series()
    one_class = intervals(p, np.where(labels == 0, 1, labels).astype(np.int8), result, 30)
    assert one_class["auc"] is None
    assert one_class["accuracy"] is not None
    idle = replace(result, log_returns=np.zeros(1_200), entry_bars=np.array([], np.int64), trade_returns=np.array([]))
    found = intervals(p, labels, idle, 30)
    assert found["winRate"] is None
    assert found["pnl"] == found["maxDrawdown"] == {90: (0.0, 0.0), 95: (0.0, 0.0), 99: (0.0, 0.0)}
    unlabelled = intervals(p, np.full(1_200, -1, np.int8), result, 30)
    assert [name for name in BAR_METRICS if unlabelled[name] is None] == [
        "accuracy",
        "calibrationError",
        "f1",
        "auc",
        "brier",
    ]


def test_short_blocks_of_a_long_series_are_made_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    case = series()
    monkeypatch.setattr(resampling, "MOST_BLOCKS", 40)
    assert intervals(*case, 2) == intervals(*case, 30)


def test_intervals_from_blocks_are_wider_where_bars_depend_on_each_other() -> None:
    rng = np.random.default_rng(0)
    p, labels, result = autocorrelated(rng, 3_000)
    width = {b: np.diff(intervals(p, labels, result, b)["accuracy"][90])[0] for b in (2, 60)}
    assert width[60] > 1.5 * width[2]


def autocorrelated(rng: np.random.Generator, bars: int) -> Series:
    """Bars that are right when an autoregressive series is above 0: 50 % of them, in long runs."""
    noise = rng.normal(0, 1, bars + 100)
    state = np.zeros(bars + 100)
    for i in range(1, bars + 100):
        state[i] = 0.8 * state[i - 1] + noise[i]
    called = rng.random(bars) > 0.5
    labels = np.where(state[100:] > 0, called, ~called).astype(np.int8)
    p = np.where(called, 0.6, 0.4)
    return p, labels, backtest.run(np.full(bars, np.nan), np.ones(bars), np.arange(bars) * MINUTE, MINUTE, 1)


def test_the_interval_of_the_accuracy_is_that_of_the_share_of_right_bars() -> None:
    """Whose coverage is tried in test_resampling."""
    p, labels, result = series()
    judged = (labels >= 0) & np.isfinite(p)
    right = judged & ((p > 0.5) == (labels == 1))
    starts = resampling.draw(1_200, 30, 0)
    shares = resampling.totals(right.astype(float), starts, 30) / resampling.totals(judged.astype(float), starts, 30)
    assert intervals(p, labels, result, 30)["accuracy"] == resampling.bounds(shares, 40)
