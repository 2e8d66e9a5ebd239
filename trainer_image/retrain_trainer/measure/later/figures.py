"""What the models of a backfill were worth on later bars: a row for each slot, and the same over all of them. Pure.

Accuracies have block-bootstrap intervals as a measurement's (`intervals`). The account is one from the first slot to the last: a
trade that is open when the model changes is held to its end, so the figures of the slots multiply to that of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.measure.figures import backtest
from retrain_trainer.measure.intervals.dependence import dependent_block
from retrain_trainer.measure.intervals.paired import paired

from .scores import ANSWERS, Floats, Integers, Promise, Scores


@dataclass(frozen=True)
class Right:
    """How often a model was right on `bars` labelled bars, with the 95 % interval where there are enough of them."""

    bars: int
    accuracy: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Lived:
    """What a model did in a span; `pnl` and `trades` after fees, None where no account was kept for it."""

    right: Right | None
    pnl: float | None = None
    trades: int = 0


@dataclass(frozen=True)
class SlotRow:
    """One slot of one symbol. `served_by` and `first_from` are the slots whose models `served` and `first` are of."""

    index: int
    slot: int
    until: int
    bars: int
    model: str
    promoted: bool
    promise: Promise | None
    own: Lived | None
    served: Lived | None
    first: Lived | None
    served_by: int | None
    first_from: int | None
    hold: float | None


@dataclass(frozen=True)
class SymbolFigures:
    """A symbol's slots, and all of them together; `own` is of each slot's model in its own span, `refused` of those that were not promoted."""

    symbol: str
    rows: tuple[SlotRow, ...]
    served: Lived | None
    first: Lived | None
    own: Right | None
    refused: Right | None
    hold: float | None


@dataclass(frozen=True)
class Account:
    """One symbol's scores with the accounts of the model in service and of the first one."""

    scores: Scores

    @cached_property
    def traded(self) -> Mapping[str, backtest.Backtest]:
        """By name: served, first."""
        known = self.scores
        return {
            name: backtest.run(
                known.answers[name],
                known.close,
                known.times,
                known.question.interval.nanoseconds,
                known.question.horizon,
                known.threshold,
                known.fee_bps,
            )
            for name in ("served", "first")
        }

    @cached_property
    def judged(self) -> Mapping[str, NDArray[np.bool_]]:
        """By name, the bars that have an answer and a label [bars]."""
        known = self.scores
        return {name: np.isfinite(known.answers[name]) & (known.labels >= 0) for name in ANSWERS}

    def lived(self, name: str, bars: NDArray[np.bool_]) -> Lived | None:
        """What the answers of that name came to on some bars; None where there is no answer."""
        if not (np.isfinite(self.scores.answers[name]) & bars).any():
            return None
        right = right_on(self.scores, name, np.flatnonzero(self.judged[name] & bars))
        if name not in self.traded:
            return Lived(right)
        traded = self.traded[name]
        entered = int(bars[traded.entry_bars].sum())
        return Lived(right, float(np.expm1(traded.log_returns[bars].sum())), entered)


def answers_right(scores: Scores, name: str, rows: Integers) -> Floats:
    """1 where the answer is right and 0 where it is wrong [k], at labelled rows."""
    right: Floats = ((scores.answers[name][rows] > 0.5) == (scores.labels[rows] == 1)).astype(np.float64)
    return right


def right_on(scores: Scores, name: str, rows: Integers) -> Right | None:
    """The accuracy on labelled rows [k] with its interval; None without any."""
    if not rows.size:
        return None
    right = answers_right(scores, name, rows)
    found = paired(right, np.zeros(rows.size), bar_numbers(scores, rows), block_of(scores, name, rows))
    return Right(int(rows.size), float(right.mean()), found.low, found.high)


def bar_numbers(scores: Scores, rows: Integers) -> Integers:
    """Rows as numbers of bars in time, so that blocks span gaps."""
    numbers: Integers = scores.times[rows] // scores.question.interval.nanoseconds
    return numbers


def block_of(scores: Scores, name: str, rows: Integers) -> int:
    """Bars of a bootstrap block: a lookback plus a horizon, or longer where answers depend on each other for longer."""
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    chosen = np.full(part.stop - part.start, -1, dtype=np.int8)
    chosen[rows - part.start] = scores.labels[rows]
    return dependent_block(scores.answers[name][part], chosen, scores.lookback + scores.question.horizon)


def symbol_figures(scores: Scores) -> SymbolFigures:
    """All figures of a symbol."""
    account = Account(scores)
    everywhere = scores.place >= 0
    refused = np.array([not one.promoted for one in scores.slots], dtype=np.bool_)
    kept_out = everywhere & refused[np.maximum(scores.place, 0)] if len(scores.slots) else everywhere
    return SymbolFigures(
        symbol=scores.symbol,
        rows=tuple(_row(account, index) for index in range(len(scores.slots))),
        served=account.lived("served", everywhere),
        first=account.lived("first", everywhere),
        own=right_on(scores, "own", np.flatnonzero(account.judged["own"] & everywhere)),
        refused=right_on(scores, "own", np.flatnonzero(account.judged["own"] & kept_out)),
        hold=_held(scores, np.flatnonzero(everywhere)),
    )


def _row(account: Account, index: int) -> SlotRow:
    scores = account.scores
    slot, bars = scores.slots[index], scores.place == index
    first = scores.first
    return SlotRow(
        index=index,
        slot=slot.slot,
        until=slot.until,
        bars=int(bars.sum()),
        model=slot.model,
        promoted=slot.promoted,
        promise=slot.promise,
        own=account.lived("own", bars),
        served=account.lived("served", bars),
        first=account.lived("first", bars),
        served_by=scores.in_service(index),
        first_from=first if first is not None and first <= index else None,
        hold=_held(scores, np.flatnonzero(bars)),
    )


def _held(scores: Scores, rows: Integers) -> float | None:
    """What the price did over some bars that follow each other, from the close before them; without fees."""
    if not rows.size:
        return None
    first = int(rows[0])
    before = scores.close[first - 1] if first > 0 else scores.close_before
    start = scores.close[first] if before is None else before
    return float(scores.close[rows[-1]] / start - 1)


def accounts_over_time(scores: Scores) -> dict[str, Floats]:
    """The accounts [bars] of the model in service, of the first one and of who held, each beginning at 1."""
    traded = Account(scores).traded
    start = scores.close_before or (scores.close[0] if scores.close.size else 1.0)
    return {"served": traded["served"].equity, "first": traded["first"].equity, "hold": scores.close / start}
