"""What all phases share: the surroundings of a decision, which Job serves a key, and why a Job waits or failed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from retrain_api.documents import TaskFailure
from retrain_api.keys import digest
from retrain_api.run import RetrainRun
from retrain_api.status import SymbolStatus

from .jobs import name_of, phase_spec, template_key
from .observed import Observed, ObservedJob, ObservedPod, PhaseName


@dataclass(frozen=True)
class Settings:
    """What the operator's owner decides."""

    default_image: str = "retrain-trainer:latest"
    evaluator_image: str = ""
    """Image of all Jobs after training, whatever a run asks for; empty where a run may choose."""
    allowed_images: tuple[str, ...] = ()
    """Patterns (* and ?) of images that a run may ask for; empty where it may ask for any."""

    def allows(self, image: str) -> bool:
        """Whether Jobs may run this image; what the owner chose needs no leave."""
        given = (self.default_image, self.evaluator_image)
        return not self.allowed_images or image in given or any(fnmatchcase(image, one) for one in self.allowed_images)


@dataclass(frozen=True)
class Deletion:
    """A Job that should go; the UID makes sure that it is this one."""

    name: str
    uid: str
    reason: str


@dataclass(frozen=True)
class Context:
    """All that a decision may look at."""

    run: RetrainRun
    observed: Observed
    now: datetime
    image: str
    evaluator_image: str = ""

    @property
    def judging_image(self) -> str:
        """Image of the Jobs that measure and promote: the operator's owner may pin it."""
        return self.evaluator_image or self.image


@dataclass(frozen=True)
class Steps:
    """What one part of the plan wants done."""

    create: tuple[dict[str, Any], ...] = ()
    delete: tuple[Deletion, ...] = ()
    look_again_at: datetime | None = None

    def __add__(self, other: Steps) -> Steps:
        times = [time for time in (self.look_again_at, other.look_again_at) if time is not None]
        return Steps(self.create + other.create, self.delete + other.delete, min(times, default=None))


@dataclass(frozen=True)
class Serving:
    """Which Job serves a key: the one to watch, or the name of the one to create."""

    job: ObservedJob | None
    lost: bool = False
    steps: Steps = field(default_factory=Steps)


def failed_key(context: Context, phase: PhaseName, key: str) -> str:
    """Remembers a failure: the same work with the same pod fields would fail again."""
    return digest({"key": key, "template": template_key(context.run.spec, phase)})


def serving(context: Context, phase: PhaseName, symbol: str | None, key: str, complete: bool) -> Serving:
    """The Job for `key`, and the deletion of live ones for other keys.

    `complete` says that the result is known already. A Job that is complete without a result lost it together with
    its pod: a second one, under a name of its own, finds the result in the store and repeats it.
    """
    ours = [job for job in context.observed.of_phase(phase) if job.symbol == symbol]
    stale = tuple(job for job in ours if job.live and (job.key != key or complete))
    fitting = [job for job in ours if job.key == key and job not in stale]
    outdated = tuple(job for job in fitting if job.state == "Waiting" and _other_template(context, job))
    steps = Steps(delete=tuple(Deletion(job.name, job.uid, "Superseded") for job in stale + outdated))
    second = context.observed.named(name_of(context.run, phase, symbol, key, again=True))
    first = context.observed.named(name_of(context.run, phase, symbol, key))
    held = [job for job in fitting if job.live or job.state == "Deleting"]
    known = next((job for job in [*filter(_told, fitting), *held]), None)
    found = known or second or first
    if found is not None or complete:
        return Serving(found, lost=second is not None, steps=steps)
    never, again = _never_made(context, phase, name_of(context.run, phase, symbol, key))
    return Serving(never, steps=steps + Steps(look_again_at=again))


def _never_made(context: Context, phase: PhaseName, name: str) -> tuple[ObservedJob | None, datetime | None]:
    """A Job that the API server refuses for good, or for longer than it may wait, as one that failed."""
    refusal = context.observed.refusal(name)
    if refusal is None:
        return None, None
    limit = phase_spec(context.run.spec, phase).pending_deadline_seconds
    end = refusal.since + timedelta(seconds=limit) if limit is not None else None
    reason, message = refusal.reason, f"The API server refuses its Job: {refusal.message}"
    if not refusal.lasting:
        if end is None or context.now < end:
            return None, end
        reason, message = "PendingDeadlineExceeded", f"No Job was made within pendingDeadlineSeconds. {message}"
    failed = ObservedJob(name, "", phase, "", "", "Failed", failure_reason=reason, failure_message=message[:800])
    return failed, None


def _told(job: ObservedJob) -> bool:
    """Complete with a result, under whatever pod fields it ran."""
    return job.state == "Complete" and any(pod.phase == "Succeeded" and pod.outcome is not None for pod in job.pods)


def _other_template(context: Context, job: ObservedJob) -> bool:
    """A Job whose pods never ran can be replaced by one with the pod fields that the run has now."""
    return not _started(job) and job.template != template_key(context.run.spec, job.phase)


def _started(job: ObservedJob) -> bool:
    return job.attempts > 1 or any(pod.phase != "Pending" for pod in job.pods)


def newest(job: ObservedJob, index: int = 0) -> ObservedPod | None:
    """The newest pod of an index."""
    return next((pod for pod in job.pods if pod.index == index), None)


def held_up(entry: SymbolStatus) -> str | None:
    """Why a symbol waits for more than its start or its turn."""
    return None if entry.reason in (None, "PodPending", "Parallelism") else entry.reason


def at_work(job: ObservedJob) -> bool:
    """Whether a pod runs, on a node that answers, or has done its work: the Job hears of that a moment later."""
    return any(pod.phase in ("Running", "Succeeded") and pod.waiting_reason is None for pod in job.pods)


def waiting(job: ObservedJob) -> tuple[str, str]:
    """Why a live Job has no running pod, as reason and sentence."""
    if job.state == "Suspended":
        return "JobSuspended", job.failure_message or "The Job is suspended; a queue lets it in when there is room."
    pod = next((pod for pod in job.pods if pod.phase in ("Pending", "Running") and pod.waiting_reason), None)
    if pod is not None and pod.waiting_reason:
        return pod.waiting_reason, pod.waiting_message or "The pod waits."
    if job.failure_reason:
        return job.failure_reason, job.failure_message or "No pod was created."
    if job.pods and job.pods[0].phase == "Failed":
        reason, message = failure(job, job.pods[0].index)
        return "Retrying", f"Its last pod ended ({reason}: {message.rstrip('.')}); it is tried again."
    return "PodPending", "Waits to start."


_ENDS = {
    "OOMKilled": "It needed more memory than its limit; raise spec.{phase}.resources.limits.memory.",
    "EphemeralStorage": "It filled more disk than it may; raise spec.{phase}.resources.limits of ephemeral-storage.",
    "Evicted": "It was evicted from its node, which ran short; ask for what it needs in spec.{phase}.resources.requests.",
    "NodeLost": "Its node was lost; when nodes are lost often, raise spec.{phase}.backoffLimit.",
    "Preempted": "A pod of higher priority took its place; raise spec.pods.priorityClassName or spec.{phase}.backoffLimit.",
}
"""What ended a pod from outside, and what a person can do about it."""


def _with_words(sentence: str, pod: ObservedPod) -> str:
    return f"{sentence} The node says: {pod.ended_message}" if pod.ended_message else sentence


def failure(job: ObservedJob, index: int = 0) -> tuple[str, str]:
    """Why a Job failed: its deadline, else the newest pod's own sentence or end, else the Job's condition."""
    pod = newest(job, index)
    if job.failure_reason == "DeadlineExceeded":
        return "DeadlineExceeded", "It ran longer than activeDeadlineSeconds; raise it, or make the work smaller."
    if pod is not None and isinstance(pod.outcome, TaskFailure):
        return pod.outcome.reason, pod.outcome.message
    if pod is not None and pod.ended_reason in _ENDS:
        return pod.ended_reason, _with_words(_ENDS[pod.ended_reason].format(phase=job.phase), pod)
    if pod is not None and pod.ended_reason and pod.ended_message:
        return pod.ended_reason, f"Its pod could not run: {pod.ended_message}"
    if pod is not None and pod.exit_code is not None:
        return pod.ended_reason or "PodFailed", f"Its process ended with code {pod.exit_code} and said nothing."
    return job.failure_reason or "JobFailed", job.failure_message or "Its Job failed and left no message."


def overdue(context: Context, job: ObservedJob) -> tuple[bool, datetime | None]:
    """Whether a Job waited longer than pendingDeadlineSeconds, and when to look again if not yet.

    Not said of a Job that ran before and waits for its next pod, nor of one that is replaced anyway.
    """
    limit = phase_spec(context.run.spec, job.phase).pending_deadline_seconds
    if limit is None or job.created is None or job.state != "Waiting" or _started(job) or _other_template(context, job):
        return False, None
    end = job.created + timedelta(seconds=limit)
    return (True, None) if context.now >= end else (False, end)


def kept_waiting(job: ObservedJob) -> tuple[str, str]:
    """What is said of a Job that is overdue, as reason and sentence."""
    reason, why = waiting(job)
    return "PendingDeadlineExceeded", f"No pod ran within pendingDeadlineSeconds ({reason}: {why})"


def ended_late(job: ObservedJob) -> Steps:
    """The end of a Job that is overdue."""
    return Steps(delete=(Deletion(job.name, job.uid, "PendingDeadlineExceeded"),))


def expired(context: Context) -> Steps:
    """Finished Jobs whose time to live is over; called only for Jobs whose results are in the status."""
    ttl = context.run.spec.job_ttl_seconds_after_finished
    if ttl is None:
        return Steps()
    ends = [
        (job, job.finished + timedelta(seconds=ttl)) for job in context.observed.jobs if job.finished and not job.live
    ]
    later = [end for job, end in ends if end > context.now and job.state != "Deleting"]
    over = tuple(
        Deletion(job.name, job.uid, "Expired") for job, end in ends if end <= context.now and job.state != "Deleting"
    )
    return Steps(delete=over, look_again_at=min(later, default=None))


def stamp(now: datetime) -> str:
    """A time as Kubernetes writes it."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
