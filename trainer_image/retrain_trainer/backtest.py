"""What would trading on the probabilities have earned on the test bars, at their real prices?

The rules, all of them:

- Signal at the close of bar t: long when p > threshold, short when 1 - p > threshold, nothing without a
  probability. At a threshold of 0.5 the strategy is nearly always in the market. Flat bars are traded too.
- Filled at the close of bar t + 1 (nobody trades at the close that made the signal), held for the horizon,
  closed at the close of bar t + 1 + horizon. While a trade is open, signals are ignored; the next trade may
  be filled at the close at which the last one is closed.
- No trade is held over a gap in time, or past the last bar: it is closed at the last bar before it.
- Every trade stakes the whole account, so returns compound. Each fill costs the fee (`feeBps`, hundredths of
  a percent; 10 by default) of the amount staked: a round trip costs twice the fee, 0.2 % by default.
- A trade can lose no more than the account; no interest, funding, slippage or margin call is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

NANOSECONDS_PER_YEAR = 365 * 86_400 * 10**9
"""Crypto markets never close, so a year has 365 days of bars."""

_RUIN = 1e-9
"""What is left of an account that a short has lost whole; 0 would have no logarithm."""
_HIGHEST_LOG = 700.0
"""Accounts are shown up to e^700, the end of float64: a planted leak gets there."""


@dataclass(frozen=True)
class Backtest:
    """What `run` measures; shares are of 1, money is in units of the account at the start.

    `pnl` is the account at the end less 1, `win_rate` the share of trades with a gain after fees, `sharpe`
    annualised, `max_drawdown` the largest fall from a peak as a share of the peak, `exposure` the share of
    bars over which a position was held. `equity` [bars] is the account marked to market at each close,
    `log_returns` [bars] the steps of its logarithm. `entry_bars` and `trade_returns` (after fees) are
    [trades], for the bootstrap.
    """

    trades: int
    longs: int
    shorts: int
    win_rate: float | None
    pnl: float
    sharpe: float | None
    max_drawdown: float
    fees_paid: float
    exposure: float
    equity: Floats
    log_returns: Floats
    entry_bars: Integers
    trade_returns: Floats


@dataclass(frozen=True)
class Trades:
    """Entry bar, exit bar and side (1 long, -1 short) of each trade, [trades], in time order."""

    entries: Integers
    exits: Integers
    sides: Integers


def run(
    probabilities: Floats,
    close: Floats,
    timestamps: Integers,
    interval_ns: int,
    horizon_bars: int,
    threshold: float = 0.5,
    fee_bps: float = 10.0,
) -> Backtest:
    """Trade every bar of `close` [n] on `probabilities` [n] (NaN where there is no window).

    `timestamps` [n] are nanoseconds; two bars further apart than `interval_ns` have a gap between them.
    """
    fee = fee_bps / 10_000
    trades = select(probabilities, timestamps, interval_ns, horizon_bars, threshold)
    log_returns = mark_to_market(trades, close, fee)
    log_equity = np.cumsum(log_returns)
    equity = np.exp(np.minimum(log_equity, _HIGHEST_LOG))
    trade_returns = _trade_value(trades.sides, close[trades.exits], close[trades.entries], 2 * fee) - 1
    staked = np.concatenate([[1.0], np.cumprod(1 + trade_returns)[:-1]]) if trade_returns.size else trade_returns
    return Backtest(
        trades=int(trades.sides.size),
        longs=int((trades.sides > 0).sum()),
        shorts=int((trades.sides < 0).sum()),
        win_rate=float(np.mean(trade_returns > 0)) if trade_returns.size else None,
        pnl=float(equity[-1] - 1) if equity.size else 0.0,
        sharpe=sharpe(np.expm1(log_returns), interval_ns),
        max_drawdown=max_drawdown(log_equity),
        fees_paid=float(2 * fee * staked.sum()),
        exposure=float((trades.exits - trades.entries).sum() / close.size) if close.size else 0.0,
        equity=equity,
        log_returns=log_returns,
        entry_bars=trades.entries,
        trade_returns=trade_returns,
    )


def select(
    probabilities: Floats, timestamps: Integers, interval_ns: int, horizon_bars: int, threshold: float
) -> Trades:
    """The trades that the rules of this module make of probabilities [n]."""
    bars = np.arange(probabilities.size)
    last = _last_before_gap(timestamps, interval_ns)
    side = (probabilities > threshold).astype(np.int64) - (1 - probabilities > threshold)
    tradable = np.flatnonzero((side != 0) & (bars + 2 <= last))
    following = np.searchsorted(tradable, bars).tolist()
    signals: list[int] = []
    candidates, ends = tradable.tolist(), last.tolist()
    position = 0
    while position < len(candidates):
        signal = candidates[position]
        signals.append(signal)
        position = following[min(signal + horizon_bars, ends[signal] - 1)]
    entries = np.array(signals, dtype=np.int64) + 1
    exits = np.minimum(entries + horizon_bars, last[entries - 1])
    return Trades(entries, exits, side[entries - 1])


def mark_to_market(trades: Trades, close: Floats, fee: float) -> Floats:
    """Step of the account's logarithm at each bar [n], fees charged at the bars of their fills."""
    log_returns = np.zeros(close.size)
    held = trades.exits - trades.entries
    trade = np.repeat(np.arange(held.size), held)
    first = np.cumsum(held) - held
    bars = np.arange(trade.size) - first[trade] + trades.entries[trade] + 1
    fees = np.where(bars == trades.exits[trade], 2 * fee, fee)
    value = np.log(_trade_value(trades.sides[trade], close[bars], close[trades.entries[trade]], fees))
    before = np.concatenate([[0.0], value[:-1]]) if value.size else value
    before[first] = math.log1p(-fee)
    log_returns[bars] = value - before
    log_returns[trades.entries] += math.log1p(-fee)
    return log_returns


def sharpe(returns: Floats, interval_ns: int) -> float | None:
    """Mean over standard deviation (of a sample) of bar returns [n], times the root of the bars in a year.

    W. Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21, 1994, with a risk-free rate of 0. None
    where the returns do not vary.
    """
    value = sharpe_from_sums(
        np.array([returns.sum()]), np.array([np.square(returns).sum()]), returns.size, interval_ns
    )[0]
    return float(value) if np.isfinite(value) else None


def sharpe_from_sums(total: Floats, squares: Floats, bars: int, interval_ns: int) -> Floats:
    """Sharpe ratios from sums and sums of squares of `bars` returns; NaN where they do not vary."""
    if bars < 2:
        return np.full(total.shape, np.nan)
    mean = total / bars
    variance = (squares - bars * mean**2) / (bars - 1)
    deviation = np.sqrt(np.where(variance > 1e-12 * squares / bars, variance, np.nan))
    result: Floats = mean / deviation * math.sqrt(NANOSECONDS_PER_YEAR / interval_ns)
    return result


def max_drawdown(log_equity: Floats) -> float:
    """Largest fall of the account from its peak so far, as a share of the peak, the start being a peak."""
    peaks = np.maximum(np.maximum.accumulate(log_equity), 0.0)
    return float(-np.expm1(-np.max(peaks - log_equity, initial=0.0)))


def _last_before_gap(timestamps: Integers, interval_ns: int) -> Integers:
    """Last bar [n] that can be reached from each bar without crossing a gap."""
    ends = np.flatnonzero(np.append(np.diff(timestamps) != interval_ns, True)) if timestamps.size else timestamps
    return ends[np.searchsorted(ends, np.arange(timestamps.size))]


def _trade_value(sides: Integers, price: Floats, entry_price: Floats, fees: Floats | float) -> Floats:
    """What a stake of 1 is worth at a price, after the fees so far."""
    return np.maximum(1 + sides * (price / entry_price - 1) - fees, _RUIN)
