"""Tests on a real cluster of kind, with images built from the Dockerfile: real pods, real training, a real S3 server.

The cluster is `retrain-test`, made for these tests and taken away after them; RETRAIN_KEEP_CLUSTER=1 keeps it, and the
next tests are there in seconds. The first time takes a quarter of an hour or more: programs and images are built.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.kind_cluster import ROOT, SYSTEM, Cluster, Store, until
from support.team import FEATURES, SYMBOLS, Team, new_team

Require = Callable[[object, str], None]
NAME = "retrain-test"
TESTBED = ROOT / "tests" / "testbed"
IMAGES = ("retrain-operator:0.1.0", "retrain-sample-store:0.1.0", "retrain-trainer:0.1.0")
ROWS = 8_000
USD1 = ROOT.parent / "shared" / "data" / "candles_USD1-USDT_5m.parquet"
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
    environ = {**os.environ, "RETRAIN_CLUSTER": NAME}
    # It takes minutes and says what it does: people should see it.
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        for command in (
            [TESTBED / "up.sh"],
            [ROOT / "scripts" / "images.sh"],
            [TESTBED / "load.sh", *IMAGES],
            [TESTBED / "deploy.sh"],
        ):
            done = subprocess.run(command, env=environ, stdout=subprocess.DEVNULL)
            assert done.returncode == 0, f"{Path(command[0]).name} failed; it says why above"
    yield found(environ)
    if os.environ.get("RETRAIN_KEEP_CLUSTER") != "1":
        stop = [] if was_running else ["--docker"]
        subprocess.run([TESTBED / "down.sh", *stop], env=environ, check=True)


def found(environ: dict[str, str]) -> Cluster:
    """The cluster as these scripts made it."""
    binaries = subprocess.run(
        [ROOT / "scripts" / "kube_binaries.sh", "kubectl"], env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retrain-operator" / "testbed"
    return Cluster(Path(binaries.stdout.split()[-1]) / "kubectl", cache / f"kubeconfig-{NAME}", NAME)


@pytest.fixture(scope="session")
def candles() -> dict[str, bytes]:
    """Feature files of three stretches of a stablecoin's real candles, one after another, by symbol."""
    if not USD1.exists():
        pytest.skip(f"{USD1.name} may not be copied into the project and is not beside it")
    table = pq.read_table(USD1)
    first = table.num_rows - ROWS * len(SYMBOLS)
    return {symbol: as_file(table.slice(first + ROWS * k, ROWS)) for k, symbol in enumerate(SYMBOLS)}


def as_file(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def store(candles: dict[str, bytes], cluster: Cluster) -> Iterator[Store]:
    """The S3 server, from outside, with the feature files in it."""
    with Store(cluster) as store:
        for symbol, data in candles.items():
            store.put(f"{FEATURES}/candles_{symbol}_5m.parquet", data)
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
