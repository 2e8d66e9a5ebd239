"""Every condition type, its polarity and its reasons, in one place. Pure.

Ready, Reconciling and Stalled follow kstatus, so that GitOps tools read a run's health without knowing it; Stalled
and Reconciling are present only while they are True (abnormal-true). The others are milestones for people and
`kubectl wait`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from retrain_api.status import FINAL_STATES, NEVER, Condition, PromotionStatus, RetrainRunStatus
from retrain_api.wording import headline

from .work import stamp

Flag = Literal["True", "False", "Unknown"]


@dataclass(frozen=True)
class Said:
    """A condition before it has a time."""

    type: str
    status: Flag
    reason: str
    message: str = ""


def conditions(status: RetrainRunStatus, reason: str, suspended: bool, now: datetime) -> tuple[Condition, ...]:
    """The conditions of a status whose other fields are set; times are kept where the status did not change."""
    said = [
        *_progress(status, reason),
        *([Said("Suspended", "True", "Suspended", status.message)] if suspended else []),
        *_milestones(status),
    ]
    before = {condition.type: condition for condition in status.conditions}
    return tuple(_timed(entry, before.get(entry.type), now) for entry in said)


def _flag(holds: bool) -> Flag:
    return "True" if holds else "False"


def _timed(said: Said, before: Condition | None, now: datetime) -> Condition:
    same = before is not None and before.status == said.status and before.last_transition_time != NEVER
    return Condition(
        type=said.type,
        status=said.status,
        reason=said.reason,
        message=said.message,
        last_transition_time=before.last_transition_time if before is not None and same else stamp(now),
    )


def _progress(status: RetrainRunStatus, reason: str) -> Iterable[Said]:
    """A gate that rejects is a finished run that is stalled: a GitOps wave stops there until a person changes something."""
    final = status.state in FINAL_STATES
    good = status.state in ("Passed", "Promoted")
    stalled = final and not good
    yield Said("Ready", _flag(good), reason, "" if final else status.message)
    if not final and status.state not in ("Suspended", "AwaitingApproval"):
        yield Said("Reconciling", "True", reason, status.message)
    if stalled:
        # GitOps tools show this one sentence. What failed, or who declined, is said in it; why the gate rejects stands
        # with each symbol.
        whole = status.state == "Failed" or reason == "Declined"
        message = status.message if whole else _short(status.message)
        yield Said("Stalled", "True", reason, message)
    yield Said("Finished", _flag(final), reason)


def _milestones(status: RetrainRunStatus) -> Iterable[Said]:
    total = len(status.symbols)
    trained = sum(_has_model(status, index) for index in range(total))
    yield Said(
        "Trained",
        _flag(trained == total > 0),
        "AllTrained" if trained == total > 0 else "NotAllTrained",
        "" if trained == total else f"{trained} of {total} symbols are trained.",
    )
    measured = sum(entry.state == "Evaluated" for entry in status.symbols)
    yield Said(
        "Evaluated",
        _flag(measured == total > 0),
        "AllEvaluated" if measured == total > 0 else "NotAllEvaluated",
        "" if measured == total else f"{measured} of {total} models are measured.",
    )
    gate = status.gate
    verdict: Flag = "Unknown" if gate is None else _flag(gate.verdict == "Pass")
    yield Said(
        "GatePassed",
        verdict,
        "NotJudged" if gate is None else f"Gate{gate.verdict}",
        "" if gate is None else f"{gate.passed} of {gate.total} pass, {gate.required} required.",
    )
    yield _promoted(status)
    reported = status.report is not None and status.report.markdown is not None
    yield Said("Reported", _flag(reported), "ReportWritten" if reported else "NoReport")
    if status.backups is not None:
        yield Said(
            "BackedUp", _flag(status.backups.ok), "Copied" if status.backups.ok else "NotCopied", status.backups.message
        )


def _has_model(status: RetrainRunStatus, index: int) -> bool:
    result = status.symbols[index].result
    return result is not None and result.model is not None


def _promoted(status: RetrainRunStatus) -> Said:
    promotion = status.promotion
    if promotion is not None and promotion.models:
        usual = ("Promoted", f"Promoted by {promotion.by}.")
        told = overridden(promotion)
        return Said("Promoted", "True", *(("PromotedByOverride", f"{told}.") if told else usual))
    reason = "NotPromoted" if promotion is None or promotion.state == "None" else promotion.state
    return Said("Promoted", "False", reason, (promotion.message or "") if promotion else "")


def overridden(promotion: PromotionStatus) -> str:
    """Which models were promoted against the gate, by whom and why; empty where none was."""
    against = [model for model in promotion.models if model.override]
    if not against:
        return ""
    symbols = ", ".join(model.symbol for model in against[:8]) + (" and others" if len(against) > 8 else "")
    whose = " and ".join(dict.fromkeys(str(model.override) for model in against[:8]))
    return f"{symbols} promoted by override, not by the gate: {whose}"


def _short(message: str) -> str:
    """How a message begins whose whole is in status.message: without the criteria and the reasons."""
    return headline(message).split(", judged by", 1)[0]
