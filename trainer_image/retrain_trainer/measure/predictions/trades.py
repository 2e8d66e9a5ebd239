"""What the backtest traded, one row a trade, and what buying and holding would have done: both follow from predictions.parquet.

A PnL alone can't be checked by whoever trades. With the list of fills it can, in any spreadsheet, and the account stands beside
one that bought at the first test bar and never looked again. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.wire import down
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.measure.assess import Predictions, trade
from retrain_trainer.measure.document import equity_curve
from retrain_trainer.measure.figures.backtest import max_drawdown, select

from .prediction_file import Recorded

Floats: TypeAlias = NDArray[np.float64]

CSV_HEAD = "side,entered,entry_price,exited,exit_price,bars,return_percent,account"
_DIGITS = 8
_EMPTY = 1e-9
"""What is left of an account that holding has wiped out, as in the backtest."""


@dataclass(frozen=True)
class Trade:
    """One trade: the times of both fills (closes of bars), and what it left of the stake after both fees."""

    side: str
    entered: str
    entry_price: float
    exited: str
    exit_price: float
    bars: int
    change: float
    account: float


@dataclass(frozen=True)
class Month:
    """The trades that were entered in a month, UTC: how many, how many gained, and what they did to the account together."""

    month: str
    trades: int
    won: int
    change: float


@dataclass(frozen=True)
class Traded:
    """Everything that was traded, beside buying at the first test bar and selling at the last, with a fee for each fill.

    `points` are those of the equity curve: time, equity and hold.
    """

    trades: tuple[Trade, ...]
    months: tuple[Month, ...]
    hold: float
    hold_drawdown: float
    points: tuple[dict[str, Any], ...]


def traded(recorded: Recorded) -> Traded:
    """What the backtest traded on the recorded predictions."""
    predictions, rules = recorded.predictions, recorded.evaluation.backtest
    done = trade(predictions, recorded.evaluation)
    found = tuple(_trades(recorded, done.trade_returns))
    close, times = _market(predictions)
    held = holding(close, rules.fee_bps / 10_000)
    account, beside = equity_curve(times, done.equity), equity_curve(times, held)
    points = tuple(
        {"time": one["time"], "equity": one["equity"], "hold": other["equity"]}
        for one, other in zip(account, beside, strict=True)
    )
    return Traded(found, tuple(by_month(found)), _change(held[-1]), max_drawdown(np.log(held)), points)


def holding(close: Floats, fee: float) -> Floats:
    """The account [n] that buys at the first close and sells at the last, worth 1 before its first fee; n > 0."""
    fees = np.full(close.size, fee)
    fees[-1] += fee
    return np.asarray(np.maximum(close / close[0] - fees, _EMPTY))


def _trades(recorded: Recorded, changes: Floats) -> Iterable[Trade]:
    predictions, rules = recorded.predictions, recorded.evaluation.backtest
    interval = predictions.dataset.question.interval.nanoseconds
    close, times = _market(predictions)
    chosen = select(predictions.probabilities, times, interval, predictions.horizon, rules.threshold)
    account = np.cumprod(1 + changes)
    for entry, exit_, side, change, after in zip(
        chosen.entries, chosen.exits, chosen.sides, changes, account, strict=True
    ):
        yield Trade(
            "long" if side > 0 else "short",
            iso_time(times[entry] + interval),
            float(close[entry]),
            iso_time(times[exit_] + interval),
            float(close[exit_]),
            int(exit_ - entry),
            float(change),
            float(after),
        )


def _market(predictions: Predictions) -> tuple[Floats, NDArray[np.int64]]:
    candles = predictions.dataset.candles
    return candles.close[predictions.test], candles.timestamps[predictions.test]


def by_month(trades: Iterable[Trade]) -> list[Month]:
    """The trades by the month of their entry, in time order; months without one are left out."""
    months: dict[str, list[float]] = {}
    for one in trades:
        months.setdefault(one.entered[:7], []).append(one.change)
    return [
        Month(month, len(changes), sum(change > 0 for change in changes), _change(np.prod(1 + np.array(changes))))
        for month, changes in months.items()
    ]


def _change(account: float) -> float:
    """What became of an account of 1, cut as a measured PnL is."""
    return down(float(account) - 1) or 0.0


def csv(symbol: str, trades: Iterable[Trade]) -> str:
    """The rows of trades.csv for one symbol, without the head; a symbol has no comma."""
    return "".join(
        f"{symbol},{one.side},{one.entered},{_number(one.entry_price)},{one.exited},{_number(one.exit_price)},{one.bars},"
        f"{_number(100 * one.change)},{_number(one.account)}\n"
        for one in trades
    )


def _number(value: float) -> str:
    return f"{value:.{_DIGITS}g}"
