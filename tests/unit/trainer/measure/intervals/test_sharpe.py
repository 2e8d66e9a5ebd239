"""The Sharpe ratio of daily returns: by hand, with its interval, and where it is not measured."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from retrain_trainer.measure.figures import backtest
from retrain_trainer.measure.figures.backtest import Backtest
from retrain_trainer.measure.intervals.sharpe import (
    DAY,
    FEWEST_DAYS,
    daily_returns,
    daily_sharpe,
    sharpe,
    sharpe_interval,
)

HOUR = 3600 * 10**9


def account(log_returns: np.ndarray) -> Backtest:
    """A backtest whose account changed by these."""
    bars = log_returns.size
    idle = backtest.run(np.full(bars, np.nan), np.ones(bars), np.arange(bars) * HOUR, HOUR, 1)
    return replace(idle, log_returns=log_returns)


def hours(days: int, seed: int = 0, mean: float = 0.0) -> tuple[Backtest, np.ndarray]:
    """An account over whole days, and the times of its bars."""
    rng = np.random.default_rng(seed)
    return account(rng.normal(mean, 0.01, 24 * days)), np.arange(24 * days, dtype=np.int64) * HOUR


def test_by_hand() -> None:
    traded, times = hours(30)
    by_day = np.expm1(traded.log_returns.reshape(30, 24).sum(axis=1))
    returns = daily_returns(traded, times)
    np.testing.assert_allclose(returns, by_day)
    exact = by_day.mean() / by_day.std(ddof=1) * math.sqrt(365)
    # Two digits, cut towards failing.
    assert daily_sharpe(returns) == pytest.approx(math.floor(exact * 10) / 10) and abs(exact) > 1


@pytest.mark.parametrize(
    ("returns", "ratio"),
    [([0.01, 0.03], 0.02 / math.sqrt(0.0002) * math.sqrt(365)), ([0.01] * 3, None), ([0.01], None)],
)
def test_of_few_returns_by_hand(returns: list[float], ratio: float | None) -> None:
    assert sharpe(np.array(returns)) == (ratio and pytest.approx(ratio))


@pytest.mark.parametrize(("days", "measured"), [(1, False), (FEWEST_DAYS - 1, False), (FEWEST_DAYS, True)])
def test_it_takes_twenty_days(days: int, measured: bool) -> None:
    returns = daily_returns(*hours(days))
    assert (daily_sharpe(returns) is not None) == measured
    assert measured or sharpe_interval(returns, 24 * days, 1) is None


def test_days_without_a_bar_count_as_days_of_the_year_but_not_as_days_measured() -> None:
    traded, times = hours(25)
    weekdays = (times // DAY) % 7 < 5
    closed = account(traded.log_returns[weekdays])
    returns = daily_returns(closed, times[weekdays])
    assert returns is None, "18 of the 25 days have bars"
    traded, times = hours(35)
    weekdays = (times // DAY) % 7 < 5
    returns = daily_returns(account(traded.log_returns[weekdays]), times[weekdays])
    assert returns is not None and returns.size == 33 and (returns == 0).sum() == 8


def test_an_account_that_never_changes_has_none() -> None:
    returns = daily_returns(account(np.zeros(24 * 30)), np.arange(24 * 30, dtype=np.int64) * HOUR)
    assert daily_sharpe(returns) is None and sharpe_interval(returns, 24 * 30, 75) is None


def test_the_intervals_hold_the_value_and_each_other() -> None:
    returns = daily_returns(*hours(60, mean=0.0005))
    found = sharpe_interval(returns, 24 * 60, 30)
    value = daily_sharpe(returns)
    assert found is not None and value is not None
    assert found[99][0] <= found[95][0] <= found[90][0] < value < found[90][1] <= found[95][1] <= found[99][1]


def test_blocks_are_no_shorter_than_those_of_the_other_figures() -> None:
    """75 bars of an hour are four days, and of 36 days that leaves nine blocks."""
    returns = daily_returns(*hours(36))
    assert sharpe_interval(returns, 24 * 36, 75) is None
    assert sharpe_interval(daily_returns(*hours(40)), 24 * 40, 75) is not None
