"""What a Job's and a pod's body say, as compact data made once for each change of them. Pure.

The cache holds these instead of the bodies: a Job's pod template alone is larger than all that is kept here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, get_args

from retrain_api.documents import decode_message
from retrain_api.names import ANNOTATION_KEY, ANNOTATION_TEMPLATE, KIND, LABEL_PHASE, LABEL_SYMBOL

from .jobs import CONTAINER
from .observed import ObservedPod, PhaseName
from .waits import ended_message, ended_reason, stranded, waiting_for

Body: TypeAlias = Mapping[str, Any]

_INDEX = "batch.kubernetes.io/job-completion-index"
_QUEUE = "kueue.x-k8s.io/queue-name"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SeenJob:
    """One of our Jobs. `owner` is the UID of its run, `version` its resourceVersion."""

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
    active: int = 0
    attempts: int = 0
    failed_indexes: frozenset[int] = frozenset()
    completions: int = 1


@dataclass(frozen=True, slots=True)
class SeenPod:
    """A pod of one of our Jobs."""

    uid: str
    name: str
    namespace: str
    version: str
    job_uid: str
    created: datetime
    pod: ObservedPod
    deleting: bool = False
    node: str | None = None


def seen_job(body: Body) -> SeenJob | None:
    """The Job, or None where it is not one of ours."""
    meta, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    owner, labels, notes = _controller(meta, KIND), meta.get("labels", {}), meta.get("annotations", {})
    if owner is None or labels.get(LABEL_PHASE) not in get_args(PhaseName) or ANNOTATION_KEY not in notes:
        return None
    complete, failed = _condition(status, "Complete"), _condition(status, "Failed")
    end = complete or failed
    return SeenJob(
        uid=meta["uid"],
        name=meta["name"],
        namespace=meta["namespace"],
        version=meta["resourceVersion"],
        owner=owner,
        phase=labels[LABEL_PHASE],
        symbol=labels.get(LABEL_SYMBOL),
        key=notes[ANNOTATION_KEY],
        template=notes.get(ANNOTATION_TEMPLATE, ""),
        created=_time(meta.get("creationTimestamp")) or _LONG_AGO,
        started=_time(status.get("startTime")),
        deleting="deletionTimestamp" in meta,
        suspended=bool(spec.get("suspend")),
        complete=complete is not None,
        finished=(_time(status.get("completionTime")) or _time(end.get("lastTransitionTime"))) if end else None,
        failure_reason=failed.get("reason") if failed else None,
        failure_message=failed.get("message") if failed else None,
        queue=labels.get(_QUEUE),
        active=status.get("active", 0),
        attempts=status.get("succeeded", 0) + status.get("failed", 0) + status.get("active", 0),
        failed_indexes=_indexes(status.get("failedIndexes", "")),
        completions=spec.get("completions", 1),
    )


def seen_pod(body: Body) -> SeenPod | None:
    """The pod, or None where no Job controls it."""
    meta, spec = body["metadata"], body.get("spec", {})
    owner = _controller(meta, "Job")
    if owner is None:
        return None
    return SeenPod(
        uid=meta["uid"],
        name=meta["name"],
        namespace=meta["namespace"],
        version=meta["resourceVersion"],
        job_uid=owner,
        created=_time(meta.get("creationTimestamp")) or _LONG_AGO,
        pod=_observed(body),
        deleting="deletionTimestamp" in meta,
        node=spec.get("nodeName"),
    )


def _observed(body: Body) -> ObservedPod:
    meta, status = body["metadata"], body.get("status", {})
    container = _container(status.get("containerStatuses", ()))
    ended = container.get("state", {}).get("terminated") or {}
    phase = status.get("phase", "Pending")
    waits = stranded(body) or (waiting_for(status, container) if phase == "Pending" else None)
    return ObservedPod(
        index=_index(meta),
        phase=phase if phase in ("Pending", "Running", "Succeeded", "Failed") else "Running",
        exit_code=ended.get("exitCode"),
        outcome=decode_message(ended.get("message")),
        waiting_reason=waits[0] if waits else None,
        waiting_message=waits[1] if waits else None,
        ended_reason=ended_reason(status, ended) if phase == "Failed" else None,
        ended_message=ended_message(status, ended) if phase == "Failed" else None,
    )


def _container(statuses: Iterable[Body]) -> Body:
    return next((one for one in statuses if one.get("name") == CONTAINER), {})


def _controller(meta: Body, kind: str) -> str | None:
    owners = meta.get("ownerReferences", ())
    return next((owner["uid"] for owner in owners if owner.get("controller") and owner.get("kind") == kind), None)


def _condition(status: Body, kind: str) -> Body | None:
    conditions = status.get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind and one["status"] == "True"), None)


def _index(meta: Body) -> int:
    said = meta.get("annotations", {}).get(_INDEX) or meta.get("labels", {}).get(_INDEX) or "0"
    return int(said) if said.isdigit() else 0


def _indexes(text: str) -> frozenset[int]:
    """ "1,3-5" as {1, 3, 4, 5}."""
    spans = [part.split("-") for part in text.split(",") if part]
    return frozenset(index for span in spans for index in range(int(span[0]), int(span[-1]) + 1))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
