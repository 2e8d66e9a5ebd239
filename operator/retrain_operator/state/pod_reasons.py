"""Reads from a pod's status why it waits, why it died, and whether its node is gone.

Kubernetes spreads the answer over phases, conditions, container states and the kubelet's messages, and says different
things for the same cause depending on which component noticed it first. Without this module a person would read
"PodFailed" where a node was drained. The reasons are Kubernetes' own wherever it has one that a person can look up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from retrain_api import reasons
from retrain_api.names import CONTAINER

Body: TypeAlias = Mapping[str, Any]
Why: TypeAlias = tuple[str, str]
"""A reason in one CamelCase word, and a message."""

_IMAGE = (
    reasons.ERR_IMAGE_PULL,
    reasons.IMAGE_PULL_BACK_OFF,
    reasons.INVALID_IMAGE_NAME,
    reasons.ERR_IMAGE_NEVER_PULL,
    reasons.REGISTRY_UNAVAILABLE,
)
_DISRUPTIONS = {
    reasons.DELETION_BY_TAINT_MANAGER: reasons.NODE_LOST,
    reasons.DELETION_BY_POD_GC: reasons.NODE_LOST,
    reasons.PREEMPTION_BY_SCHEDULER: reasons.PREEMPTED,
    reasons.PREEMPTION_BY_KUBE_SCHEDULER: reasons.PREEMPTED,
    reasons.EVICTION_BY_EVICTION_API: reasons.EVICTED,
    reasons.TERMINATION_BY_KUBELET: reasons.EVICTED,
}
_BY_KUBELET = {
    reasons.TERMINATED: reasons.NODE_LOST,
    reasons.SHUTDOWN: reasons.NODE_LOST,
    reasons.PREEMPTING: reasons.PREEMPTED,
}
"""Pod reasons that tell apart what the kubelet's condition calls TerminationByKubelet in both cases: the node was shut
down, or a critical pod needed the room."""
_SAID_BY_THE_NODE = (reasons.START_ERROR, reasons.CONTAINER_CANNOT_RUN, reasons.CONTAINER_STATUS_UNKNOWN)
"""Container reasons whose message is the container runtime's or the kubelet's, and never the trainer's."""
_BEING_MADE = (reasons.CONTAINER_CREATING, reasons.POD_INITIALIZING)
"""Why a container waits that waits for nothing but its turn."""


_SAY_NOTHING = (None, "Error", "Completed")
"""What the container runtime says of every container that ended; its exit code says the same."""


def waiting_for(status: Body, container: Body) -> Why | None:
    """Why a pending pod does not run yet; None where it has only just been created."""
    scheduled = _condition(status, "PodScheduled")
    if scheduled is not None and scheduled["status"] == "False":
        return scheduled.get("reason") or reasons.UNSCHEDULABLE, scheduled.get("message") or "No node takes the pod."
    blocked = _blocked(status)
    if blocked is not None:
        return blocked
    waiting = container.get("state", {}).get("waiting") or {}
    reason, message = waiting.get("reason"), waiting.get("message")
    if reason is None:
        return None
    if reason in _IMAGE:
        return reason, f"The image {container.get('image')} can't be pulled: {message or reason}"
    return reason, message or "The container is being created."


def _blocked(status: Body) -> Why | None:
    """The container beside the trainer that can't start, with its reason: the trainer then waits, or waits in vain."""
    for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = one.get("state", {}).get("waiting") or {}
        if one.get("name") != CONTAINER and waiting.get("reason") not in (None, *_BEING_MADE):
            message = waiting.get("message") or waiting["reason"]
            return waiting["reason"], f"The container {one.get('name')} beside the trainer can't start: {message}"
    return None


def _failed_beside(status: Body) -> Why | None:
    """The container that failed before the trainer could start."""
    for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        ended = one.get("state", {}).get("terminated") or {}
        if one.get("name") != CONTAINER and ended.get("exitCode"):
            said = f": {ended['message'].strip()}" if ended.get("message") else "."
            sentence = f"The container {one.get('name')} beside the trainer ended with code {ended['exitCode']}{said}"
            return reasons.CONTAINER_FAILED, sentence
    return None


def ended_reason(status: Body, ended: Body) -> str | None:
    """Why a failed pod ended; None where its exit code says everything."""
    if ended.get("reason") == reasons.OOM_KILLED:
        return reasons.OOM_KILLED
    if "ephemeral" in (status.get("message") or "").lower():
        return reasons.EPHEMERAL_STORAGE
    if status.get("reason") in _BY_KUBELET:
        return _BY_KUBELET[status["reason"]]
    disruption = _condition(status, "DisruptionTarget")
    if disruption is not None and disruption["status"] == "True":
        return _DISRUPTIONS.get(disruption.get("reason", ""), reasons.EVICTED)
    if status.get("reason"):
        return _of_node(str(status["reason"]))
    beside = None if ended else _failed_beside(status)
    if beside is not None:
        return beside[0]
    why = ended.get("reason")
    return None if why in _SAY_NOTHING else why


def _of_node(word: str) -> str:
    """The kubelet puts the name of the resource into the word: OutOfnvidia.com/gpu, OutOfephemeral-storage."""
    return reasons.OUT_OF_RESOURCE if word.startswith("OutOf") and not word.isalpha() else word


def ended_message(status: Body, ended: Body) -> str | None:
    """What the kubelet says about the end or, for a container that never started, the container runtime."""
    message = status.get("message") or (ended.get("message") if ended.get("reason") in _SAID_BY_THE_NODE else None)
    beside = None if ended or message else _failed_beside(status)
    message = beside[1] if beside is not None else message
    return message[:400] if message else None


def stranded(body: Body) -> Why | None:
    """Says that the pod's node does not answer, so that nobody can tell what became of the pod; None where it does."""
    status, node = body.get("status", {}), body.get("spec", {}).get("nodeName")
    ready, containers = (_condition(status, kind) or {} for kind in ("Ready", "ContainersReady"))
    # The node controller sets only Ready to False, and gives no reason; a kubelet always changes both.
    dead = ready.get("status") == "False" and containers.get("status") == "True"
    lost = status.get("reason") == reasons.NODE_LOST or status.get("phase") == "Unknown"
    if not node or not (dead or lost) or status.get("phase") in ("Succeeded", "Failed"):
        return None
    sentence = (
        f"Its pod {body['metadata']['name']} is on node {node}, which does not answer. It goes on elsewhere, from its "
        f"checkpoint, once the node is back or gone: delete the Node if it will not come back."
    )
    return reasons.NODE_LOST, sentence


def _condition(status: Body, kind: str) -> Body | None:
    return next((one for one in status.get("conditions") or () if one["type"] == kind), None)
