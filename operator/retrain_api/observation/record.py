"""What is kept of a promoted model's life: judged blocks, and the cumulative numbers over them.

A judged block is frozen. If it could change afterwards, with bars that came late or were restated, then somebody could choose what the
test sees. The cumulative numbers are the same whether they come from the whole record or from those of the day before and
the blocks since: the same additions are made in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from retrain_api.wire import Lenient

from .betting import Wealth, bet, opening, pause
from .blocks import Blocks, Count, gain


class Block(Lenient):
    """One judged block. `first` is the opening of its first bar, RFC 3339 in UTC, which sorts as text."""

    first: str
    bars: int
    """Bars that were judged, of the block's length: those with a window and a label."""
    right: int
    gaps: tuple[float, ...] = ()
    """For each bin of the calibration error, the sum of probability less outcome."""
    pnl: float = 0.0
    """Change of the account in the block, of the trades that it entered."""
    open_bars: int = 0
    """Of the next block, the bars until the last of these trades is over: no other is entered before."""
    digest: str = ""
    """Of times and closes that it was judged by."""


@dataclass(frozen=True)
class Nulls:
    """What the model must keep to: the gate's `bar`, and the lower end of what its test `promised`, where it has one."""

    bar: float
    promised: float | None = None


class Totals(Lenient):
    """Cumulative numbers over a record of blocks; `bar` and `promise` are the bets against the two nulls."""

    blocks: int = 0
    bars: int = 0
    right: int = 0
    gaps: tuple[float, ...] = ()
    account: float = 1.0
    bar: Wealth
    promise: Wealth | None = None

    @property
    def accuracy(self) -> float | None:
        """Share of the judged bars in which the model was right; None before the first."""
        return self.right / self.bars if self.bars else None

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error, as in the measurement: the sum of the bins' gaps over the bars."""
        return sum(abs(gap) for gap in self.gaps) / self.bars if self.bars else None

    @property
    def pnl(self) -> float:
        """Change of the account over all blocks, one after the other."""
        return self.account - 1


def nothing_yet(nulls: Nulls, blocks: Blocks) -> Totals:
    """The totals before the first block."""
    begin = opening(blocks)
    return Totals(bar=begin, promise=None if nulls.promised is None else begin)


def added(totals: Totals, block: Block, nulls: Nulls, blocks: Blocks) -> Totals:
    """The totals with one more block."""
    promise = None
    if totals.promise is not None and nulls.promised is not None:
        promise = _after(totals.promise, block, nulls.promised, blocks)
    return Totals(
        blocks=totals.blocks + 1,
        bars=totals.bars + block.bars,
        right=totals.right + block.right,
        gaps=_summed(totals.gaps, block.gaps),
        account=totals.account * (1 + block.pnl),
        bar=_after(totals.bar, block, nulls.bar, blocks),
        promise=promise,
    )


def total(record: Iterable[Block], nulls: Nulls, blocks: Blocks, before: Totals | None = None) -> Totals:
    """The totals over a record in time order; with `before`, those of the blocks that came before it."""
    begin = nothing_yet(nulls, blocks) if before is None else before
    return reduce(lambda totals, block: added(totals, block, nulls, blocks), record, begin)


def restated(record: Iterable[Block], digests: Mapping[str, str]) -> int:
    """How many judged blocks have other bars now, because some came late or have changed; `digests` by a block's `first`."""
    return sum(bool(block.digest) and digests.get(block.first, block.digest) != block.digest for block in record)


def _after(wealth: Wealth, block: Block, bar: float, blocks: Blocks) -> Wealth:
    won = gain(Count(block.bars, block.right), bar, blocks.length)
    return pause(wealth) if won is None else bet(wealth, won, blocks, bar)


def _summed(before: tuple[float, ...], new: tuple[float, ...]) -> tuple[float, ...]:
    longest = max(len(before), len(new))
    return tuple((before[i] if i < len(before) else 0.0) + (new[i] if i < len(new) else 0.0) for i in range(longest))
