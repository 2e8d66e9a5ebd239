"""A run on a cluster, as the API server has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from retrain_api import reasons
from retrain_api.errors import SoftwareError
from retrain_api.names import ANNOTATION_RERUN, ANNOTATION_RETRY
from retrain_api.reasons.store import CONFLICT
from retrain_api.status.run import RetrainRunStatus
from retrain_client.tasks import TaskRun
from retrain_operator.kube.paths import collection, one

from .connection import Body, Cluster, status_in
from .logs import cluster_tasks, read_log

_MANAGERS = {ANNOTATION_RETRY: "retrain-retry", ANNOTATION_RERUN: "retrain-rerun"}

_TRIES = 5
"""How often an annotation is written again because the object changed in between."""


@dataclass(frozen=True)
class ClusterRun:
    """A run as it was read from the API server: a `RunHandle`."""

    cluster: Cluster
    body: Body

    @property
    def name(self) -> str:
        """metadata.name."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return str(self.body["metadata"]["namespace"])

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its spec, with all defaults."""
        return dict(self.body["spec"])

    @cached_property
    def status(self) -> RetrainRunStatus:
        """Its status. Raises DataError("BadStatus")."""
        return status_in(self.body, RetrainRunStatus)

    @property
    def is_current(self) -> bool:
        """Whether the operator has seen the present spec."""
        return bool(self.status.observed_generation == self.body["metadata"].get("generation"))

    def user(self) -> str:
        """The name by which the API server knows the caller."""
        return self.cluster.user()

    def annotate(self, name: str, value: str) -> None:
        """With the object's resourceVersion, so that what is answered is what was read, and with a field manager of its own,
        so that Flux leaves it alone.
        """
        manager = _MANAGERS.get(name, "retrain-approval")
        meta, digest = self.body["metadata"], _digest(self.body)
        path = one("runs", meta["namespace"], meta["name"])
        for _ in range(_TRIES):
            fixed = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"], "annotations": {name: value}}
            try:
                self.cluster.merge(f"{path}?fieldManager={manager}", {"metadata": fixed})
                return
            except SoftwareError as error:
                if error.reason != CONFLICT:
                    raise
            body = self.cluster.get(path)
            if body["metadata"]["uid"] != meta["uid"] or _digest(body) != digest:
                break
            meta = body["metadata"]
        raise SoftwareError(reasons.JUDGEMENT_CHANGED, f"{self.name} has changed in the meantime; look at it again.")

    def tasks(self) -> list[TaskRun]:
        """The last pod of each task. Raises what `Cluster` raises."""
        return cluster_tasks(self.cluster, self.namespace, self.name)

    def log(self, task: TaskRun) -> str | None:
        """From the pod's node. Raises what `Cluster` raises."""
        return read_log(self.cluster, self.namespace, task.source)

    def next_step(self) -> str:
        """The operator acts on it by itself."""
        return f"The operator acts on it: kubectl -n {self.namespace} get retrainrun {self.name} -w"


def cluster_run(cluster: Cluster, namespace: str, name: str) -> ClusterRun:
    """A run on `cluster`. Raises what `Cluster` raises."""
    return ClusterRun(cluster, cluster.get(one("runs", namespace, name)))


def cluster_runs(cluster: Cluster, namespace: str) -> list[ClusterRun]:
    """All runs of a namespace, by name. Raises what `Cluster` raises."""
    return [ClusterRun(cluster, body) for body in cluster.get(collection("runs", namespace))["items"]]


def _digest(body: Body) -> str | None:
    gate = (body.get("status") or {}).get("gate") or {}
    return gate.get("digest")
