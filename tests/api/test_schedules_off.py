"""An operator that is newer than what is installed around it: it works on runs, says that schedules are off and why, and turns them on
by itself once definition and rights are there. An upgrade from the first release goes through all of these in turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.control_plane import ControlPlane
from support.fates import Fates
from support.kubelet import Kubelet
from support.operator_process import OperatorProcess, Runs, until
from support.planning import run_document

ROOT = Path(__file__).resolve().parents[2]
RUNS, SCHEDULES = (ROOT / "crds" / f"{name}.yaml" for name in ("retrainruns", "retrainschedules"))
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
FLAGS = ("--namespaces=", "--resync-seconds=1", "--no-leader-election")
FIRST_RELEASE = [
    {"apiGroups": ["retrain.crpbot.dev"], "resources": ["retrainruns"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["retrain.crpbot.dev"], "resources": ["retrainruns/status"], "verbs": ["patch"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch", "create", "delete"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "create"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
]
FOR_SCHEDULES = [
    {"apiGroups": ["retrain.crpbot.dev"], "resources": ["retrainschedules"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["retrain.crpbot.dev"], "resources": ["retrainschedules/status"], "verbs": ["patch"]},
    {"apiGroups": ["retrain.crpbot.dev"], "resources": ["retrainruns"], "verbs": ["create", "delete"]},
]


@pytest.fixture(scope="module")
def control_plane(kube_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With the definition of runs alone, and a user `operator` that has the rights of the first release."""
    plane = ControlPlane(kube_binaries, tmp_path_factory.mktemp("schedules-off"))
    try:
        plane.start(crds=[RUNS])
        plane.request("POST", ROLES, {"metadata": {"name": "operator"}, "rules": FIRST_RELEASE})
        subject = {"kind": "User", "name": "operator", "apiGroup": "rbac.authorization.k8s.io"}
        role = {"kind": "ClusterRole", "name": "operator", "apiGroup": "rbac.authorization.k8s.io"}
        bound = {"metadata": {"name": "operator"}, "subjects": [subject], "roleRef": role}
        plane.request("POST", ROLES.replace("roles", "rolebindings"), bound)
        yield plane
    finally:
        plane.stop()


def grant(plane: ControlPlane, *rules: dict[str, Any]) -> None:
    plane.request("PATCH", f"{ROLES}/operator", {"rules": [*FIRST_RELEASE, *rules]}, kind="merge-patch+json")


def schedule_document(name: str = "every-saturday") -> dict[str, Any]:
    document = run_document()
    return {
        "apiVersion": document["apiVersion"],
        "kind": "RetrainSchedule",
        "metadata": {"name": name},
        "spec": {"schedule": "0 3 * * 6", "runTemplate": {"spec": document["spec"]}},
    }


def path(namespace: str, name: str = "") -> str:
    root = f"/apis/retrain.crpbot.dev/v1alpha1/namespaces/{namespace}/retrainschedules"
    return f"{root}/{name}" if name else root


def notes(operator: OperatorProcess) -> str:
    """What /readyz says beside that it is ready."""
    status, text = operator.get("/readyz")
    return "; ".join(json.loads(text).get("notes", ())) if status == 200 else ""


def until_noted(operator: OperatorProcess, *words: str) -> None:
    until(lambda: all(word in notes(operator) for word in words), lambda: f"{notes(operator)}\n{operator.log_tail()}")


def until_on(operator: OperatorProcess) -> None:
    until(lambda: operator.metric("retrain_schedules_on ") == 1.0, operator.log_tail)
    assert notes(operator) == ""


def state(plane: ControlPlane, namespace: str) -> str:
    schedule = plane.request("GET", path(namespace, "every-saturday"))
    return str(schedule.get("status", {}).get("state", ""))


def test_an_upgrade_from_the_first_release_turns_schedules_on_without_a_restart(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    kubelet.fate = Fates()
    with OperatorProcess(control_plane, namespace, tmp_path, user="operator", flags=FLAGS) as operator:
        until_noted(operator, "schedules: off", "the CRD retrainschedules.retrain.crpbot.dev is not installed")
        assert operator.metric("retrain_schedules_on ") == 0.0
        runs = Runs(control_plane, namespace)
        runs.create(run_document())
        runs.until_state("improved-lstm", "Promoted", explain=operator.log_tail)

        control_plane.kubectl("apply", "--server-side", "-f", str(SCHEDULES))
        control_plane.establish("-f", str(SCHEDULES))
        until_noted(operator, "missing right: list retrainschedules.retrain.crpbot.dev in all namespaces")
        until_noted(operator, "missing right: create retrainruns.retrain.crpbot.dev in all namespaces")
        control_plane.request("POST", path(namespace), schedule_document())

        grant(control_plane, *FOR_SCHEDULES)
        until_on(operator)
        until(lambda: state(control_plane, namespace) == "Active", operator.log_tail)
        assert operator.running()
        log = operator.log.read_text()
    # Said once for each reason, whatever the number of resyncs.
    off = [line.split("schedules: ", 1)[1] for line in log.splitlines() if "schedules: off" in line]
    assert len(off) == len(set(off)) >= 2, off
    assert log.count("schedules: on") == 1


def test_where_the_definition_is_taken_away_runs_go_on_and_it_may_come_back(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    kubelet.fate = Fates()
    grant(control_plane, *FOR_SCHEDULES)
    install = ("apply", "--server-side", "-f", str(SCHEDULES))
    control_plane.kubectl(*install)
    control_plane.establish("-f", str(SCHEDULES))
    with OperatorProcess(control_plane, namespace, tmp_path, user="operator", flags=FLAGS) as operator:
        until_on(operator)
        control_plane.kubectl("delete", "-f", str(SCHEDULES))
        until_noted(operator, "schedules: off")
        runs = Runs(control_plane, namespace)
        runs.create(run_document())
        runs.until_state("improved-lstm", "Promoted", explain=operator.log_tail)
        control_plane.kubectl(*install)
        control_plane.establish("-f", str(SCHEDULES))
        until_on(operator)
        control_plane.request("POST", path(namespace), schedule_document())
        until(lambda: state(control_plane, namespace) == "Active", operator.log_tail)
        assert operator.running()
