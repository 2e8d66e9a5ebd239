"""The conditions of a schedule.

By kstatus a schedule is ready once it is accepted, and stalled only where a person must do something: a GitOps tool waits for
neither the next slot nor a proof, which may take days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.formatting import counted, measured
from retrain_api.status.condition import Condition
from retrain_api.status.condition_types import SCHEDULE_CONDITION_TYPES
from retrain_api.status.schedule import RetrainScheduleStatus, WalkForwardStatus
from retrain_operator.decide.conditions import IGNORED, ConditionDraft, flag, notified, timed, unknown_fields

_OURS = frozenset(kind.name for kind in SCHEDULE_CONDITION_TYPES)
_MESSAGE = 1024


def conditions(
    status: RetrainScheduleStatus, reason: str, stalled: bool, needed: int, ignored: Sequence[str], now: datetime
) -> tuple[Condition, ...]:
    """The conditions of a status whose other fields are set; `needed` replays must pass, where a proof is asked for."""
    drafts = [
        ConditionDraft("Ready", flag(not stalled), reason, status.message),
        *([ConditionDraft("Stalled", "True", reason, status.message)] if stalled else []),
        *_proven(status.walk_forward, needed),
        *notified(status.notified or ()),
        *([ConditionDraft(IGNORED, "True", reasons.UNKNOWN_FIELDS, unknown_fields(ignored))] if ignored else []),
    ]
    before = {condition.type: condition for condition in status.conditions}
    kept = {kind: one for kind, one in before.items() if kind not in _OURS}
    found = {draft.type: timed(draft, before.get(draft.type), now) for draft in drafts} | kept
    return status.conditions if found == before else tuple(found.values())


def _proven(proof: WalkForwardStatus | None, needed: int) -> Iterable[ConditionDraft]:
    if proof is None:
        return
    message = f"{passes(proof)}; {needed} must."
    match proof.state:
        case "Proving":
            yield ConditionDraft("Proven", "Unknown", reasons.PROVING, message)
        case "Proven":
            yield ConditionDraft("Proven", "True", reasons.PROVEN, message)
        case "Unproven":
            yield ConditionDraft("Proven", "False", reasons.UNPROVEN, message)


def passes(proof: WalkForwardStatus) -> str:
    """How a proof stands: 2 of 6 replays are over, 1 passes today's gate (accuracy 71.2 % over 40,320 bars)."""
    total, over = len(proof.slots), sum(entry.verdict is not None for entry in proof.slots)
    much = "" if over == total else f"{over} of {counted(total, 'replay')} {'is' if over == 1 else 'are'} over, "
    passing = f"{proof.passed} of {counted(total, 'replay')}" if over == total else str(proof.passed)
    pooled = proof.pooled
    figures = f" (accuracy {measured('accuracy', pooled.accuracy)} over {pooled.bars:,} bars)" if pooled else ""
    return f"{much}{passing} {'passes' if proof.passed == 1 else 'pass'} the gate of today{figures}"


def unreadable(body: Mapping[str, Any], sentence: str, now: datetime) -> RetrainScheduleStatus:
    """The status of a schedule whose spec this operator can't read: invalid for this reason.

    What is remembered stays as it was, for when it is corrected.
    """
    try:
        before = RetrainScheduleStatus.model_validate(body.get("status") or {})
    except ValidationError:
        before = RetrainScheduleStatus()
    invalid = {
        "observed_generation": body["metadata"].get("generation"),
        "state": "Invalid",
        "message": sentence[:_MESSAGE],
    }
    status = before.model_copy(update={**invalid, "next": "none", "next_time": None})
    found = conditions(status, reasons.INVALID_SCHEDULE, True, 0, (), now)
    return status.model_copy(update={"conditions": found})
