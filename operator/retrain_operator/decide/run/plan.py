"""The one place where it is decided what happens to a run: its present state goes in, what should be done comes out.

`plan` is pure and level-triggered. Planning twice from the same view changes nothing, and losing an event, or the whole
process, loses nothing: all memory is in the status, the Jobs and the store. The operator and `retrain run` differ only
in who carries the plan out. If either decided anything itself, a run would end differently on a laptop than on a
cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from retrain_api import reasons
from retrain_api.formatting import counted, headline
from retrain_api.gate.caveats import caveats
from retrain_api.gate.older_rules import older_note
from retrain_api.run import RetrainRun
from retrain_api.status.observation import ObservationStatus
from retrain_api.status.run import (
    FINAL_STATES,
    GateStatus,
    PromotionStatus,
    ReportStatus,
    RetrainRunStatus,
    State,
)
from retrain_api.status.symbol import SymbolStatus
from retrain_api.wire import timestamp
from retrain_operator.decide.conditions import ConditionDraft, conditions
from retrain_operator.decide.context import Context, Settings
from retrain_operator.decide.job_reasons import held_up
from retrain_operator.decide.notification import notifying
from retrain_operator.decide.observation import observing
from retrain_operator.decide.phase_job import Waiting
from retrain_operator.state.effects import Basis, Deletion, Plan, RunPlan, Steps, deletions
from retrain_operator.state.view import RunView

from . import checking, columns, delivering, evaluating, publishing, training
from .answers import StaleAnswer, stale_answers, still_stale
from .as_of import as_of_work, begins
from .events import events
from .publications import Publications, publications
from .publishing import Published
from .shortfall import why_broken, why_skipped

_T = TypeVar("_T", PromotionStatus, ReportStatus)


_MESSAGE = 1024
"""Characters of the run's message."""


@dataclass(frozen=True)
class _Draft:
    """The status as it is being drafted. `reason` is the CamelCase reason for `state`; `stale` are the answers to another
    judgement than the one of now, None where there is no judgement; `checked` is what is new of the preflight.
    """

    state: State
    reason: str
    message: str
    symbols: tuple[SymbolStatus, ...]
    steps: Steps
    past: Publications
    gate: GateStatus | None = None
    delivered: delivering.Delivered | None = None
    stale: tuple[StaleAnswer, ...] | None = None
    checked: ConditionDraft | None = None


def plan(run: RetrainRun, view: RunView, now: datetime, settings: Settings) -> RunPlan:
    """Decide what to do about one run. `now` is an aware UTC time."""
    as_of = as_of_work(run) or run.spec.data.as_of(now)
    context = Context(run, view, now, _image(run, settings), settings.evaluator_image, as_of, settings.looks)
    if not settings.allows(context.image):
        # Who is told of it is told by an image that is allowed.
        judging = settings.evaluator_image or settings.default_image
        return _planned(replace(context, evaluator_image=judging), _refused_image(context, settings))
    draft = _draft(context)
    if run.spec.suspend and draft.state not in FINAL_STATES:
        message = "Suspended; what is done is kept. Set spec.suspend to false to continue."
        return _planned(context, _stopped(context, "Suspended", reasons.SUSPENDED, message, "The run is suspended."))
    if draft.state in FINAL_STATES:
        draft = replace(draft, steps=draft.steps + _expired(context))
    return _planned(context, draft)


def _planned(context: Context, draft: _Draft) -> RunPlan:
    draft = replace(draft, stale=still_stale(context.run) if draft.stale is None else draft.stale)
    refused = draft.message if draft.reason == reasons.IMAGE_NOT_ALLOWED else None
    observed = observing.advance(context, draft.past.promotion, refused)
    told = notifying.advance(context, _status(context, draft, observed.status))
    status, steps = _with_conditions(context, draft, told.status), draft.steps + observed.steps + told.steps
    found = events(context.run.status, status, draft.reason, draft.stale or ()) + observed.events
    basis = Basis(context.run.metadata.uid, context.run.metadata.resource_version)
    return Plan(basis, steps.create, _once(steps.delete), status, found, steps.requeue_at)


def _refused_image(context: Context, settings: Settings) -> _Draft:
    """A run whose image the operator's owner does not allow: nothing is started, and what runs is stopped."""
    allowed = ", ".join(settings.allowed_images)
    message = f"spec.pods.image {context.image} is not allowed here; this operator allows {allowed}."
    return _stopped(context, "Failed", reasons.IMAGE_NOT_ALLOWED, message, message)


def _stopped(context: Context, state: State, reason: str, message: str, why: str) -> _Draft:
    """Stops work by deleting its Jobs. Their pods save a checkpoint when asked to stop; later Jobs continue from it."""
    known = tuple(context.run.status.symbol(symbol) for symbol in context.run.spec.symbols)
    idle = tuple(
        entry.model_copy(update={"state": "Pending", "reason": reason, "message": why})
        if entry.state in ("Queued", "Training", "Evaluating")
        else entry
        for entry in known
    )
    live = [job for job in context.view.jobs if job.live and job.phase != "notify"]
    return _Draft(
        state, reason, message, idle, Steps(delete=deletions(live, reason)), Publications.of(context.run.status)
    )


def _expired(context: Context) -> Steps:
    """The deletion of finished Jobs whose time to live is over, once all results are in the status."""
    ttl = context.run.spec.job_ttl_seconds_after_finished
    if ttl is None:
        return Steps()
    over = [job for job in context.view.jobs if job.finished and not job.live and job.state != "Deleting"]
    ends = {job.uid: job.finished + timedelta(seconds=ttl) for job in over if job.finished}
    later = [end for end in ends.values() if end > context.now]
    due = [job for job in over if ends[job.uid] <= context.now]
    return Steps(delete=deletions(due, reasons.EXPIRED), requeue_at=min(later, default=None))


def _image(run: RetrainRun, settings: Settings) -> str:
    """The run's image. It is fixed when work starts and again with a new rerun token, so that no piece of work uses two."""
    fixed = run.status.image if run.rerun == run.status.last_handled_rerun else None
    return run.spec.pods.image or fixed or settings.default_image


def _draft(context: Context) -> _Draft:
    checked = checking.advance(context)
    over = checked.nothing_new(context.run.spec.required)
    draft = _skipped(context, checked) if over else _trained(context, checked)
    return replace(draft, steps=checked.steps + draft.steps, checked=checked.condition)


def _skipped(context: Context, checked: checking.Checked) -> _Draft:
    """Too few symbols have anything new to learn: nothing is trained, judged or reported, and nothing is wrong."""
    jobs = tuple(job for job in context.view.jobs if job.live and job.phase not in ("preflight", "observe", "notify"))
    why = "Not trained: of the other symbols, too few have new bars for minPassed."
    idle = {"state": "Stopped", "reason": reasons.SKIPPED, "message": why}
    symbols = tuple(
        entry if entry.state in ("Skipped", "Failed") or entry.model_uri else entry.model_copy(update=idle)
        for entry in checked.symbols
    )
    steps = Steps(delete=deletions(jobs, reasons.SKIPPED))
    past = Publications.of(context.run.status)
    return _Draft("Skipped", reasons.SKIPPED, why_skipped(symbols, context.run.spec.required), symbols, steps, past)


def _trained(context: Context, checked: checking.Checked) -> _Draft:
    trained = training.advance(context, checked.symbols, checked.held)
    after = replace(checked, symbols=trained.symbols, held=frozenset(context.run.spec.symbols))
    if after.nothing_new(context.run.spec.required):  # a training found that out, where no preflight did
        return _skipped(context, after)
    # A publication whose judgement no longer holds is ended, because what it judged is being done again.
    live = [job for job in context.view.of_phase("publish") if job.live]
    past, premature = publications(context), Steps(delete=deletions(live, reasons.SUPERSEDED))
    if checked.told and trained.settled and not trained.unreachable:
        return _Draft("Checking", *checked.told, trained.symbols, trained.steps + premature, past)
    if not trained.settled:
        return replace(_training(trained, past), steps=trained.steps + premature)
    if trained.unreachable:
        return _broken(context, trained.symbols, trained.steps + premature, past)
    measured = evaluating.advance(context, trained.symbols)
    steps = trained.steps + measured.steps
    if not measured.settled:
        doing = (reasons.EVALUATING, "Measuring the models on bars they have never seen.")
        reason, message = _held_up_or(doing, measured.waits, "The evaluation")
        return _Draft("Evaluating", reason, message, measured.symbols, steps + premature, past)
    if not any(entry.state == "Evaluated" for entry in measured.symbols):
        return _broken(context, measured.symbols, steps + premature, past)
    published = publishing.advance(context, measured.symbols)
    steps += published.steps
    if not published.settled:
        reason, message = _held_up_or((reasons.PUBLISHING, "Writing the report."), published.waits, "The report")
        stale = _stale(context, published)
        return _Draft(
            "Publishing", reason, message, published.symbols, steps, published.past, published.gate, stale=stale
        )
    return _delivered(context, published, steps)


def _held_up_or(doing: tuple[str, str], waits: Waiting | None, what: str) -> tuple[str, str]:
    """Reason and message of a phase: what it waits for, else what it is doing."""
    return doing if waits is None else (waits.reason, f"{what} is waiting: {waits.message}")


def _training(trained: training.Trained, past: Publications) -> _Draft:
    total = len(trained.symbols)
    done = sum(entry.result is not None and entry.result.model is not None for entry in trained.symbols)
    running = sum(entry.state == "Training" for entry in trained.symbols)
    if running or done:
        progress = f"{done} of {counted(total, 'symbol')} trained, {running} training."
        message = progress + _held_up(trained.symbols)
        return _Draft("Training", reasons.TRAINING, message, trained.symbols, trained.steps, past)
    waiting = next((entry for entry in trained.symbols if entry.message), None)
    message = f"{waiting.symbol}: {waiting.message}" if waiting else "Waiting to start."
    reason = (waiting.reason if waiting else None) or reasons.QUEUED
    return _Draft("Queued", reason, message, trained.symbols, trained.steps, past)


def _held_up(symbols: Sequence[SymbolStatus]) -> str:
    """Why the first symbol that is held up waits."""
    first = next((entry for entry in symbols if entry.state == "Queued" and held_up(entry)), None)
    return f" {first.symbol} is waiting: {first.message}" if first else ""


def _broken(context: Context, symbols: tuple[SymbolStatus, ...], steps: Steps, past: Publications) -> _Draft:
    left = any(entry.state != "Failed" for entry in symbols)
    reason = reasons.QUORUM_UNREACHABLE if left else reasons.ALL_FAILED
    message = why_broken(symbols, context.run.spec.required)
    return _Draft("Failed", reason, message, symbols, steps, past)


def _delivered(context: Context, published: Published, steps: Steps) -> _Draft:
    delivered = delivering.advance(context, published)
    steps += delivered.steps
    state, reason, message = _verdict(context, published, delivered)
    stale = _stale(context, published)
    # A run that does not wait for an answer says it in a condition alone: its message is about what was decided.
    unanswered = _sentences(stale) if state == "AwaitingApproval" else []
    message = _with_notes(message, " ".join(filter(None, [_notes(published, state), *unanswered])))
    if not delivered.settled:
        doing = (reasons.DELIVERING, "Copying report and models to the other places.")
        state, (reason, message) = "Publishing", _held_up_or(doing, delivered.waits, "The delivery of copies")
    return _Draft(state, reason, message, published.symbols, steps, published.past, published.gate, delivered, stale)


def _stale(context: Context, published: Published) -> tuple[StaleAnswer, ...]:
    return stale_answers(context.run, published.decision, published.gate.digest or "")


def _sentences(stale: Sequence[StaleAnswer] | None) -> list[str]:
    return [one.sentence for one in stale or ()]


def _verdict(context: Context, published: Published, delivered: delivering.Delivered) -> tuple[State, str, str]:
    """The state of a run that has nothing left to do."""
    gate, decision, required = published.gate, published.decision, context.run.spec.required
    summary = "; ".join(filter(None, [gate.summary, decision.note]))
    broken = published.failed or delivered.failed
    if broken:
        return "Failed", broken[0], broken[1]
    if decision.waits:
        how = f"retrain approve, or annotate retrain.crpbot.dev/approve: '{gate.digest} by NAME: REASON'"
        return (
            "AwaitingApproval",
            reasons.AWAITING_APPROVAL,
            f"Promotion is waiting for a person; {how}. {gate.summary}.",
        )
    if decision.declined:
        return "Rejected", reasons.DECLINED, f"{gate.summary}. Promotion was declined by {decision.by}."
    if gate.verdict != "Pass" and not decision.promote:
        errors = sum(entry.state in ("Failed", "Skipped") for entry in published.symbols)
        broke = gate.total - errors < required
        return (
            ("Failed", reasons.QUORUM_UNREACHABLE, summary)
            if broke
            else ("Rejected", _rejection(gate.verdict), summary)
        )
    if any(entry.promoted for entry in published.symbols):
        return "Promoted", *_promotion(published, summary)
    why = published.promotion.message or "promotion.policy is Never, so nothing was promoted"
    return "Passed", reasons.NOT_PROMOTED, f"{gate.summary}; {why.rstrip('.')}."


def _notes(published: Published, state: State) -> str:
    """What the message says of models that are in service, or may come to be, beside the verdict."""
    measured = {entry.symbol: entry.result.metrics for entry in published.symbols if entry.result}
    older = older_note(measured)
    if state not in ("Promoted", "Passed", "AwaitingApproval"):
        return f"{older}." if older else ""
    meant = {entry.symbol for entry in published.symbols if entry.promoted or entry.verdict in ("Pass", "Suspect")}
    worth = caveats({symbol: one for symbol, one in measured.items() if one is not None and symbol in meant})
    return " ".join(filter(None, [worth, f"{older}." if older else ""]))


def _with_notes(message: str, notes: str) -> str:
    """Both within a message, the notes whole: a message is cut at its end."""
    if not notes:
        return message
    return f"{message[: _MESSAGE - len(notes) - 2].rstrip('.')}. {notes}"


def _promotion(published: Published, summary: str) -> tuple[str, str]:
    """Reason and message of a promoted run. An override is named before anything else, and for good."""
    note = published.promotion.override_note
    return (reasons.PROMOTED_BY_OVERRIDE, f"{note}. {summary}") if note else (reasons.PROMOTED, summary)


def _rejection(verdict: str) -> str:
    return {"Inconclusive": reasons.GATE_INCONCLUSIVE, "Suspect": reasons.GATE_SUSPECT}.get(
        verdict, reasons.GATE_REJECTED
    )


def _status(context: Context, draft: _Draft, observation: ObservationStatus | None) -> RetrainRunStatus:
    before, now = context.run.status, timestamp(context.now)
    delivered, final = draft.delivered, draft.state in FINAL_STATES
    status = before.model_copy(
        update={
            "observed_generation": context.run.metadata.generation,
            "state": draft.state,
            "message": draft.message[:_MESSAGE],
            "symbols": draft.symbols,
            "start_time": _started(context, draft),
            "as_of": context.as_of if begins(draft.steps) or context.as_of == before.as_of else None,
            "completion_time": (before.completion_time or now) if final else None,
            "last_handled_rerun": context.run.rerun,
            "last_handled_retry": context.run.retry,
            "image": None if context.run.spec.pods.image else context.image,
            "gate": _brief(draft.gate) if draft.gate else None,
            "promotion": _set(draft, draft.past.promotion, before.promotion),
            "report": _set(draft, draft.past.report, before.report),
            "history": draft.past.history,
            "backups": delivered.backups if delivered else before.backups,
            "observation": observation,
        }
    )
    epochs, delivers = context.run.spec.training.epochs, delivered is not None
    return status.model_copy(update=columns.columns(status, draft.reason, delivers, epochs))


def _with_conditions(context: Context, draft: _Draft, status: RetrainRunStatus) -> RetrainRunStatus:
    suspended = draft.state == "Suspended"
    # A CRD that is applied after a run has ended changes nothing of it.
    over = {draft.state, context.run.status.state} <= FINAL_STATES
    ignored = None if over else context.run.ignored
    stale = _sentences(draft.stale)
    found = conditions(status, draft.reason, suspended, context.now, ignored, stale, draft.checked)
    return status.model_copy(update={"conditions": found})


def _set(draft: _Draft, value: _T, before: _T | None) -> _T | None:
    """What is known of publications; nothing until the gate has judged for the first time."""
    return None if before is None and draft.gate is None and value == type(value)() else value


def _started(context: Context, draft: _Draft) -> str | None:
    """When the present work began: a finished run that goes to work again, or is rerun, begins anew."""
    before = context.run.status
    again = before.state in FINAL_STATES and draft.state not in FINAL_STATES
    if before.start_time and not again and context.run.rerun == before.last_handled_rerun:
        return before.start_time
    return None if draft.state == "Suspended" else timestamp(context.now)


def _brief(gate: GateStatus) -> GateStatus:
    """The gate's status without the reasons, which stand with their symbols and in the run's message."""
    return gate.model_copy(update={"summary": headline(gate.summary)})


def _once(deletions: tuple[Deletion, ...]) -> tuple[Deletion, ...]:
    return tuple({deletion.uid: deletion for deletion in reversed(deletions)}.values())[::-1]
