"""Which slot is due now: the newest one that counts and has no run yet.

Missed slots are found backwards from the clock, and only the newest is made up for. A walk through all of them would grow with
the time that nobody looked: a CronJob stops for good after a hundred (kubernetes#42649).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from retrain_api.status.schedule import Counting
from retrain_api.wire import timestamp

from .context import Context, read_time


@dataclass(frozen=True)
class Slots:
    """Since when slots count, the slot that a run is still to be made for, the slot that came too late for one, the next one
    that comes, and when the one that is due is too late.
    """

    counting: Counting
    due: datetime | None = None
    missed: datetime | None = None
    next: datetime | None = None
    deadline: datetime | None = None


def slots(context: Context, last: datetime | None, stopped: bool) -> Slots:
    """The slots as of now. `last` is the newest slot that has a run; `stopped` says that no slot counts."""
    counting = _counting(context, stopped)
    if stopped:
        return Slots(counting)
    handled = max(filter(None, [read_time(counting.since), last]))
    upcoming = context.cron.after(max(context.now, handled))
    newest = context.cron.at_or_before(context.now)
    if newest is None or newest <= handled:
        return Slots(counting, next=upcoming)
    deadline = _deadline(context, newest)
    if deadline is not None and context.now > deadline:
        return Slots(counting.model_copy(update={"since": timestamp(newest)}), missed=newest, next=upcoming)
    return Slots(counting, due=newest, next=upcoming, deadline=deadline)


def _counting(context: Context, stopped: bool) -> Counting:
    """Slots count from creation, from a change of schedule or zone, and from the end of a suspension or pause."""
    before, spec = context.status.counting, context.spec
    now = timestamp(context.now)
    if before is None:
        since = context.schedule.metadata.creation_timestamp or now
    else:
        same = (before.schedule, before.time_zone) == (spec.schedule, spec.time_zone)
        since = before.since if same and (stopped or not before.stopped) else now
    return Counting(since=since, schedule=spec.schedule, time_zone=spec.time_zone, stopped=stopped)


def _deadline(context: Context, slot: datetime) -> datetime | None:
    """Until when a run may be made for the slot."""
    seconds = context.spec.starting_deadline_seconds
    return None if seconds is None else slot + timedelta(seconds=seconds)
