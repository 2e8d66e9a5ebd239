"""What `retrain schedule run` keeps of a schedule on disk, beside what runs keep: its status, its identity, what was asked by hand.

A run and a schedule may have one name and one folder, so their files have other names.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.errors import SoftwareError
from retrain_api.names import ANNOTATION_RESUME, ANNOTATION_TRIGGER, short_hash
from retrain_api.schedule import RetrainSchedule
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_api.wire import timestamp, to_wire
from retrain_client.local.folder import StateFolder, holder, is_taken, make_folder, open_lock, sign

STATUS_FILE = "schedule.json"
_IDENTITY_FILE = "schedule-identity.json"
_ANSWERS_FILE = "schedule-answers.json"


@dataclass(frozen=True)
class ScheduleFolder(StateFolder):
    """Of a schedule: `<state-dir>/<namespace>/<name>/`."""

    def write_status(self, status: RetrainScheduleStatus) -> None:
        """schedule.json, in the schema of `.status`."""
        self._write(STATUS_FILE, to_wire(status))

    def read_status(self) -> RetrainScheduleStatus | None:
        """The status as it was left; None where there is none. Raises SoftwareError("BadState")."""
        data = self._read(STATUS_FILE)
        try:
            return None if data is None else RetrainScheduleStatus.model_validate(data)
        except ValidationError:
            raise self._bad(STATUS_FILE, "the status of a schedule") from None

    def identify(self, schedule: RetrainSchedule, now: datetime) -> RetrainSchedule:
        """The schedule with its status, what was asked of it by hand, the UID of its first start here, and a generation that
        counts the changes of its spec.
        """
        known = self._read(_IDENTITY_FILE) or {"uid": str(uuid.uuid4()), "generation": 0, "spec": "", "created": ""}
        spec = short_hash(schedule.spec.model_dump_json(), length=32)
        try:
            identity = {**known, "created": known["created"] or timestamp(now.astimezone(UTC))}
            if identity["spec"] != spec:
                identity |= {"generation": known["generation"] + 1, "spec": spec}
                self._write(_IDENTITY_FILE, identity)
            own = {"uid": identity["uid"], "generation": identity["generation"]}
            own |= {"creation_timestamp": identity["created"]}
        except (KeyError, TypeError):
            raise self._bad(_IDENTITY_FILE, "the identity of a schedule") from None
        metadata = schedule.metadata.model_copy(update=own)
        status = self.read_status() or RetrainScheduleStatus()
        return self.answered(schedule.model_copy(update={"metadata": metadata, "status": status}), schedule)

    def answered(self, schedule: RetrainSchedule, written: RetrainSchedule) -> RetrainSchedule:
        """The schedule with the tokens of its YAML file, `written`, and of the last commands, as one so that neither hides the
        other.
        """
        asked, own = self._answers(), written.metadata.annotations
        both = {name: " ".join(filter(None, [own.get(name), asked.get(name)])) for name in _TOKENS}
        annotations = own | {name: token for name, token in both.items() if token}
        return schedule.model_copy(
            update={"metadata": schedule.metadata.model_copy(update={"annotations": annotations})}
        )

    def write_answer(self, annotation: str, value: str) -> None:
        """Annotations that `retrain schedule trigger` and `resume` set, beside those of the YAML file."""
        self._write(_ANSWERS_FILE, self._answers() | {annotation: value})

    def answer_time(self) -> dict[str, float]:
        """By its name, when something was last asked of it by hand."""
        path = self.path / _ANSWERS_FILE
        return {_ANSWERS_FILE: path.stat().st_mtime} if path.exists() else {}

    def _answers(self) -> dict[str, str]:
        return self._read_words(_ANSWERS_FILE, "annotations of a schedule")


_TOKENS = (ANNOTATION_TRIGGER, ANNOTATION_RESUME)


def open_schedule_folder(state_dir: Path, namespace: str, name: str) -> ScheduleFolder:
    """The schedule's folder, made where it is missing. Raises ConfigurationError("NotWritable")."""
    path = state_dir / namespace / name
    make_folder(path)
    return ScheduleFolder(path)


def take_schedule_lock(folder: ScheduleFolder) -> int:
    """The lock on a schedule, an open file. Raises SoftwareError("RunIsLocked"): two commands would make each run twice."""
    descriptor = open_lock(folder.path / "schedule.lock")
    if is_taken(descriptor):
        sign(descriptor)
        return descriptor
    who = holder(descriptor)
    os.close(descriptor)
    raise SoftwareError(
        reasons.RUN_IS_LOCKED,
        f"Another `retrain schedule run` ({who}) works on this schedule; wait for it, stop it, or give another --state-dir.",
    )
