"""Reads the bodies of Jobs and pods into compact snapshots, once for each change.

The cache holds snapshots in place of bodies: a Job's pod template alone is larger than everything kept here, and with
whole bodies the operator's memory would grow with the pod templates of its users. Everything the operator knows of
where Kubernetes writes what in a Job or a pod is here and in `pod_reasons`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

from retrain_api.documents.encoding import decode_message, result_text
from retrain_api.names import (
    ANNOTATION_KEY,
    ANNOTATION_QUEUE,
    ANNOTATION_TEMPLATE,
    CONTAINER,
    KIND,
    LABEL_PHASE,
    LABEL_SYMBOL,
    QUEUE_LABELS,
    SCHEDULE_KIND,
    queue_labels,
)

from .pod_reasons import ended_message, ended_reason, stranded, waiting_for
from .view import PhaseName, PodView

Body: TypeAlias = Mapping[str, Any]
Kind: TypeAlias = Literal["schedules", "runs", "jobs", "pods"]
"""What the operator watches."""
SCHEDULES: tuple[Kind, ...] = ("schedules",)
"""What a cluster may lack: the operator works on runs without it."""
CORE: tuple[Kind, ...] = ("runs", "jobs", "pods")
KINDS: tuple[Kind, ...] = (*SCHEDULES, *CORE)
"""In the order in which they are listed: what names others comes before them. A list of runs that is older than one of schedules
would lack runs that a status names, and they would look deleted.
"""

_INDEX = "batch.kubernetes.io/job-completion-index"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Note:
    """What an event says about a Job or a pod."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """One of our Jobs. `owner` is the UID of its run, or of its schedule, `version` its resourceVersion.

    `active` counts pods that have not ended, those that are Pending too; `ended_pods` those that have.
    """

    uid: str
    name: str
    namespace: str
    version: str
    owner: str
    phase: PhaseName
    symbol: str | None
    key: str
    template: str
    created: datetime
    started: datetime | None = None
    deleting: bool = False
    suspended: bool = False
    complete: bool = False
    finished: datetime | None = None
    failure_reason: str | None = None
    failure_message: str | None = None
    queue: str | None = None
    queue_labels: str = ""
    active: int = 0
    ended_pods: int = 0
    failed_indexes: frozenset[int] = frozenset()
    completed_indexes: frozenset[int] = frozenset()
    completions: int = 1


@dataclass(frozen=True, slots=True)
class PodSnapshot:
    """A pod of one of our Jobs."""

    uid: str
    name: str
    namespace: str
    version: str
    job_uid: str
    created: datetime
    pod: PodView
    deleting: bool = False
    node: str | None = None


def job_snapshot(body: Body) -> JobSnapshot | None:
    """The Job, or None where neither a RetrainRun nor a RetrainSchedule owns it."""
    meta, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    owner = controller_of(meta, KIND) or controller_of(meta, SCHEDULE_KIND)
    labels, notes = meta.get("labels", {}), meta.get("annotations", {})
    if owner is None or labels.get(LABEL_PHASE) not in get_args(PhaseName) or ANNOTATION_KEY not in notes:
        return None
    complete, failed = _condition(status, "Complete"), _condition(status, "Failed")
    end = complete or failed
    return JobSnapshot(
        uid=meta["uid"],
        name=meta["name"],
        namespace=meta["namespace"],
        version=meta["resourceVersion"],
        owner=owner,
        phase=labels[LABEL_PHASE],
        symbol=labels.get(LABEL_SYMBOL),
        key=notes[ANNOTATION_KEY],
        template=notes.get(ANNOTATION_TEMPLATE, ""),
        created=read_time(meta.get("creationTimestamp")) or _LONG_AGO,
        started=read_time(status.get("startTime")),
        deleting="deletionTimestamp" in meta,
        suspended=bool(spec.get("suspend")),
        complete=complete is not None,
        finished=(read_time(status.get("completionTime")) or read_time(end.get("lastTransitionTime"))) if end else None,
        failure_reason=failed.get("reason") if failed else None,
        failure_message=failed.get("message") if failed else None,
        queue=labels.get(QUEUE_LABELS[0]),
        queue_labels=notes.get(ANNOTATION_QUEUE, queue_labels(labels)),
        active=status.get("active", 0),
        ended_pods=status.get("succeeded", 0) + status.get("failed", 0),
        failed_indexes=_indexes(status.get("failedIndexes", "")),
        completed_indexes=_indexes(status.get("completedIndexes", "")),
        completions=spec.get("completions", 1),
    )


def pod_snapshot(body: Body) -> PodSnapshot | None:
    """The pod, or None where no Job controls it."""
    meta, spec = body["metadata"], body.get("spec", {})
    owner = controller_of(meta, "Job")
    if owner is None:
        return None
    return PodSnapshot(
        uid=meta["uid"],
        name=meta["name"],
        namespace=meta["namespace"],
        version=meta["resourceVersion"],
        job_uid=owner,
        created=read_time(meta.get("creationTimestamp")) or _LONG_AGO,
        pod=_pod(body),
        deleting="deletionTimestamp" in meta,
        node=spec.get("nodeName"),
    )


def _pod(body: Body) -> PodView:
    meta, status = body["metadata"], body.get("status", {})
    container = _container(status.get("containerStatuses", ()))
    ended = container.get("state", {}).get("terminated") or {}
    phase = _phase(status, container)
    waiting = stranded(body) or (waiting_for(status, container) if phase == "Pending" else None)
    return PodView(
        index=_index(meta),
        phase=phase,
        exit_code=ended.get("exitCode"),
        message=result_text(ended.get("message")),
        ended_at=(read_time(ended.get("finishedAt")) or read_time(meta.get("creationTimestamp"))) if ended else None,
        kept_by=_kept_by(status) if ended else (),
        waiting_reason=waiting[0] if waiting else None,
        waiting_message=waiting[1] if waiting else None,
        ended_reason=ended_reason(status, ended) if phase == "Failed" else None,
        ended_message=ended_message(status, ended) if phase == "Failed" else None,
    )


def _phase(status: Body, container: Body) -> Literal["Pending", "Running", "Succeeded", "Failed"]:
    """How the trainer is, which decides whatever else is in the pod. Of a pod it says nothing of, the pod's phase."""
    state, phase = container.get("state", {}), status.get("phase", "Pending")
    ended = state.get("terminated")
    if ended:
        # A pod fails with any of its containers, and runs on, or stays Pending, for any of them.
        unspoiled = phase != "Failed" or decode_message(ended.get("message")) is not None
        return "Succeeded" if ended.get("exitCode") == 0 and unspoiled else "Failed"
    if phase == "Pending" and "running" in state:
        return "Running"
    return phase if phase in ("Pending", "Running", "Succeeded", "Failed") else "Running"


def _kept_by(status: Body) -> tuple[str, ...]:
    """The containers that have not ended in a pod that has not. Native sidecars are none: the kubelet ends them."""
    if status.get("phase") not in ("Running", "Pending"):
        return ()
    others = (one for one in status.get("containerStatuses", ()) if one.get("name") != CONTAINER)
    return tuple(one.get("name", "") for one in others if "terminated" not in one.get("state", {}))


def _container(statuses: Iterable[Body]) -> Body:
    return next((one for one in statuses if one.get("name") == CONTAINER), {})


def controller_of(meta: Body, kind: str) -> str | None:
    """UID of the object of that kind that controls the one with this metadata."""
    owners = meta.get("ownerReferences", ())
    return next((owner["uid"] for owner in owners if owner.get("controller") and owner.get("kind") == kind), None)


def _condition(status: Body, kind: str) -> Body | None:
    conditions = status.get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind and one["status"] == "True"), None)


def _index(meta: Body) -> int:
    text = meta.get("annotations", {}).get(_INDEX) or meta.get("labels", {}).get(_INDEX) or "0"
    return int(text) if text.isdigit() else 0


def _indexes(text: str) -> frozenset[int]:
    """ "1,3-5" as {1, 3, 4, 5}."""
    spans = [part.split("-") for part in text.split(",") if part]
    return frozenset(index for span in spans for index in range(int(span[0]), int(span[-1]) + 1))


def read_time(text: str | None) -> datetime | None:
    """A time of the API; None where there is none."""
    return datetime.fromisoformat(text) if text else None
