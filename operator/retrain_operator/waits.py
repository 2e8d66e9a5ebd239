"""Why a pod waits, why it died, and whether its node is gone, read from its status. Pure.

The reasons are Kubernetes' own where it has one that a person can look up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Body: TypeAlias = Mapping[str, Any]
Why: TypeAlias = tuple[str, str]
"""A reason in one CamelCase word, and a sentence."""

_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
_DISRUPTIONS = {
    "DeletionByTaintManager": "NodeLost",
    "DeletionByPodGC": "NodeLost",
    "PreemptionByScheduler": "Preempted",
    "PreemptionByKubeScheduler": "Preempted",
    "EvictionByEvictionAPI": "Evicted",
    "TerminationByKubelet": "Evicted",
}
_BY_KUBELET = {"Terminated": "NodeLost", "Preempting": "Preempted"}
"""Ends of which the kubelet says only TerminationByKubelet: a node shut down, a critical pod that needed the room."""
_NEVER_BEGAN = ("StartError", "ContainerCannotRun")


def waiting_for(status: Body, container: Body) -> Why | None:
    """Why a pending pod does not run yet; None where it only just began."""
    scheduled = _condition(status, "PodScheduled")
    if scheduled is not None and scheduled["status"] == "False":
        return scheduled.get("reason") or "Unschedulable", scheduled.get("message") or "No node takes the pod."
    waits = container.get("state", {}).get("waiting") or {}
    reason, message = waits.get("reason"), waits.get("message")
    if reason is None:
        return None
    if reason in _IMAGE:
        return reason, f"The image {container.get('image')} can't be pulled: {message or reason}"
    return reason, message or "The container is being made."


def ended_reason(status: Body, ended: Body) -> str | None:
    """Why a failed pod ended; None where its exit code says all."""
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled"
    if "ephemeral" in (status.get("message") or "").lower():
        return "EphemeralStorage"
    if status.get("reason") in _BY_KUBELET:
        return _BY_KUBELET[status["reason"]]
    disruption = _condition(status, "DisruptionTarget")
    if disruption is not None and disruption["status"] == "True":
        return _DISRUPTIONS.get(disruption.get("reason", ""), "Evicted")
    if status.get("reason"):
        return str(status["reason"])
    said = ended.get("reason")
    return said if said not in (None, "Error", "Completed") else None


def ended_message(status: Body, ended: Body) -> str | None:
    """What the kubelet, or the runtime of a container that never began, said of the end."""
    said = status.get("message") or (ended.get("message") if ended.get("reason") in _NEVER_BEGAN else None)
    return said[:400] if said else None


def stranded(body: Body) -> Why | None:
    """That the pod's node does not answer, so that nobody can tell what became of it."""
    status, node = body.get("status", {}), body.get("spec", {}).get("nodeName")
    ready, containers = (_condition(status, kind) or {} for kind in ("Ready", "ContainersReady"))
    # The node controller makes only Ready false, and gives no reason; a kubelet always changes both.
    dead = ready.get("status") == "False" and containers.get("status") == "True"
    lost = status.get("reason") == "NodeLost" or status.get("phase") == "Unknown"
    if not node or not (dead or lost) or status.get("phase") in ("Succeeded", "Failed"):
        return None
    sentence = (
        f"Its pod {body['metadata']['name']} is on node {node}, which does not answer. It goes on elsewhere, from its "
        f"checkpoint, once the node is back or gone: delete the Node if it will not come back."
    )
    return "NodeLost", sentence


def _condition(status: Body, kind: str) -> Body | None:
    return next((one for one in status.get("conditions") or () if one["type"] == kind), None)
