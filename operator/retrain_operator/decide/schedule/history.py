"""What became of the runs that were made: which are at work, what came of the last ten, how many failed in a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from retrain_api import reasons
from retrain_api.status.schedule import ActiveRun, RecentRun
from retrain_api.wire import timestamp
from retrain_operator.state.effects import Event
from retrain_operator.state.schedule_view import ChildRun

from .children import decayed_model, is_busy, line_of, made_for, slot_of
from .context import Context, read_time

_LINES = 10
MISSED = "Missed"
"""State of the line of a slot that no run was made for in time."""
_NO_FAILURE = ("Promoted", "Passed", "Rejected", "Skipped", "AwaitingApproval")
"""States that end a row of failures. Deleted, and what only a newer release knows, neither ends nor lengthens one."""


@dataclass(frozen=True)
class History:
    """The runs of slots, and those out of turn; `last_slot` is the newest slot that has one, `last_success` when one last ended well."""

    active: tuple[ActiveRun, ...]
    recent: tuple[RecentRun, ...]
    """What came of them, and the slots that were missed."""
    failures: int
    last_slot: datetime | None
    last_success: str | None
    events: tuple[Event, ...]

    @property
    def newest(self) -> RecentRun | None:
        """What came of the newest run that rests."""
        return next((line for line in self.recent if line.state != MISSED), None)


def history(context: Context, failures: int) -> History:
    """The account of the runs, where so many `failures` in a row were counted before."""
    ours = [run for run in context.owned if made_for(context.name, run)]
    active = tuple(sorted((_active(context, run) for run in ours if is_busy(run)), key=lambda one: one.slot))
    deleted = [entry for entry in context.status.active if context.view.with_uid(entry.uid) is None]
    recent = _recent(context, deleted)
    return History(
        active=active,
        recent=recent,
        failures=_failures(context, recent, failures),
        last_slot=_last_slot(context, ours),
        last_success=_last_success(context, ours),
        events=(*_made(context, ours), *_deleted(deleted)),
    )


def _active(context: Context, run: ChildRun) -> ActiveRun:
    return ActiveRun(slot=timestamp(_time(context, run)), name=run.name, uid=run.uid)


def _time(context: Context, run: ChildRun) -> datetime:
    return made_for(context.name, run) or context.now


def _recent(context: Context, deleted: Sequence[ActiveRun]) -> tuple[RecentRun, ...]:
    """The newest ten. A run that goes to work again keeps its line until that is over; lines outlive their runs."""
    ours = [run for run in context.view.runs if not run.stranger]
    there = {run.name: run for run in ours if made_for(context.name, run)}
    known = [line for line in context.status.recent if line.state != MISSED or line.run not in there]
    lines = {line.run: _without_its_run(line) if line.run not in there else line for line in known}
    over = [run for run in there.values() if not is_busy(run)]
    lines |= {run.name: line_of(run, _time(context, run)) for run in over}
    lines |= {one.name: RecentRun(slot=one.slot, run=one.name, state="Deleted", result="Deleted") for one in deleted}
    return _newest(lines.values())


def with_missed(past: History, run: str, slot: datetime) -> History:
    """With the line of a slot that came too late for the run of that name."""
    line = RecentRun(slot=timestamp(slot), run=run, state=MISSED, result=MISSED, line="No run was made for it in time.")
    return replace(past, recent=_newest((line, *past.recent)))


def _newest(lines: Iterable[RecentRun]) -> tuple[RecentRun, ...]:
    return tuple(sorted(lines, key=lambda line: (line.slot, line.run), reverse=True)[:_LINES])


def _without_its_run(line: RecentRun) -> RecentRun:
    """The line of a run that is gone. One that a person was asked about gets no answer any more."""
    return (
        line.model_copy(update={"state": "Deleted", "result": "Deleted"}) if line.state == "AwaitingApproval" else line
    )


def _failures(context: Context, recent: Sequence[RecentRun], before: int) -> int:
    """Failed runs in a row, up to the newest. The lines say so as far as they reach; beyond them it is what was counted."""
    known = {line.run: line.state for line in context.status.recent}
    ours = {run.name for run in context.owned}
    good = next((index for index, line in enumerate(recent) if line.state in _NO_FAILURE), None)
    row = [line for line in recent[:good] if line.state == "Failed"]
    counted = before + sum(line.run in ours and known.get(line.run) != "Failed" for line in row)
    return counted if good is None else min(counted, len(row))


def _last_slot(context: Context, ours: Sequence[ChildRun]) -> datetime | None:
    """The newest slot with a run, by what was written and by the runs that are there: a status may have been restored."""
    written = context.status.last_schedule_time
    found = [slot for run in ours if (slot := slot_of(context.name, run.name))]
    return max([*found, *([read_time(written)] if written else [])], default=None)


def _last_success(context: Context, ours: Sequence[ChildRun]) -> str | None:
    written = context.status.last_successful_time
    ended = [run.status.completion_time for run in ours if run.status.state in ("Promoted", "Passed")]
    return max(filter(None, [written, *ended]), key=read_time, default=None)


def _made(context: Context, ours: Sequence[ChildRun]) -> tuple[Event, ...]:
    """One for each run that is seen for the first time."""
    known = {entry.uid for entry in context.status.active}
    lines = {line.run for line in context.status.recent if line.state != MISSED}
    pending = context.status.pending.name if context.status.pending else ""
    fresh = [run for run in ours if run.uid not in known and run.name not in lines]
    return tuple(
        Event("Normal", reasons.RUN_CREATED, f"Made {run.name}{_because(context, run)}.")
        for run in fresh
        if is_busy(run) or run.name == pending
    )


def _because(context: Context, run: ChildRun) -> str:
    model = decayed_model(context.name, run.name)
    return f", because model {model} decays" if model is not None else ""


def _deleted(gone: Sequence[ActiveRun]) -> tuple[Event, ...]:
    return tuple(
        Event("Normal", reasons.RUN_DELETED, f"{one.name} was deleted before it was over; it is not made again.")
        for one in gone
    )
