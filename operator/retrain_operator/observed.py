"""What is there: one run's Jobs and pods as plain data, whether a cluster or one machine runs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from retrain_api.documents import (
    DeliverResult,
    EvaluateResult,
    PublishResult,
    TaskFailure,
    TrainResult,
)
from retrain_api.status import Progress

Outcome: TypeAlias = TrainResult | EvaluateResult | PublishResult | DeliverResult | TaskFailure
PhaseName: TypeAlias = Literal["train", "evaluate", "publish", "deliver"]


@dataclass(frozen=True)
class ObservedPod:
    """One pod of a Job, newest first in `ObservedJob.pods`.

    `outcome` is what its termination message said; None where there was none. `waiting` is why it does not run yet.
    """

    index: int
    phase: Literal["Pending", "Running", "Succeeded", "Failed"]
    exit_code: int | None = None
    outcome: Outcome | None = None
    waiting_reason: str | None = None
    waiting_message: str | None = None
    ended_reason: str | None = None
    ended_message: str | None = None


@dataclass(frozen=True)
class ObservedJob:
    """One Job of the run. `state` is the Job controller's verdict, or Complete once all its pods left their results;
    Deleting wins over all others.
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
    pods: tuple[ObservedPod, ...] = ()
    progress: Progress | None = None
    failed_indexes: frozenset[int] | None = None
    """Of an Indexed Job, those that failed for good; None where that is not known."""

    @property
    def live(self) -> bool:
        """Neither finished nor on its way out."""
        return self.state in ("Waiting", "Running", "Suspended")

    def outcome(self, index: int = 0) -> Outcome | None:
        """What the index's newest pod that said anything said."""
        said = (pod.outcome for pod in self.pods if pod.index == index and pod.outcome is not None)
        return next(said, None)


@dataclass(frozen=True)
class Refusal:
    """A Job that the API server would not create since a time. `lasting` says that asking again would change nothing."""

    name: str
    reason: str
    message: str
    lasting: bool
    since: datetime


@dataclass(frozen=True)
class Observed:
    """All Jobs that the run owns, and those that were refused."""

    jobs: tuple[ObservedJob, ...] = ()
    refused: tuple[Refusal, ...] = ()

    def of_phase(self, phase: PhaseName) -> tuple[ObservedJob, ...]:
        """The Jobs of one phase."""
        return tuple(job for job in self.jobs if job.phase == phase)

    def named(self, name: str) -> ObservedJob | None:
        """The Job of that name."""
        return next((job for job in self.jobs if job.name == name), None)

    def refusal(self, name: str) -> Refusal | None:
        """Why the Job of that name was not created."""
        return next((refusal for refusal in self.refused if refusal.name == name), None)
