"""Finds the run that a name stands for: first among those of this machine, then on the cluster of the kubeconfig.

Most people have both, and one name for a run in mind; a context or a kubeconfig says that only the cluster is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from retrain_api import reasons
from retrain_api.errors import NotFoundError, RetrainError
from retrain_client.local.schedules.schedule import is_local_schedule, local_schedule

from .cluster.connection import Cluster, is_configured
from .cluster.run import cluster_run, cluster_runs
from .cluster.schedule import cluster_schedule, is_cluster_schedule
from .handle import RunHandle, ScheduleHandle
from .local.run import local_run, local_runs

DEFAULT_NAMESPACE = "default"


T = TypeVar("T")


def find_run(
    name: str,
    state_dir: Path,
    namespace: str | None = None,
    context: str | None = None,
    kubeconfig: Path | None = None,
) -> RunHandle:
    """The run `name`. Raises NotFoundError, which says where it looked, and whatever the cluster refuses."""

    def here() -> RunHandle:
        try:
            return local_run(state_dir, namespace or DEFAULT_NAMESPACE, name)
        except NotFoundError:
            if is_local_schedule(state_dir, namespace or DEFAULT_NAMESPACE, name):
                raise _is_a_schedule(name) from None
            raise

    def there(cluster: Cluster) -> RunHandle:
        place = namespace or cluster.namespace()
        try:
            return cluster_run(cluster, place, name)
        except NotFoundError:
            if is_cluster_schedule(cluster, place, name):
                raise _is_a_schedule(name) from None
            raise

    return _find(here, there, context, kubeconfig)


def find_schedule(
    name: str,
    state_dir: Path,
    namespace: str | None = None,
    context: str | None = None,
    kubeconfig: Path | None = None,
) -> ScheduleHandle:
    """The schedule `name`; looked for, and not found, as a run is."""

    def here() -> ScheduleHandle:
        return local_schedule(state_dir, namespace or DEFAULT_NAMESPACE, name)

    def there(cluster: Cluster) -> ScheduleHandle:
        return cluster_schedule(cluster, namespace or cluster.namespace(), name)

    return _find(here, there, context, kubeconfig)


def _find(here: Callable[[], T], there: Callable[[Cluster], T], context: str | None, kubeconfig: Path | None) -> T:
    not_here = None
    if not (context or kubeconfig):
        try:
            return here()
        except NotFoundError as error:
            not_here = error
            if not is_configured() or error.reason == reasons.IS_A_SCHEDULE:
                raise
    try:
        return there(Cluster(kubeconfig, context))
    except RetrainError as error:
        searched = [not_here.message] if not_here else []
        raise type(error)(error.reason, "\n".join([*searched, error.message])) from None


def _is_a_schedule(name: str) -> NotFoundError:
    return NotFoundError(
        reasons.IS_A_SCHEDULE,
        f"{name} is a schedule, not a run: `retrain schedule status {name}` shows it, and names its runs.",
    )


def find_runs(
    state_dir: Path, namespace: str | None = None, context: str | None = None, kubeconfig: Path | None = None
) -> Sequence[RunHandle]:
    """The runs of this machine or, where a context or a kubeconfig is given, those of a namespace of that cluster."""
    if not (context or kubeconfig):
        return local_runs(state_dir, namespace)
    cluster = Cluster(kubeconfig, context)
    return cluster_runs(cluster, namespace or cluster.namespace())
