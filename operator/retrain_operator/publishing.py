"""Publication: one Job that writes the report, then promotes what may be promoted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from retrain_api.documents import Promoted, PublishResult
from retrain_api.gate import Judgement
from retrain_api.keys import digest
from retrain_api.names import file_name, folder
from retrain_api.run import RetrainRun
from retrain_api.status import (
    GateStatus,
    HistoryEntry,
    PromotedModel,
    PromotionStatus,
    ReportStatus,
    SymbolStatus,
)

from .jobs import manifest
from .judging import Decision, candidates, decide, gate_digest, gate_status, judged, judgement_of, overridable
from .observed import ObservedJob
from .tasks import publish_task
from .work import Context, Steps, ended_late, failed_key, failure, kept_waiting, overdue, serving, stamp


@dataclass(frozen=True)
class Published:
    """Status parts after looking at publication; `failed` is a sentence where it broke."""

    gate: GateStatus
    symbols: tuple[SymbolStatus, ...]
    promotion: PromotionStatus
    report: ReportStatus
    history: tuple[HistoryEntry, ...]
    decision: Decision
    steps: Steps
    settled: bool
    failed: tuple[str, str] | None = None


def advance(context: Context, symbols: tuple[SymbolStatus, ...]) -> Published:
    """Judge what is measured, then report and promote; called once no evaluation is left to wait for."""
    judgement = judgement_of(context.run, symbols)
    agreed = gate_digest(judgement, symbols)
    status = context.run.status
    report = status.report or ReportStatus()
    shown = publish_basis(context.run, agreed, symbols)
    decision = _decided(context.run, judgement, shown, agreed)
    key = publish_key(shown, decision)
    job_key = digest({"publish": key, "number": report.number + 1})
    done = report.publish_key == key
    broken = report.failed_key == failed_key(context, "publish", key)
    serve = serving(context, "publish", None, job_key, complete=done or broken)
    entries = tuple(judged(entry, judgement) for entry in symbols)
    promotion = _standing(status.promotion or PromotionStatus(), decision, context.now)
    current = Published(
        gate_status(judgement, agreed), entries, promotion, report, status.history, decision, serve.steps, settled=False
    )
    if done:
        return replace(current, settled=True, symbols=_flagged(entries, promotion))
    if broken:
        return replace(current, settled=True, failed=("PublishFailed", report.message or "The publish Job failed."))
    if _others_end(context, job_key):
        return current
    job = serve.job
    if job is None or (job.state == "Complete" and not serve.lost and not isinstance(job.outcome(), PublishResult)):
        return _start(context, current, judgement, key, job_key, again=job is not None)
    if job.live:
        return _follow(context, current, key, job)
    return current if job.state == "Deleting" else _ended(context, current, key, job)


def publish_basis(run: RetrainRun, agreed: str, symbols: Sequence[SymbolStatus]) -> str:
    """Digest of what a report shows: the judgement, the measurements behind it, and where it is written."""
    measured = {entry.symbol: entry.result.evaluate_key for entry in symbols if entry.result}
    return digest({"gate": agreed, "measured": measured, "artifacts": folder(run.spec.artifacts.uri)})


def publish_key(shown: str, decision: Decision) -> str:
    """What a publication depends on. Its Job's key has the report's number too: what was promoted in between counts."""
    said = {"shown": shown, "promote": sorted(decision.promote), "by": decision.by}
    return digest(said | {"override": decision.override or None})


def _decided(run: RetrainRun, judgement: Judgement, shown: str, agreed: str) -> Decision:
    """What was carried out stays so; an override alone goes beyond it."""
    done, decision = _carried_out(run, judgement, shown), decide(run, judgement, agreed)
    return decision if done is None or (decision.override and not done.override) else done


def _carried_out(run: RetrainRun, judgement: Judgement, shown: str) -> Decision | None:
    """The promotion that the last publication carried out, if of this very judgement: no later word undoes it."""
    report, promotion = run.status.report, run.status.promotion
    if report is None or promotion is None:
        return None
    overridden = Decision(promote=overridable(judgement), by=promotion.by, override=True)
    promotable = candidates(judgement)
    usual = Decision(promote=promotable, by=promotion.by)
    possible = (overridden, usual) if len(promotable) >= judgement.required else (overridden,)
    return next((each for each in possible if report.publish_key == publish_key(shown, each)), None)


def _others_end(context: Context, job_key: str) -> bool:
    """One publication at a time: an older one on its way out could still flip a pointer."""
    others = [job for job in context.observed.of_phase("publish") if job.key != job_key]
    return any(job.live or job.state == "Deleting" for job in others)


def _follow(context: Context, current: Published, key: str, job: ObservedJob) -> Published:
    late, again = overdue(context, job)
    if not late:
        return replace(current, steps=current.steps + Steps(look_again_at=again))
    return _failed(context, replace(current, steps=current.steps + ended_late(job)), key, *kept_waiting(job))


def _start(
    context: Context, current: Published, judgement: Judgement, key: str, job_key: str, again: bool
) -> Published:
    decision, number = _not_yet(current), current.report.number + 1
    task = publish_task(context.run, current.symbols, judgement, decision, number, key)
    created = manifest(context.run, task, job_key, context.judging_image, again=again)
    return replace(current, steps=current.steps + Steps(create=(created,)))


def _not_yet(current: Published) -> Decision:
    """The decision without what this run has promoted already: an override leaves alone what went by the rules."""
    if not current.decision.override:
        return current.decision
    done = {entry.symbol for entry in _flagged(current.symbols, current.promotion) if entry.promoted}
    return replace(current.decision, promote=tuple(each for each in current.decision.promote if each not in done))


def _standing(before: PromotionStatus, decision: Decision, now: datetime) -> PromotionStatus:
    """The promotion as far as the decision alone goes; what was promoted stays named whatever is decided."""
    state = before.state
    if decision.waits:
        state = "AwaitingApproval"
    elif decision.declined:
        state = "Declined"
    elif state in ("AwaitingApproval", "Declined") and decision.promote:
        state = "Approved"
    elif state in ("AwaitingApproval", "Declined", "Approved") and not decision.promote:
        state = "Promoted" if before.models else "None"
    if state == before.state:
        return before
    return before.model_copy(update={"state": state, "by": decision.by, "at": stamp(now)})


def _flagged(symbols: Sequence[SymbolStatus], promotion: PromotionStatus) -> tuple[SymbolStatus, ...]:
    """Mark the symbols whose present model is promoted; a file's name carries the digest of its bytes."""
    promoted = {(model.symbol, file_name(model.uri)) for model in promotion.models}
    return tuple(
        entry.model_copy(update={"promoted": (entry.symbol, file_name(entry.model_uri)) in promoted})
        for entry in symbols
    )


def _ended(context: Context, current: Published, key: str, job: ObservedJob) -> Published:
    said = job.outcome()
    if isinstance(said, PublishResult) and said.publish_key == key:
        return _done(context, current, said)
    reason, message = failure(job) if job.state == "Failed" else ("ResultLost", "It completed twice without a result.")
    return _failed(context, current, key, reason, message)


def _failed(context: Context, current: Published, key: str, reason: str, message: str) -> Published:
    report = current.report.model_copy(
        update={"failed_key": failed_key(context, "publish", key), "message": f"{reason}: {message}"}
    )
    return replace(current, report=report, settled=True, failed=("PublishFailed", f"{reason}: {message}"))


def _done(context: Context, current: Published, said: PublishResult) -> Published:
    promotion = _promoted(context, current, said)
    number = current.report.number + 1
    report = ReportStatus(number=number, publish_key=said.publish_key, markdown=said.markdown, html=said.html)
    entry = HistoryEntry(at=stamp(context.now), line=_line(current), report=said.markdown)
    return replace(
        current,
        promotion=promotion,
        report=report,
        history=(*current.history, entry)[-5:],
        symbols=_flagged(current.symbols, promotion),
        settled=True,
    )


def _line(current: Published) -> str:
    gate, decision = current.gate, current.decision
    line = f"{gate.verdict}, {gate.outcome}: {gate.passed} of {gate.total} models pass, {gate.required} required"
    return f"{line}; promoted by override: {(decision.by or '')[:100]}" if decision.override else line


def _promoted(context: Context, current: Published, said: PublishResult) -> PromotionStatus:
    refused = "; ".join(f"{model.symbol}: {model.message}" for model in said.not_promoted) or None
    if not said.promoted:
        return current.promotion.model_copy(update={"message": refused})
    fresh = {model.symbol: _located(context, current, model) for model in said.promoted}
    models = tuple(({model.symbol: model for model in current.promotion.models} | fresh).values())
    return PromotionStatus(
        state="Promoted",
        by=current.decision.by,
        at=stamp(context.now),
        models=models,
        override=any(model.override for model in models) or None,
        message=refused,
    )


def _located(context: Context, current: Published, model: Promoted) -> PromotedModel:
    """The promoted file; it has the name and the bytes of the evaluated one, where the message had no room for them."""
    entry = next(entry for entry in current.symbols if entry.symbol == model.symbol)
    place = folder(context.run.spec.artifacts.uri) + "promoted/" + file_name(entry.model_uri)
    whose = (current.decision.by or "")[:100] if current.decision.override else None
    return PromotedModel(symbol=model.symbol, uri=model.uri or place, override=whose)
