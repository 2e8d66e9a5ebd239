"""A command in a pod speaks to the pod's own cluster, unless a kubeconfig says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrain_client.cluster import connection
from retrain_client.cluster.connection import Cluster, is_configured


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The token's folder of a pod in the namespace `team`, and no kubeconfig."""
    (tmp_path / "namespace").write_text("team\n")
    monkeypatch.setattr(connection, "_POD_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setattr(connection, "_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return tmp_path


def kubeconfig(folder: Path) -> Path:
    path = folder / "config"
    path.write_text(
        'apiVersion: v1\nkind: Config\ncurrent-context: there\nclusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]\nusers: [{name: u, user: {}}]\n'
        "contexts: [{name: there, context: {cluster: c, user: u, namespace: elsewhere}}]\n"
    )
    return path


def test_in_a_pod_it_is_the_pods_namespace(pod: Path) -> None:
    assert is_configured()
    assert Cluster().namespace() == "team"


def test_a_kubeconfig_that_is_named_wins(pod: Path) -> None:
    assert Cluster(kubeconfig(pod)).namespace() == "elsewhere"


def test_a_kubeconfig_of_the_environment_wins(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(pod)))
    assert not Cluster()._is_own()


def test_elsewhere_there_is_none(pod: Path) -> None:
    (pod / "namespace").unlink()
    assert not is_configured()
