"""Why a Job waits and why it failed, as a reason and a sentence that says what to do.

Kubernetes names a cause with one word, and often in another object than the one that a person looks at. If each phase
put its own words to it, the same full node would read differently of a training and of a report.
"""

from __future__ import annotations

import signal

from retrain_api import reasons
from retrain_api.documents.results import TaskFailure
from retrain_api.errors import PERMANENT_EXIT_CODES, Interrupted
from retrain_api.status.symbol import SymbolStatus
from retrain_operator.state.view import JobView, PodView, Refusal

_ENDS: dict[str, str] = {
    reasons.OOM_KILLED: "It needed more memory than its limit; raise spec.{phase}.resources.limits.memory.",
    reasons.EPHEMERAL_STORAGE: "It filled more disk than it may; raise spec.{phase}.resources.limits of ephemeral-storage.",
    reasons.EVICTED: "It was evicted from its node, which ran short; ask for what it needs in spec.{phase}.resources.requests.",
    reasons.NODE_LOST: "Its node was lost; when nodes are lost often, raise spec.{phase}.backoffLimit.",
    reasons.CONTAINER_STATUS_UNKNOWN: "Its node lost sight of it, most often because the node was restarted.",
    reasons.PREEMPTED: "A pod of higher priority took its place; raise spec.pods.priorityClassName or spec.{phase}.backoffLimit.",
}
"""What ends a pod from outside, and what a person can do about it."""
_REFUSED = "Its node refused the pod, which is not counted: it is tried again."
_REFUSALS = (
    reasons.UNEXPECTED_ADMISSION_ERROR,
    reasons.NODE_SHUTDOWN,
    reasons.TOPOLOGY_AFFINITY_ERROR,
    reasons.OUT_OF_RESOURCE,
    reasons.OUT_OFCPU,
    reasons.OUT_OFMEMORY,
    reasons.OUT_OFPODS,
    reasons.VOLUME_ATTACHMENT_LIMIT_EXCEEDED,
    reasons.NODE_AFFINITY,
    reasons.NODE_NAME,
    reasons.NODE_PORTS,
    reasons.TAINT_TOLERATION,
    reasons.INVALID_NODE_INFO,
    reasons.UNKNOWN_REASON,
    reasons.UNEXPECTED_PREDICATE_FAILURE_TYPE,
)
_ENDS |= dict.fromkeys(_REFUSALS, _REFUSED)
_NOBODYS = (*_REFUSALS, reasons.CONTAINER_STATUS_UNKNOWN, reasons.EVICTED, reasons.PREEMPTED, reasons.NODE_LOST)
"""Ends that say nothing of the task. Kubernetes counts those that carry no condition DisruptionTarget against a Job's
backoffLimit all the same: four refusals end a Job within 70 seconds, when a GPU plugin may still be starting."""


STARTING = (reasons.POD_PENDING, reasons.CONTAINER_CREATING, reasons.POD_INITIALIZING)
"""Every pod waits for these on its way; where one never ends, Kubernetes gives another reason."""


def held_up(entry: SymbolStatus) -> str | None:
    """Why a symbol waits, unless it merely starts or waits for its turn."""
    return None if entry.reason in (None, *STARTING, reasons.PARALLELISM) else entry.reason


def at_work(job: JobView) -> bool:
    """Whether a pod runs on a node that answers, or has just succeeded: its Job reports that a moment later."""
    return any(pod.phase in ("Running", "Succeeded") and pod.waiting_reason is None for pod in job.pods)


def refused_for_now(refusal: Refusal) -> tuple[str, str]:
    """Why the Job does not exist yet, as reason and sentence."""
    message = f"The API server refuses its Job for now; it is being retried: {refusal.message}"
    return refusal.reason, message[:800]


def refused(refusal: Refusal) -> tuple[str, str]:
    """Why the Job will not be created, as reason and sentence."""
    message = f"The API server refuses its Job: {refusal.message}"
    if refusal.lasting:
        return refusal.reason, message[:800]
    late = f"No Job was created within pendingDeadlineSeconds. {message}"
    return reasons.PENDING_DEADLINE_EXCEEDED, late[:800]


def waiting(job: JobView, backoff_limit: int) -> tuple[str, str]:
    """Why a live Job has no running pod, as reason and sentence."""
    if job.state == "Suspended":
        queued = "The Job is suspended; a queue starts it when there is room."
        return reasons.JOB_SUSPENDED, job.failure_message or queued
    pod = next((pod for pod in job.pods if pod.phase in ("Pending", "Running") and pod.waiting_reason), None)
    if pod is not None and pod.waiting_reason:
        return pod.waiting_reason, pod.waiting_message or "The pod is waiting."
    if job.failure_reason:
        return job.failure_reason, job.failure_message or "No pod was created."
    if job.pods and job.pods[0].phase == "Failed":
        return _between_pods(job, job.pods[0], backoff_limit)
    return reasons.POD_PENDING, "Waiting to start."


def _between_pods(job: JobView, pod: PodView, backoff_limit: int) -> tuple[str, str]:
    """What is said once a pod failed, until the Job controller makes the next one or ends the Job."""
    reason, message = failure(job, pod.index)
    if not _comes_again(job, pod, backoff_limit):
        return reason, message
    return reasons.RETRYING, f"Its last pod failed ({reason}: {message.rstrip('.')}); it is being retried."


def _comes_again(job: JobView, pod: PodView, backoff_limit: int) -> bool:
    """Whether the Job's failure policy (see `manifests.jobs`) makes another pod after this one."""
    if not _counted(pod):
        return True
    failures = sum(_counted(one) for one in job.pods if one.phase == "Failed" and one.index == pod.index)
    return pod.exit_code not in PERMANENT_EXIT_CODES and failures <= backoff_limit


def _counted(pod: PodView) -> bool:
    return pod.exit_code != Interrupted.exit_code and pod.ended_reason not in _NOBODYS


def is_nobodys(job: JobView, index: int) -> bool:
    """Whether the last pod of an index that Kubernetes gave up was ended, or refused, by its node, through no fault of the task."""
    pod = job.newest(index)
    over = job.state == "Failed" and job.failure_reason != reasons.DEADLINE_EXCEEDED
    return over and pod is not None and pod.outcome is None and pod.ended_reason in _NOBODYS


def failure(job: JobView, index: int = 0) -> tuple[str, str]:
    """Why an index of a Job failed, as reason and sentence: the Job's deadline, unless the index had failed for good
    before it; else what the newest pod reported or how it ended; else the Job's condition.
    """
    pod = job.newest(index)
    if job.failure_reason == reasons.DEADLINE_EXCEEDED and index not in job.failed_indexes:
        raise_it = "It ran longer than activeDeadlineSeconds; raise it, or make the work smaller."
        return reasons.DEADLINE_EXCEEDED, raise_it
    if pod is not None and isinstance(pod.outcome, TaskFailure):
        return pod.outcome.reason, _with_keeper(pod.outcome.message, pod)
    if pod is not None and pod.ended_reason in _ENDS:
        return pod.ended_reason, _with_node_message(_ENDS[pod.ended_reason].format(phase=job.phase), pod)
    if pod is not None and pod.ended_reason and pod.ended_message:
        return pod.ended_reason, f"Its pod could not run: {pod.ended_message}"
    if pod is not None and pod.exit_code is not None:
        return pod.ended_reason or reasons.POD_FAILED, _with_keeper(_silent(pod.exit_code, job.phase), pod)
    return job.failure_reason or reasons.JOB_FAILED, job.failure_message or "Its Job failed and left no message."


def _silent(code: int, phase: str) -> str:
    """What is said of a process that left no message. A code above 128 is the signal that ended it."""
    name = {one.value: one.name for one in signal.Signals}.get(code - 128)
    if name is None:
        return f"Its process ended with code {code} and left no message."
    if code == 128 + signal.SIGKILL:
        return (
            f"Its process was killed (SIGKILL, code {code}), most often because memory ran out: raise "
            f"spec.{phase}.resources.limits.memory, or look with kubectl describe node at what else needed it."
        )
    return f"Its process was ended by the signal {name} (code {code}) and left no message."


def _with_keeper(sentence: str, pod: PodView) -> str:
    """Says what keeps a pod alive whose trainer would otherwise be started again."""
    if not pod.kept_by or pod.exit_code in (0, *PERMANENT_EXIT_CODES):
        return sentence
    return (
        f"{sentence} It is not tried again by itself, because its pod is kept alive by the container "
        f"{', '.join(pod.kept_by)}; keep that container out of the run's pods, with a label in spec.pods.labels."
    )


def _with_node_message(sentence: str, pod: PodView) -> str:
    return f"{sentence} The node says: {pod.ended_message}" if pod.ended_message else sentence
