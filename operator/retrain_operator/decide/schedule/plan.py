"""The one place where it is decided what happens to a schedule: its present state goes in, what should be done comes out.

`plan` is pure and level-triggered, as a run's is (`decide.run.plan`): all memory is in the status and the runs. What it makes
are RetrainRuns, and it knows of them what anybody can read: their states and measurements. The operator and `retrain schedule
run` carry the same plans out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from retrain_api import reasons
from retrain_api.cron import Cron
from retrain_api.schedule import RetrainSchedule
from retrain_api.status.schedule import RetrainScheduleStatus, ScheduleState
from retrain_api.wire import timestamp
from retrain_operator.state.effects import Basis, Deletion, Event, Plan, SchedulePlan
from retrain_operator.state.schedule_view import ScheduleView

from .columns import result, upcoming
from .conditions import conditions, invalid, passes
from .context import Context
from .hindrances import Hindrance, hindrance
from .history import History, history
from .limits import surplus
from .making import Making, Terms, making
from .proof import Proof, proof, replays
from .slots import Slots, slots

_MESSAGE = 1024


@dataclass(frozen=True)
class _Draft:
    """All that was found out about a schedule: its runs, its proof, its slots, the run that is made, and what hinders it."""

    history: History
    proof: Proof
    slots: Slots
    making: Making
    paused: bool
    again: bool
    replays: tuple[dict[str, Any], ...] = ()
    hindrance: Hindrance | None = None


def plan(schedule: RetrainSchedule, view: ScheduleView, now: datetime) -> SchedulePlan:
    """Decide what to do about one schedule. `now` is an aware UTC time."""
    if schedule.metadata.deletion_timestamp is not None:
        return _plan(schedule, schedule.status, ())
    try:
        cron = Cron.parse(schedule.spec.schedule, schedule.spec.time_zone)
    except ValueError as error:
        return _invalid(schedule, f"spec.schedule or spec.timeZone can't be read: {error}.", now)
    if schedule.spec.walk_forward is not None and schedule.spec.run_template.spec.split.test is None:
        why = "spec.walkForward needs spec.runTemplate.spec.split.test, such as 14d: the past slots are so far apart."
        return _invalid(schedule, why, now)
    context = Context(schedule, view, now, cron)
    return _planned(context, _draft(context))


def _invalid(schedule: RetrainSchedule, sentence: str, now: datetime) -> SchedulePlan:
    status = invalid(schedule.status, schedule.metadata.generation, sentence, now)
    told = schedule.status.state == "Invalid" and schedule.status.message == status.message
    events = () if told else (Event("Warning", reasons.INVALID_SCHEDULE, status.message),)
    return _plan(schedule, status, events)


def _draft(context: Context) -> _Draft:
    again = _changed(context) or context.schedule.resume is not None
    past = history(context, 0 if again else context.status.failures)
    paused = 0 < context.spec.pause_after_failures <= past.failures
    found = slots(context, past.last_slot, stopped=context.spec.suspend or paused)
    proven = proof(context)
    may = not context.spec.suspend and proven.state != "Proving"
    made = making(context, found.due, Terms(may, proven.state == "Unproven", again))
    stopped = context.spec.suspend or paused
    replayed = () if stopped else replays(context, proven, again)
    names = [made.pending.name] if made.pending and may else []
    if proven.state == "Proving" and not stopped:
        names = [proven.names[slot] for slot in proven.wanted]
    return _Draft(past, proven, found, made, paused, again, replayed, hindrance(context, names))


def _changed(context: Context) -> bool:
    """Whether the spec was edited since it was last seen."""
    seen = context.status.observed_generation
    return bool(seen) and seen != context.schedule.metadata.generation


def _planned(context: Context, draft: _Draft) -> SchedulePlan:
    state = _state(context, draft)
    reason, message = _why(context, draft, state)
    status = _status(context, draft, state, reason, message)
    create = (*draft.making.create, *draft.replays)
    proof_names = draft.proof.names.values()
    events = (*draft.history.events, *_events(context, draft, status, reason))
    return _plan(
        context.schedule, status, events, create, surplus(context, frozenset(proof_names)), _requeue(context, draft)
    )


def _plan(
    schedule: RetrainSchedule,
    status: RetrainScheduleStatus,
    events: tuple[Event, ...],
    create: tuple[dict[str, Any], ...] = (),
    delete: tuple[Deletion, ...] = (),
    requeue_at: datetime | None = None,
) -> SchedulePlan:
    basis = Basis(schedule.metadata.uid, schedule.metadata.resource_version)
    return Plan(basis, create, delete, status, events, requeue_at)


def _state(context: Context, draft: _Draft) -> ScheduleState:
    if context.spec.suspend:
        return "Suspended"
    if draft.paused:
        return "Paused"
    state = draft.proof.state
    return state if state == "Proving" or state == "Unproven" else "Active"


def _why(context: Context, draft: _Draft, state: ScheduleState) -> tuple[str, str]:
    """Reason and sentence of a state: what is in the way comes first."""
    if draft.hindrance is not None and state != "Suspended":
        return draft.hindrance.reason, draft.hindrance.message
    match state:
        case "Suspended":
            return (
                reasons.SUSPENDED,
                "Suspended: no run is made, and those under way go on. Set spec.suspend to false to continue.",
            )
        case "Paused":
            return reasons.PAUSED, _paused(context, draft)
        case "Proving":
            return reasons.PROVING, f"{_proof_line(context, draft)}. Until then no run is made."
        case "Unproven":
            return reasons.UNPROVEN, f"{_proof_line(context, draft)}. {_unproven(context)} {_next(context, draft)}"
    reason = reasons.NO_SLOT if draft.slots.next is None else reasons.SCHEDULED
    return reason, _next(context, draft)


def _paused(context: Context, draft: _Draft) -> str:
    failed = next((line for line in draft.history.recent if line.state == "Failed"), None)
    last = f" The last was {failed.run}: {failed.line.rstrip('.')}." if failed else ""
    return (
        f"{draft.history.failures} runs failed in a row, so no more are made.{last} Mend that, then run "
        f"retrain schedule resume {context.name}, or change the spec."
    )


def _proof_line(context: Context, draft: _Draft) -> str:
    asked, found = context.spec.walk_forward, draft.proof.status
    assert asked is not None and found is not None
    return f"{passes(found)}; {asked.min_passed} must"


def _unproven(context: Context) -> str:
    policy = context.spec.run_template.spec.promotion.policy
    if policy == "Automatic":
        return "Runs are made, and what they would promote waits for a person."
    return f"Runs are made; promotion.policy stays {policy}."


def _next(context: Context, draft: _Draft) -> str:
    """What is made, or waited for."""
    behind, due, after = draft.making.behind, draft.slots.due, draft.slots.next
    if behind:
        what = f"The run of {context.spoken(due)}" if due else "The run that was triggered"
        return f"{what} is made once {behind} is over."
    if draft.making.pending is not None:
        return f"{draft.making.pending.name} is being made."
    if after is None:
        return "No time fits spec.schedule, so no run is made; correct the day and month that it names."
    return f"The next run is made on {context.spoken(after)}."


def _status(context: Context, draft: _Draft, state: ScheduleState, reason: str, message: str) -> RetrainScheduleStatus:
    before, past = context.status, draft.history
    words, time = upcoming(context, state, draft.slots, draft.making.behind)
    status = before.model_copy(
        update={
            "observed_generation": context.schedule.metadata.generation,
            "state": state,
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
            "recent": past.recent,
        }
    )
    stalled = state == "Paused" or (state != "Suspended" and draft.hindrance is not None and draft.hindrance.stalls)
    needed = context.spec.walk_forward.min_passed if context.spec.walk_forward else 0
    found = conditions(status, reason, stalled, needed, context.schedule.ignored, context.now)
    return status.model_copy(update={"conditions": found})


def _requeue(context: Context, draft: _Draft) -> datetime | None:
    """The next slot, the moment after a deadline, or the next second: whatever comes first."""
    late = draft.slots.deadline + timedelta(seconds=1) if draft.slots.deadline else None
    return min(filter(None, [draft.slots.next, late, draft.making.requeue_at]), default=None)


def _events(context: Context, draft: _Draft, after: RetrainScheduleStatus, reason: str) -> tuple[Event, ...]:
    """One for each transition: of the proof, of the state, of what is in the way, and of a slot that came too late."""
    before = context.status
    found: list[Event] = []
    if draft.slots.missed is not None:
        late = f"No run was made for {context.spoken(draft.slots.missed)} within spec.startingDeadlineSeconds."
        found.append(Event("Warning", reasons.SLOT_MISSED, late))
    if before.state == "Paused" and after.state not in ("Paused", "Suspended"):
        found.append(Event("Normal", reasons.RESUMED, "The pause is over; slots count from now on."))
    found += _proof_event(before, draft)
    stood = next((one.reason for one in before.conditions if one.type == "Ready"), None)
    if reason != stood and reason not in (reasons.PROVING, reasons.UNPROVEN):
        found.append(Event(_kind(after), reason, after.message))
    return tuple(found)


def _kind(after: RetrainScheduleStatus) -> Literal["Normal", "Warning"]:
    ready = next(one.status for one in after.conditions if one.type == "Ready")
    return "Normal" if ready == "True" else "Warning"


def _proof_event(before: RetrainScheduleStatus, draft: _Draft) -> list[Event]:
    found, old = draft.proof.status, before.walk_forward
    if found is None or (old is not None and (old.key, old.state) == (found.key, found.state)):
        return []
    words = {"Proving": reasons.PROVING, "Proven": reasons.PROVEN, "Unproven": reasons.UNPROVEN}
    kind: Literal["Normal", "Warning"] = "Warning" if found.state == "Unproven" else "Normal"
    return [Event(kind, words[found.state], f"{passes(found)}.")]
