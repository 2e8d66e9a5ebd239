"""What is told of a model in service: the facts, and each of them in words, which terminal and page print alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from retrain_api.formatting import bar as bound
from retrain_api.formatting import measured
from retrain_api.model_times import apart
from retrain_api.names import file_name
from retrain_api.observation.days import Day
from retrain_api.wire import timestamp
from retrain_trainer.measure.observed.life import Life
from retrain_trainer.measure.observed.promise import Promise
from retrain_trainer.model.pointer import Pointer

from .words import between, sentence

NOTHING = "-"
_MILLION = 1_000_000


@dataclass(frozen=True)
class LiveFacts:
    """A symbol's pointer in the store `store`, and the life of the model that it names, as of `now`.

    Of the life's blocks the last `judged_now` were judged for this alone and are not in the store; `notes` is what else is to be said.
    """

    symbol: str
    store: str
    pointer: Pointer
    life: Life
    now: datetime
    judged_now: int = 0
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """How it does, why that is said, and what to do."""
        return sentence(self.life, self.symbol, self.store, self.pointer.run)

    def promotion(self) -> str:
        """What is promoted, by which run, when and by whom."""
        pointer = self.pointer
        by = pointer.approved_by or "nobody named"
        how = "rolled back to" if pointer.rolled_back else "promoted"
        override = ", by override and not by the gate" if pointer.override else ""
        run = f"{pointer.run.namespace}/{pointer.run.name}"
        return f"{file_name(pointer.model.uri)} of the run {run}, {how} at {pointer.promoted_at} by {by}{override}"

    def age(self) -> Iterator[tuple[str, str]]:
        """How old its learning is, by name; nothing of what its release did not write down."""
        now, pointer = timestamp(self.now), self.pointer
        if pointer.trained_until:
            yield "learnt up to", f"{pointer.trained_until}, {apart(pointer.trained_until, now)} ago"
        if pointer.tested_until:
            yield "tested up to", f"{pointer.tested_until}, {apart(pointer.tested_until, now)} ago"
        if pointer.expires_at:
            over = ", so it is not to be used any more" if pointer.is_expired(self.now) else ""
            yield "expires at", f"{pointer.expires_at}{over}"
        if self.life.until:
            yield "judged up to", f"{self.life.until}, {apart(self.life.until, now)} ago{self._behind_the_record()}"

    def _behind_the_record(self) -> str:
        if not self.judged_now:
            return ""
        return f", the last {self.judged_now:,} of {len(self.life.record):,} blocks now and not in the store"

    def held_to(self) -> Iterator[tuple[str, str]]:
        """Promise, bar and alarm's line, by name."""
        promise = self.life.promise
        if promise.accuracy is not None:
            on = "" if promise.bars is None else f" on {promise.bars:,} test bars"
            yield "promised", f"{measured('accuracy', promise.accuracy)}{on}{interval(promise)}"
        if promise.bar is not None:
            yield "held to", f"{bound('accuracy', promise.bar)}, {_WHOSE[promise.bar_of]}"
        if not self.life.not_measurable:
            known = "of its run" if promise.symbols else "as it is not known how many its run promoted"
            several = "symbol" if self.life.symbols == 1 else "symbols"
            yield "alarm at", f"a wealth of {self.life.alarm:g}, for {self.life.symbols} {several} {known}"


_WHOSE = {
    "gate": "the bar of its run's gate",
    "given": "as it was given",
    "majority": "the majority of its test, because no gate's bar is known",
}


def interval(promise: Promise) -> str:
    """The interval after a comma; empty without one."""
    found = between(promise)
    return f", 95 % interval {found}" if found else ""


COLUMNS = ("day", "bars", "right", "promise", "bar", "wealth", "state")


def row(day: Day, promise: Promise) -> tuple[str, ...]:
    """A day as a row under COLUMNS."""
    return _cells(day.day, day.bars, day.accuracy, promise, day.after.bar.log, day.state)


def total(life: Life) -> tuple[str, ...]:
    """All days as a row."""
    totals = life.totals
    assert totals is not None
    return _cells("all", totals.bars, totals.accuracy, life.promise, totals.bar.log, life.state)


def _cells(name: str, bars: int, right: float | None, promise: Promise, log: float, state: str) -> tuple[str, ...]:
    share = NOTHING if right is None else f"{right * 100:.1f} %"
    return (name, f"{bars:,}", share, against_promise(right, promise), against_bar(right, promise), wealth(log), state)


def against_promise(right: float | None, promise: Promise) -> str:
    """Where an accuracy lies beside the promised interval."""
    if right is None or promise.low is None:
        return NOTHING
    if right < promise.low:
        return f"{(promise.low - right) * 100:.1f} points below"
    if promise.high is not None and right > promise.high:
        return f"{(right - promise.high) * 100:.1f} points above"
    return "within" if promise.high is not None else "not below"


def against_bar(right: float | None, promise: Promise) -> str:
    """How far an accuracy is from the bar."""
    return NOTHING if right is None or promise.bar is None else f"{(right - promise.bar) * 100:+.1f} points"


def wealth(log: float) -> str:
    """A wealth from its logarithm, as far as anybody wants to know it."""
    value = math.exp(min(log, 50.0))
    if value >= _MILLION:
        return "> 1 million"
    if value < 0.01:
        return "< 0.01"
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
