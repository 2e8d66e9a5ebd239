"""Observation: one Indexed Job looks at the promoted models at each `every`, whatever else the run does.

It is no part of the work: a run that is over is observed, and so is one that trains anew, until a newer run's models stand in the place
of all of its own. All that is remembered is in the status; a look's result is cumulative, so reading it twice changes nothing, and
one that was lost is made up for by the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Literal

from retrain_api import reasons
from retrain_api.documents.results import Looked, ObserveResult
from retrain_api.documents.tasks import OBSERVE_SYMBOLS
from retrain_api.names import file_name
from retrain_api.status.observation import ObservationStatus, ObservedState, ObservedSymbol
from retrain_api.status.run import PromotedModel, PromotionStatus
from retrain_api.wire import timestamp
from retrain_operator.decide.context import Context
from retrain_operator.decide.phase_job import Ended, Failed, Lost, PhaseJob, Result, Waiting, Work, phase_job
from retrain_operator.manifests.jobs import failed_key
from retrain_operator.manifests.tasks import observe_task
from retrain_operator.state.effects import Event, Steps, deletions
from retrain_operator.state.snapshot import read_time
from retrain_operator.state.view import Outcome

from .looks import Looks, look_key, models_key
from .observed import Terms, at_the_end, entered, found_of, is_failure, sees, worst
from .words import events, sentence


@dataclass(frozen=True)
class Observed:
    """The part of the status that is about the promoted models, what to do next about them, and what people are told."""

    status: ObservationStatus | None
    steps: Steps = field(default_factory=Steps)
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class _Hold:
    """Why no look goes on, and what that makes of the run; None where it is only said."""

    why: str
    state: Literal["Suspended", "Unobserved"] | None = None


@dataclass(frozen=True)
class _Look:
    """The look that is due or under way: its time, its key, and the models that it is at."""

    time: str
    key: str
    models: tuple[PromotedModel, ...]

    @property
    def indexes(self) -> int:
        """Of its Job."""
        return -(-len(self.models) // OBSERVE_SYMBOLS)


def advance(context: Context, promotion: PromotionStatus, refused: str | None = None) -> Observed:
    """Look at what was promoted where it is time, or enter what a look found. `refused` says why the run may have no Jobs."""
    before = context.run.status.observation
    if context.run.spec.observation is None or not promotion.models:
        return Observed(None, _without(context))
    past = _begun(context, promotion)
    looks = Looks.of(context.run, past.began)
    past = _timed(context, looks, past, promotion)
    hold = _hold(context, refused) if past.next_time else None
    if hold is not None:
        live = [job for job in context.view.of_phase("observe") if job.live]
        found = Observed(_worded(context, past, hold), Steps(delete=deletions(live, reasons.SUSPENDED)))
    elif not context.looks:
        found = Observed(_worded(context, past, None))
    else:
        found = _followed(context, looks, past, promotion)
    return replace(found, events=events(context.run, before, found.status))


def _begun(context: Context, promotion: PromotionStatus) -> ObservationStatus:
    """What is known of these models. Of others it begins anew, and of those that were promoted again after newer ones."""
    before, models = context.run.status.observation, models_key(promotion.models)
    if before is not None and before.models == models:
        again = before.state == "Superseded" and _is_later(promotion, before)
        if not again:
            return before
    known = {one.symbol: one for one in before.symbols} if before else {}
    return ObservationStatus(
        models=models,
        bar=before.bar if before else None,
        began=promotion.at or timestamp(context.now),
        next_time=timestamp(context.now),
        symbols=tuple(_entry(model, known.get(model.symbol)) for model in promotion.models),
    )


def _entry(model: PromotedModel, known: ObservedSymbol | None) -> ObservedSymbol:
    """What is known of this very model; a file's name has the first digits of its digest."""
    same = known is not None and known.model and known.model[:8] in file_name(model.uri)
    return known if known is not None and same and known.state != "Superseded" else ObservedSymbol(symbol=model.symbol)


def _is_later(promotion: PromotionStatus, observation: ObservationStatus) -> bool:
    """Whether something was promoted since the last look."""
    return (promotion.at or "") > (observation.last_time or "")


def _standing(past: ObservationStatus, promotion: PromotionStatus) -> tuple[PromotedModel, ...]:
    """The models to look at: not those that gave way to a newer run's, unless they were promoted since."""
    gone = (
        {one.symbol for one in past.symbols if one.state == "Superseded"} if not _is_later(promotion, past) else set()
    )
    return tuple(model for model in promotion.models if model.symbol not in gone)


def _timed(context: Context, looks: Looks, past: ObservationStatus, promotion: PromotionStatus) -> ObservationStatus:
    """With the time of the next look. One that is due or under way keeps its time, since that is in the name of its Job."""
    now = timestamp(context.now)
    if context.run.spec.suspend:
        return past
    if not _standing(past, promotion):
        return past.model_copy(update={"next_time": None})
    again = past.failed_key is not None and past.failed_key != _failed_key(context, past)
    if again and now >= (past.last_time or ""):  # a clock that was set back is no reason to judge fewer bars
        return past.model_copy(update={"next_time": now, "failed_key": None})
    time = past.next_time
    if time is not None and past.state != "Suspended" and (time <= now or _is_made(context, past, time)):
        return past
    next_time = looks.after(read_time(past.last_time), context.now)
    return past.model_copy(update={"next_time": next_time and timestamp(next_time)})


def _failed_key(context: Context, past: ObservationStatus) -> str:
    """What the last look is remembered by where it failed."""
    return failed_key(context.run, "observe", look_key(context.run, past, past.last_time or ""))


def _is_made(context: Context, past: ObservationStatus, time: str) -> bool:
    """Whether the look of that time has a Job, whatever the clock says since."""
    key = look_key(context.run, past, time)
    return any(job.key == key for job in context.view.of_phase("observe"))


def _hold(context: Context, refused: str | None) -> _Hold | None:
    if context.run.spec.suspend:
        return _Hold("Nobody looks at the promoted models while spec.suspend is true.", "Suspended")
    return None if refused is None else _Hold(refused, "Unobserved")


def _followed(context: Context, looks: Looks, past: ObservationStatus, promotion: PromotionStatus) -> Observed:
    """Follow the Job of the look that is due. Looks are alone: two of one symbol would judge the same blocks twice."""
    time = past.next_time or ""
    look = _Look(time, look_key(context.run, past, time), _standing(past, promotion))
    due = bool(time) and (time <= timestamp(context.now) or _is_made(context, past, time))
    until = looks.judged_until(read_time(time) or context.now)
    task = partial(observe_task, context.run, look.models, look.key, timestamp(until))
    accept = partial(_accept, look.key)
    work = Work("observe", look.key, task, accept, indexes=max(look.indexes, 1), done=not due, alone=True)
    job = phase_job(context, work)
    after, hold = past, _waits(context, looks, time, job) if due else None
    if isinstance(job.state, Ended):
        after = _read(context, looks, past, look, until, job.state.outcomes)
    after = _worded(context, after, hold)
    steps = job.steps + Steps(create=job.create) + _without(context, look.key, _last_key(context, after))
    return Observed(after, steps + Steps(requeue_at=_requeue(context, looks, past, after)))


def _accept(key: str, document: Outcome, _: int) -> ObserveResult | None:
    return document if isinstance(document, ObserveResult) and document.observe_key == key else None


def _waits(context: Context, looks: Looks, time: str, job: PhaseJob[ObserveResult]) -> _Hold | None:
    """Why the look does not start. When the next one should begin, nobody has known for too long how the models do."""
    state, late = job.state, _late(looks, time)
    if not isinstance(state, Waiting):
        return None
    why = f"The look of {time} is waiting ({state.reason}): {state.message}"
    if late is not None and context.now >= late:
        return _Hold(why, "Unobserved")
    return _Hold(why) if job.waits else None


def _late(looks: Looks, time: str) -> datetime | None:
    begins = read_time(time)
    return begins and begins + looks.every


def _requeue(context: Context, looks: Looks, past: ObservationStatus, after: ObservationStatus) -> datetime | None:
    """When the next look is due; for one that is under way, when it has taken too long to start."""
    time = read_time(after.next_time)
    if time is None or after.next_time != past.next_time or time > context.now:
        return time
    late = _late(looks, after.next_time or "")
    return late if late is not None and late > context.now else None


def _last_key(context: Context, after: ObservationStatus) -> str:
    return look_key(context.run, after, after.last_time) if after.last_time else ""


def _without(context: Context, *keys: str) -> Steps:
    """Deletes the Jobs of all other looks: without that a year of daily looks would leave 365. The last one stays for its logs."""
    others = [one for one in context.view.of_phase("observe") if one.key not in keys and one.state != "Deleting"]
    return Steps(delete=deletions(others, reasons.SUPERSEDED))


def _read(
    context: Context,
    looks: Looks,
    past: ObservationStatus,
    look: _Look,
    until: datetime,
    outcomes: Sequence[Result[ObserveResult] | Failed | Lost],
) -> ObservationStatus:
    """What the look found, entered into the status."""
    found = found_of([model.symbol for model in look.models], outcomes)
    terms = Terms.of(context.run, past, until)
    numbers = [one for one in found.values() if isinstance(one, Looked)]
    next_time = looks.after(read_time(look.time), context.now)
    after = past.model_copy(
        update={
            "key": look.key if numbers else past.key,
            "last_time": look.time,
            "next_time": next_time and timestamp(next_time),
            "sees": sees(numbers) or past.sees,
            "symbols": tuple(entered(entry, found.get(entry.symbol), terms) for entry in past.symbols),
        }
    )
    failed = any(isinstance(one, Failed) or is_failure(one) for one in found.values())
    bar, memory = (past.bar, _failed_key(context, after)) if failed else (context.run.spec.gate.accuracy_bar, None)
    after = after.model_copy(update={"bar": bar, "failed_key": memory})
    over = all(entry.state == "Superseded" for entry in after.symbols)
    return after.model_copy(update={"next_time": None}) if over else after


def _worded(context: Context, observation: ObservationStatus, hold: _Hold | None) -> ObservationStatus:
    """With the state of the run, and what is said of it."""
    symbols = at_the_end(observation.symbols, observation.next_time is None)
    state: ObservedState = worst([one.state for one in symbols] + ([hold.state] if hold and hold.state else []))
    if hold is not None and hold.state == "Suspended":
        state = "Suspended"
    after = observation.model_copy(update={"symbols": symbols, "state": state})
    message = " ".join(filter(None, [sentence(context.run, after), hold.why if hold else ""]))
    before = context.run.status.observation
    same = before is not None and (before.models, before.state) == (after.models, state)
    since = before.since if before is not None and same else timestamp(context.now)
    return after.model_copy(update={"message": message[:1024], "since": since})
