"""What has just happened to a schedule that people can be told of, found by comparing its status with the one that is written.

A pause is one whether or not the schedule is suspended meanwhile, and a schedule that delivers nothing is said to once, until something
is delivered again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from retrain_api.spec.notify import ScheduleTold
from retrain_api.status.run import State
from retrain_api.status.schedule import RecentRun, RetrainScheduleStatus

from .children import slot_of
from .context import Context
from .history import MISSED

PAUSED: ScheduleTold = "Paused"
NO_DELIVERIES: ScheduleTold = "NoDeliveries"
_DELIVERED: tuple[State, ...] = ("Promoted", "Passed")
_NOTHING = ("Rejected", "Failed", "Skipped", MISSED)


def happened(context: Context, after: RetrainScheduleStatus) -> Iterator[ScheduleTold]:
    """The words of what happened, the weightiest last: where several wait, the last one is told."""
    before, name = context.status, context.name
    verdict = _verdict(after)
    if verdict is not None and (verdict != _verdict(before) or _proof_key(before) != _proof_key(after)):
        yield verdict
    if delivers_nothing(name, after.recent) and not delivers_nothing(name, before.recent):
        yield NO_DELIVERIES
    if _is_paused(context, after) and not _is_paused(context, before):
        yield PAUSED


def now_true(context: Context) -> ScheduleTold | None:
    """What a person who looks at the schedule as it was could know already: the weightiest of it."""
    if _is_paused(context, context.status):
        return PAUSED
    return NO_DELIVERIES if delivers_nothing(context.name, context.status.recent) else _verdict(context.status)


def delivers_nothing(schedule: str, newest_first: Sequence[RecentRun]) -> bool:
    """Whether two slots in a row came to nothing since a run last delivered something: whatever it was made for.

    One that waits for a person has not come to nothing yet, nor has one that somebody deleted.
    """
    since = takewhile(lambda line: line.state not in _DELIVERED, newest_first)
    slots = [line for line in since if slot_of(schedule, line.run) is not None]
    return any(one.state in _NOTHING and other.state in _NOTHING for one, other in pairwise(slots))


def _is_paused(context: Context, status: RetrainScheduleStatus) -> bool:
    return 0 < context.spec.pause_after_failures <= status.failures


def _verdict(status: RetrainScheduleStatus) -> ScheduleTold | None:
    found = status.walk_forward.state if status.walk_forward is not None else None
    return found if found in ("Proven", "Unproven") else None


def _proof_key(status: RetrainScheduleStatus) -> str:
    return status.walk_forward.key if status.walk_forward is not None else ""
