"""What would trading on the probabilities have earned on the test bars, at their real prices?

Accuracy alone can be bid-ask bounce that no one could trade, so the gate and the report also need the profit after fees.
It is only worth something if every price is one that was actually paid: invented fills once gave 100 % wins.

These are all the rules:

- The signal comes at the close of bar t: long when p > threshold, short when 1 - p > threshold, none without a
  probability. At a threshold of 0.5 the strategy is nearly always in the market. Flat bars are traded too.
- The entry is filled at the close of bar t + 1, since nobody can trade at the close that made the signal. The trade
  is held for the horizon and closed at the close of bar t + 1 + horizon. While it is open, signals are ignored; the
  next trade may enter at the same close at which this one exits.
- No trade is held over a gap in time or past the last bar. It is closed at the last bar before either.
- Every trade stakes the whole account, so returns compound. Each fill costs the fee (`feeBps`, hundredths of
  a percent; 10 by default) of the amount staked: a round trip costs twice the fee, 0.2 % by default.
- A trade can lose no more than the account. Interest, funding, slippage and margin calls are not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

_RUIN = 1e-9
"""What remains of an account that a short has wiped out; 0 would have no logarithm."""
_HIGHEST_LOG = 700.0
"""Equity is capped at e^700, close to the largest float64; a feature that leaks the future does get there."""


@dataclass(frozen=True)
class Backtest:
    """The result of `run`; shares are fractions of 1, and money is in units of the account at the start.

    `pnl` is the final account minus 1, `win_rate` the share of trades with a gain after fees, `max_drawdown` the largest
    fall from a peak as a share of that peak, and `exposure` the share of bars over which a position was held. `equity` [bars]
    is the account marked to market at each close, and `log_returns` [bars] the change of its logarithm. `entry_bars` and
    `trade_returns` (after fees) are [trades], for the bootstrap. The Sharpe ratio is of days: `measure/intervals/sharpe.py`.
    """

    trades: int
    longs: int
    shorts: int
    win_rate: float | None
    pnl: float
    max_drawdown: float
    fees_paid: float
    exposure: float
    equity: Floats
    log_returns: Floats
    entry_bars: Integers
    trade_returns: Floats


@dataclass(frozen=True)
class Trades:
    """Entry bar, exit bar and side (1 long, -1 short) of each trade [trades], in time order."""

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
    """Backtest `probabilities` [n] (NaN where there is no window) at the prices `close` [n].

    `timestamps` [n] are in nanoseconds; two bars further apart than `interval_ns` have a gap between them.
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
        max_drawdown=max_drawdown(log_equity),
        fees_paid=float(2 * fee * staked.sum()),
        exposure=float((trades.exits - trades.entries).sum() / close.size) if close.size else 0.0,
        equity=equity,
        log_returns=log_returns,
        entry_bars=trades.entries,
        trade_returns=trade_returns,
    )


def held_over(
    traded: Backtest, bars: Integers, timestamps: Integers, interval_ns: int, horizon_bars: int
) -> NDArray[np.bool_]:
    """Whether a trade was open from the bar before each of `bars` to that bar [k]; arguments as in `run`."""
    before = np.searchsorted(traded.entry_bars, bars) - 1  # the last trade that was entered before the bar
    if not traded.entry_bars.size:
        return np.zeros(len(bars), dtype=np.bool_)
    entries = traded.entry_bars[np.maximum(before, 0)]
    without_gap = timestamps[bars] - timestamps[entries] == (bars - entries) * interval_ns
    held: NDArray[np.bool_] = (before >= 0) & (bars <= entries + horizon_bars) & without_gap
    return held


def pnl_without(traded: Backtest, bars: Integers) -> float:
    """What `pnl` would be, had the account not changed at `bars`."""
    returns = traded.log_returns.copy()
    returns[bars] = 0
    return float(np.expm1(min(returns.sum(), _HIGHEST_LOG)))


def select(
    probabilities: Floats, timestamps: Integers, interval_ns: int, horizon_bars: int, threshold: float
) -> Trades:
    """The trades that follow from probabilities [n] by the rules of this module.

    One trade excludes others while it is open, so they are found one after the other. `following[b]` is the index of the
    first tradable bar at or after bar b; that makes each step one look-up, and a million bars take as many steps as trades.
    """
    bars = np.arange(probabilities.size)
    last = _last_before_gap(timestamps, interval_ns)
    side = (probabilities > threshold).astype(np.int64) - (1 - probabilities > threshold)
    # A trade needs two more bars before a gap: one to enter at and a later one to exit at.
    tradable = np.flatnonzero((side != 0) & (bars + 2 <= last))
    following = np.searchsorted(tradable, bars).tolist()
    signals: list[int] = []
    candidates, ends = tradable.tolist(), last.tolist()
    position = 0
    while position < len(candidates):
        signal = candidates[position]
        signals.append(signal)
        # The exit is at bar signal + 1 + horizon. A signal one bar earlier is filled at that very close, so it counts.
        position = following[min(signal + horizon_bars, ends[signal] - 1)]
    entries = np.array(signals, dtype=np.int64) + 1
    exits = np.minimum(entries + horizon_bars, last[entries - 1])
    return Trades(entries, exits, side[entries - 1])


def positions(trades: Trades, bars: int) -> NDArray[np.int8]:
    """The side that was held from the close before each bar to its own [bars]: 1 long, -1 short, 0 none."""
    held = trades.exits - trades.entries
    trade = np.repeat(np.arange(held.size), held)
    first = np.cumsum(held) - held
    found = np.zeros(bars, dtype=np.int8)
    found[np.arange(trade.size) - first[trade] + trades.entries[trade] + 1] = trades.sides[trade]
    return found


def mark_to_market(trades: Trades, close: Floats, fee: float) -> Floats:
    """Change of the account's logarithm at each bar [n], with fees charged at the bars of their fills.

    An account that only changed at exits would hide every fall in between, and the drawdown and the Sharpe ratio would
    look better than they were. So each open trade is valued at each close it is held over: `trade` and `bars` list every
    (trade, bar) pair, and the step is the logarithm of the value at this close minus the one at the close before.
    """
    log_returns = np.zeros(close.size)
    held = trades.exits - trades.entries
    trade = np.repeat(np.arange(held.size), held)
    first = np.cumsum(held) - held
    bars = np.arange(trade.size) - first[trade] + trades.entries[trade] + 1
    fees = np.where(bars == trades.exits[trade], 2 * fee, fee)
    value = np.log(_trade_value(trades.sides[trade], close[bars], close[trades.entries[trade]], fees))
    before = np.concatenate([[0.0], value[:-1]]) if value.size else value
    # The first step of a trade starts from the stake less the entry fee. That fee belongs to the entry bar, which may also
    # be the exit bar of the trade before, so it is added there and not assigned.
    before[first] = math.log1p(-fee)
    log_returns[bars] = value - before
    log_returns[trades.entries] += math.log1p(-fee)
    return log_returns


def max_drawdown(log_equity: Floats) -> float:
    """Largest fall of the account from its highest value so far, as a share of it; the start counts as a peak."""
    peaks = np.maximum(np.maximum.accumulate(log_equity), 0.0)
    return float(-np.expm1(-np.max(peaks - log_equity, initial=0.0)))


def _last_before_gap(timestamps: Integers, interval_ns: int) -> Integers:
    """For each bar, the last bar [n] that can be reached without crossing a gap."""
    ends = np.flatnonzero(np.append(np.diff(timestamps) != interval_ns, True)) if timestamps.size else timestamps
    return ends[np.searchsorted(ends, np.arange(timestamps.size))]


def _trade_value(sides: Integers, price: Floats, entry_price: Floats, fees: Floats | float) -> Floats:
    """Value of a stake of 1 at a price, after the fees paid so far."""
    return np.maximum(1 + sides * (price / entry_price - 1) - fees, _RUIN)
