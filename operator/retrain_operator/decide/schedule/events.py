"""The events of a schedule: one for each transition, for people who read `kubectl describe`."""

from __future__ import annotations

from typing import Literal

from retrain_api import reasons
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_operator.state.effects import Event

from .conditions import passes
from .context import Context
from .draft import Draft


def events(context: Context, draft: Draft, after: RetrainScheduleStatus, reason: str) -> tuple[Event, ...]:
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


def _proof_event(before: RetrainScheduleStatus, draft: Draft) -> list[Event]:
    found, old = draft.proof.status, before.walk_forward
    if found is None or (old is not None and (old.key, old.state) == (found.key, found.state)):
        return []
    words = {"Proving": reasons.PROVING, "Proven": reasons.PROVEN, "Unproven": reasons.UNPROVEN}
    kind: Literal["Normal", "Warning"] = "Warning" if found.state == "Unproven" else "Normal"
    return [Event(kind, words[found.state], f"{passes(found)}.")]
