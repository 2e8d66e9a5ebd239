"""The events of a run: one for each transition, for people who read `kubectl describe`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from retrain_api import reasons
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_operator.decide.notification import telling
from retrain_operator.state.effects import Event

from .answers import StaleAnswer


def events(
    before: RetrainRunStatus, after: RetrainRunStatus, reason: str, stale: Sequence[StaleAnswer] = ()
) -> tuple[Event, ...]:
    """One for the run's transition, for each symbol that has just failed, for copies that were not made, for each receiver that
    was not told, and for each answer to another judgement. `reason` is the one behind the state.
    """
    known = {entry.symbol: entry.state for entry in before.symbols}
    failures = tuple(
        Event("Warning", entry.reason or reasons.SYMBOL_FAILED, f"{entry.symbol} failed: {entry.message}")
        for entry in after.symbols
        if entry.state == "Failed" and known.get(entry.symbol) != "Failed"
    )
    failures += _skips(known, after)
    failures += _undelivered(before, after)
    failures += telling.events(before.notified, after.notified)
    news = (one for one in stale if not one.told_in(before))
    failures += tuple(Event("Warning", reasons.JUDGEMENT_CHANGED, one.sentence) for one in news)
    # That a new run waits for its pods is not worth an event: those of its Jobs say so at the same time.
    if before.state == after.state or (after.state == "Queued" and reason == reasons.POD_PENDING):
        return failures
    warns = after.state in ("Rejected", "Failed") or reason == reasons.PROMOTED_BY_OVERRIDE
    kind: Literal["Normal", "Warning"] = "Warning" if warns else "Normal"
    return (*failures, Event(kind, reason if after.state in FINAL_STATES else after.state, after.message))


def _skips(known: Mapping[str, str], after: RetrainRunStatus) -> tuple[Event, ...]:
    """One for each symbol that has just been skipped, in a run that goes on; where it does not, the run's names them."""
    if after.state == "Skipped":
        return ()
    return tuple(
        Event("Normal", entry.reason or reasons.SKIPPED, f"{entry.symbol} was skipped: {entry.message}")
        for entry in after.symbols
        if entry.state == "Skipped" and known.get(entry.symbol) != "Skipped"
    )


def _undelivered(before: RetrainRunStatus, after: RetrainRunStatus) -> tuple[Event, ...]:
    """A warning about copies that were not made; where one was required, the run fails with the same message."""
    news = after.backups is not None and after.backups != before.backups and after.state != "Failed"
    if after.backups is None or not news or after.backups.ok or not after.backups.message:
        return ()
    return (Event("Warning", reasons.NOT_COPIED, after.backups.message),)
