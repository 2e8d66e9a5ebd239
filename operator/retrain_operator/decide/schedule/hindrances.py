"""What keeps a run from being created: a name that is taken, or an API server that refuses it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from retrain_api import reasons

from .context import Context

_LENGTH = 600
"""Characters of what an API server says: a webhook may say anything."""
_AGAIN = "It is tried again at the next slot, after an edit of the schedule, and with retrain schedule resume."


@dataclass(frozen=True)
class Hindrance:
    """Why a run is not created. `stalls`: it will not pass by itself, so a person must do something."""

    reason: str
    message: str
    stalls: bool


def hindrance(context: Context, names: Iterable[str]) -> Hindrance | None:
    """What hinders the first of these runs that is hindered."""
    found = (_taken(context, name) or _refused(context, name) for name in names)
    return next((one for one in found if one is not None), None)


def may_ask(context: Context, name: str, again: bool) -> bool:
    """Whether the API server is asked to create the run: not where it, or somebody's run, is in the way for good. `again` says
    that a person has just changed something, so that it is asked once more.
    """
    refusal = context.view.refusal(name)
    return context.view.named(name) is None and (again or refusal is None or not refusal.lasting)


def _taken(context: Context, name: str) -> Hindrance | None:
    there = context.view.named(name)
    if there is None or there.owned:
        return None
    message = (
        f"A RetrainRun {name} exists that this schedule did not make, so its own can't be. Delete that run (kubectl delete "
        f"retrainrun {name}), or give the schedule another name."
    )
    return Hindrance(reasons.NAME_TAKEN, message, stalls=True)


def _refused(context: Context, name: str) -> Hindrance | None:
    refusal = context.view.refusal(name)
    if refusal is None:
        return None
    said = refusal.message[:_LENGTH]
    if refusal.reason == reasons.NAME_TAKEN:
        return Hindrance(refusal.reason, said, stalls=True)
    if refusal.lasting:
        message = f"The API server refuses the run {name}: {said.rstrip('.')}. {_AGAIN}"
        return Hindrance(refusal.reason, message, stalls=True)
    again = f"The API server refuses the run {name} for now; it is being retried: {said}"
    return Hindrance(refusal.reason, again, stalls=False)
