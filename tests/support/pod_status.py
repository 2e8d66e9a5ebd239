"""Pod statuses as a scheduler, a kubelet and the node controller write them. Pure: the time is given.

Each is what is written now, to be laid over the status that the pod has, as `laid_over` does it and the API server
with a strategic merge patch: conditions by their type, everything else whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Body = Mapping[str, Any]
NODE = "test-node"


@dataclass(frozen=True)
class Ended:
    """How a container ended. `status` is laid over the pod's last status."""

    exit_code: int = 0
    message: str = ""
    reason: str | None = None
    status: Body = field(default_factory=dict)


@dataclass(frozen=True)
class Waits:
    """Why a container can't start yet."""

    reason: str
    message: str = ""


def timestamp(time: datetime) -> str:
    """A time as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, holds: bool, at: str, reason: str | None = None, message: str | None = None) -> dict[str, Any]:
    """A condition that changes at that time."""
    words = {name: text for name, text in {"reason": reason, "message": message}.items() if text}
    return {"type": kind, "status": str(holds), "lastTransitionTime": at, **words}


def find(status: Body, kind: str, holds: str = "True") -> Body | None:
    """The condition of that type, where it has that status."""
    found = (one for one in status.get("conditions") or () if one["type"] == kind and one["status"] == holds)
    return next(found, None)


def laid_over(pod: Body, status: Body) -> dict[str, Any]:
    """The pod with a status laid over its own."""
    before = pod.get("status", {})
    conditions = {one["type"]: one for one in (*before.get("conditions", ()), *status.get("conditions", ()))}
    listed = {"conditions": list(conditions.values())} if conditions else {}
    return {**pod, "status": {**before, **status, **listed}}


def unschedulable(message: str, at: str) -> dict[str, Any]:
    """No node takes it."""
    return {"conditions": [condition("PodScheduled", False, at, "Unschedulable", message)]}


def scheduled(at: str) -> dict[str, Any]:
    """A node takes it."""
    return {"conditions": [condition("PodScheduled", True, at)]}


def waiting(pod: Body, waits: Waits, at: str) -> dict[str, Any]:
    """It is on the node and its container can't start."""
    state = {"waiting": {"reason": waits.reason} | ({"message": waits.message} if waits.message else {})}
    return _status(pod, "Pending", state, at, reason="ContainersNotReady")


def running(pod: Body, at: str) -> dict[str, Any]:
    """Its container runs."""
    return _status(pod, "Running", {"running": {"startedAt": at}}, at, ready=True)


def ended(pod: Body, end: Ended, at: str) -> dict[str, Any]:
    """Its container ended."""
    well = end.exit_code == 0
    states = [one["state"] for one in pod.get("status", {}).get("containerStatuses", ())]
    facts = {
        "exitCode": end.exit_code,
        "reason": end.reason or ("Completed" if well else "Error"),
        "startedAt": next((one["running"]["startedAt"] for one in states if "running" in one), at),
        "finishedAt": at,
        "containerID": _container_id(pod),
    }
    state = {"terminated": facts | ({"message": end.message} if end.message else {})}
    phase, reason = ("Succeeded", "PodCompleted") if well else ("Failed", "PodFailed")
    return laid_over({"status": _status(pod, phase, state, at, reason=reason)}, end.status)["status"]  # type: ignore[no-any-return]


def never_ran(pod: Body, at: str) -> dict[str, Any]:
    """It was deleted before its container started."""
    return _status(pod, "Failed", {"waiting": {"reason": "ContainerCreating"}}, at, reason="PodFailed")


def stranded(at: str) -> dict[str, Any]:
    """Its node does not answer: the node controller changes this one condition and gives no reason."""
    return {"conditions": [condition("Ready", False, at)]}


def disrupted(reason: str, at: str) -> dict[str, Any]:
    """It is taken off its node: by the eviction API, the scheduler, a taint or its kubelet."""
    return {"conditions": [condition("DisruptionTarget", True, at, reason)]}


def evicted(at: str) -> Ended:
    """Its kubelet takes it off a node that is short of memory."""
    words = {"reason": "Evicted", "message": "The node was low on resource: memory."}
    return Ended(137, status=words | disrupted("TerminationByKubelet", at))


def _status(
    pod: Body, phase: str, state: dict[str, Any], at: str, ready: bool = False, reason: str | None = None
) -> dict[str, Any]:
    container = pod["spec"]["containers"][0]
    ran = "waiting" not in state
    entry = {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"{container['image']}@sha256:{'0' * 64}" if ran else "",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": state,
        **({"containerID": _container_id(pod)} if ran else {}),
    }
    return {
        "phase": phase,
        "startTime": pod.get("status", {}).get("startTime", at),
        "hostIP": "127.0.0.1",
        "conditions": [
            condition("PodReadyToStartContainers", ready, at),
            condition("Initialized", True, at),
            condition("Ready", ready, at, reason),
            condition("ContainersReady", ready, at, reason),
        ],
        "containerStatuses": [entry],
    }


def _container_id(pod: Body) -> str:
    return f"test://{pod['metadata']['uid']}"
