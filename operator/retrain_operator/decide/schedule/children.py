"""A run as its schedule sees it: is it at work, for which slot was it made, what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from retrain_api import reasons
from retrain_api.formatting import headline
from retrain_api.names import slot_run
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_api.status.schedule import RecentRun
from retrain_api.wire import timestamp
from retrain_operator.state.schedule_view import ChildRun

_LINE = 160
"""Characters of a verdict's line. Ten of them stand in a status."""
_FORMS = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""The times at the end of the names of runs: of a slot, and of a trigger. The run of a decayed model is named by the model."""


def is_finished(run: ChildRun) -> bool:
    """Whether nothing is left to do for it. A state that only a newer release knows is read as Pending; its condition tells."""
    finished = any(one.type == "Finished" and one.status == "True" for one in run.status.conditions)
    return run.status.state in FINAL_STATES or finished


def is_waiting(run: ChildRun) -> bool:
    """Whether a person must answer: until then it does nothing, and holds up nobody."""
    return run.status.state == "AwaitingApproval"


def is_busy(run: ChildRun) -> bool:
    """Whether it is at work, or waits to be."""
    return not is_finished(run) and not is_waiting(run)


def busy(runs: Iterable[ChildRun]) -> tuple[ChildRun, ...]:
    """Those at work."""
    return tuple(run for run in runs if is_busy(run))


def promotes(run: ChildRun) -> tuple[str, ...]:
    """The symbols whose pointers it has moved."""
    promotion = run.status.promotion
    return tuple(model.symbol for model in promotion.models) if promotion is not None else ()


def is_observed(run: ChildRun) -> bool:
    """Whether its promoted models go on being observed: not once others stand in their place, or the observation has ended."""
    found = run.status.observation
    return found is not None and found.next_time is not None and found.state != "Superseded"


def is_replay(schedule: str, name: str) -> bool:
    """Whether a run of that name replays a past slot."""
    return name.startswith(f"{schedule}-wf-")


def decayed_model(schedule: str, name: str) -> str | None:
    """The first 8 hex digits of the model for whose decay a run of that name was made; None of any other run."""
    found = re.fullmatch(re.escape(schedule) + r"-decay-([0-9a-f]{8})", name)
    return found.group(1) if found is not None else None


def made_for(schedule: str, run: ChildRun) -> datetime | None:
    """The time that a run was made for: a slot's or a trigger's by its name, of a decayed model's what it learns as of.

    None of a replay, and of a name that is not ours.
    """
    if decayed_model(schedule, run.name) is None:
        return _time_in(schedule, run.name)
    until = run.spec.data.until if run.spec is not None else None
    return datetime.fromisoformat(until).astimezone(UTC) if until is not None else run.created


def _time_in(schedule: str, name: str) -> datetime | None:
    found = re.fullmatch(re.escape(schedule) + r"-([0-9]{12}|[0-9]{14})", name)
    if found is None:
        return None
    digits = found.group(1)
    try:
        return datetime.strptime(digits, _FORMS[len(digits)]).replace(tzinfo=UTC)
    except ValueError:  # thirteen months, say: a name that somebody else gave
        return None


def slot_of(schedule: str, name: str) -> datetime | None:
    """The slot that a run was made for; None of one out of turn, which belongs to no slot."""
    time = _time_in(schedule, name)
    return time if time is not None and slot_run(schedule, time) == name else None


def line_of(run: ChildRun, time: datetime) -> RecentRun:
    """What came of a run that is over, or waits for a person."""
    promoted = f"{len(promotes(run))}/{len(run.status.symbols)}" if promotes(run) else ""
    line = headline(run.status.message).split(", judged by", 1)[0][:_LINE]
    return RecentRun(
        slot=timestamp(time),
        run=run.name,
        state=_state(run),
        result=_result(run.status, promoted),
        line=line,
        promoted=promoted,
    )


def _state(run: ChildRun) -> str:
    """Its state; Finished where only a newer release knows the state."""
    known = run.status.state in FINAL_STATES or is_waiting(run)
    return run.status.state if known else "Finished"


def _result(status: RetrainRunStatus, promoted: str) -> str:
    """What came of it for a column: Promoted 2/3, Rejected 1/3, Skipped: no new bars, Failed: DataStale."""
    gate = f" {status.gate.passed}/{status.gate.total}" if status.gate else ""
    match status.state:
        case "Promoted":
            return f"Promoted {promoted}"
        case "Passed" | "Rejected":
            return f"{status.state}{gate}"
        case "AwaitingApproval":
            return f"Awaits approval{gate}"
        case "Skipped":
            why = _why(status)
            return "Skipped: no new bars" if why == reasons.NO_NEW_BARS else f"Skipped: {why}"
        case "Failed":
            return f"Failed: {_why(status)}"
    return "Finished"


def _why(status: RetrainRunStatus) -> str:
    """The one reason of all symbols that broke, else the run's."""
    broke = {entry.reason for entry in status.symbols if entry.state in ("Failed", "Skipped") and entry.reason}
    whole = next((one.reason for one in status.conditions if one.type == "Ready"), status.state)
    return str(broke.pop()) if len(broke) == 1 else whole
