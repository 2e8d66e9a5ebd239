"""A schedule at work on this machine: the same pure plan as on a cluster, its runs taken in turns by one thread.

Level-triggered, as everything that plans here: whatever is on disk is where it goes on from, so a schedule that was stopped or
killed makes no slot twice and loses none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from retrain_api.errors import ConfigurationError
from retrain_api.run import RetrainRun, parse_run
from retrain_api.schedule import RetrainSchedule
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_client.local.executor import PAUSE, RESTING, Display, machine_cores
from retrain_client.local.look import look_is_due
from retrain_client.local.notices import Notices
from retrain_operator.decide.context import Settings
from retrain_operator.decide.schedule.plan import plan
from retrain_operator.state.effects import SchedulePlan
from retrain_operator.state.schedule_view import ChildRun, ScheduleView
from retrain_operator.state.view import Refusal

from .child import Child, open_child
from .children import Children
from .folder import ScheduleFolder

_SECOND = 1.0

_LATEST = timedelta(minutes=1)
"""A run's folder may be deleted, and a clock set: what nobody reports is found after so long."""


class ScheduleDisplay(Protocol):
    """Shows a schedule to the person who started it."""

    def run(self, run: RetrainRun) -> Display:
        """Where a run that begins shows itself."""

    def ended(self, run: RetrainRun) -> None:
        """A run rests: it has ended, or waits for a person."""

    def looked(self, run: RetrainRun) -> None:
        """The promoted models of a run that was over were looked at."""

    def status(self, status: RetrainScheduleStatus) -> None:
        """The status has changed."""

    def say(self, text: str) -> None:
        """Something worth a line."""

    def tick(self, now: datetime) -> None:
        """Time has passed."""


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@dataclass
class ScheduleExecutor:
    """One schedule at work. `written` is its YAML file, `schedule` the same with its status and what was asked by hand."""

    written: RetrainSchedule
    folder: ScheduleFolder
    state_dir: Path
    display: ScheduleDisplay
    stopping: Callable[[], bool]
    clock: Callable[[], datetime] = utc_now
    at_work: dict[str, Child] = field(default_factory=dict)
    ended: list[RetrainRun] = field(default_factory=list)
    """Runs that came to rest while this was at work, in order."""
    left: list[RetrainRun] = field(default_factory=list)
    """Runs that were stopped with it, and go on with the next command."""

    def __post_init__(self) -> None:
        self.schedule = self.folder.identify(self.written, self.clock())
        self.children = Children(self.state_dir, self.schedule)
        self.notices = Notices(self.folder, self.clock)
        self.taken: set[str] = set()
        self.refused: dict[str, Refusal] = {}
        self.answered: dict[str, float] = {}
        self.stamps: dict[str, float] = {}
        self.looked = 0.0
        self.due_at: datetime = self.clock()

    def work(self, once: bool = False) -> RetrainScheduleStatus:
        """Carry it out until asked to stop; with `once`, until nothing more is due now. No process outlives this call."""
        with ExitStack() as closing:
            closing.callback(self._close_all)
            while not self.stopping():
                changed = self._advance()
                if once and not changed and not self.at_work and not self.notices.at_work:
                    break
                self.display.tick(self.clock())
                if not changed:
                    time.sleep(PAUSE)
            self._leave_all()
        return self.schedule.status

    def _advance(self) -> bool:
        """Plan where that is due, take up runs, let each go on; whether more is to do at once."""
        self._look_for_answers()
        changed = False
        if self.clock() >= self.due_at:
            changed = self._reconcile()
            self._take_up()
        if self._step_all() or self.notices.step():
            self.due_at, changed = self.clock(), True
        return changed or any(child.executor.changed for child in self.at_work.values())

    def _look_for_answers(self) -> None:
        """What other commands wrote since: a token for the schedule, an approval of a run. Looked for once a second."""
        if time.monotonic() - self.looked < _SECOND:
            return
        self.looked = time.monotonic()
        stamps = self.children.answer_times() | self.folder.answer_time()
        if stamps != self.stamps:
            self.stamps, self.due_at = stamps, self.clock()
            self.schedule = self.folder.answered(self.schedule, self.written)

    def _reconcile(self) -> bool:
        """Plan, write the status, carry out the plan; whether that changed anything."""
        now = self.clock()
        decided = plan(self.schedule, self._view(), now, Settings())
        changed = decided.status != self.schedule.status
        if changed:
            self.folder.write_status(decided.status)
            self.schedule = self.schedule.model_copy(update={"status": decided.status})
            self.display.status(decided.status)
        for event in decided.events:
            if not decided.status.message.startswith(event.message.rstrip(".")):  # that is shown already
                self.display.say(f"{event.reason}: {event.message}")
        changed = self._apply(decided, now) or changed
        self.due_at = now if changed else min(decided.requeue_at or now + _LATEST, now + _LATEST)
        return changed

    def _view(self) -> ScheduleView:
        strangers = [found for name in sorted(self.taken) if (found := self.children.taken(name))]
        self.taken = {found.name for found in strangers}
        known = self.children.all()
        names = {child.name for child in known}
        runs = (*known, *(stranger for stranger in strangers if stranger.name not in names))
        return ScheduleView(runs, tuple(self.refused.values()), self.notices.views())

    def _apply(self, decided: SchedulePlan, now: datetime) -> bool:
        """Deletions and creations; whether there was any that changed something."""
        changed = False
        for deletion in decided.delete:
            if deletion.kind == "jobs":
                changed = self.notices.delete(deletion) or changed
            elif deletion.name not in self.at_work and self.children.forget(deletion.name, deletion.uid):
                changed = True
                self.display.say(f"{deletion.name} is forgotten ({deletion.reason}); its models and report stay.")
        for manifest in decided.create:
            name = manifest["metadata"]["name"]
            if manifest["kind"] == "Job":
                changed = self.notices.create(manifest) or changed
                continue
            if self.children.taken(name) is not None:
                changed, self.taken = changed or name not in self.taken, self.taken | {name}
                continue
            try:
                self.children.create(manifest, now)
                changed = True
            except ConfigurationError as error:
                changed = changed or name not in self.refused
                self.refused[name] = Refusal(name, error.reason, error.message, True, now)
        return changed

    def _take_up(self) -> None:
        """Open each run of ours that is to be worked on."""
        waiting = [
            run for run in self.children.all() if run.owned and run.name not in self.at_work and self._needs(run)
        ]
        share = len(waiting) + len(self.at_work)
        cores = max(1, machine_cores() // share) if share > 1 else None
        for run in waiting:
            manifest = self.children.prepare(run.name)
            display = self.display.run(parse_run(manifest).model_copy(update={"status": run.status}))
            self.at_work[run.name] = open_child(
                manifest, self.state_dir, display, self.stopping, self.display.say, cores
            )

    def _needs(self, run: ChildRun) -> bool:
        """Whether a run is not over, or was answered since it came to rest (approved, rejected, retried), or is to be looked at."""
        given = self.stamps.get(run.name, 0.0)
        acted = self.answered.get(run.name) or self.children.status_time(run.name)
        if run.status.state in RESTING and given <= acted:
            return look_is_due(run.status, self.clock())
        self.answered[run.name] = given
        return True

    def _step_all(self) -> bool:
        """Let each run go on once; whether one came to rest."""
        rests = [name for name, child in self.at_work.items() if not child.executor.step()]
        for name in rests:
            child = self.at_work.pop(name)
            child.close()
            self._tell(child)
        return bool(rests)

    def _tell(self, child: Child) -> None:
        """Say what became of a run. Its status, and the schedule's, are written before that."""
        if child.was_over:
            if child.looked:
                self.display.looked(child.run)
            return
        self.ended.append(child.run)
        self.display.ended(child.run)

    def _leave_all(self) -> None:
        """Ask all to save before waiting for one."""
        self.notices.leave()
        for child in self.at_work.values():
            child.executor.ask_to_stop()
        for child in self.at_work.values():
            child.executor.leave()
            if child.run.status.state in RESTING:
                self._tell(child)
            else:
                self.left.append(child.run)

    def _close_all(self) -> None:
        with ExitStack() as each:
            each.callback(self.notices.leave)
            for child in self.at_work.values():
                each.callback(child.close)
        self.at_work.clear()
