"""Tests on a real Kubernetes API: what they may use.

`control_plane`: a support.control_plane.ControlPlane for the whole session, with the CRDs. `namespace`: a fresh one for
each test, in which pods can be made. `kubelet`: a support.kubelet.Kubelet that runs the pods of that namespace. See
those modules for what can be done with them.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.clocked_operator import MODULE, ForwardClock
from support.control_plane import PATIENCE, ControlPlane
from support.fates import Fates
from support.kubelet import Kubelet
from support.life import Life
from support.operator_process import OperatorProcess
from support.schedule_life import Schedules

ROOT = Path(__file__).resolve().parents[2]
Require = Callable[[object, str], None]


@pytest.fixture(scope="session")
def kube_binaries(require: Require) -> Path:
    """The folder of the control plane's programs."""
    require(sys.platform == "linux", "these tests start a control plane, which runs on Linux")
    require(shutil.which("openssl"), "openssl is not installed; it makes the control plane's certificate")
    done = subprocess.run([ROOT / "scripts" / "kube_binaries.sh"], stdout=subprocess.PIPE, text=True)
    require(done.returncode == 0, "scripts/kube_binaries.sh could not get the control plane's programs, see above")
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def control_plane(kube_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd, API server and controllers, with the CRDs established."""
    plane = ControlPlane(kube_binaries, tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start(crds=sorted((ROOT / "crds").glob("retrain*.yaml")))
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """The name of a new namespace with its default service account; deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    end = time.monotonic() + PATIENCE
    while not control_plane.has_account(name):
        assert time.monotonic() < end, "the controller manager made no service account"
        time.sleep(0.02)
    yield name
    # In the background: its end takes seconds, and the next test has a namespace of its own.
    control_plane.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def kubelet(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[Kubelet]:
    """A node for the pods of `namespace`: with the fake trainer, or with fates that the test sets."""
    kubelet = Kubelet(control_plane, tmp_path / "kubelet", {namespace})
    kubelet.start()
    yield kubelet
    kubelet.stop()


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """An operator for all namespaces, shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("operator")
    flags = ("--namespaces=", "--lease-namespace=default", "--progress-reads-per-second=20")
    with OperatorProcess(control_plane, "default", folder, flags=flags) as operator:
        yield operator
        assert operator.running(), operator.log_tail()
        operator.stop()


@pytest.fixture
def life(control_plane: ControlPlane, namespace: str, kubelet: Kubelet, operator: OperatorProcess) -> Life:
    """A namespace in which a run can live, its pods succeeding at once."""
    kubelet.fate = Fates()
    return Life(control_plane, namespace, kubelet, operator)


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> ForwardClock:
    """The clock of `clocked_operator`; the tests of a module set it forward."""
    return ForwardClock(tmp_path_factory.mktemp("clock") / "ahead")


@pytest.fixture(scope="module")
def clocked_operator(
    control_plane: ControlPlane, clock: ForwardClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator for all namespaces that goes by `clock`, shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("clocked-operator")
    # A timer counts by the machine's clock; the lists look what has become due by this one.
    flags = ("--namespaces=", "--no-leader-election", "--resync-seconds=1")
    with OperatorProcess(
        control_plane, "default", folder, flags=flags, module=MODULE, environ=clock.environ
    ) as operator:
        yield operator
        assert operator.running(), operator.log_tail()


@pytest.fixture
def schedules(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, clocked_operator: OperatorProcess
) -> Schedules:
    """A namespace for schedules, the pods of whose runs succeed at once."""
    kubelet.fate = Fates()
    return Schedules(control_plane, namespace, clocked_operator.log_tail)
