"""Turns snapshots of the cluster into the view that a decision is given.

Kubernetes never states a Job's situation in one place: the Job says that it failed, its pods say why, and an event
says why there is no pod at all. The watches of Jobs and of pods are independent, so one may also be behind the other.
All of that is sorted out here, once. Without this module every phase would have to do so itself, and a result whose
pod's update came a moment late would look lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from retrain_api import reasons
from retrain_api.status.lateness import Late
from retrain_api.status.progress import Progress

from .snapshot import JobSnapshot, Note, PodSnapshot
from .view import JobView, PodView, Refusal, RunView


def observe(
    jobs: Iterable[JobSnapshot],
    pods: Callable[[str], Iterable[PodSnapshot]],
    notes: Mapping[str, Note],
    progress: Mapping[str, Progress | Late],
    refused: Iterable[Refusal] = (),
    pods_started: Mapping[str, int] = MappingProxyType({}),
) -> RunView:
    """One run's Jobs with their pods.

    `pods`, `progress` and `pods_started` go by the UID of a Job, `notes` by that of a Job or a pod.
    """
    ordered = sorted(jobs, key=lambda job: (job.created, job.name))
    views = (
        _job(job, list(pods(job.uid)), notes, progress.get(job.uid), pods_started.get(job.uid, 0)) for job in ordered
    )
    return RunView(tuple(views), tuple(refused))


def _job(
    job: JobSnapshot,
    pods: list[PodSnapshot],
    notes: Mapping[str, Note],
    told: Progress | Late | None,
    pods_started: int,
) -> JobView:
    newest_first = sorted(pods, key=lambda pod: (pod.created, pod.name), reverse=True)
    why = _why(job, pods, notes.get(job.uid))
    ran = max(job.ended_pods, sum(pod.pod.phase != "Pending" for pod in pods), pods_started)
    return JobView(
        name=job.name,
        uid=job.uid,
        phase=job.phase,
        key=job.key,
        template=job.template,
        state=state_of(job, pods),
        symbol=job.symbol,
        # The Job does not count a pod that was evicted and is gone.
        attempts=max(job.ended_pods + job.active, ran),
        started=ran > 0,
        queue=job.queue_labels,
        # A suspended Job has no start time: no deadline counts the time that it waits in a queue.
        created=job.started or job.created,
        finished=job.finished,
        failure_reason=why.reason if why else None,
        failure_message=why.message if why else None,
        pods=tuple(_pod(pod, notes.get(pod.uid)) for pod in newest_first),
        progress=told if isinstance(told, Progress) else None,
        late=told if isinstance(told, Late) else None,
        indexes=job.completions,
        failed_indexes=job.failed_indexes,
        completed_indexes=job.completed_indexes,
    )


def _behind(pod: PodSnapshot) -> bool:
    """For a pod of a finished Job: the watch of pods is behind that of Jobs, so its result is still to come."""
    return pod.pod.phase in ("Pending", "Running") and not pod.deleting


def _has_all_results(job: JobSnapshot, pods: Iterable[PodSnapshot]) -> bool:
    """Whether every index has a pod that succeeded and left its result.

    The Job controller reports this 1 to 4 seconds later, and nothing that it could report would change the results.
    """
    indexes = {pod.pod.index for pod in pods if pod.pod.phase == "Succeeded" and pod.pod.message is not None}
    return len(indexes) >= job.completions


def state_of(
    job: JobSnapshot, pods: Collection[PodSnapshot]
) -> Literal["Waiting", "Running", "Suspended", "Complete", "Failed", "Deleting"]:
    """The state of a Job, as `JobView` gives it."""
    if job.deleting:
        return "Deleting"
    if job.finished is not None and not any(map(_behind, pods)):
        return "Complete" if job.complete else "Failed"
    if _has_all_results(job, pods):
        return "Complete"
    if job.suspended:
        return "Suspended"
    return "Running" if any(pod.pod.phase == "Running" for pod in pods) else "Waiting"


def _why(job: JobSnapshot, pods: Iterable[PodSnapshot], note: Note | None) -> Note | None:
    """Why a Job failed, or has no pod."""
    if job.finished is not None:
        return Note(job.failure_reason or "", job.failure_message or "") if not job.complete else None
    if job.suspended:
        return Note(reasons.JOB_SUSPENDED, _suspended(job, note))
    return note if note is not None and not list(pods) else None


def _suspended(job: JobSnapshot, note: Note | None) -> str:
    where = f"queue {job.queue}" if job.queue else "whatever suspended it"
    detail = f" {note.message}" if note is not None else ""
    return f"The Job is suspended until {where} lets it start.{detail}"


def _pod(pod: PodSnapshot, note: Note | None) -> PodView:
    """The pod. An event's explanation counts only while the pod itself gives no better reason for waiting."""
    unexplained = pod.pod.phase == "Pending" and pod.pod.waiting_reason in (
        None,
        reasons.CONTAINER_CREATING,
        reasons.POD_INITIALIZING,
    )
    if note is None or not unexplained:
        return pod.pod
    return replace(pod.pod, waiting_reason=note.reason, waiting_message=note.message)
