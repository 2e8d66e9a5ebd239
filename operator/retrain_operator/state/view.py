"""What a decision is given: one run's Jobs and pods as plain data.

A cluster and a single machine describe their Jobs in these same types. Without that common form the plan would have
to know who runs its Jobs, and `retrain run` could no longer make exactly the decisions that the operator makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from retrain_api.documents.encoding import decode_message
from retrain_api.documents.results import KnownResult
from retrain_api.status.lateness import Late
from retrain_api.status.progress import Progress

Outcome: TypeAlias = KnownResult
PhaseName: TypeAlias = Literal["preflight", "train", "evaluate", "publish", "deliver", "observe", "notify"]


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod of a Job.

    `phase` is how its trainer is: beside a container that never ends, a pod stays Running when the trainer is done.
    `message` is its termination message where that is a result, as text: parsed it would take ten times as much memory, and
    parsing takes 20 microseconds. `waiting_reason` and `waiting_message` say why it does not run yet; `ended_reason` and
    `ended_message` why it failed, where its exit code does not say everything; `kept_by` which containers run on since
    the trainer ended, at `ended_at`.
    """

    index: int
    phase: Literal["Pending", "Running", "Succeeded", "Failed"]
    exit_code: int | None = None
    message: str | None = None
    waiting_reason: str | None = None
    waiting_message: str | None = None
    ended_reason: str | None = None
    ended_message: str | None = None
    ended_at: datetime | None = None
    kept_by: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """What it found, or None where it left no result."""
        return decode_message(self.message)


@dataclass(frozen=True)
class JobView:
    """One Job of the run. `pods` are ordered newest first.

    `state` is the Job controller's verdict, or Complete as soon as all of its pods have left their results. Deleting
    takes precedence over every other state.
    """

    name: str
    uid: str
    phase: PhaseName
    key: str
    template: str
    state: Literal["Waiting", "Running", "Suspended", "Complete", "Failed", "Deleting"]
    symbol: str | None = None
    attempts: int = 0
    created: datetime | None = None
    finished: datetime | None = None
    failure_reason: str | None = None
    failure_message: str | None = None
    pods: tuple[PodView, ...] = ()
    progress: Progress | None = None
    late: Late | None = None
    started: bool = False
    """Whether any pod of it ever ran. A Job counts its Pending pods as active, so its own counts do not tell."""
    indexes: int = 1
    queue: str = ""
    """Where it queues, as `names.queue_labels` writes it."""
    failed_indexes: frozenset[int] = frozenset()
    completed_indexes: frozenset[int] = frozenset()
    """The indexes of an Indexed Job that failed for good, and those that succeeded, as the Job controller says."""

    @property
    def live(self) -> bool:
        """Neither finished nor being deleted."""
        return self.state in ("Waiting", "Running", "Suspended")

    @property
    def kept_since(self) -> datetime | None:
        """Since when a pod of this Job, which Kubernetes takes for unfinished, only lives for containers beside its
        trainer: the last end of a trainer, where every index has one. None where that is not so.
        """
        pods = {pod.index: pod for pod in reversed(self.pods)}
        over = [index for index in pods if pods[index].kept_by or self.succeeded(index) or index in self.failed_indexes]
        ends = [pod.ended_at for pod in pods.values() if pod.kept_by and pod.ended_at]
        unfinished = self.finished is None and self.state != "Deleting" and len(over) == len(pods) >= self.indexes
        return max(ends) if ends and unfinished else None

    @property
    def has_result(self) -> bool:
        """Complete, and an index left what it found."""
        return self.state == "Complete" and any(pod.phase == "Succeeded" and pod.message for pod in self.pods)

    def newest(self, index: int = 0) -> PodView | None:
        """The newest pod of an index."""
        return next((pod for pod in self.pods if pod.index == index), None)

    def succeeded(self, index: int = 0) -> bool:
        """Whether the index is done, be its pod and its result still there or not."""
        pod = self.newest(index)
        done = self.state == "Complete" or index in self.completed_indexes
        return done or (pod is not None and pod.phase == "Succeeded")

    def outcome(self, index: int = 0) -> Outcome | None:
        """The termination message of the index's newest pod that left one."""
        found = (pod.message for pod in self.pods if pod.index == index and pod.message is not None)
        return decode_message(next(found, None))


@dataclass(frozen=True)
class Refusal:
    """A Job that the API server has refused to create since a time. `lasting`: asking again would change nothing."""

    name: str
    reason: str
    message: str
    lasting: bool
    since: datetime


@dataclass(frozen=True)
class RunView:
    """All Jobs that the run owns, and those that the API server refused to create."""

    jobs: tuple[JobView, ...] = ()
    refused: tuple[Refusal, ...] = ()

    def of_phase(self, phase: PhaseName) -> tuple[JobView, ...]:
        """The Jobs of one phase."""
        return tuple(job for job in self.jobs if job.phase == phase)

    def named(self, name: str) -> JobView | None:
        """The Job of that name."""
        return next((job for job in self.jobs if job.name == name), None)

    def refusal(self, name: str) -> Refusal | None:
        """Why the Job of that name was not created."""
        return next((refusal for refusal in self.refused if refusal.name == name), None)
