"""The one place where it is decided what happens to a schedule: its present state goes in, what should be done comes out.

`plan` is pure and level-triggered, as a run's is (`decide.run.plan`): all memory is in the status and the runs. What it makes
are RetrainRuns, and it knows of them what anybody can read: their states and measurements. The operator and `retrain schedule
run` carry the same plans out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from retrain_api.cron import Cron
from retrain_api.names import slot_run
from retrain_api.schedule import RetrainSchedule
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_api.wire import timestamp
from retrain_operator.decide.context import Settings
from retrain_operator.state.effects import Basis, Deletion, Event, Plan, SchedulePlan
from retrain_operator.state.schedule_view import ScheduleView

from . import telling
from .columns import result, upcoming
from .conditions import conditions
from .context import Context
from .draft import Draft
from .events import events
from .hindrances import hindrance
from .history import history, with_missed
from .limits import surplus
from .making import Terms, making
from .messages import why
from .proof import proof, replays
from .slots import slots

_MESSAGE = 1024


def plan(schedule: RetrainSchedule, view: ScheduleView, now: datetime, settings: Settings) -> SchedulePlan:
    """Decide what to do about one schedule. `now` is an aware UTC time."""
    if schedule.metadata.deletion_timestamp is not None:
        return _plan(schedule, schedule.status, ())
    cron = Cron.parse(schedule.spec.schedule, schedule.spec.time_zone)
    context = Context(schedule, view, now, cron, settings)
    return _planned(context, _draft(context))


def _draft(context: Context) -> Draft:
    """What is found out, in the order in which one thing decides the next."""
    suspended = context.spec.suspend
    again = _changed(context) or context.schedule.resume is not None
    past = history(context, 0 if again else context.status.failures)
    paused = 0 < context.spec.pause_after_failures <= past.failures
    stopped = suspended or paused
    found = slots(context, past.last_slot, stopped)
    proven = proof(context)
    proving = proven.state == "Proving"
    asked = again or context.schedule.trigger is not None
    # A pause has no slot that is due, so that only a trigger makes a run in it.
    terms = Terms(not suspended and not proving, paused, proven.state == "Unproven", asked)
    made = making(context, found.due, terms)
    replayed = () if stopped else replays(context, proven, asked)
    wanted = [proven.names[slot] for slot in proven.wanted] if proving and not stopped else []
    if made.pending and not suspended and not proving:
        wanted = [made.pending.name]
    if found.missed is not None and not proving:  # while it is proven no slot was meant to deliver
        past = with_missed(past, slot_run(context.name, found.missed), found.missed)
    return Draft(suspended, paused, past, proven, found, made, replayed, hindrance(context, wanted))


def _changed(context: Context) -> bool:
    """Whether the spec was edited since it was last seen."""
    seen = context.status.observed_generation
    return bool(seen) and seen != context.schedule.metadata.generation


def _planned(context: Context, draft: Draft) -> SchedulePlan:
    reason, message = why(context, draft)
    told = telling.advance(context, _status(context, draft, message))
    status = _with_conditions(context, draft, told.status, reason)
    news = (*draft.history.events, *events(context, draft, status, reason), *told.events)
    create = (*draft.making.create, *draft.replays, *told.steps.create)
    delete = (*surplus(context, frozenset(draft.proof.names.values())), *told.steps.delete)
    return _plan(context.schedule, status, news, create, delete, _requeue(context, draft, told.steps.requeue_at))


def _plan(
    schedule: RetrainSchedule,
    status: RetrainScheduleStatus,
    news: tuple[Event, ...],
    create: tuple[dict[str, Any], ...] = (),
    delete: tuple[Deletion, ...] = (),
    requeue_at: datetime | None = None,
) -> SchedulePlan:
    basis = Basis(schedule.metadata.uid, schedule.metadata.resource_version)
    return Plan(basis, create, delete, status, news, requeue_at)


def _status(context: Context, draft: Draft, message: str) -> RetrainScheduleStatus:
    before, past = context.status, draft.history
    words, time = upcoming(context, draft.state, draft.slots, draft.making.behind, draft.hindrance)
    return before.model_copy(
        update={
            "observed_generation": context.schedule.metadata.generation,
            "state": draft.state,
            "message": message[:_MESSAGE],
            "result": result(context, past, draft.proof),
            "next": words,
            "next_time": None if time is None else timestamp(time),
            "last_schedule_time": None if past.last_slot is None else timestamp(past.last_slot),
            "last_successful_time": past.last_success,
            "counting": draft.slots.counting,
            "pending": draft.making.pending,
            "active": past.active,
            "failures": past.failures,
            "last_handled_trigger": draft.making.trigger or before.last_handled_trigger,
            "last_handled_resume": context.schedule.resume or before.last_handled_resume,
            "walk_forward": draft.proof.status,
            "decayed": before.decayed if draft.making.decayed is None else draft.making.decayed,
            "recent": past.recent,
        }
    )


def _with_conditions(
    context: Context, draft: Draft, status: RetrainScheduleStatus, reason: str
) -> RetrainScheduleStatus:
    needed = context.spec.walk_forward.min_passed if context.spec.walk_forward else 0
    found = conditions(status, reason, draft.stalled, needed, context.schedule.ignored, context.now)
    return status.model_copy(update={"conditions": found})


def _requeue(context: Context, draft: Draft, told: datetime | None) -> datetime | None:
    """The next slot, the moment after a deadline, the next second, or when somebody must have been told: whatever comes first."""
    late = draft.slots.deadline + timedelta(seconds=1) if draft.slots.deadline else None
    return min(filter(None, [draft.slots.next, late, draft.making.requeue_at, told]), default=None)
