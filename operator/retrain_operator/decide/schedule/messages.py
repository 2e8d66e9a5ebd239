"""What a schedule does, or waits for, in a sentence for people."""

from __future__ import annotations

from retrain_api import reasons
from retrain_api.formatting import counted

from .conditions import passes
from .context import Context
from .draft import Draft


def why(context: Context, draft: Draft) -> tuple[str, str]:
    """Reason and sentence of a state: what is in the way comes first."""
    if draft.hindrance is not None and not draft.suspended:
        return draft.hindrance.reason, draft.hindrance.message
    match draft.state:
        case "Suspended":
            return (
                reasons.SUSPENDED,
                "Suspended: no run is made, and those under way go on. Set spec.suspend to false to continue.",
            )
        case "Paused":
            return reasons.PAUSED, _paused(context, draft)
        case "Proving":
            return reasons.PROVING, f"{_proof_line(context, draft)}. Until then no run is made."
        case "Unproven":
            return reasons.UNPROVEN, f"{_proof_line(context, draft)}. {_unproven(context)} {_next(context, draft)}"
    reason = reasons.NO_SLOT if draft.slots.next is None else reasons.SCHEDULED
    return reason, _next(context, draft)


def _paused(context: Context, draft: Draft) -> str:
    failed = next((line for line in draft.history.recent if line.state == "Failed"), None)
    last = f" The last was {failed.run}: {failed.line.rstrip('.')}." if failed else ""
    return (
        f"{counted(draft.history.failures, 'run')} failed in a row, so no more are made.{last} Mend that, then run "
        f"retrain schedule resume {context.name}, or change the spec."
    )


def _proof_line(context: Context, draft: Draft) -> str:
    asked, found = context.spec.walk_forward, draft.proof.status
    assert asked is not None and found is not None
    return f"{passes(found)}; {asked.min_passed} must"


def _unproven(context: Context) -> str:
    policy = context.spec.run_template.spec.promotion.policy
    if policy == "Automatic":
        return "Runs are made, and what they would promote waits for a person."
    return f"Runs are made; promotion.policy stays {policy}."


def _next(context: Context, draft: Draft) -> str:
    """What a person is asked for, and what is made or waited for."""
    return _asked(draft) + _made(context, draft)


def _asked(draft: Draft) -> str:
    """Of the newest run alone: once another is made, it is that one's answer that counts."""
    newest = draft.history.newest if not draft.history.active else None
    if newest is None or newest.state != "AwaitingApproval":
        return ""
    return f"{newest.run} waits for a person: retrain approve {newest.run} --reason TEXT, or reject. "


def _made(context: Context, draft: Draft) -> str:
    behind, due, after = draft.making.behind, draft.slots.due, draft.slots.next
    if behind:
        what = f"The run of {context.spoken(due)}" if due else _out_of_turn(context, draft)
        return f"{what} is made once {behind} is over."
    if draft.making.pending is not None:
        return f"{draft.making.pending.name} is being made."
    if after is None:
        return "No time fits spec.schedule, so no run is made; correct the day and month that it names."
    return f"The next run is made on {context.spoken(after)}."


def _out_of_turn(context: Context, draft: Draft) -> str:
    """What waits beside the slots."""
    if context.schedule.trigger:
        return "The run that was triggered"
    pending = draft.making.pending
    return pending.name if pending is not None else f"The model of {draft.making.decays} decays; a run for that"
