"""How a schedule of this machine tells people: its notify Jobs as processes, as `executor` carries out those of a run.

They have a folder of their own within the schedule's: a run may have the same name, and its Jobs lie there.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from retrain_api import reasons
from retrain_api.documents.encoding import encode_message
from retrain_api.documents.results import TaskFailure
from retrain_api.errors import ConfigurationError
from retrain_client.local.schedules.folder import ScheduleFolder
from retrain_operator.state.effects import Deletion
from retrain_operator.state.view import JobView

from . import jobs as local_jobs
from .executor import PAUSE
from .jobs import JobRecord
from .logs import drop_old_logs
from .processes import TaskProcess, spawn
from .receivers import no_url
from .state import RunFolder

FOLDER = "told"
_NOT_STARTED = 128
"""As the kubelet reports it: StartError."""


@dataclass
class Notices:
    """The notify Jobs of one schedule."""

    of: ScheduleFolder
    clock: Callable[[], datetime]
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    processes: list[TaskProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = RunFolder(self.of.path / FOLDER)
        self.jobs = {name: local_jobs.resumed(record, self.clock()) for name, record in self.folder.read_jobs().items()}
        drop_old_logs(self.folder, self.jobs.values())

    @property
    def at_work(self) -> bool:
        """Whether somebody is being told."""
        return any(not job.finished for job in self.jobs.values())

    def views(self) -> tuple[JobView, ...]:
        """The Jobs as the plan sees them."""
        return tuple(map(local_jobs.job_view, self.jobs.values()))

    def create(self, manifest: dict[str, Any]) -> bool:
        """Record a Job, once; whether it is new."""
        if manifest["metadata"]["name"] in self.jobs:
            return False
        self._keep(local_jobs.new_record(manifest, str(uuid.uuid4()), self.clock()))
        return True

    def delete(self, deletion: Deletion) -> bool:
        """Mark a Job as deleted; whether it was there."""
        record = self.jobs.get(deletion.name)
        if record is None or record.uid != deletion.uid or record.deleting:
            return False
        self._keep(replace(record, deleting=True))
        return True

    def step(self) -> bool:
        """Take in what has ended, forget what is deleted, start what waits; whether anything changed."""
        ended = [process for process in list(self.processes) if self._collect(process)]
        gone = [record for record in list(self.jobs.values()) if self._enforce(record)]
        waiting = [record for record in self.jobs.values() if local_jobs.runnable(record, self.clock())]
        for record in waiting:
            self._start(record)
        return bool(ended or gone or waiting)

    def leave(self) -> None:
        """Ask all to end, and wait for that. Whoever was not told yet is told by the next command."""
        while self.processes:
            for process in list(self.processes):
                process.stop()
                code = process.exit_code()
                if code == 0:
                    self._collect(process)
                elif code is not None:
                    self.processes.remove(process)
                    self._forget(process.job)
            time.sleep(PAUSE)

    def _collect(self, process: TaskProcess) -> bool:
        code = process.exit_code()
        if code is None:
            return False
        self.processes.remove(process)
        record = self.jobs[process.job]
        self._keep(local_jobs.ended(record, process.index, code, process.message_text(), self.clock()))
        return True

    def _enforce(self, record: JobRecord) -> bool:
        """The deadline of a Job, and its deletion."""
        running = [process for process in self.processes if process.job == record.name]
        late = local_jobs.overdue(record, self.clock())
        if late:
            record = local_jobs.timed_out(record, self.clock())
            self._keep(record)
        if record.deleting or record.finished:
            for process in running:
                process.stop()
        if record.deleting and not running:
            self._forget(record.name)
            return True
        return late

    def _start(self, record: JobRecord) -> None:
        record = local_jobs.started(record, 0)
        self._keep(record)
        unknown = no_url(record.manifest, os.environ)
        if unknown is not None:
            self._failed(record, unknown, ConfigurationError.exit_code)
            return
        log = self.folder.new_log(record.name, 0, record.indexes[0].starts)
        try:
            self.processes.append(spawn(record.manifest, 0, 1, log, self.folder.message_path(record.name, 0)))
        except OSError as error:
            failure = TaskFailure(reason=reasons.START_ERROR, message=f"Its process could not start: {error.strerror}.")
            self._failed(record, failure, _NOT_STARTED)

    def _failed(self, record: JobRecord, failure: TaskFailure, code: int) -> None:
        self._keep(local_jobs.ended(record, 0, code, encode_message(failure), self.clock()))

    def _forget(self, name: str) -> None:
        self.folder.forget_job(name)
        del self.jobs[name]

    def _keep(self, record: JobRecord) -> None:
        self.folder.write_job(record)
        self.jobs[record.name] = record
