"""Publication: one Job writes the report, then promotes what may be promoted.

Report and promotion belong together: nobody should find a new model in service without a report that says why. Only
one publication is at work at a time, because two could flip the same pointer in either order. What a publication has
carried out stays carried out, whatever is answered afterwards; only an override goes beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from retrain_api import reasons
from retrain_api.documents.results import PublishResult
from retrain_api.documents.tasks import PublishTask
from retrain_api.gate.judgement import Judgement
from retrain_api.names import file_name
from retrain_api.status.run import GateStatus, PromotionStatus, ReportStatus
from retrain_api.status.symbol import SymbolStatus
from retrain_api.wire import timestamp
from retrain_operator.decide.context import Context
from retrain_operator.decide.phase_job import Failed, PhaseJob, Result, Waiting, Work, phase_job
from retrain_operator.manifests.jobs import failed_key
from retrain_operator.manifests.tasks import publish_task
from retrain_operator.state.effects import Steps
from retrain_operator.state.view import Outcome

from .judging import Decision, decided, gate_digest, gate_status, judged, judgement_of, publish_basis, publish_key
from .publications import Authority, Publications, history_line, job_key, publications, published


@dataclass(frozen=True)
class Published:
    """The parts of the status that are about publication, what to do next about it, and why that waits.

    `failed` is reason and message of a publication that failed.
    """

    gate: GateStatus
    symbols: tuple[SymbolStatus, ...]
    past: Publications
    decision: Decision
    steps: Steps = field(default_factory=Steps)
    settled: bool = False
    failed: tuple[str, str] | None = None
    waits: Waiting | None = None

    @property
    def promotion(self) -> PromotionStatus:
        """What was promoted."""
        return self.past.promotion

    @property
    def report(self) -> ReportStatus:
        """The last report."""
        return self.past.report


def advance(context: Context, symbols: tuple[SymbolStatus, ...]) -> Published:
    """Judge what is measured, then report and promote. To be called once no evaluation is left to wait for."""
    judgement = judgement_of(context.run, symbols)
    agreed = gate_digest(judgement, symbols)
    shown = publish_basis(context.run, agreed, symbols)
    decision = decided(context.run, judgement, shown, agreed)
    key = publish_key(shown, decision)
    past = publications(context, key)
    past = replace(past, promotion=_standing(past.promotion, decision, context.now))
    entries = tuple(judged(entry, judgement) for entry in symbols)
    current = Published(gate_status(judgement, agreed), entries, past, decision)
    return _followed(context, current, judgement, key)


def _followed(context: Context, current: Published, judgement: Judgement, key: str) -> Published:
    """Follow the Job of this publication, which works alone, since another one could still flip a pointer."""
    number = current.report.number + 1
    memory = failed_key(context.run, "publish", key)

    def accept(document: Outcome, _: int) -> PublishResult | None:
        return document if isinstance(document, PublishResult) and document.publish_key == key else None

    def task() -> PublishTask:
        promoted = _still_to_promote(current)
        by, override = current.decision.by, current.decision.override
        return publish_task(context.run, current.symbols, judgement, number, key, promoted, by, override)

    done, failed = current.report.publish_key == key, current.report.failed_key == memory
    work = Work("publish", job_key(key, number), task, accept, done=done, failed=failed, alone=True)
    job = phase_job(context, work)
    steps = job.steps + Steps(create=job.create)
    return _updated(context, replace(current, steps=steps, waits=job.waits), job, memory)


def _updated(context: Context, current: Published, job: PhaseJob[PublishResult], memory: str) -> Published:
    """What the Job found, entered into the status."""
    update: dict[str, Any]
    match job.outcome or job.state:
        case "Done":
            update = {"symbols": _flagged(current.symbols, current.promotion)}
        case "Remembered":
            why = current.report.message or "The publish Job failed."
            update = {"failed": (reasons.PUBLISH_FAILED, why)}
        case Failed(reason, message):
            why = f"{reason}: {message}"
            report = current.report.model_copy(update={"failed_key": memory, "message": why})
            update = {"past": replace(current.past, report=report), "failed": (reasons.PUBLISH_FAILED, why)}
        case Result(outcome):
            authority = Authority(current.decision.by, current.decision.override)
            past = published(context, current.past, outcome, history_line(current.gate, authority), authority)
            met = {one.symbol: one.champion for one in outcome.not_promoted if one.reason == reasons.CHAMPION_CHANGED}
            symbols = tuple(_against(entry, met) for entry in _flagged(current.symbols, past.promotion))
            update = {"past": past, "symbols": symbols}
            if met:
                return replace(current, **update)
        case _:
            return current
    return replace(current, settled=True, **update)


def _against(entry: SymbolStatus, met: Mapping[str, str]) -> SymbolStatus:
    """The entry to be measured again, against the model that was met in service, where it was not the one compared with."""
    if entry.symbol not in met or entry.result is None:
        return entry
    return entry.model_copy(update={"result": entry.result.model_copy(update={"champion": met[entry.symbol]})})


def _still_to_promote(current: Published) -> tuple[str, ...]:
    """What the decision promotes, without what this run has already promoted: an override leaves alone what the gate
    let through.
    """
    if not current.decision.override:
        return current.decision.promote
    done = {entry.symbol for entry in _flagged(current.symbols, current.promotion) if entry.promoted}
    return tuple(each for each in current.decision.promote if each not in done)


def _standing(before: PromotionStatus, decision: Decision, now: datetime) -> PromotionStatus:
    """The promotion as far as the decision alone determines it. What was promoted stays named, whatever is decided."""
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
    return before.model_copy(update={"state": state, "by": decision.by, "at": timestamp(now)})


def _flagged(symbols: Sequence[SymbolStatus], promotion: PromotionStatus) -> tuple[SymbolStatus, ...]:
    """Mark the symbols whose present model is promoted. A file's name contains the digest of its bytes."""
    promoted = {(model.symbol, file_name(model.uri)) for model in promotion.models}
    return tuple(
        entry.model_copy(update={"promoted": (entry.symbol, file_name(entry.model_uri)) in promoted})
        for entry in symbols
    )
