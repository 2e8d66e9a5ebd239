"""The life of one phase's Job, from the moment its work is asked for until every index has an outcome.

Deadlines, retries, loss, replacement and reasons are here, for all phases; a phase keeps only what its results mean.
Without this module each phase would carry its own answers, and what holds for a train Job (a lost result is read
again, a Job that never gets a pod is given up) would not hold for the Jobs that evaluate, publish and deliver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from retrain_api import reasons
from retrain_api.names import job_queue, queue_labels
from retrain_operator.manifests.jobs import manifest, name_of, phase_spec, template_key
from retrain_operator.manifests.pods import Task
from retrain_operator.state import view
from retrain_operator.state.effects import Steps, deletions
from retrain_operator.state.view import JobView, PhaseName

from .context import Context
from .job_reasons import at_work, failure, is_nobodys, refused, refused_for_now, waiting

R = TypeVar("R")

LINGERING = timedelta(seconds=60)
"""How long a container beside the trainer may run on: some end by themselves, within a pod's usual 30 seconds of grace. Until
then Kubernetes may still finish the pod, and count and try again as ever."""


@dataclass(frozen=True)
class Result(Generic[R]):
    """What an index found."""

    document: R


@dataclass(frozen=True)
class Failed:
    """Why an index, or all of them, found nothing."""

    reason: str
    message: str


@dataclass(frozen=True)
class Lost:
    """The index succeeded, and its pod was gone before its result was read. Its work is still to be done."""


@dataclass(frozen=True)
class Waiting:
    """No pod of it runs, for this reason. It is given up at `until`."""

    reason: str
    message: str
    until: datetime | None = None


@dataclass(frozen=True)
class Ended(Generic[R]):
    """Every index has an outcome, in the order of the indexes."""

    outcomes: tuple[Result[R] | Failed | Lost, ...]


State: TypeAlias = Literal["Done", "Remembered", "Running"] | Waiting | Ended[R]
"""Done: its results are in the status. Remembered: the status says that this work failed with these very pod fields, so
it would fail again. Running: a pod of it runs.
"""


@dataclass(frozen=True)
class Work(Generic[R]):
    """What a phase asks for.

    `accept` gives an index's result where the document is one for this very key. `done` and `failed` say what the
    status knows already; `fresh`, that results of Jobs with other pod fields are known and do not suffice; `alone`, that
    no Job of another key may be at work beside it.
    """

    phase: PhaseName
    key: str
    task: Callable[[], Task]
    accept: Callable[[view.Outcome, int], R | None]
    symbol: str | None = None
    indexes: int = 1
    done: bool = False
    failed: bool = False
    fresh: bool = False
    alone: bool = False


@dataclass(frozen=True)
class PhaseJob(Generic[R]):
    """How far the work is, the Job that counts, the Job to create for it, and whatever else is to be done."""

    state: State[R]
    job: JobView | None = None
    create: tuple[dict[str, Any], ...] = ()
    steps: Steps = field(default_factory=Steps)

    @property
    def name(self) -> str | None:
        """Name of the Job that counts, or will."""
        return self.job.name if self.job is not None else next((one["metadata"]["name"] for one in self.create), None)

    @property
    def waits(self) -> Waiting | None:
        """Why it waits, unless it merely waits to start."""
        return self.state if isinstance(self.state, Waiting) and self.state.reason != reasons.POD_PENDING else None

    @property
    def outcome(self) -> Result[R] | Failed | None:
        """Of a Job of one index: its outcome once it has ended. It is never Lost: a second Job reads that."""
        first = self.state.outcomes[0] if isinstance(self.state, Ended) else None
        return None if isinstance(first, Lost) else first


def phase_job(context: Context, work: Work[R]) -> PhaseJob[R]:
    """Follow the Job that counts for the work, or ask for one; delete live Jobs that do not count.

    Several Jobs can exist for one key, for two reasons:

    - *A lost result.* A result travels in the termination message of a pod. If the pod is gone before the message was
      read, its Job is complete and yet nobody knows what it found. A successor is created under a name of its own
      (`name_of(..., again=True)`), because the first name is taken by the Job that is complete. It finds the result in
      the store and repeats it without any work. If the successor is complete without a result too, the image is to
      blame, and there is no third.
    - *Other pod fields.* The template (resources, node selector, volumes) is part of a Job's name but not of its key.
      After such a change, Jobs made with the old template remain. One whose pods have started keeps its work; one that
      only waits is replaced, so that a run that is stuck for want of memory or a node can be helped by an edit.
    """
    ours = [job for job in context.view.of_phase(work.phase) if job.symbol == work.symbol]
    known = [job for job in ours if job.key != work.key or work.done or work.failed]
    stale = [job for job in known if job.live or _is_kept(context, job)]
    fitting = [job for job in ours if job.key == work.key and job not in stale]
    outdated = [job for job in fitting if job.live and _outdated(context, job)]
    steps = Steps(delete=deletions([*stale, *outdated], reasons.SUPERSEDED))
    if work.done or work.failed:
        waits = [job.kept_since + LINGERING for job in known if job not in stale and job.kept_since]
        steps += Steps(requeue_at=min(waits, default=None))
        return PhaseJob("Done" if work.done else "Remembered", steps=steps)
    return _followed(context, work, _selected(context, work, fitting), steps)


def _selected(context: Context, work: Work[R], fitting: Sequence[JobView]) -> JobView | None:
    """Preferred is a Job that has a result, whatever its template, then one that is at work or being deleted (its
    successor must wait for it), then the successor, then the first.
    """
    results = [] if work.fresh else [job for job in fitting if job.has_result]
    held = [job for job in fitting if job.live or job.state == "Deleting"]
    second, first = (context.view.named(_name(context, work, again)) for again in (True, False))
    return next(iter([*results, *held]), None) or second or first


def _followed(context: Context, work: Work[R], job: JobView | None, steps: Steps) -> PhaseJob[R]:
    others = [one for one in context.view.of_phase(work.phase) if one.key != work.key and work.alone]
    if job is None and any(other.live or other.state == "Deleting" for other in others):
        return PhaseJob(Waiting(reasons.TERMINATING, "An earlier Job of this phase is still ending."), steps=steps)
    if job is None:
        return _absent(context, work, steps)
    if job.state == "Deleting":
        ending = "Its earlier pod is still ending; it goes on from what was saved."
        return PhaseJob(Waiting(reasons.TERMINATING, ending), job, steps=steps)
    return _alive(context, work, job, steps) if job.live else _ended(context, work, job, steps)


def _absent(context: Context, work: Work[R], steps: Steps, lost: JobView | None = None) -> PhaseJob[R]:
    """Ask for the Job, unless the API server refuses it for good, or for longer than the phase may wait."""
    refusal = context.view.refusal(_name(context, work, again=lost is not None))
    end = _until(context, work.phase, refusal.since if refusal else None)
    if refusal is not None and (refusal.lasting or (end is not None and context.now >= end)):
        return PhaseJob(Ended((Failed(*refused(refusal)),) * work.indexes), steps=steps)
    state = Waiting(reasons.POD_PENDING, "Waiting to start.")
    if lost is not None:
        state = Waiting(reasons.RESULT_LOST, "Its result was lost with its pod; it is being read from the store.")
    if refusal is not None:
        state = Waiting(*refused_for_now(refusal), end)
    image = context.image if work.phase == "train" else context.judging_image
    created = manifest(context.run, work.task(), work.key, image, again=lost is not None)
    return PhaseJob(state, create=(created,), steps=steps + Steps(requeue_at=end))


def _alive(context: Context, work: Work[R], job: JobView, steps: Steps) -> PhaseJob[R]:
    """At work, or waiting for its first pod, no longer than pendingDeadlineSeconds.

    A Job that ran before and waits for its next pod is never overdue, nor is one that is about to be replaced or that
    a queue holds.
    """
    if _is_kept(context, job):
        return _ended(context, work, job, steps + Steps(delete=deletions([job], reasons.SUPERSEDED)))
    if job.kept_since is not None:
        steps += Steps(requeue_at=job.kept_since + LINGERING)
    if at_work(job):
        return PhaseJob("Running", job, steps=steps)
    reason, why = waiting(job, phase_spec(context.run.spec, work.phase).backoff_limit)
    counts = job.state == "Waiting" and not job.started and not _outdated(context, job)
    end = _until(context, work.phase, job.created if counts else None)
    if end is not None and context.now >= end:
        late = f"No pod ran within pendingDeadlineSeconds ({reason}: {why})"
        over = Steps(delete=deletions([job], reasons.PENDING_DEADLINE_EXCEEDED))
        failed = Failed(reasons.PENDING_DEADLINE_EXCEEDED, late)
        return PhaseJob(Ended((failed,) * work.indexes), job, steps=steps + over)
    return PhaseJob(Waiting(reason, why, end), job, steps=steps + Steps(requeue_at=end))


def _ended(context: Context, work: Work[R], job: JobView, steps: Steps) -> PhaseJob[R]:
    """The outcomes of a finished Job. Where all of them are lost, a second Job reads them from the store; where nodes ended or
    refused all of it, the Job is made anew.
    """
    if all(is_nobodys(job, index) for index in range(work.indexes)):
        again = Waiting(*failure(job))
        return PhaseJob(again, job, steps=steps + Steps(delete=deletions([job], reasons.RETRYING)))
    second = context.view.named(_name(context, work, again=True)) is not None
    outcomes = tuple(_outcome(work, job, index, second) for index in range(work.indexes))
    if all(isinstance(outcome, Lost) for outcome in outcomes):
        return _absent(context, work, steps, lost=job)
    return PhaseJob(Ended(outcomes), job, steps=steps)


def _outcome(work: Work[R], job: JobView, index: int, second: bool) -> Result[R] | Failed | Lost:
    document = job.outcome(index)
    result = None if document is None else work.accept(document, index)
    if result is not None:
        return Result(result)
    if is_nobodys(job, index):
        return Lost()
    if not job.succeeded(index):
        return Failed(*failure(job, index))
    twice = "Its Job completed twice without a result; check the trainer image."
    return Failed(reasons.RESULT_LOST, twice) if second else Lost()


def _is_kept(context: Context, job: JobView) -> bool:
    """Whether a pod only lives for containers beside its trainer, and for too long for one that ends by itself."""
    return job.kept_since is not None and context.now >= job.kept_since + LINGERING


def _until(context: Context, phase: PhaseName, since: datetime | None) -> datetime | None:
    limit = phase_spec(context.run.spec, phase).pending_deadline_seconds
    return None if limit is None or since is None else since + timedelta(seconds=limit)


def _name(context: Context, work: Work[R], again: bool) -> str:
    return name_of(context.run, work.phase, work.symbol, work.key, again, work.indexes)


def _outdated(context: Context, job: JobView) -> bool:
    """Whether a Job that costs nothing to end, because its pods never ran or a queue holds it, is to be replaced by
    one with the pod fields and the queue of today.
    """
    queue = queue_labels(job_queue(context.run.metadata.labels, job.phase))
    today = (template_key(context.run, job.phase, job.key), queue)
    return (job.template, job.queue) != today and (
        job.state == "Suspended" or (job.state == "Waiting" and not job.started)
    )
