"""What `kubectl get retrainschedules` shows: what came of the last run, and when the next one is made."""

from __future__ import annotations

from datetime import datetime

from retrain_api.status.schedule import ScheduleState

from .context import Context
from .hindrances import Hindrance
from .history import History
from .proof import Proof
from .slots import Slots


def result(context: Context, history: History, proof: Proof) -> str:
    """Of the proof while it goes on, else the state of the run at work, else what came of the last one."""
    if proof.status is not None and proof.state == "Proving":
        over = sum(entry.verdict is not None for entry in proof.status.slots)
        return f"{over}/{len(proof.status.slots)} replayed, {proof.status.passed} passed"
    if history.active:
        run = context.view.with_uid(history.active[-1].uid)
        return run.status.state if run is not None else ""
    if history.newest is not None:
        return history.newest.result
    return f"{proof.status.passed}/{len(proof.status.slots)} replays pass" if proof.status is not None else ""


_NONE = {"Invalid": "none", "Suspended": "suspended", "Paused": "paused", "Proving": "after the proof"}


def upcoming(
    context: Context, state: ScheduleState, slots: Slots, behind: str, hindrance: Hindrance | None
) -> tuple[str, datetime | None]:
    """When the next run is made, in the schedule's zone and as a time, or why there is none."""
    if hindrance is not None and state in ("Active", "Unproven", "Proving"):
        return f"blocked: {hindrance.reason}", None if state == "Proving" else slots.next
    if state in _NONE:
        return _NONE[state], None
    if slots.due is not None and behind:
        return "after the present run", None
    return ("never" if slots.next is None else context.spoken(slots.next)), slots.next
