"""Judges whole blocks of bars by a model's answers: how many were right, by how much the probabilities missed, what trading earned. Pure.

A block covers the bars that open in its time, so a gap takes up its place. Judged are those with an answer and a label: a tie has no
label where the model was trained without ties. Each block is asked by itself, so however many are judged at once, each comes out alike.

The account is the backtest's (`figures/backtest.py`), one from the first block on. A trade belongs to the block whose bar it is entered at. It
is held to its end even where that lies in the next block, and `open_bars` says until when no other is entered there. The signal of a
block's first entry is that of the bar before it; before the first block there is none, since that bar belongs to the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.observation.record import Block
from retrain_api.spec.evaluation import Evaluation
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.labels import Labels, label
from retrain_trainer.measure.figures import backtest
from retrain_trainer.measure.figures.metrics import bin_of

from .record_files import Record

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Ask: TypeAlias = Callable[[Integers], Floats]
"""Probabilities of up at bars that open at these times [k]; NaN where no complete window ends."""

_DIGEST = 5
"""Bytes of a block's digest: one change in 10^12 is not seen."""
_HIGHEST_LOG = 700.0


@dataclass(frozen=True)
class Rules:
    """How blocks are judged beside the question: `bins` of the calibration error, and what is traded at which fee."""

    bins: int
    threshold: float
    fee_bps: float

    @classmethod
    def going_on(cls, record: Record, evaluation: Evaluation) -> Rules:
        """As many bins as the blocks so far have: a record that was begun by a run with others goes on as it is."""
        bins = next((len(block.gaps) for block in record.blocks if block.gaps), evaluation.calibration_bins)
        return cls(bins, evaluation.backtest.threshold, evaluation.backtest.fee_bps)


@dataclass(frozen=True)
class Bars:
    """The closed bars of a file, from a model's first block on and as many before it as its windows reach back [bars]."""

    record: Record
    times: Integers
    close: Floats

    @cached_property
    def labels(self) -> Labels:
        """What became of each bar."""
        return label(self.close, self.times, self.record.question)

    def part(self, first: int, end: int) -> slice:
        """The rows of the bars that open from `first` until before `end`, in nanoseconds UTC."""
        found = np.searchsorted(self.times, [first, end])
        return slice(int(found[0]), int(found[1]))


def whole_blocks(record: Record, newest: int) -> int:
    """How many blocks from the first on are whole once a bar has closed at `newest` (ns UTC): their last outcome is decided."""
    return max((newest - record.question.horizon_nanoseconds - record.anchor) // record.block_nanoseconds, 0)


def judged(bars: Bars, ask: Ask, rules: Rules, lookback: int, stop: int) -> Iterator[Block]:
    """The blocks behind the record, in time order, up to that of number `stop`, which is not among them."""
    blocks = bars.record.blocks
    open_bars = blocks[-1].open_bars if blocks else 0
    for index in range(len(blocks), stop):
        block = _block(bars, ask, rules, lookback, index, open_bars)
        open_bars = block.open_bars
        yield block


def _block(bars: Bars, ask: Ask, rules: Rules, lookback: int, index: int, open_bars: int) -> Block:
    record, interval = bars.record, bars.record.question.interval.nanoseconds
    first, end = record.start_of(index), record.start_of(index + 1)
    signals = bars.part(first - interval if index else first, end)
    answers = ask(bars.times[signals])
    own = bars.part(first, end)
    found, labels = answers[own.start - signals.start :], bars.labels.values[own]
    known = np.isfinite(found) & (labels >= 0)
    pnl, still_open = _traded(bars, rules, signals.start, answers, first + open_bars * interval, end)
    up = found[known]
    return Block(
        first=iso_time(first),
        bars=int(known.sum()),
        right=int(((up > 0.5) == (labels[known] == 1)).sum()),
        gaps=_gaps(up, labels[known], rules.bins),
        pnl=pnl,
        open_bars=still_open,
        digest=digest(bars, lookback, index),
    )


def _gaps(up: Floats, labels: NDArray[np.int8], bins: int) -> tuple[float, ...]:
    """For each bin the sum of probability less outcome, as in `metrics.calibration_error`. Empty without a bar."""
    if not up.size:
        return ()
    found = np.bincount(bin_of(up, bins), weights=up - labels, minlength=bins)
    return tuple(round(float(gap), 6) + 0.0 for gap in found)  # + 0.0 makes a -0.0 a 0.0


def _traded(bars: Bars, rules: Rules, start: int, answers: Floats, free: int, end: int) -> tuple[float, int]:
    """Change of the account by the trades that are entered from `free` until before `end`, and for how many bars after it the last is open.

    `answers` are those at the rows from `start` on. The rows reach as far as a trade may be held that is entered at the last bar.
    """
    question = bars.record.question
    interval = question.interval.nanoseconds
    rows = slice(start, bars.part(end, end - interval + question.horizon_nanoseconds + 1).stop)
    times, close = bars.times[rows], bars.close[rows]
    entries = times[: answers.size] + interval
    signals = np.full(times.size, np.nan)
    signals[: answers.size] = np.where((entries >= free) & (entries < end), answers, np.nan)
    trades = backtest.select(signals, times, interval, question.horizon, rules.threshold)
    if not trades.sides.size:
        return 0.0, max((free - end) // interval, 0)
    changes = backtest.mark_to_market(trades, close, rules.fee_bps / 10_000)
    until = max(free, int(times[trades.exits[-1]]))
    return round(float(np.expm1(min(changes.sum(), _HIGHEST_LOG))), 9), max((until - end) // interval, 0)


def digest(bars: Bars, lookback: int, index: int) -> str:
    """Of the times and closes that a block's windows and outcomes are made of."""
    record, interval = bars.record, bars.record.question.interval.nanoseconds
    begin = record.start_of(index) - (lookback - 1) * interval
    part = bars.part(begin, record.start_of(index + 1) + record.question.horizon_nanoseconds)
    return blake2b(bars.times[part].tobytes() + bars.close[part].tobytes(), digest_size=_DIGEST).hexdigest()


def digests(bars: Bars, lookback: int, file_begins: int) -> dict[str, str]:
    """The digest that each judged block would have now; those are left out that reach back before the file begins (ns UTC)."""
    record, interval = bars.record, bars.record.question.interval.nanoseconds
    return {
        block.first: digest(bars, lookback, index)
        for index, block in enumerate(record.blocks)
        if record.start_of(index) - (lookback - 1) * interval >= file_begins
    }
