"""Pod statuses as a kubelet and a scheduler write them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from support.containers import Ended, Waits

Pod = Mapping[str, Any]


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, holds: bool, reason: str | None = None, message: str | None = None) -> dict[str, Any]:
    """A pod condition that changes now."""
    said = {"reason": reason, "message": message}
    filled = {name: text for name, text in said.items() if text}
    return {"type": kind, "status": str(holds), "lastTransitionTime": now(), **filled}


def unschedulable(message: str) -> dict[str, Any]:
    """No node takes it."""
    return {"conditions": [condition("PodScheduled", False, "Unschedulable", message)]}


def waiting(pod: Pod, waits: Waits, started: str) -> dict[str, Any]:
    """It is on the node and its container can't start."""
    state = {"waiting": {"reason": waits.reason, "message": waits.message}}
    return _status(pod, "Pending", started, state, ready=False, reason="ContainersNotReady")


def running(pod: Pod, started: str) -> dict[str, Any]:
    """Its container runs."""
    return _status(pod, "Running", started, {"running": {"startedAt": now()}}, ready=True)


def ended(pod: Pod, end: Ended, started: str, ran_from: str) -> dict[str, Any]:
    """Its container ended."""
    well = end.exit_code == 0
    said = {
        "exitCode": end.exit_code,
        "reason": end.reason or ("Completed" if well else "Error"),
        "startedAt": ran_from,
        "finishedAt": now(),
        "containerID": _container_id(pod),
    }
    state = {"terminated": said | ({"message": end.message} if end.message else {})}
    phase = "Succeeded" if well else "Failed"
    status = _status(pod, phase, started, state, ready=False, reason="PodCompleted" if well else "PodFailed")
    more = dict(end.status)
    return status | more | {"conditions": [*status["conditions"], *more.get("conditions", ())]}


def never_ran(pod: Pod, started: str) -> dict[str, Any]:
    """It was deleted before its container started."""
    state = {"waiting": {"reason": "ContainerCreating"}}
    return _status(pod, "Failed", started, state, ready=False, reason="PodFailed")


def _status(
    pod: Pod, phase: str, started: str, state: dict[str, Any], ready: bool, reason: str | None = None
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
        "startTime": started,
        "hostIP": "127.0.0.1",
        "conditions": [
            condition("PodReadyToStartContainers", ready),
            condition("Initialized", True),
            condition("Ready", ready, reason),
            condition("ContainersReady", ready, reason),
        ],
        "containerStatuses": [entry],
    }


def _container_id(pod: Pod) -> str:
    return f"test://{pod['metadata']['uid']}"
