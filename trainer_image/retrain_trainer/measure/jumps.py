"""What the backtest made of the unlikely jumps in the test part.

A short that is held over a stock split earns what nobody was paid. The gate does not judge by it, so a person must be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrain_api.wire import significant
from retrain_trainer.data.columns.timeline import iso_time

from .assess import Predictions
from .figures.backtest import Backtest, held_over, pnl_without

LISTED = 100
"""Jumps that are listed in the evaluation document; a file with more has wrong prices throughout."""


@dataclass(frozen=True)
class TestedJump:
    """An unlikely jump: its row in the test part, its bar, the closes before and after it, and whether a trade was open."""

    __test__ = False  # no class of tests

    row: int
    bar: str
    before: float
    after: float
    traded: bool

    def as_document(self) -> dict[str, Any]:
        """As the evaluation document lists it."""
        prices = {"before": significant(self.before), "after": significant(self.after)}
        return {"bar": self.bar, **prices, "traded": self.traded}


def tested_jumps(predictions: Predictions, traded: Backtest) -> list[TestedJump]:
    """The jumps of the test part, in time order."""
    dataset, test = predictions.dataset, predictions.test
    times = dataset.candles.timestamps[test]
    jumps = [jump for jump in dataset.jumps if test.start < jump.row < test.stop]
    rows = np.array([jump.row - test.start for jump in jumps], dtype=np.int64)
    held = held_over(traded, rows, times, dataset.question.interval.nanoseconds, predictions.horizon)
    return [
        TestedJump(int(row), iso_time(times[row]), jump.before, jump.after, bool(over))
        for row, jump, over in zip(rows, jumps, held, strict=True)
    ]


def traded_through(jumps: Sequence[TestedJump], traded: Backtest) -> tuple[str, ...]:
    """A sentence on how much of the PnL is from the jumps; empty where there are none."""
    if not jumps:
        return ()
    held = [jump for jump in jumps if jump.traded]
    if not held:
        return ("Unlikely jump: the backtest held no trade over one.",)
    without = pnl_without(traded, np.array([jump.row for jump in held]))
    return (
        f"Unlikely jump: the backtest held a trade over {len(held):,}, first at {held[0].bar}; PnL is "
        f"{100 * traded.pnl:+,.1f} %, and would be {100 * without:+,.1f} % without.",
    )
