"""The operator with exactly the rights that are shipped: none is missing, and none is there for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.control_plane import ControlPlane
from support.fates import Fates, fails
from support.kubelet import Kubelet
from support.operator_process import OperatorProcess, Runs, until
from support.planning import run_document

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "manifests" / "base"
ACCOUNT = "system:serviceaccount:retrain-system:retrain-operator"
SPEED = ("--namespaces=", "--lease-namespace=retrain-system", "--resync-seconds=1", "--progress-reads-per-second=20")
Right = tuple[str, str]


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane) -> Iterator[None]:
    """Namespace, service account and roles of manifests/base."""
    files = [
        argument for name in ("namespace", "serviceaccount", "rbac") for argument in ("-f", str(BASE / f"{name}.yaml"))
    ]
    control_plane.kubectl("apply", *files)
    yield
    control_plane.kubectl("delete", "--wait=false", *files)


def granted() -> set[Right]:
    """Verb and resource of every right in the roles."""
    documents = yaml.safe_load_all((BASE / "rbac.yaml").read_text())
    rules = [rule for document in documents for rule in document.get("rules", ())]
    return {(verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


def used(plane: ControlPlane, namespace: str) -> tuple[set[Right], list[str]]:
    """Verb and resource of every request that was allowed, and every one that was not."""
    # Other tests' namespaces may be going, and their runs with them: what is made there is refused, whatever the rights.
    here = (namespace, "retrain-system", None)
    events = [
        event for event in plane.audit(ACCOUNT) if event.get("objectRef", {"namespace": ""}).get("namespace") in here
    ]
    names = {
        (event["verb"], "/".join(filter(None, [event["objectRef"]["resource"], event["objectRef"].get("subresource")])))
        for event in events
    }
    refused = [event["requestURI"] for event in events if event["responseStatus"]["code"] == 403]
    return names - {("create", "selfsubjectaccessreviews")}, refused


def drive(runs: Runs, kubelet: Kubelet, plane: ControlPlane) -> None:
    """A run that waits without a pod, is suspended, goes on, loses a Job, and ends; watches that lose something."""
    line = "Epoch 1/50: Train Loss=0.6543, Val Loss=0.6789, Val Acc=0.523, LR=0.001000"
    kubelet.fate = Fates(train=lambda task: fails(75, log=(line,), run_seconds=3600))
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    path = f"/api/v1/namespaces/{runs.namespace}/resourcequotas"
    plane.request("POST", path, quota)
    until(lambda: bool(plane.request("GET", f"{path}/none").get("status")))
    runs.create(run_document())
    runs.until("improved-lstm", lambda status: status["symbols"][0].get("reason") == "FailedCreate")
    plane.request("DELETE", f"{path}/none")
    runs.until("improved-lstm", lambda status: "progress" in status["symbols"][0])
    runs.patch("improved-lstm", {"spec": {"suspend": True}})
    runs.until_state("improved-lstm", "Suspended")
    until(lambda: not runs.jobs())
    kubelet.fate = Fates()
    runs.patch("improved-lstm", {"spec": {"suspend": False}})
    runs.until_state("improved-lstm", "Promoted")


def drive_a_schedule(plane: ControlPlane, namespace: str) -> None:
    """One makes a run, because a person asks for it, and removes it once it is over."""
    template = {"spec": run_document(promotion={"policy": "Never"})["spec"]}
    document = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {"name": "yearly", "annotations": {"retrain.crpbot.dev/trigger": "now"}},
        "spec": {"schedule": "0 3 1 1 *", "runsHistoryLimit": 0, "runTemplate": template},
    }
    path = f"/apis/retrain.crpbot.dev/v1alpha1/namespaces/{namespace}"
    plane.request("POST", f"{path}/retrainschedules", document)

    def over() -> bool:
        status = plane.request("GET", f"{path}/retrainschedules/yearly").get("status", {})
        left = plane.request("GET", f"{path}/retrainruns")["items"]
        return bool(status.get("recent")) and not any(run["metadata"]["name"].startswith("yearly-") for run in left)

    until(over)


def test_no_right_is_missing_and_none_is_never_used(
    control_plane: ControlPlane, installed: None, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    with OperatorProcess(control_plane, namespace, tmp_path, user=ACCOUNT, flags=SPEED) as operator:
        drive(Runs(control_plane, namespace), kubelet, control_plane)
        drive_a_schedule(control_plane, namespace)
        assert operator.running()
    # A watch is in the audit log once it has ended, a moment after the process.
    kinds = ("retrainruns", "retrainschedules", "jobs", "pods")
    watched = {("watch", kind) for kind in kinds}
    until(lambda: watched <= used(control_plane, namespace)[0])
    names, refused = used(control_plane, namespace)
    assert refused == [], operator.log_tail()
    assert names <= granted()
    # A single object is read only after a conflict, and where the resync finds what a watch has lost.
    after_faults = {("get", resource) for resource in kinds}
    assert granted() - names <= after_faults


RIGHT = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["watch"]}


def test_a_missing_right_is_named_and_when_granted_needs_no_restart(
    control_plane: ControlPlane, installed: None, namespace: str, tmp_path: Path
) -> None:
    role = control_plane.request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/retrain-operator")
    less = [
        rule | {"verbs": [v for v in rule["verbs"] if v != "watch"]} if "jobs" in rule["resources"] else rule
        for rule in role["rules"]
    ]
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/retrain-operator"
    control_plane.request("PATCH", path, {"rules": less}, kind="merge-patch+json")
    operator = OperatorProcess(control_plane, namespace, tmp_path, user=ACCOUNT, flags=SPEED)
    try:
        operator.start()
        until(
            lambda: "missing right: watch jobs.batch in all namespaces" in operator.get("/readyz")[1], operator.log_tail
        )
        assert operator.get("/readyz")[0] == 503
        assert "missing right: watch jobs.batch" in operator.log_tail()
        control_plane.request("PATCH", path, {"rules": role["rules"]}, kind="merge-patch+json")
        operator.until_ready()
    finally:
        operator.kill()
