"""Two replicas: one writes, the other takes over; what a leader writes who lost its Lease changes nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.control_plane import ControlPlane
from support.fates import Fates, succeeds
from support.kubelet import Kubelet
from support.life import NAME, Life
from support.operator_process import OperatorProcess, Runs, until
from support.planning import run_document, trained

FLAGS = ("--lease-seconds=3", "--resync-seconds=2")
WRITES = ("create", "update", "patch", "delete")


@contextmanager
def replicas(plane: ControlPlane, namespace: str, folder: Path) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """A leader and a standby, each under a user of its own so that the audit log tells them apart."""
    first, second = (
        OperatorProcess(
            plane, namespace, folder, user=account(plane, namespace, name), flags=(*FLAGS, f"--identity={name}")
        )
        for name in ("first", "second")
    )
    with first:
        first.until_leading()
        with second:
            yield first, second


def account(plane: ControlPlane, namespace: str, name: str) -> str:
    """A service account that may do everything."""
    user = f"system:serviceaccount:{namespace}:{name}"
    plane.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    binding = {
        "metadata": {"name": f"{namespace}-{name}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    plane.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    return user


def written(plane: ControlPlane, user: str) -> list[dict[str, Any]]:
    """What a replica changed, the Lease apart."""
    return [
        event
        for event in plane.audit(user)
        if event["verb"] in WRITES
        and event["responseStatus"]["code"] < 300
        and event["objectRef"]["resource"] in ("jobs", "retrainruns")
    ]


def holding(kubelet: Kubelet) -> threading.Event:
    """Trainings that end well once the event is set."""
    release = threading.Event()
    kubelet.fate = Fates(train=lambda task: succeeds(trained(task), hold=release))
    return release


def test_one_leads_and_the_other_writes_nothing(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    kubelet.fate = Fates()
    with replicas(control_plane, namespace, tmp_path) as (first, second):
        life = Life(control_plane, namespace, kubelet, first)
        life.create()
        life.ends("Promoted")
        assert second.get("/readyz")[0] == 200, "a standby is ready too: it could take over"
        assert (first.metric("retrain_is_leader "), second.metric("retrain_is_leader ")) == (1.0, 0.0)
        promoted = 'retrain_runs{state="Promoted"}'
        until(lambda: first.metric(promoted) == 1.0)
        assert promoted not in second.get("/metrics")[1], "a sum over both counts the run once"
        assert second.metric("retrain_queue_depth ") == 0.0
    assert written(control_plane, first.user)
    assert written(control_plane, second.user) == []


def test_the_stand_by_takes_over_from_a_killed_leader_and_nothing_is_made_twice(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    release = holding(kubelet)
    with replicas(control_plane, namespace, tmp_path) as (first, second):
        life = Life(control_plane, namespace, kubelet, second)
        life.create()
        life.until(lambda status: status.get("state") == "Training")
        first.kill()
        second.until_leading()
        release.set()
        status = life.ends("Promoted")
    assert status["trained"] == "3/3"
    assert set(Counter(life.made()).values()) == {1}
    assert len(life.made()) == 5


def test_one_that_is_asked_to_stop_leaves_the_lease_to_the_other(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    release = holding(kubelet)
    with replicas(control_plane, namespace, tmp_path) as (first, second):
        life = Life(control_plane, namespace, kubelet, second)
        life.create()
        life.until(lambda status: status.get("state") == "Training")
        assert first.stop() == 0
        lease = control_plane.request(
            "GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/retrain-operator"
        )
        assert lease["spec"].get("holderIdentity") in (None, "", "second")
        second.until_leading()
        release.set()
        life.ends("Promoted")
    assert set(Counter(life.made()).values()) == {1}


def test_a_leader_that_was_frozen_past_its_lease_changes_nothing_when_it_wakes(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    release = holding(kubelet)
    with replicas(control_plane, namespace, tmp_path) as (first, second):
        life = Life(control_plane, namespace, kubelet, second)
        life.create()
        life.until(lambda status: status.get("state") == "Training")
        first.freeze()
        before = len(written(control_plane, first.user))
        second.until_leading()
        life.change(training={"epochs": 7})
        release.set()
        life.ends("Promoted")
        end = life.runs.get(NAME)
        first.wake()
        until(lambda: not first.running(), first.log_tail)
        assert first.process is not None
        assert first.process.returncode == 1, "it starts again as a standby"
        assert len(written(control_plane, first.user)) == before
        assert life.runs.get(NAME)["metadata"]["resourceVersion"] == end["metadata"]["resourceVersion"]
    assert set(Counter(life.made()).values()) == {1}


def test_a_leader_whose_lease_is_given_to_another_by_hand_stops(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    kubelet.fate = Fates()
    with OperatorProcess(control_plane, namespace, tmp_path, flags=FLAGS) as operator:
        operator.until_leading()
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/retrain-operator"
        control_plane.request("PATCH", path, {"spec": {"holderIdentity": "somebody"}}, kind="merge-patch+json")
        until(lambda: not operator.running(), operator.log_tail)
        assert operator.process is not None
        assert operator.process.returncode == 1
        assert "somebody" in operator.log_tail()
        Runs(control_plane, namespace).create(run_document())
        assert Runs(control_plane, namespace).jobs() == []
