"""A run of this machine, as `retrain run` left it in its state folder."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.spec.forms import NAME
from retrain_api.status.run import RetrainRunStatus
from retrain_client.local.schedules.children import read_manifest, schedule_of
from retrain_client.tasks import TaskRun

from .logs import local_tasks, read_log
from .state import RunFolder

DEFAULT_STATE_DIR = Path(".retrain")


@dataclass(frozen=True)
class LocalRun:
    """A run in the state folder: a `RunHandle`."""

    folder: RunFolder
    name: str
    status: RetrainRunStatus
    spec: None = None

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return self.folder.path.parent.name

    @property
    def is_current(self) -> bool:
        """Always: only the next `retrain run` knows whether the YAML file was changed."""
        return True

    def user(self) -> str:
        """The name of this machine's user."""
        return local_user()

    def annotate(self, name: str, value: str) -> None:
        """Keep it beside the status; an answer to another judgement has no effect."""
        self.folder.write_answer(name, value)

    def tasks(self) -> list[TaskRun]:
        """The last process of each task. Raises SoftwareError("BadState")."""
        return local_tasks(self.folder)

    def log(self, task: TaskRun) -> str | None:
        """From its file."""
        return read_log(task.source)

    def next_step(self) -> str:
        """The next `retrain run` acts on it, or the schedule that made the run; a look that failed is made by `retrain observe`."""
        made = read_manifest(self.folder)
        if made is not None:
            return f"`retrain schedule run` carries it out, for {schedule_of(made)}: at once where it is at work."
        failed = self.status.observation is not None and self.status.observation.failed_key is not None
        look = f" `retrain observe {self.name}` looks again." if failed else ""
        return f"Run the same `retrain run -f FILE` again to carry it out.{look}"


def local_run(state_dir: Path, namespace: str, name: str) -> LocalRun:
    """A run made on this machine.

    Raises NotFoundError("RunNotFound"), which names the runs that are there, and DataError("BadStatus").
    """
    if any(NAME.answer(part) for part in (namespace, name)):
        # No run can have such a name, and "../.." would lead out of the state folder.
        raise NotFoundError(reasons.RUN_NOT_FOUND, _not_found(state_dir, namespace, name))
    return LocalRun(RunFolder(state_dir / namespace / name), name, _read_status(state_dir, namespace, name))


def local_runs(state_dir: Path, namespace: str | None = None) -> list[LocalRun]:
    """The runs made on this machine, of one namespace or of all, by namespace and name. Raises DataError("BadStatus")."""
    found = sorted(path.parent for path in state_dir.glob(f"{namespace or '*'}/*/status.json"))
    return [local_run(state_dir, path.parent.name, path.name) for path in found]


def local_user() -> str:
    """The name of this machine's user. Raises ConfigurationError("NoName")."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigurationError(reasons.NO_NAME, "This machine's user has no name; set LOGNAME.") from None


def _read_status(state_dir: Path, namespace: str, name: str) -> RetrainRunStatus:
    path = state_dir / namespace / name / "status.json"
    try:
        return RetrainRunStatus.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(reasons.RUN_NOT_FOUND, _not_found(state_dir, namespace, name)) from None
    except OSError as error:
        raise NotFoundError(reasons.RUN_NOT_FOUND, f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise DataError(
            reasons.BAD_STATUS,
            f"{path} is not the status of a run; move it away and start the run again, and it continues where it was.",
        ) from None


def _not_found(state_dir: Path, namespace: str, name: str) -> str:
    """The sentence for a run that is not there; it lists at most ten that are."""
    known = sorted(path.parent for path in state_dir.glob("*/*/status.json"))
    names = [path.name if path.parent.name == namespace else f"{path.name} -n {path.parent.name}" for path in known]
    there = f"it holds {', '.join(names[:10])}" if names else "it holds no run: start one with `retrain run -f FILE`"
    return f"No run {name} in namespace {namespace} was found in {state_dir}; {there}."
