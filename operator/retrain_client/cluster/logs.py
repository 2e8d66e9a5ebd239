"""What the pods of a run wrote, as their nodes keep it: as long as the pods are there."""

from __future__ import annotations

from urllib.parse import urlencode

from retrain_api.errors import NotFoundError, SoftwareError
from retrain_api.names import CONTAINER, LABEL_PHASE, LABEL_RUN, label_value
from retrain_client.tasks import PHASES, TaskRun, newest, symbols_of
from retrain_operator.kube.paths import OURS, collection, one

from .connection import Body, Cluster

_INDEX = "batch.kubernetes.io/job-completion-index"
_BAD_REQUEST = "BadRequest"
"""The API server's own word where a container has not started."""


def cluster_tasks(cluster: Cluster, namespace: str, run: str) -> list[TaskRun]:
    """The last pod of each task of a run. Raises what `Cluster` raises."""
    query = urlencode({"labelSelector": f"{OURS},{LABEL_RUN}={label_value(run)}"})
    pods = cluster.get(f"{collection('pods', namespace)}?{query}")["items"]
    return newest(_task(pod) for pod in pods if pod["metadata"]["labels"].get(LABEL_PHASE) in PHASES)


def _task(pod: Body) -> TaskRun:
    meta = pod["metadata"]
    index = int(meta.get("annotations", {}).get(_INDEX, 0))
    return TaskRun(
        phase=meta["labels"][LABEL_PHASE],
        symbols=symbols_of(pod["spec"], index),
        source=meta["name"],
        created=meta["creationTimestamp"],
        begun=(pod.get("status") or {}).get("phase", "Pending") != "Pending",
    )


def read_log(cluster: Cluster, namespace: str, pod: str) -> str | None:
    """The log of a pod; None where pod or log is gone. Raises whatever else `Cluster` raises."""
    try:
        return cluster.text(f"{one('pods', namespace, pod)}/log", {"container": CONTAINER})
    except NotFoundError:
        return None
    except SoftwareError as error:
        if error.reason == _BAD_REQUEST:
            return None  # its container never started, or its node has dropped it
        raise
