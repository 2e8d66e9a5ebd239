"""The local executor: observe, plan, apply, with Jobs as subprocesses. Level-triggered, like the operator.

It calls the same pure `plan` as the operator does, so a run decides on a laptop what it would decide on a cluster.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from retrain_api import reasons
from retrain_api.documents.encoding import encode_message
from retrain_api.documents.results import TaskFailure
from retrain_api.errors import ConfigurationError
from retrain_api.run import RetrainRun
from retrain_api.status.lateness import read_late
from retrain_api.status.progress import Pace, read_epoch
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_operator.decide.context import Settings
from retrain_operator.decide.run.plan import plan
from retrain_operator.state.effects import Deletion, RunPlan
from retrain_operator.state.view import PhaseName, RunView

from . import jobs as local_jobs
from .jobs import JobRecord
from .logs import drop_old_logs
from .processes import TaskProcess, spawn
from .receivers import no_url
from .state import RunFolder

PAUSE = 0.1
"""Seconds between two checks of the processes."""

LOOK: PhaseName = "observe"

RESTING = FINAL_STATES | {"AwaitingApproval", "Suspended"}
"""States in which a run needs nobody to work on it: it is over, or waits for a person."""


class Display(Protocol):
    """Shows a run to the person who started it."""

    def line(self, job: JobRecord, index: int, text: str) -> None:
        """A line of a task's log."""

    def status(self, status: RetrainRunStatus) -> None:
        """The status has changed."""

    def tick(self) -> None:
        """Time has passed."""


@dataclass
class Executor:
    """One run at work. `stopping` is called before each reconcile; once it is true, tasks are asked to save and end.

    Several are at work together by turns of one thread, which calls `begin`, `step` and `end` of each: a fork beside another
    thread can hang.
    """

    run: RetrainRun
    folder: RunFolder
    display: Display
    stopping: Callable[[], bool]
    lock: int | None = None
    cores: int | None = None
    """How many cores it may use; those of the machine when unset, and a few processes more than they are."""
    looks: bool = False
    """Whether it looks at promoted models where that is due: `retrain run` ends once the run has, and leaves that to others."""
    settings: Settings = field(default_factory=Settings)
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    processes: list[TaskProcess] = field(default_factory=list)
    paces: dict[str, Pace] = field(default_factory=dict)
    """How fast each training is, by the name of its Job."""
    requeue_at: datetime | None = None
    changed: bool = True

    def work(self) -> RetrainRunStatus:
        """Run until nothing is left to do, or until asked to stop; return the status at that point.

        No process outlives this call, whatever goes wrong. Raises SoftwareError where the state can't be written.
        """
        self.begin()
        try:
            return self.go_on()
        finally:
            self.end()

    def go_on(self) -> RetrainRunStatus:
        """Step until nothing is left to do, or until asked to stop; the status at that point."""
        while not self.stopping():
            if not self.step():
                return self.run.status
            if not self.changed:
                time.sleep(PAUSE)
        return self.leave()

    def begin(self) -> None:
        """Take up the Jobs where an earlier command left them."""
        self.jobs = {name: local_jobs.resumed(record, _now()) for name, record in self.folder.read_jobs().items()}
        drop_old_logs(self.folder, self.jobs.values())

    def step(self) -> bool:
        """Observe, plan, apply, once; whether anything is left to do."""
        self._collect()
        if self._due():
            self._reconcile()
        elif self._resting():
            return False
        self._start_processes()
        self.display.tick()
        return True

    def ask_to_stop(self) -> None:
        """Ask every task to save and end, and wait for none."""
        for process in self.processes:
            process.stop()

    def leave(self) -> RetrainRunStatus:
        """Let every task save and end, and record its result, so that nothing finished is lost."""
        while self.processes:
            self.ask_to_stop()
            time.sleep(PAUSE)
            self._collect()
        self._reconcile()
        return self.run.status

    def end(self) -> None:
        """End every process when something went wrong; the next command finds what the tasks saved."""
        while running := [process for process in self.processes if process.exit_code() is None]:
            for process in running:
                process.stop()
            time.sleep(PAUSE)

    def _due(self) -> bool:
        if self.changed:
            return True
        return self.requeue_at is not None and _now() >= self.requeue_at and not self._resting()

    def _resting(self) -> bool:
        """Nothing is left to do now; what is due later (a time to live, say) is done by the next command."""
        at_work = self.processes or any(self._is_mine(job) and not job.finished for job in self.jobs.values())
        return self.run.status.state in RESTING and not at_work

    def _is_mine(self, job: JobRecord) -> bool:
        """A look that was broken off goes on with the command that looks."""
        return self.looks or job.phase != LOOK

    def _reconcile(self) -> None:
        """Plan, write the status, carry out the plan. Comes again while the status still changes."""
        self.changed = False
        jobs = tuple(local_jobs.job_view(record) for record in self.jobs.values())
        decided = plan(self.run, RunView(jobs), _now(), replace(self.settings, looks=self.looks))
        self.requeue_at = decided.requeue_at
        if decided.status != self.run.status:
            self.changed = True
            self.folder.write_status(decided.status)
            self.run = self.run.model_copy(update={"status": decided.status})
            self.display.status(decided.status)
        self._apply(decided)

    def _apply(self, decided: RunPlan) -> None:
        for deletion in decided.delete:
            self._delete(deletion)
        for manifest in decided.create:
            name = manifest["metadata"]["name"]
            if name not in self.jobs:
                self._keep(local_jobs.new_record(manifest, str(uuid.uuid4()), _now()))

    def _delete(self, deletion: Deletion) -> None:
        record = self.jobs.get(deletion.name)
        if record is not None and record.uid == deletion.uid:
            self._keep(replace(record, deleting=True))

    def _keep(self, record: JobRecord) -> None:
        """Remember the record, on disk first."""
        self.folder.write_job(record)
        self.jobs[record.name] = record
        self.changed = True

    def _collect(self) -> None:
        """Read logs, record processes that ended, stop those whose Job is deleted, forget Jobs that are gone."""
        for process in list(self.processes):
            code = process.exit_code()
            self._read_log(process, code is not None)
            if code is not None:
                self.processes.remove(process)
                record = local_jobs.ended(self.jobs[process.job], process.index, code, process.message_text(), _now())
                self._keep(record)
        for record in list(self.jobs.values()):
            self._enforce(record)

    def _enforce(self, record: JobRecord) -> None:
        """Enforce the deadline of one Job, and its deletion."""
        running = [process for process in self.processes if process.job == record.name]
        if local_jobs.overdue(record, _now()):
            self._keep(local_jobs.timed_out(record, _now()))
        if record.deleting or record.finished:
            for process in running:
                process.stop()
        if record.deleting and not running:
            self.folder.forget_job(record.name)
            del self.jobs[record.name]
            self.changed = True

    def _read_log(self, process: TaskProcess, ended: bool) -> None:
        for line in process.new_lines(ended):
            record = self.jobs[process.job]
            self.display.line(record, process.index, line)
            epoch, late = read_epoch(line), read_late(line)
            if epoch is not None:
                pace = self.paces.get(record.name, Pace()).then(epoch.epoch, time.monotonic())
                self.paces[record.name] = pace
                self._keep(replace(record, progress=pace.of(epoch).model_dump()))
            if late is not None:
                self._keep(replace(record, late=asdict(late)))

    def _start_processes(self) -> None:
        mine = [record for record in self.jobs.values() if self._is_mine(record)]
        waiting = [(record, i) for record in mine for i in local_jobs.runnable(record, _now())]
        cores = self.cores or machine_cores()
        # One and a half processes per core: three symbols on two cores, two at a time, would leave a core idle at the end.
        free = cores + (0 if self.cores else cores // 2) - len(self.processes)
        concurrent = len(self.processes) + min(len(waiting), free)
        for record, index in waiting[: max(free, 0)]:
            self._start(self.jobs[record.name], index, threads=max(1, cores // concurrent))

    def _start(self, record: JobRecord, index: int, threads: int) -> None:
        record = local_jobs.started(record, index)
        self._keep(record)
        if (failure := no_url(record.manifest, os.environ)) is not None:
            self._not_started(record, index, failure, ConfigurationError.exit_code)
            return
        log = self.folder.new_log(record.name, index, record.indexes[index].starts)
        message = self.folder.message_path(record.name, index)
        try:
            self.processes.append(spawn(record.manifest, index, threads, log, message, self.lock))
        except OSError as error:
            # As the kubelet reports it: StartError, exit code 128.
            failure = TaskFailure(reason=reasons.START_ERROR, message=f"Its process could not start: {error.strerror}.")
            self._not_started(record, index, failure, 128)

    def _not_started(self, record: JobRecord, index: int, failure: TaskFailure, code: int) -> None:
        self.display.line(record, index, f"{failure.reason}: {failure.message}")
        self._keep(local_jobs.ended(record, index, code, encode_message(failure), _now()))


def is_done(run: RetrainRun, folder: RunFolder) -> bool:
    """Whether the run ended before, and nothing follows from it as it stands now."""
    if run.status.state not in FINAL_STATES:
        return False
    jobs = tuple(local_jobs.job_view(record) for record in folder.read_jobs().values())
    decided = plan(run, RunView(jobs), _now(), Settings(looks=False))
    return decided.status.state == run.status.state and not decided.create


def machine_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _now() -> datetime:
    return datetime.now(UTC)
