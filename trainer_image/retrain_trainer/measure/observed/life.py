"""A promoted model's life: what it promised, the record of its judged blocks, and the state that follows from both. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from retrain_api.observation.betting import alarm_line
from retrain_api.observation.days import Day, days, steps
from retrain_api.observation.record import Block, Totals, nothing_yet
from retrain_api.observation.state import State, state_of

from .promise import Promise

LifeState: TypeAlias = State | Literal["NotMeasurable"]


@dataclass(frozen=True)
class Life:
    """A model since its test, from the judged blocks in time order, which end at `until`."""

    promise: Promise
    record: Sequence[Block] = ()
    until: str | None = None

    @property
    def not_measurable(self) -> str:
        """Why it can't be held to anything, in a sentence; empty where it can."""
        if self.promise.blocks is None or self.promise.tested_until is None:
            return (
                "An earlier release promoted it: its card does not say into which blocks its bars are cut. "
                "A model that this release trains and promotes can be observed."
            )
        if self.promise.nulls is None:
            return "Nobody knows what to hold it to: neither a bar of accuracy nor the majority of its test is known any more."
        return ""

    @property
    def symbols(self) -> int:
        """Symbols that its run promoted, as far as that is known; the alarm's line depends on it."""
        return self.promise.symbols or 1

    @property
    def alarm(self) -> float:
        """The wealth that is an alarm."""
        return alarm_line(self.symbols)

    @cached_property
    def steps(self) -> list[tuple[Block, Totals]]:
        """Each block with the totals after it; none of a model that can't be measured."""
        nulls, blocks = self.promise.nulls, self.promise.blocks
        return [] if self.not_measurable or nulls is None or blocks is None else steps(self.record, nulls, blocks)

    @cached_property
    def days(self) -> list[Day]:
        """Day by day."""
        return list(days(self.steps, self.symbols, self.promise.min_bars))

    @property
    def totals(self) -> Totals | None:
        """Over the whole record; None of a model that can't be measured."""
        nulls, blocks = self.promise.nulls, self.promise.blocks
        if self.not_measurable or nulls is None or blocks is None:
            return None
        return self.steps[-1][1] if self.steps else nothing_yet(nulls, blocks)

    @property
    def state(self) -> LifeState:
        """How it does."""
        totals = self.totals
        return "NotMeasurable" if totals is None else state_of(totals, self.symbols, self.promise.min_bars)

    @property
    def alarmed(self) -> str | None:
        """The day on which it became Decaying; None where it is not."""
        return next((one.day for one in self.days if one.state == "Decaying"), None)
