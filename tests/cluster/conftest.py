"""Tests on a real cluster of kind, with images built from the Dockerfile: real pods, real training, a real S3 server.

The cluster is `retrain-test`, made for these tests and taken away after them; RETRAIN_KEEP_CLUSTER=1 keeps it, and the
next tests are there in seconds. The first time takes a quarter of an hour or more: programs and images are built.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.kind_cluster import SYSTEM, Cluster, Store, stand_up, take_down, until
from support.team import USD1, Team, new_team, put_candles

Require = Callable[[object, str], None]
NAME = "retrain-test"
HOUR = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first of them waits for the cluster."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(HOUR))


def docker_answers() -> bool:
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def cluster(require: Require, pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The cluster, with the operator, the S3 server and the images in it."""
    require(sys.platform == "linux", "the cluster of these tests needs Linux")
    was_running = docker_answers()
    can_start = os.geteuid() == 0 and bool(shutil.which("dockerd"))
    require(was_running or can_start, "no docker daemon answers, and only root can start one (docker.io on Debian)")
    # It takes minutes and says what it does: people should see it.
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        cluster = stand_up(NAME)
    yield cluster
    if os.environ.get("RETRAIN_KEEP_CLUSTER") != "1":
        take_down(NAME, docker_too=not was_running)


@pytest.fixture(scope="session")
def store(cluster: Cluster) -> Iterator[Store]:
    """The S3 server, from outside, with the feature files in it."""
    if not USD1.exists():
        pytest.skip(f"{USD1.name} may not be copied into the project and is not beside it")
    with Store(cluster) as store:
        put_candles(store)
        yield store


@pytest.fixture
def team(cluster: Cluster, store: Store) -> Iterator[Team]:
    """A namespace of its own; what must never happen is looked for at its end."""
    until(cluster.leader)
    team = new_team(cluster, store, f"team-{secrets.token_hex(3)}")
    yield team
    try:
        assert "Warning" not in "".join(team.warnings), team.warnings
        no_secret_is_shown(team)
    finally:
        cluster.kubectl("delete", "namespace", team.namespace, "--wait=false")


def no_secret_is_shown(team: Team) -> None:
    """Neither key is in a status, an event, a Job, a pod, or a log of the pods and of the operator."""
    shown = {
        "objects": team.kubectl("get", "retrainruns,jobs,pods,events", "-o", "yaml"),
        "pods' logs": team.pods_said(lines=-1),
        "operator's log": team.cluster.kubectl(
            "logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=retrain-operator", "--tail=-1"
        ),
    }
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        for where, text in shown.items():
            assert team.store.keys[name] not in text, f"{name} is in the {where}"
