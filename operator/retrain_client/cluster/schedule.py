"""A schedule on a cluster, as the API server has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from retrain_api.errors import RetrainError
from retrain_api.names import ANNOTATION_RESUME, ANNOTATION_TRIGGER
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_operator.kube.paths import one

from .connection import Body, Cluster, status_in

_MANAGERS = {ANNOTATION_TRIGGER: "retrain-trigger", ANNOTATION_RESUME: "retrain-resume"}
"""Field managers of their own, so that Flux leaves the annotations alone."""


@dataclass(frozen=True)
class ClusterSchedule:
    """A schedule as it was read from the API server: a `ScheduleHandle`."""

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

    @cached_property
    def status(self) -> RetrainScheduleStatus:
        """Its status. Raises DataError("BadStatus")."""
        return status_in(self.body, RetrainScheduleStatus)

    def annotate(self, name: str, value: str) -> None:
        """With the object's UID, so that no schedule of the same name that came since is meant."""
        fixed = {"uid": self.body["metadata"]["uid"], "annotations": {name: value}}
        path = one("schedules", self.namespace, self.name)
        self.cluster.merge(f"{path}?fieldManager={_MANAGERS[name]}", {"metadata": fixed})

    def next_step(self) -> str:
        """The operator acts on it by itself."""
        return f"The operator acts on it: kubectl -n {self.namespace} get rts {self.name} -w"


def cluster_schedule(cluster: Cluster, namespace: str, name: str) -> ClusterSchedule:
    """A schedule on `cluster`. Raises what `Cluster` raises."""
    return ClusterSchedule(cluster, cluster.get(one("schedules", namespace, name)))


def is_cluster_schedule(cluster: Cluster, namespace: str, name: str) -> bool:
    """Whether that is the name of a schedule there; False where that can't be told."""
    try:
        return bool(cluster.get(one("schedules", namespace, name)))
    except RetrainError:
        return False
