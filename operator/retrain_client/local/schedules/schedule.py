"""A schedule of this machine, as `retrain schedule run` left it in its state folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retrain_api import reasons
from retrain_api.errors import NotFoundError
from retrain_api.spec.forms import NAME
from retrain_api.status.schedule import RetrainScheduleStatus

from .folder import STATUS_FILE, ScheduleFolder


@dataclass(frozen=True)
class LocalSchedule:
    """A schedule in the state folder: a `ScheduleHandle`."""

    folder: ScheduleFolder
    name: str
    status: RetrainScheduleStatus

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return self.folder.path.parent.name

    def annotate(self, name: str, value: str) -> None:
        """Keep it beside the status."""
        self.folder.write_answer(name, value)

    def next_step(self) -> str:
        """Whoever works on it acts on it."""
        return "A `retrain schedule run` that is at work acts on it; where there is none, the next one does."


def local_schedule(state_dir: Path, namespace: str, name: str) -> LocalSchedule:
    """A schedule that was started on this machine. Raises NotFoundError("RunNotFound") and SoftwareError("BadState")."""
    folder = ScheduleFolder(state_dir / namespace / name)
    status = None if any(NAME.answer(part) for part in (namespace, name)) else folder.read_status()
    if status is None:
        raise NotFoundError(reasons.RUN_NOT_FOUND, _not_found(state_dir, namespace, name))
    return LocalSchedule(folder, name, status)


def is_local_schedule(state_dir: Path, namespace: str, name: str) -> bool:
    """Whether that is the name of a schedule here."""
    return not NAME.answer(name) and (state_dir / namespace / name / STATUS_FILE).exists()


def _not_found(state_dir: Path, namespace: str, name: str) -> str:
    known = sorted(path.parent for path in state_dir.glob(f"*/*/{STATUS_FILE}"))
    names = [path.name if path.parent.name == namespace else f"{path.name} -n {path.parent.name}" for path in known]
    holds = f"it holds {', '.join(names[:10])}" if names else "it holds none: `retrain schedule run -f FILE` starts one"
    return f"No schedule {name} in namespace {namespace} was found in {state_dir}; {holds}."
