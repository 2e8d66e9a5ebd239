"""The Sharpe ratio of the account's daily returns, as it is judged.

From the returns of minutes it came out ten times too precise: they depend on each other, and fees alone give them a mean of
-3,000 a year. Days are the unit in which funds are compared. Weekends of a market that closes are days without a return, so
that a year has 365 of them everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.wire import down
from retrain_trainer.measure.figures.backtest import Backtest

from .resampling import Interval, block_length, bounds, draw, totals

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

DAY = 86_400 * 10**9
"""Nanoseconds."""
DAYS_PER_YEAR = 365
"""Crypto markets never close."""
FEWEST_DAYS = 20
"""Of fewer days the ratio is off by more than 4 either way (the root of 365 / 20), so there is none."""
DIGITS = 2
_HIGHEST_LOG = 700.0


def daily_returns(traded: Backtest, timestamps: Integers) -> Floats | None:
    """The account's return on each UTC day [days], from the first day to the last, 0 where no bar is.

    `timestamps` [bars] are those of the backtest's bars, in ns. None where fewer than FEWEST_DAYS days have bars.
    """
    days = timestamps // DAY
    if np.unique(days).size < FEWEST_DAYS:
        return None
    changes = np.bincount(days - days[0], weights=traded.log_returns)
    returns: Floats = np.expm1(np.minimum(changes, _HIGHEST_LOG))
    return returns


def daily_sharpe(returns: Floats | None) -> float | None:
    """Annualised ratio of daily returns [days], cut to two digits towards failing; None where there is none."""
    return None if returns is None else down(sharpe(returns), DIGITS)


def sharpe_interval(returns: Floats | None, bars: int, block_bars: int, seed: int = 0) -> Mapping[int, Interval] | None:
    """Intervals of the ratio at each confidence, from resampled blocks of whole days that are no shorter than `block_bars`.

    `bars` is the number of bars in all days. None where there are too few blocks, or the ratio is not defined.
    """
    if returns is None:
        return None
    block = block_length(returns.size, math.ceil(block_bars * returns.size / bars))
    if block is None:
        return None
    starts = draw(returns.size, block, seed)
    sums, squares = totals(returns, starts, block), totals(np.square(returns), starts, block)
    return bounds(_from_sums(sums, squares, returns.size), starts.shape[1])


def sharpe(returns: Floats) -> float | None:
    """Annualised Sharpe ratio of daily returns [days]; None where they do not vary.

    Mean over sample standard deviation, times the square root of the number of days in a year, with a risk-free
    rate of 0 (W. Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21, 1994).
    """
    value = _from_sums(np.array([returns.sum()]), np.array([np.square(returns).sum()]), returns.size)[0]
    return float(value) if np.isfinite(value) else None


def _from_sums(total: Floats, squares: Floats, days: int) -> Floats:
    """Sharpe ratios from the sums and sums of squares of `days` returns; NaN where the returns do not vary."""
    if days < 2:
        return np.full(total.shape, np.nan)
    mean = total / days
    # Equal returns leave only rounding errors as variance, below 1e-12 of their mean square.
    variance = (squares - days * mean**2) / (days - 1)
    deviation = np.sqrt(np.where(variance > 1e-12 * squares / days, variance, np.nan))
    result: Floats = mean / deviation * math.sqrt(DAYS_PER_YEAR)
    return result
