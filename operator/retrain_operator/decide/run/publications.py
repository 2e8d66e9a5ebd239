"""What was published: reports, promotions and their history, those of superseded publications too.

A publication that is superseded may have written its report and flipped a pointer before it was stopped. So it keeps
the number of its report and its line in the history, and what it promoted is named: without that the next publication
would write over its report, and nobody could tell where a model in service came from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from retrain_api.approval import read_answer
from retrain_api.documents.results import Promoted, PublishResult
from retrain_api.keys import digest
from retrain_api.names import file_name, folder
from retrain_api.status.run import (
    GateStatus,
    HistoryEntry,
    PromotedModel,
    PromotionStatus,
    ReportStatus,
    RetrainRunStatus,
)
from retrain_api.wire import timestamp
from retrain_operator.decide.context import Context
from retrain_operator.state.view import JobView

_KEPT = 5
"""Entries of the history."""


@dataclass(frozen=True)
class Publications:
    """The parts of the status that remember what was published."""

    promotion: PromotionStatus
    report: ReportStatus
    history: tuple[HistoryEntry, ...]

    @classmethod
    def of(cls, status: RetrainRunStatus) -> Publications:
        """What the status says."""
        return cls(status.promotion or PromotionStatus(), status.report or ReportStatus(), status.history)


@dataclass(frozen=True)
class Authority:
    """On whose authority models are promoted; `override`: against the gate."""

    by: str | None
    override: bool = False


def job_key(publish_key: str, number: int) -> str:
    """Key of the Job that publishes report `number`."""
    return digest({"publish": publish_key, "number": number})


def publications(context: Context, publish_key: str | None = None) -> Publications:
    """What was published so far; every publication but that of `publish_key` is superseded."""
    past = Publications.of(context.run.status)
    wanted = job_key(publish_key, past.report.number + 1) if publish_key else None
    for job in context.view.of_phase("publish"):
        past = past if job.key == wanted else _accounted(context, past, job)
    return past


def _accounted(context: Context, past: Publications, job: JobView) -> Publications:
    """Enter a superseded publication: when it is stopped, and again where it had ended by then after all."""
    gate, outcome = context.run.status.gate, job.outcome()
    result = outcome if isinstance(outcome, PublishResult) else None
    entry = next((one for one in past.history if one.job == job.name), None)
    if result is not None and job.key == job_key(result.publish_key, past.report.number + 1):
        return published(context, past, result, history_line(gate), _authority(context))
    if entry is not None and entry.report is None and result is not None:
        found = entry.model_copy(update={"report": result.markdown})
        history = tuple(found if one is entry else one for one in past.history)
        return replace(past, promotion=_promoted(context, past, result, _authority(context)), history=history)
    if entry is None and job.live and job.started:
        line = f"Superseded while it was being published: {history_line(gate)}"
        stopped = HistoryEntry(at=timestamp(context.now), line=line, job=job.name)
        report = past.report.model_copy(update={"number": past.report.number + 1})
        return replace(past, report=report, history=(*past.history, stopped)[-_KEPT:])
    return past


def _authority(context: Context) -> Authority:
    """On whose authority the publication that the status describes promotes."""
    status, answer = context.run.status, read_answer(context.run.override)
    if status.gate is not None and answer.digest == status.gate.digest:
        return Authority(answer.signature, override=True)
    approved = status.promotion is not None and status.promotion.state == "Approved"
    return Authority(status.promotion.by if approved and status.promotion else "gate")


def history_line(gate: GateStatus | None, authority: Authority = Authority("gate")) -> str:
    """One judgement in one line."""
    if gate is None:
        return "no verdict"
    line = f"{gate.verdict}, {gate.outcome}: {gate.passed} of {gate.total} models pass, {gate.required} required"
    return line + override_note(authority.by) if authority.override else line


def override_note(by: str | None) -> str:
    """How a line of the history ends where models were promoted against the gate."""
    return f"; promoted by override: {(by or '')[:100]}"


def published(
    context: Context, past: Publications, outcome: PublishResult, line: str, authority: Authority
) -> Publications:
    """Enter a publication that ended: the last report, what it promoted, and its line in the history."""
    report = ReportStatus(
        number=past.report.number + 1,
        publish_key=outcome.publish_key,
        markdown=outcome.markdown,
        html=outcome.html,
    )
    entry = HistoryEntry(at=timestamp(context.now), line=line, report=outcome.markdown)
    return Publications(_promoted(context, past, outcome, authority), report, (*past.history, entry)[-_KEPT:])


def _promoted(context: Context, past: Publications, outcome: PublishResult, authority: Authority) -> PromotionStatus:
    refused = "; ".join(f"{model.symbol}: {model.message}" for model in outcome.not_promoted) or None
    if not outcome.promoted:
        return past.promotion.model_copy(update={"message": refused})
    fresh = {model.symbol: _located(context, model, authority) for model in outcome.promoted}
    models = tuple(({model.symbol: model for model in past.promotion.models} | fresh).values())
    return PromotionStatus(
        state="Promoted",
        by=authority.by,
        at=timestamp(context.now),
        models=models,
        override=any(model.override for model in models) or None,
        message=refused,
    )


def _located(context: Context, model: Promoted, authority: Authority) -> PromotedModel:
    """The promoted file. Where the message had no room for its location: it has the name of the evaluated file."""
    evaluated = file_name(context.run.status.symbol(model.symbol).model_uri)
    place = folder(context.run.spec.artifacts.uri) + "promoted/" + evaluated
    whose = (authority.by or "")[:100] if authority.override else None
    return PromotedModel(symbol=model.symbol, uri=model.uri or place, override=whose)
