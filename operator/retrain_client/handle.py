"""What a command may do with a run, wherever the run is kept.

Commands are written against this protocol, so that approving, comparing and reporting work alike on a laptop's state
folder and on a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus

from .tasks import TaskRun


class RunHandle(Protocol):
    """A run that was found."""

    @property
    def name(self) -> str:
        """metadata.name."""

    @property
    def namespace(self) -> str:
        """metadata.namespace."""

    @property
    def status(self) -> RetrainRunStatus:
        """Its status."""

    @property
    def spec(self) -> Mapping[str, Any] | None:
        """Its spec; None where only the status is known."""

    @property
    def is_current(self) -> bool:
        """Whether the status describes the run as it is now."""

    def user(self) -> str:
        """The caller's name, as it is known where the run is kept."""

    def annotate(self, name: str, value: str) -> None:
        """Set an annotation (an answer or a retry token), as long as status.gate.digest is still that of `status`.

        Raises SoftwareError("JudgementChanged") where it is not.
        """

    def tasks(self) -> list[TaskRun]:
        """The last process or pod of each of its tasks, as far as they are still there."""

    def log(self, task: TaskRun) -> str | None:
        """What a task wrote until now; None where its log is gone."""

    def next_step(self) -> str:
        """When an annotation takes effect, in a sentence for the person who set it."""


class ScheduleHandle(Protocol):
    """A schedule that was found."""

    @property
    def name(self) -> str:
        """metadata.name."""

    @property
    def namespace(self) -> str:
        """metadata.namespace."""

    @property
    def status(self) -> RetrainScheduleStatus:
        """Its status."""

    def annotate(self, name: str, value: str) -> None:
        """Set an annotation: a trigger or a resume token."""

    def next_step(self) -> str:
        """When an annotation takes effect, in a sentence for the person who set it."""


def new_token() -> str:
    """A token that was never used before: the time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
