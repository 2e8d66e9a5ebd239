"""Finds the run that a name stands for: first among those of this machine, then on the cluster of the kubeconfig.

Most people have both, and one name for a run in mind; a context or a kubeconfig says that only the cluster is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from retrain_api.errors import NotFoundError, RetrainError

from .cluster.connection import Cluster, is_configured
from .cluster.run import cluster_run, cluster_runs
from .handle import RunHandle
from .local.run import local_run, local_runs

DEFAULT_NAMESPACE = "default"


def find_run(
    name: str,
    state_dir: Path,
    namespace: str | None = None,
    context: str | None = None,
    kubeconfig: Path | None = None,
) -> RunHandle:
    """The run `name`. Raises NotFoundError, which says where it looked, and whatever the cluster refuses."""
    not_here = None
    if not (context or kubeconfig):
        try:
            return local_run(state_dir, namespace or DEFAULT_NAMESPACE, name)
        except NotFoundError as error:
            not_here = error
            if not is_configured():
                raise
    cluster = Cluster(kubeconfig, context)
    try:
        return cluster_run(cluster, namespace or cluster.namespace(), name)
    except RetrainError as error:
        searched = [not_here.message] if not_here else []
        raise type(error)(error.reason, "\n".join([*searched, error.message])) from None


def find_runs(
    state_dir: Path, namespace: str | None = None, context: str | None = None, kubeconfig: Path | None = None
) -> Sequence[RunHandle]:
    """The runs of this machine or, where a context or a kubeconfig is given, those of a namespace of that cluster."""
    if not (context or kubeconfig):
        return local_runs(state_dir, namespace)
    cluster = Cluster(kubeconfig, context)
    return cluster_runs(cluster, namespace or cluster.namespace())
