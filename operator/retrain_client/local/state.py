"""What `retrain run` keeps of a run on disk: status, identity, Jobs, logs.

A run may be killed at any moment and continues from these files, so each of them is either whole or absent, and a lock
keeps two commands from working on one run.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.approval import read_answer
from retrain_api.errors import ConfigurationError, SoftwareError
from retrain_api.names import ANNOTATION_RERUN, ANNOTATION_RETRY, short_hash
from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.run import RetrainRunStatus
from retrain_api.wire import to_wire

from .folder import StateFolder, holder, is_taken, make_folder, open_lock, sign
from .jobs import JobRecord, from_json, to_json
from .processes import kill_workers

DEFINITION_FILE = "definition.json"
"""The run as it was carried out last here: a look at its models needs no YAML file, which may be another by then."""

_PATIENCE = 30.0
"""Seconds that the workers of a killed `retrain run` get to save and end, like the grace period of a pod."""
_KILL_SECONDS = 5.0
"""Seconds that a killed worker may take to release the lock."""


@dataclass(frozen=True)
class RunFolder(StateFolder):
    """Of a run: `<state-dir>/<namespace>/<name>/`."""

    def write_status(self, status: RetrainRunStatus) -> None:
        """status.json, in the schema of `.status`."""
        self._write("status.json", to_wire(status))

    def read_status(self) -> RetrainRunStatus:
        """The status as it was left; a fresh one where there is none."""
        data = self._read("status.json")
        try:
            return RetrainRunStatus() if data is None else RetrainRunStatus.model_validate(data)
        except ValidationError:
            raise self._bad("status.json", "the status of a run") from None

    def uid(self) -> str | None:
        """The uid that the run was given at its first start here; None before that."""
        known = self._read("run.json")
        return known.get("uid") if isinstance(known, dict) else None

    def identify(self, run: RetrainRun) -> RetrainRun:
        """The run with its status, the uid it was given at its first start here, and a generation that counts the
        changes of its spec.
        """
        known = self._read("run.json") or {"uid": str(uuid.uuid4()), "generation": 0, "spec": ""}
        spec = short_hash(run.spec.model_dump_json(), length=32)
        try:
            uid, generation, before = known["uid"], known["generation"], known["spec"]
        except (KeyError, TypeError):
            raise self._bad("run.json", "the identity of a run") from None
        if before != spec:
            generation += 1
            self._write("run.json", {"uid": uid, "generation": generation, "spec": spec})
        self._define(run)
        status = self.read_status()
        annotations = self._answers() | run.metadata.annotations | self._answers_to(status) | self._tokens(run)
        metadata = run.metadata.model_copy(update={"uid": uid, "generation": generation, "annotations": annotations})
        return run.model_copy(update={"metadata": metadata, "status": status})

    def definition(self) -> RetrainRun | None:
        """The run as it was carried out last here; None where an earlier release did. Raises SoftwareError("BadState")."""
        known = self._read(DEFINITION_FILE)
        try:
            return None if known is None else parse_run(known)
        except (ConfigurationError, TypeError, AttributeError):
            raise self._bad(DEFINITION_FILE, "a run") from None

    def _define(self, run: RetrainRun) -> None:
        own = run.metadata.model_dump(include={"name", "namespace", "labels", "annotations"})
        whole = {"apiVersion": run.api_version, "kind": run.kind, "metadata": own, "spec": to_wire(run.spec)}
        if whole != self._read(DEFINITION_FILE):
            self._write(DEFINITION_FILE, whole)

    def write_answer(self, annotation: str, value: str) -> None:
        """answers.json: annotations that `retrain approve`, `reject`, `retry` and `run --rerun` set, beside those of the YAML file."""
        self._write("answers.json", self._answers() | {annotation: value})

    def _answers_to(self, status: RetrainRunStatus) -> dict[str, str]:
        """Answers to the present judgement; an older one must not hide an annotation in the YAML file."""
        digest = status.gate.digest if status.gate else None
        return {name: value for name, value in self._answers().items() if read_answer(value).digest == digest}

    def _tokens(self, run: RetrainRun) -> dict[str, str]:
        """The rerun and the retry token: the YAML file's and that of the last command as one, so that neither hides the
        other.
        """
        given = {ANNOTATION_RERUN: run.rerun, ANNOTATION_RETRY: run.retry}
        both = {name: " ".join(filter(None, [token, self._answers().get(name)])) for name, token in given.items()}
        return {name: tokens for name, tokens in both.items() if tokens}

    def _answers(self) -> dict[str, str]:
        return self._read_words("answers.json", "annotations of a run")

    def write_job(self, record: JobRecord) -> None:
        """The Job's record."""
        self._write(f"jobs/{record.name}.json", to_json(record))

    def forget_job(self, name: str) -> None:
        """Remove the Job's record."""
        (self.path / "jobs" / f"{name}.json").unlink(missing_ok=True)

    def read_jobs(self) -> dict[str, JobRecord]:
        """Every Job that was not deleted; a deletion that was under way is completed."""
        found = {}
        for record in self.records():
            if record.deleting:
                self.forget_job(record.name)
            else:
                found[record.name] = record
        return found

    def records(self) -> list[JobRecord]:
        """Every Job that is recorded. Nothing is changed: another command may be at work on the run."""
        read = ((path.name, self._read(f"jobs/{path.name}")) for path in sorted((self.path / "jobs").glob("*.json")))
        return [self._record(name, data) for name, data in read if data is not None]

    def _record(self, name: str, data: Any) -> JobRecord:
        try:
            return from_json(data)
        except (KeyError, TypeError):
            raise self._bad(f"jobs/{name}", "a Job of a run") from None

    def log_path(self, job: str, index: int, start: int) -> Path:
        """Where a process's output goes. Nothing is made there: who reads a log must need no right to write."""
        return self.path / "logs" / f"{job}-{index}-{start}.log"

    def new_log(self, job: str, index: int, start: int) -> Path:
        """The same, in a folder that is there."""
        return self._file(f"logs/{self.log_path(job, index, start).name}")

    def message_path(self, job: str, index: int) -> Path:
        """Where a process leaves its termination message."""
        return self._file(f"messages/{job}-{index}.json")


def open_folder(state_dir: Path, namespace: str, name: str) -> RunFolder:
    """The run's folder, made where it is missing. Raises ConfigurationError("NotWritable")."""
    path = state_dir / namespace / name
    make_folder(path)
    return RunFolder(path)


@dataclass(frozen=True)
class RunLock:
    """Two locks on a run, as open file descriptors; the system frees them when their holders die, however they die.

    `own` is held by `retrain run` alone. `workers` is inherited by the worker processes, so it is free only once those of
    a killed `retrain run` have ended too: two trainings never write the same checkpoints.
    """

    own: int
    workers: int

    def release(self) -> None:
        """Release both."""
        os.close(self.workers)
        os.close(self.own)


def take_lock(folder: RunFolder, notify: Callable[[str], None], patience: float = _PATIENCE) -> RunLock:
    """Take the locks on a run. Workers of a killed `retrain run` save when they lose their parent; those that have not
    ended within `patience` seconds are killed. Raises SoftwareError("RunIsLocked").
    """
    own = open_lock(folder.path / "lock")
    if not is_taken(own):
        locker = holder(own)
        os.close(own)
        raise _locked_by(locker)
    sign(own)
    workers = open_lock(folder.path / "workers.lock")
    lock = RunLock(own, workers)
    if not is_taken(workers):
        notify("Waiting for the workers of the last `retrain run` to save and end.")
        if not _taken_within(workers, patience):
            kill_workers(folder.path / "messages")
            if not _taken_within(workers, _KILL_SECONDS):
                lock.release()
                raise _locked_by("workers of a killed one")
    return lock


def _taken_within(descriptor: int, patience: float) -> bool:
    end = time.monotonic() + patience
    while not is_taken(descriptor):
        if time.monotonic() >= end:
            return False
        time.sleep(0.2)
    return True


def _locked_by(holder: str) -> SoftwareError:
    return SoftwareError(
        reasons.RUN_IS_LOCKED,
        f"Another `retrain run` ({holder}) is working on this run; wait for it, stop it, or give another --state-dir.",
    )
