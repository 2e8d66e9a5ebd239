"""What a decision asks for: objects to create and delete, a status, events, and when to reconcile again.

A run's decision asks for Jobs, a schedule's for runs.

Those who carry a plan out (the API writer, the event poster, the local executor) need these types and nothing else of
the decisions. If they stood beside the decisions, whoever writes to a cluster would import all of the deciding code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus

from .view import JobView

S = TypeVar("S", RetrainRunStatus, RetrainScheduleStatus)


@dataclass(frozen=True)
class Deletion:
    """A Job or a run to delete. The UID makes sure that no later one of the same name is hit."""

    name: str
    uid: str
    reason: str
    kind: Literal["jobs", "runs"] = "jobs"


def deletions(jobs: Iterable[JobView], reason: str) -> tuple[Deletion, ...]:
    """Delete these Jobs, for this reason."""
    return tuple(Deletion(job.name, job.uid, reason) for job in jobs)


@dataclass(frozen=True)
class Event:
    """A Kubernetes event for people to read; one for each transition."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True)
class Steps:
    """What one part of the plan asks for: Job manifests to create, Jobs to delete, and when to reconcile again."""

    create: tuple[dict[str, Any], ...] = ()
    delete: tuple[Deletion, ...] = ()
    requeue_at: datetime | None = None

    def __add__(self, other: Steps) -> Steps:
        times = [time for time in (self.requeue_at, other.requeue_at) if time is not None]
        return Steps(self.create + other.create, self.delete + other.delete, min(times, default=None))


@dataclass(frozen=True)
class Basis:
    """The run or schedule that a plan was made from: its UID and its resourceVersion, both empty where no API server gave any."""

    uid: str
    version: str


@dataclass(frozen=True)
class Plan(Generic[S]):
    """Everything to do about one run or schedule now. It is reconciled again at `requeue_at` at the latest.

    `basis` goes with every plan, so that nobody can carry one out without proving that the object is still that object.
    `create` holds whole manifests; their `kind` says what they are.
    """

    basis: Basis
    create: tuple[dict[str, Any], ...]
    delete: tuple[Deletion, ...]
    status: S
    events: tuple[Event, ...]
    requeue_at: datetime | None


RunPlan: TypeAlias = Plan[RetrainRunStatus]
SchedulePlan: TypeAlias = Plan[RetrainScheduleStatus]
