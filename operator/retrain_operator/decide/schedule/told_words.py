"""What a person reads of a schedule on a phone, at night: what happened, why, and what to type. Plain text, short."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from retrain_api.formatting import counted
from retrain_api.names import SCHEDULE_KIND
from retrain_api.spec.notify import ScheduleTold
from retrain_api.status.schedule import RecentRun, RetrainScheduleStatus

from .children import slot_of
from .conditions import passes
from .context import Context, read_time

_SLOTS = 2
"""Slots of which a text says what came of them."""
_TITLES: dict[str, str] = {
    "Paused": "Paused",
    "NoDeliveries": "nothing delivered",
    "Proven": "Proven",
    "Unproven": "Unproven",
}
_BY_POLICY = {
    "Automatic": "From now on a run that passes is promoted by itself.",
    "Manual": "From now on runs are made; one that passes waits for a person.",
    "Never": "From now on runs are made; none is promoted (promotion.policy is Never).",
}


def title(context: Context, word: str) -> str:
    """Such as "every-saturday: Paused"."""
    return f"{context.name}: {_TITLES.get(word, word)}"


def warns(word: str) -> bool:
    """Whether something is wrong."""
    return word != "Proven"


def text(context: Context, after: RetrainScheduleStatus, word: ScheduleTold) -> str:
    """What happened, why, and what to do, a line each."""
    match word:
        case "Paused":
            lines = _paused(context, after)
        case "NoDeliveries":
            lines = _no_deliveries(context, after)
        case "Proven":
            lines = [_proof(context, after), _BY_POLICY[context.spec.run_template.spec.promotion.policy]]
        case "Unproven":
            lines = _unproven(context, after)
    return "\n".join(lines)


def fields(context: Context, after: RetrainScheduleStatus, key: str) -> dict[str, Any]:
    """The same for programs; none is named as what a webhook of Apprise has already."""
    meta = context.schedule.metadata
    return {
        "kind": SCHEDULE_KIND,
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
        "key": key,
        "event": key.partition("-")[2],
        "state": after.state,
        "failures": after.failures,
        "passed": after.walk_forward.passed if after.walk_forward else None,
        "replays": len(after.walk_forward.slots) if after.walk_forward else None,
        "last": [{"run": line.run, "slot": line.slot, "result": line.result} for line in after.recent[:_SLOTS]],
        "next": after.next_time,
    }


def _paused(context: Context, after: RetrainScheduleStatus) -> list[str]:
    failed = next((line for line in after.recent if line.state == "Failed"), None)
    return [
        f"{counted(after.failures, 'run')} failed in a row, so no more are made. What is in service stays.",
        *([f"The last, {_line(failed)}"] if failed else []),
        f"Mend that, then: {_command(context, 'schedule resume', context.name)}",
    ]


def _no_deliveries(context: Context, after: RetrainScheduleStatus) -> list[str]:
    slots = (line for line in after.recent if slot_of(context.name, line.run) is not None)
    newest = list(islice(slots, _SLOTS))
    return [
        "The last two slots brought no model into service. What is in service stays, and grows old.",
        *(f"{_day(context, line)}: {line.result or line.state}{_why(line)}" for line in newest),
        f"Why: {_look(context, newest)}",
    ]


def _look(context: Context, newest: Sequence[RecentRun]) -> str:
    """Where to read on: the page of a run that was judged; of others the schedule says all there is."""
    judged = next((line for line in newest if line.state == "Rejected"), None)
    return _command(context, "report", judged.run) if judged else _command(context, "schedule status", context.name)


def _unproven(context: Context, after: RetrainScheduleStatus) -> list[str]:
    policy = context.spec.run_template.spec.promotion.policy
    waits = ", and what they would promote waits for a person" if policy == "Automatic" else ""
    return [
        _proof(context, after),
        f"Runs are made{waits}. What is in service stays.",
        "Another recipe is proven anew; a changed gate judges the same replays again.",
        f"Replay by replay: {_command(context, 'schedule status', context.name)}",
    ]


def _proof(context: Context, after: RetrainScheduleStatus) -> str:
    asked, found = context.spec.walk_forward, after.walk_forward
    return f"{passes(found)}; {asked.min_passed} must." if asked and found else ""


def _line(line: RecentRun) -> str:
    said = line.line.rstrip(".")
    return f"{line.run}: {said}." if said else f"{line.run}: {line.result or line.state}."


def _why(line: RecentRun) -> str:
    return f", {line.line.rstrip('.')}" if line.line else ""


def _day(context: Context, line: RecentRun) -> str:
    return context.spoken(read_time(line.slot))


def _command(context: Context, verb: str, name: str) -> str:
    namespace = context.schedule.metadata.namespace
    where = f" -n {namespace}" if namespace and namespace != "default" else ""
    return f"retrain {verb} {name}{where}"
