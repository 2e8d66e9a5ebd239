"""What the plan looks at, put together of what was seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from retrain_api.status import Progress

from .observed import Observed, ObservedJob, ObservedPod, Refusal
from .seen import SeenJob, SeenPod


@dataclass(frozen=True)
class Note:
    """What an event said about a Job or a pod."""

    reason: str
    message: str


def observe(
    jobs: Iterable[SeenJob],
    pods: Callable[[str], Iterable[SeenPod]],
    notes: Mapping[str, Note],
    progress: Mapping[str, Progress],
    refused: Iterable[Refusal] = (),
    begun: Mapping[str, int] = MappingProxyType({}),
) -> Observed:
    """One run's Jobs with their pods. `pods`, `progress` and `begun` go by a Job's UID, `notes` by that or a pod's."""
    ordered = sorted(jobs, key=lambda job: (job.created, job.name))
    seen = tuple(_job(job, list(pods(job.uid)), notes, progress.get(job.uid), begun.get(job.uid, 0)) for job in ordered)
    return Observed(seen, tuple(refused))


def _job(
    job: SeenJob, pods: list[SeenPod], notes: Mapping[str, Note], progress: Progress | None, begun: int
) -> ObservedJob:
    newest_first = sorted(pods, key=lambda pod: (pod.created, pod.name), reverse=True)
    why = _why(job, pods, notes.get(job.uid))
    return ObservedJob(
        name=job.name,
        uid=job.uid,
        phase=job.phase,
        key=job.key,
        template=job.template,
        state=_state(job, pods),
        symbol=job.symbol,
        # The Job does not count a pod that was evicted and is gone.
        attempts=max(job.attempts, sum(pod.pod.phase != "Pending" for pod in pods), begun),
        # A suspended Job has no start time: what it waits in a queue is in no deadline.
        created=job.started or job.created,
        finished=job.finished,
        failure_reason=why.reason if why else None,
        failure_message=why.message if why else None,
        pods=tuple(_pod(pod, notes.get(pod.uid)) for pod in newest_first),
        progress=progress,
        failed_indexes=job.failed_indexes or None,
    )


def _stale(pod: SeenPod) -> bool:
    """Of a finished Job: that the watch of pods lags behind that of Jobs, and what this one said is still to come."""
    return pod.pod.phase in ("Pending", "Running") and not pod.deleting


def _told(job: SeenJob, pods: Iterable[SeenPod]) -> bool:
    """Every index has a pod that succeeded and left its result. The Job controller says so 1 to 4 seconds later, and
    nothing that it can say would change what is known.
    """
    told = {pod.pod.index for pod in pods if pod.pod.phase == "Succeeded" and pod.pod.outcome is not None}
    return len(told) >= job.completions


def _state(
    job: SeenJob, pods: Collection[SeenPod]
) -> Literal["Waiting", "Running", "Suspended", "Complete", "Failed", "Deleting"]:
    if job.deleting:
        return "Deleting"
    if job.finished is not None and not any(map(_stale, pods)):
        return "Complete" if job.complete else "Failed"
    if _told(job, pods):
        return "Complete"
    if job.suspended:
        return "Suspended"
    return "Running" if any(pod.pod.phase == "Running" for pod in pods) else "Waiting"


def _why(job: SeenJob, pods: Iterable[SeenPod], note: Note | None) -> Note | None:
    """Why a Job failed, or has no pod."""
    if job.finished is not None:
        return Note(job.failure_reason or "", job.failure_message or "") if not job.complete else None
    if job.suspended:
        return Note("JobSuspended", _queued(job, note))
    return note if note is not None and not list(pods) else None


def _queued(job: SeenJob, note: Note | None) -> str:
    where = f"queue {job.queue}" if job.queue else "whatever suspended it"
    said = f" {note.message}" if note is not None else ""
    return f"The Job is suspended until {where} lets it start.{said}"


def _pod(pod: SeenPod, note: Note | None) -> ObservedPod:
    """The pod; what an event said of it counts while it waits without a better reason."""
    waits = pod.pod.phase == "Pending" and pod.pod.waiting_reason in (None, "ContainerCreating")
    if note is None or not waits:
        return pod.pod
    return replace(pod.pod, waiting_reason=note.reason, waiting_message=note.message)
