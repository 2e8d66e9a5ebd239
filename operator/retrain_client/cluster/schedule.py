"""A schedule on a cluster, as the API server has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.errors import DataError, RetrainError
from retrain_api.names import ANNOTATION_RESUME, ANNOTATION_TRIGGER, GROUP, SCHEDULE_PLURAL, VERSION
from retrain_api.status.schedule import RetrainScheduleStatus

from .connection import Body, Cluster

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
        try:
            return RetrainScheduleStatus.model_validate(self.body.get("status") or {})
        except ValidationError:
            raise DataError(
                reasons.BAD_STATUS,
                f"The status of {self.name} is not one that this release can read; use the operator's release.",
            ) from None

    def annotate(self, name: str, value: str) -> None:
        """With the object's UID, so that no schedule of the same name that came since is meant."""
        fixed = {"uid": self.body["metadata"]["uid"], "annotations": {name: value}}
        self.cluster.merge(f"{_path(self.namespace, self.name)}?fieldManager={_MANAGERS[name]}", {"metadata": fixed})

    def next_step(self) -> str:
        """The operator acts on it by itself."""
        return f"The operator acts on it: kubectl -n {self.namespace} get rts {self.name} -w"


def cluster_schedule(cluster: Cluster, namespace: str, name: str) -> ClusterSchedule:
    """A schedule on `cluster`. Raises what `Cluster` raises."""
    return ClusterSchedule(cluster, cluster.get(_path(namespace, name)))


def is_cluster_schedule(cluster: Cluster, namespace: str, name: str) -> bool:
    """Whether that is the name of a schedule there; False where that can't be told."""
    try:
        return bool(cluster.get(_path(namespace, name)))
    except RetrainError:
        return False


def _path(namespace: str, name: str) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{SCHEDULE_PLURAL}/{name}"
