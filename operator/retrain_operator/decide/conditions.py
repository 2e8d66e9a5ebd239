"""Every condition type, its polarity and its reasons, in one place.

Ready, Reconciling and Stalled follow kstatus, so that GitOps tools can tell a run's health without knowing the
resource; Stalled and Reconciling are present only while they are True (abnormal-true). The others are milestones for
people and `kubectl wait`. If each phase wrote its own conditions, two of them could contradict each other, and a
GitOps tool would roll out what was rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.formatting import counted, headline
from retrain_api.model_times import apart
from retrain_api.reasons.reason import Reason
from retrain_api.status.condition import Condition
from retrain_api.status.condition_types import ANSWER_STALE, CHECKED, CONDITION_TYPES, HOLDING, NOTIFIED
from retrain_api.status.notified import Notified
from retrain_api.status.observation import ObservationStatus, ObservedState
from retrain_api.status.run import FINAL_STATES, NEVER, RetrainRunStatus
from retrain_api.wire import timestamp

Flag = Literal["True", "False", "Unknown"]
_VERDICTS = {
    "Pass": reasons.GATE_PASS,
    "Fail": reasons.GATE_FAIL,
    "Inconclusive": reasons.GATE_INCONCLUSIVE,
    "Suspect": reasons.GATE_SUSPECT,
    "Error": reasons.GATE_ERROR,
}
_PROMOTIONS = {
    "None": reasons.NOT_PROMOTED,
    "AwaitingApproval": reasons.AWAITING_APPROVAL,
    "Approved": reasons.APPROVED,
    "Declined": reasons.DECLINED,
    "Promoted": reasons.PROMOTED,
}

OBSERVED: dict[ObservedState, Reason] = {
    "Observing": reasons.OBSERVING,
    "Holding": reasons.HOLDING,
    "Held": reasons.HELD,
    "BelowPromise": reasons.BELOW_PROMISE,
    "Decaying": reasons.DECAYING,
    "NoNewBars": reasons.NO_NEW_BARS,
    "NotMeasurable": reasons.NOT_MEASURABLE,
    "Unobserved": reasons.UNOBSERVED,
    "Suspended": reasons.SUSPENDED,
    "Superseded": reasons.NEWER_MODEL,
}
"""The reason for each state of an observation."""


@dataclass(frozen=True)
class ConditionDraft:
    """A condition without its time."""

    type: str
    status: Flag
    reason: str
    message: str = ""


_OURS = frozenset(kind.name for kind in CONDITION_TYPES)
IGNORED = "FieldsIgnored"


def conditions(
    status: RetrainRunStatus,
    reason: str,
    suspended: bool,
    now: datetime,
    ignored: Sequence[str] | None = None,
    stale: Sequence[str] = (),
    checked: ConditionDraft | None = None,
) -> tuple[Condition, ...]:
    """The conditions of a status whose other fields are set; times are kept where the status did not change.

    `ignored` are the fields that only a newer release knows; None leaves what is said of them as it is. Conditions of a
    newer release stay too. `stale` says what is wrong with each answer to a judgement that has changed. `checked` is what is
    new of the preflight; None leaves what is said of it.
    """
    drafts = [
        *_progress(status, reason),
        *([ConditionDraft("Suspended", "True", reasons.SUSPENDED, status.message)] if suspended else []),
        *([checked] if checked else []),
        *_milestones(status),
        *([ConditionDraft(IGNORED, "True", reasons.UNKNOWN_FIELDS, unknown_fields(ignored))] if ignored else []),
        *([ConditionDraft(ANSWER_STALE, "True", reasons.JUDGEMENT_CHANGED, " ".join(stale))] if stale else []),
    ]
    before = {condition.type: condition for condition in status.conditions}
    unsaid = {IGNORED} if ignored is None else set()
    unsaid |= {CHECKED} if checked is None else set()
    kept = {kind: one for kind, one in before.items() if kind not in _OURS or kind in unsaid}
    found = {draft.type: timed(draft, before.get(draft.type), now) for draft in drafts} | kept
    # Another release may write them in another order.
    return status.conditions if found == before else tuple(found.values())


def unknown_fields(fields: Sequence[str]) -> str:
    """What is said of fields that only a newer release knows."""
    names = ", ".join(fields[:8]) + (" and others" if len(fields) > 8 else "")
    return f"This operator does not know {names[:800]}, and goes on as if that were not set; upgrade the operator."


def flag(holds: bool) -> Flag:
    """As conditions say it."""
    return "True" if holds else "False"


def timed(draft: ConditionDraft, before: Condition | None, now: datetime) -> Condition:
    """The condition, with the time at which its status last changed."""
    same = before is not None and before.status == draft.status and before.last_transition_time != NEVER
    return Condition(
        type=draft.type,
        status=draft.status,
        reason=draft.reason,
        message=draft.message,
        last_transition_time=before.last_transition_time if before is not None and same else timestamp(now),
    )


def _progress(status: RetrainRunStatus, reason: str) -> Iterable[ConditionDraft]:
    """A run that the gate rejects is finished and stalled: a GitOps wave stops there until a person changes something."""
    final = status.state in FINAL_STATES
    good = status.state in ("Passed", "Promoted", "Skipped")
    said = _final_message(status, reason) if final else _waiting_message(status)
    message = "" if status.state in ("Passed", "Promoted") else said
    yield ConditionDraft("Ready", flag(good), reason, message)
    if not final and status.state not in ("Suspended", "AwaitingApproval"):
        yield ConditionDraft("Reconciling", "True", reason, status.message)
    if final and not good:
        yield ConditionDraft("Stalled", "True", reason, message)
    yield ConditionDraft("Finished", flag(final), reason)


def _waiting_message(status: RetrainRunStatus) -> str:
    """What the run does or waits for. Why a person is asked stands in status.message: twice, it would take the room of the figures."""
    return status.message.split(", judged by", 1)[0] if status.state == "AwaitingApproval" else status.message


def _final_message(status: RetrainRunStatus, reason: str) -> str:
    """Why a run stands still, in the one sentence that GitOps tools show of it.

    It says what failed, or who declined; why the gate rejects a model stands with its symbol.
    """
    whole = status.state in ("Failed", "Skipped") or reason == reasons.DECLINED
    return status.message if whole else _short(status.message)


def _milestones(status: RetrainRunStatus) -> Iterable[ConditionDraft]:
    total = len(status.symbols)
    trained = sum(_has_model(status, index) for index in range(total))
    yield ConditionDraft(
        "Trained",
        flag(trained == total > 0),
        reasons.ALL_TRAINED if trained == total > 0 else reasons.NOT_ALL_TRAINED,
        _age_of_the_learning(status) if trained == total else f"{trained} of {counted(total, 'symbol')} trained.",
    )
    yield from _restated(status)
    measured = sum(entry.state == "Evaluated" for entry in status.symbols)
    yield ConditionDraft(
        "Evaluated",
        flag(measured == total > 0),
        reasons.ALL_EVALUATED if measured == total > 0 else reasons.NOT_ALL_EVALUATED,
        "" if measured == total else f"{measured} of {counted(total, 'model')} measured.",
    )
    gate = status.gate
    verdict: Flag = "Unknown" if gate is None else flag(gate.verdict == "Pass")
    yield ConditionDraft(
        "GatePassed",
        verdict,
        reasons.NOT_JUDGED if gate is None else _VERDICTS.get(gate.verdict, f"Gate{gate.verdict}"),
        "" if gate is None else f"{gate.passed} of {gate.total} pass, {gate.required} required.",
    )
    yield _promoted(status)
    reported = status.report is not None and status.report.markdown is not None
    yield ConditionDraft("Reported", flag(reported), reasons.REPORT_WRITTEN if reported else reasons.NO_REPORT)
    if status.backups is not None:
        yield ConditionDraft(
            "BackedUp",
            flag(status.backups.ok),
            reasons.COPIED if status.backups.ok else reasons.NOT_COPIED,
            status.backups.message,
        )
    if status.observation is not None:
        yield _holding(status.observation)
    yield from notified(status.notified or ())


def _holding(observation: ObservationStatus) -> ConditionDraft:
    known: dict[str, Flag] = {"Holding": "True", "Held": "True", "Decaying": "False"}
    return ConditionDraft(
        HOLDING, known.get(observation.state, "Unknown"), OBSERVED[observation.state], observation.message
    )


def notified(entries: Sequence[Notified]) -> Iterable[ConditionDraft]:
    """Whether every receiver was told, of a run or a schedule; nothing where nobody is to be told."""
    failed = [entry.failure for entry in entries if entry.failed_key]
    waiting = [f"{entry.name} of {entry.word}{entry.waits}" for entry in entries if entry.pending]
    if failed:
        yield ConditionDraft(NOTIFIED, "False", reasons.NOT_TOLD, " ".join(failed)[:1024])
    elif waiting:
        yield ConditionDraft(NOTIFIED, "Unknown", reasons.TELLING, f"To be told: {', '.join(waiting)}."[:1024])
    elif entries:
        yield ConditionDraft(NOTIFIED, "True", reasons.TOLD)


def _age_of_the_learning(status: RetrainRunStatus) -> str:
    """How old the oldest weights are, against their last bar: a sentence that stays true, unlike an age. Empty where unknown."""
    known = [(one.result.trained_until, one.symbol, one.result.data) for one in status.symbols if one.result]
    dated = [(until, symbol, data) for until, symbol, data in known if until is not None and data is not None]
    if not dated:
        return ""
    until, symbol, data = min(dated, key=lambda one: one[0])
    whose = "The weights" if len(status.symbols) == 1 else f"The oldest weights ({symbol})"
    return f"{whose} end {apart(until, data.last_bar)} before the last bar."


def _restated(status: RetrainRunStatus) -> Iterable[ConditionDraft]:
    found = [(one.symbol, one.result.restated) for one in status.symbols if one.result and one.result.restated]
    if found:
        places = "; ".join(f"{symbol} {place}" for symbol, place in found)
        message = f"Rewritten, first on: {places}."
        yield ConditionDraft(reasons.DATA_RESTATED, "True", reasons.DATA_RESTATED, message)


def _has_model(status: RetrainRunStatus, index: int) -> bool:
    result = status.symbols[index].result
    return result is not None and result.model is not None


def _promoted(status: RetrainRunStatus) -> ConditionDraft:
    promotion = status.promotion
    if promotion is not None and promotion.models:
        usual = (reasons.PROMOTED, f"Promoted by {promotion.by}.")
        note = promotion.override_note
        return ConditionDraft("Promoted", "True", *((reasons.PROMOTED_BY_OVERRIDE, f"{note}.") if note else usual))
    state = "None" if promotion is None else promotion.state
    return ConditionDraft("Promoted", "False", _PROMOTIONS[state], (promotion.message or "") if promotion else "")


def _short(message: str) -> str:
    """The beginning of a message that stands in status.message in full: without the criteria and the reasons."""
    return headline(message).split(", judged by", 1)[0]


def unreadable(body: Mapping[str, Any], sentence: str, now: datetime) -> RetrainRunStatus:
    """The status of a run whose spec this operator can't read: failed for this reason, everything else as it was.

    Such a spec was stored under another version of the CRD, say. The API server accepted it, so nobody else will object.
    """
    try:
        before = RetrainRunStatus.model_validate(body.get("status") or {})
    except ValidationError:
        before = RetrainRunStatus()
    failed = {
        "observed_generation": body["metadata"].get("generation"),
        "state": "Failed",
        "message": sentence[:1024],
    }
    status = before.model_copy(update=failed)
    return status.model_copy(update={"conditions": conditions(status, reasons.INVALID_RUN, False, now)})
