"""The one decision maker: what is there in, what should be there out. Pure and level-triggered.

Calling it twice with the same observation changes nothing, and losing any event, or the process, loses nothing:
all memory is in the status, the Jobs and the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from retrain_api.names import LABEL_SYMBOL
from retrain_api.run import RetrainRun
from retrain_api.status import FINAL_STATES, GateStatus, PromotionStatus, RetrainRunStatus, State, SymbolStatus
from retrain_api.wording import headline

from . import delivering, evaluating, publishing, training
from .conditions import conditions, overridden
from .observed import Observed
from .publishing import Published
from .work import Context, Deletion, Settings, Steps, expired, held_up, stamp

__all__ = ["Deletion", "Event", "Plan", "Settings", "plan"]


@dataclass(frozen=True)
class Event:
    """Something a person should read; one reason a transition."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What should be done now, and when to look again at the latest."""

    create: tuple[dict[str, Any], ...]
    delete: tuple[Deletion, ...]
    status: RetrainRunStatus
    events: tuple[Event, ...]
    look_again_at: datetime | None


@dataclass(frozen=True)
class _Draft:
    """The status in the making. `reason` is the CamelCase word behind `state`."""

    state: State
    reason: str
    message: str
    symbols: tuple[SymbolStatus, ...]
    steps: Steps
    published: Published | None = None
    delivered: delivering.Delivered | None = None


def plan(run: RetrainRun, observed: Observed, now: datetime, settings: Settings) -> Plan:
    """Decide about one run. `now` is an aware UTC time."""
    context = Context(run, observed, now, _image(run, settings), settings.evaluator_image)
    if not settings.allows(context.image):
        return _refused_image(context, settings)
    draft = _refused_for_now(context, _draft(context))
    if run.spec.suspend and draft.state not in FINAL_STATES:
        draft = _suspended(context)
    return _planned(context, draft)


def _planned(context: Context, draft: _Draft) -> Plan:
    status = _status(context, draft)
    steps = draft.steps + (expired(context) if draft.state in FINAL_STATES else Steps())
    events = _events(context.run.status, status, draft.reason)
    return Plan(steps.create, _once(steps.delete), status, events, steps.look_again_at)


def _refused_image(context: Context, settings: Settings) -> Plan:
    """Nothing is started with an image that the operator's owner does not allow."""
    known = tuple(context.run.status.symbol(symbol) for symbol in context.run.spec.symbols)
    allowed = ", ".join(settings.allowed_images)
    message = f"spec.pods.image {context.image} is not allowed here; this operator allows {allowed}."
    return _planned(context, _Draft("Failed", "ImageNotAllowed", message, known, Steps()))


def _refused_for_now(context: Context, draft: _Draft) -> _Draft:
    """Says why a Job is not there yet although it is asked for: a quota, say."""
    wanted = {one["metadata"]["name"]: one["metadata"]["labels"].get(LABEL_SYMBOL) for one in draft.steps.create}
    refusals = [refusal for refusal in context.observed.refused if refusal.name in wanted]
    if not refusals:
        return draft
    said = {wanted[one.name]: {"reason": one.reason, "message": one.message[:800]} for one in refusals}
    symbols = tuple(entry.model_copy(update=said.get(entry.symbol, {})) for entry in draft.symbols)
    message = f"The API server refuses a Job for now, and is asked again: {refusals[0].message}"
    return replace(draft, reason=refusals[0].reason, message=message, symbols=symbols)


def _image(run: RetrainRun, settings: Settings) -> str:
    """Fixed when the work starts, and anew with a new rerun token: never two images in one piece of work."""
    fixed = run.status.image if run.rerun == run.status.last_handled_rerun else None
    return run.spec.pods.image or fixed or settings.default_image


def _suspended(context: Context) -> _Draft:
    """Work is stopped by deleting its Jobs: the pods save a checkpoint when asked to stop, and go on from it later."""
    live = tuple(Deletion(job.name, job.uid, "Suspended") for job in context.observed.jobs if job.live)
    known = tuple(context.run.status.symbol(symbol) for symbol in context.run.spec.symbols)
    idle = tuple(
        entry.model_copy(update={"state": "Pending", "reason": "Suspended", "message": "The run is suspended."})
        if entry.state in ("Queued", "Training", "Evaluating")
        else entry
        for entry in known
    )
    message = "Suspended; what is done is kept. Set spec.suspend to false to go on."
    return _Draft("Suspended", "Suspended", message, idle, Steps(delete=live))


def _draft(context: Context) -> _Draft:
    trained = training.advance(context)
    if not trained.settled:
        return _training(trained, _premature(context))
    if trained.unreachable:
        return _broken(context, trained.symbols, trained.steps + _premature(context))
    measured = evaluating.advance(context, trained.symbols)
    steps = trained.steps + measured.steps
    if not (measured.settled and any(entry.state == "Evaluated" for entry in measured.symbols)):
        steps += _premature(context)
    if not measured.settled:
        return _Draft(
            "Evaluating", "Evaluating", "Measures the models on bars they never saw.", measured.symbols, steps
        )
    if not any(entry.state == "Evaluated" for entry in measured.symbols):
        return _broken(context, measured.symbols, steps)
    published = publishing.advance(context, measured.symbols)
    steps += published.steps
    if not published.settled:
        return _Draft("Publishing", "Publishing", "Writes the report.", published.symbols, steps, published)
    return _delivered(context, published, steps)


def _premature(context: Context) -> Steps:
    """Ends the publication of a judgement that does not hold any more: what it judged is done anew."""
    live = [job for job in context.observed.of_phase("publish") if job.live]
    return Steps(delete=tuple(Deletion(job.name, job.uid, "Superseded") for job in live))


def _training(trained: training.Trained, premature: Steps) -> _Draft:
    steps = trained.steps + premature
    total = len(trained.symbols)
    done = sum(entry.result is not None and entry.result.model is not None for entry in trained.symbols)
    running = sum(entry.state == "Training" for entry in trained.symbols)
    if running or done:
        message = f"{done} of {total} symbols trained, {running} training.{_kept_waiting(trained.symbols)}"
        return _Draft("Training", "Training", message, trained.symbols, steps)
    waits = next((entry for entry in trained.symbols if entry.message), None)
    message = f"{waits.symbol}: {waits.message}" if waits else "Waits to start."
    reason = (waits.reason if waits else None) or "Queued"
    return _Draft("Queued", reason, message, trained.symbols, steps)


def _kept_waiting(symbols: Sequence[SymbolStatus]) -> str:
    """Why the first symbol waits that waits for more than its start or its turn."""
    waits = next((entry for entry in symbols if entry.state == "Queued" and held_up(entry)), None)
    return f" {waits.symbol} waits: {waits.message}" if waits else ""


def _broken(context: Context, symbols: tuple[SymbolStatus, ...], steps: Steps) -> _Draft:
    failed = [entry for entry in symbols if entry.state == "Failed"]
    left = len(symbols) - len(failed)
    why = "; ".join(f"{entry.symbol} failed ({entry.reason}): {(entry.message or '').rstrip('.')}" for entry in failed)
    head = f"{len(failed)} of {len(symbols)} symbols failed, which leaves {left}; {context.run.spec.required} must pass"
    message = f"{head if left else f'All {len(symbols)} symbols failed'}. {why}."
    return _Draft("Failed", "QuorumUnreachable" if left else "AllFailed", message, symbols, steps)


def _delivered(context: Context, published: Published, steps: Steps) -> _Draft:
    delivered = delivering.advance(context, published)
    steps += delivered.steps
    state, reason, message = _verdict(context, published, delivered)
    if not delivered.settled:
        state, reason, message = "Publishing", "Delivering", "Copies report and models to the other places."
    return _Draft(state, reason, message, published.symbols, steps, published, delivered)


def _verdict(context: Context, published: Published, delivered: delivering.Delivered) -> tuple[State, str, str]:
    """The state of a run that has nothing left to do."""
    gate, decision, required = published.gate, published.decision, context.run.spec.required
    summary = "; ".join(filter(None, [gate.summary, decision.note]))
    broken = published.failed or delivered.failed
    if broken:
        return "Failed", broken[0], broken[1]
    if decision.waits:
        how = f"retrain approve, or annotate retrain.crpbot.dev/approve: '{gate.digest} by NAME: REASON'"
        return "AwaitingApproval", "AwaitingApproval", f"Promotion waits for a person; {how}. {gate.summary}."
    if decision.declined:
        return "Rejected", "Declined", f"{gate.summary}. Promotion was declined by {decision.by}."
    if gate.verdict != "Pass" and not decision.promote:
        errors = sum(entry.state == "Failed" for entry in published.symbols)
        broke = gate.total - errors < required
        return ("Failed", "QuorumUnreachable", summary) if broke else ("Rejected", _rejection(gate.verdict), summary)
    if any(entry.promoted for entry in published.symbols):
        return "Promoted", *_promotion(published, summary)
    why = published.promotion.message or "promotion.policy is Never, so nothing was promoted"
    return "Passed", "NotPromoted", f"{gate.summary}; {why}."


def _promotion(published: Published, summary: str) -> tuple[str, str]:
    """Reason and message of a promoted run; an override is told before all else, and for good."""
    told = overridden(published.promotion)
    return ("PromotedByOverride", f"{told}. {summary}") if told else ("Promoted", summary)


def _rejection(verdict: str) -> str:
    return {"Inconclusive": "GateInconclusive", "Suspect": "GateSuspect"}.get(verdict, "GateRejected")


def _status(context: Context, draft: _Draft) -> RetrainRunStatus:
    before, now = context.run.status, stamp(context.now)
    published, delivered = draft.published, draft.delivered
    final = draft.state in FINAL_STATES
    started = before.start_time or (now if draft.steps.create or draft.state != "Suspended" else None)
    status = before.model_copy(
        update={
            "observed_generation": context.run.metadata.generation,
            "state": draft.state,
            "message": draft.message[:1024],
            "symbols": draft.symbols,
            "start_time": started,
            "completion_time": (before.completion_time or now) if final else None,
            "last_handled_rerun": context.run.rerun,
            "image": None if context.run.spec.pods.image else context.image,
            "gate": _brief(published.gate) if published else None,
            "promotion": published.promotion if published else before.promotion,
            "report": published.report if published else before.report,
            "history": published.history if published else before.history,
            "backups": delivered.backups if delivered else before.backups,
        }
    )
    status = status.model_copy(update=_columns(status))
    suspended = draft.state == "Suspended"
    return status.model_copy(update={"conditions": conditions(status, draft.reason, suspended, context.now)})


def _brief(gate: GateStatus) -> GateStatus:
    """Without the reasons, which stand with their symbols and in the run's message."""
    return gate.model_copy(update={"summary": headline(gate.summary)})


def _columns(status: RetrainRunStatus) -> dict[str, str]:
    """What `kubectl get` shows."""
    total = len(status.symbols)
    trained = sum(entry.result is not None and entry.result.model is not None for entry in status.symbols)
    gate, promotion = status.gate, status.promotion or PromotionStatus()
    return {
        "trained": f"{trained}/{total}",
        "gate_summary": f"{gate.passed}/{gate.total} {gate.verdict}" if gate else "",
        "promoted": ",".join(model.symbol for model in promotion.models),
    }


def _once(deletions: tuple[Deletion, ...]) -> tuple[Deletion, ...]:
    return tuple({deletion.uid: deletion for deletion in reversed(deletions)}.values())[::-1]


def _events(before: RetrainRunStatus, after: RetrainRunStatus, reason: str) -> tuple[Event, ...]:
    """One for each transition of the run, one for each symbol that failed just now, one for copies that were not made."""
    known = {entry.symbol: entry.state for entry in before.symbols}
    failures = tuple(
        Event("Warning", entry.reason or "SymbolFailed", f"{entry.symbol} failed: {entry.message}")
        for entry in after.symbols
        if entry.state == "Failed" and known.get(entry.symbol) != "Failed"
    )
    failures += _undelivered(before, after)
    # That a new run's pods are awaited is no news: its Jobs' own events say so at the same time.
    if before.state == after.state or (after.state == "Queued" and reason == "PodPending"):
        return failures
    warns = after.state in ("Rejected", "Failed") or reason == "PromotedByOverride"
    kind: Literal["Normal", "Warning"] = "Warning" if warns else "Normal"
    return (*failures, Event(kind, reason if after.state in FINAL_STATES else after.state, after.message))


def _undelivered(before: RetrainRunStatus, after: RetrainRunStatus) -> tuple[Event, ...]:
    """A warning of copies that were not made; where one was required, the run fails with the same words."""
    news = after.backups is not None and after.backups != before.backups and after.state != "Failed"
    if after.backups is None or not news or after.backups.ok or not after.backups.message:
        return ()
    return (Event("Warning", "NotCopied", after.backups.message),)
