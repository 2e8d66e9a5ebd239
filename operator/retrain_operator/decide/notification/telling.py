"""What each receiver of a run or a schedule was told and is still to be told: the bookkeeping in `status.notified`, for both.

A transition has a number and a word, such as 3-Promoted. Its number never comes again, so a Job that tells of it is made once, and what was told
stays told however often the plan is repeated. Only the newest transition waits: a person who was away at night wants to know how it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from retrain_api import reasons
from retrain_api.status.notified import Notified
from retrain_api.wire import timestamp
from retrain_operator.decide.phase_job import Failed
from retrain_operator.state.effects import Event

_MESSAGE = 300
"""Characters of why a receiver could not be told: eight receivers share a status with everything else."""


class Listens(Protocol):
    """A receiver of the spec."""

    @property
    def name(self) -> str: ...

    def wants(self, told: str) -> bool:
        """Whether it is told of this."""
        ...


@dataclass(frozen=True)
class News:
    """Something that has just happened: its key and its word, and what a person is to read of it."""

    number: int
    word: str
    text: str

    @property
    def key(self) -> str:
        """Such as 3-Promoted."""
        return f"{self.number}-{self.word}"


def listed(
    receivers: Iterable[Listens], known: Sequence[Notified], news: Sequence[News], now_true: str | None
) -> tuple[Notified, ...]:
    """An entry for each receiver, with the newest of the news that it wants.

    `now_true` is the key of what was true before the news: to a receiver that has just been added it counts as told.
    """
    entries = {entry.name: entry for entry in known}
    return tuple(
        _queued(entries.get(one.name) or Notified(name=one.name, key=now_true), one, news) for one in receivers
    )


def _queued(entry: Notified, receiver: Listens, news: Sequence[News]) -> Notified:
    newest = next((one for one in reversed(news) if receiver.wants(one.word)), None)
    if newest is None:
        return entry
    waits = {"pending": newest.key, "text": newest.text, "failed_key": None, "message": ""}
    return entry.model_copy(update=waits)


def told(entry: Notified, now: datetime) -> Notified:
    """The entry once its receiver was told."""
    return Notified(name=entry.name, key=entry.pending, at=timestamp(now))


def tried(entry: Notified, waits: str) -> Notified:
    """The entry while its receiver is being told; `waits` says why no pod tells it yet, such as a Secret that is not there."""
    return entry.model_copy(update={"failed_key": None, "message": waits[:_MESSAGE]})


def not_told(entry: Notified, why: Failed, memory: str) -> Notified:
    """The entry once that has failed; it is not tried again while `memory` stays the same."""
    message = f"{why.reason}: {why.message}"[:_MESSAGE]
    return entry.model_copy(update={"failed_key": memory, "message": message})


def events(before: Sequence[Notified] | None, after: Sequence[Notified] | None) -> tuple[Event, ...]:
    """A warning for each receiver that has just not been told."""
    known = {entry.name: entry.failed_key for entry in before or ()}
    news = [entry for entry in after or () if entry.failed_key and entry.failed_key != known.get(entry.name)]
    return tuple(Event("Warning", reasons.NOT_TOLD, entry.failure) for entry in news)
