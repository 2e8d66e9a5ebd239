"""What a decision about a schedule is given: its runs as plain data, from a cluster or from a state folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from retrain_api.spec.run import RetrainRunSpec
from retrain_api.status.run import RetrainRunStatus

from .view import JobView, Refusal


@dataclass(frozen=True)
class ChildRun:
    """A run that bears a schedule's label, or has a name that the schedule is about to use.

    `owned`: whether this very schedule controls it, by UID. A run that is not owned is history to read, and never deleted; one that
    has a name that is needed is a name that is taken. `spec` is None where this release can't read it.
    """

    name: str
    uid: str
    owned: bool
    status: RetrainRunStatus
    spec: RetrainRunSpec | None = None
    created: datetime | None = None
    deleting: bool = False
    stranger: bool = False
    """Whether it has a needed name and nothing else to do with the schedule: what becomes of it is no history."""


@dataclass(frozen=True)
class ScheduleView:
    """All runs of a schedule, the Jobs by which it tells people, and what of both the API server refused to create."""

    runs: tuple[ChildRun, ...] = ()
    refused: tuple[Refusal, ...] = ()
    jobs: tuple[JobView, ...] = ()

    def named(self, name: str) -> ChildRun | None:
        """The run of that name."""
        return next((run for run in self.runs if run.name == name), None)

    def with_uid(self, uid: str) -> ChildRun | None:
        """The run with this UID."""
        return next((run for run in self.runs if run.uid == uid), None)

    def refusal(self, name: str) -> Refusal | None:
        """Why the run or Job of that name was not created."""
        return next((refusal for refusal in self.refused if refusal.name == name), None)
