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
    disruption = _condition(status, "DisruptionTarget")
    if disruption is not None and disruption["status"] == "True":
        return _DISRUPTIONS.get(disruption.get("reason", ""), "Evicted")
    if status.get("reason"):
        return str(status["reason"])
    said = ended.get("reason")
    return said if said not in (None, "Error", "Completed") else None


def stranded(body: Body) -> Why | None:
    """That the pod's node does not answer, so that nobody can tell what became of it."""
    status, node = body.get("status", {}), body.get("spec", {}).get("nodeName")
    ready = _condition(status, "Ready")
    dead = ready is not None and ready["status"] != "True" and ready.get("reason") == "NodeNotReady"
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
