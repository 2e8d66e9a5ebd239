"""A record of judged blocks day by day: what people read of a promoted model's life. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby

from .blocks import Blocks
from .record import Block, Nulls, Totals, added, nothing_yet
from .state import MIN_BARS, State, state_of


@dataclass(frozen=True)
class Day:
    """The blocks that begin on one day in UTC, such as 2026-11-28, and the totals at its end."""

    day: str
    bars: int
    right: int
    after: Totals
    state: State

    @property
    def accuracy(self) -> float | None:
        """Share of the day's judged bars in which the model was right; None without any."""
        return self.right / self.bars if self.bars else None


def steps(record: Iterable[Block], nulls: Nulls, blocks: Blocks) -> list[tuple[Block, Totals]]:
    """Each block of a record, in time order, with the totals after it."""
    known = list(record)
    totals = accumulate(
        known, lambda before, block: added(before, block, nulls, blocks), initial=nothing_yet(nulls, blocks)
    )
    next(totals)
    return list(zip(known, totals, strict=True))


def days(judged: Iterable[tuple[Block, Totals]], symbols: int, min_bars: int = MIN_BARS) -> Iterator[Day]:
    """The days of what `steps` gives, for one of the `symbols` that a run has promoted. A day without a block is left out."""
    for day, of_day in groupby(judged, lambda step: step[0].first[:10]):
        found = list(of_day)
        after = found[-1][1]
        bars, right = sum(block.bars for block, _ in found), sum(block.right for block, _ in found)
        yield Day(day, bars, right, after, state_of(after, symbols, min_bars))
