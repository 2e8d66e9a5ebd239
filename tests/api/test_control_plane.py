"""The control plane of these tests is a real one: it stores, refuses, runs controllers, and can be restarted."""

from __future__ import annotations

import pytest
from support.control_plane import ApiRefusal, ControlPlane
from support.local_run import until


def test_the_definition_is_established(control_plane: ControlPlane) -> None:
    shown = control_plane.kubectl("get", "crd", "retrainruns.retrain.crpbot.dev", "-o", "jsonpath={.spec.names.kind}")
    assert shown.stdout == "RetrainRun"


def test_what_was_stored_survives_a_restart_of_the_api_server(control_plane: ControlPlane, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.request("POST", path, {"metadata": {"name": "kept"}, "data": {"a": "b"}})
    control_plane.stop_apiserver()
    with pytest.raises(OSError):
        control_plane.request("GET", f"{path}/kept")
    control_plane.start_apiserver()
    assert control_plane.request("GET", f"{path}/kept")["data"] == {"a": "b"}


def test_a_user_without_rights_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    with pytest.raises(ApiRefusal, match='User "someone" cannot list resource "secrets"') as caught:
        control_plane.request("GET", f"/api/v1/namespaces/{namespace}/secrets", user="someone")
    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")


def test_a_service_account_speaks_with_a_token_of_its_own(control_plane: ControlPlane, namespace: str) -> None:
    user = f"system:serviceaccount:{namespace}:default"
    shown = control_plane.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", user=user)
    assert shown.stdout == user


def test_requests_are_counted_by_user(control_plane: ControlPlane, namespace: str) -> None:
    for name in ("one", "two"):
        with pytest.raises(ApiRefusal):
            control_plane.request("GET", f"/api/v1/namespaces/{namespace}/pods/{name}", user="someone")
    mine = [event for event in control_plane.audit("someone") if event["objectRef"]["namespace"] == namespace]
    assert [event["objectRef"].get("name") for event in mine] == ["one", "two"]
    assert {event["responseStatus"]["code"] for event in mine} == {403}


def test_the_job_controller_makes_pods(control_plane: ControlPlane, namespace: str) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none.invalid/none"}]}
    job = {"metadata": {"name": "one"}, "spec": {"template": {"spec": pod}}}
    control_plane.request("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", job)
    pods = until(lambda: control_plane.request("GET", f"/api/v1/namespaces/{namespace}/pods")["items"], "a pod is made")
    assert pods[0]["metadata"]["ownerReferences"][0]["kind"] == "Job"


def test_a_quota_refuses_the_pods_of_a_job(control_plane: ControlPlane, namespace: str) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    control_plane.request("POST", path, quota)
    until(lambda: control_plane.request("GET", f"{path}/none").get("status", {}).get("hard"), "the quota is known")
    pod = {"metadata": {"name": "one"}, "spec": {"containers": [{"name": "main", "image": "none.invalid/none"}]}}
    with pytest.raises(ApiRefusal, match="exceeded quota: none"):
        control_plane.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)


def test_what_a_run_owns_goes_with_it(control_plane: ControlPlane, namespace: str) -> None:
    body = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "run"},
        "spec": {
            "symbols": ["BTC-USD"],
            "data": {"uri": "s3://bucket/features/"},
            "artifacts": {"uri": "s3://bucket/models/"},
        },
    }
    runs = f"/apis/retrain.crpbot.dev/v1alpha1/namespaces/{namespace}/retrainruns"
    run = control_plane.request("POST", runs, body)
    owner = {"apiVersion": run["apiVersion"], "kind": run["kind"], "name": "run", "uid": run["metadata"]["uid"]}
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.request("POST", maps, {"metadata": {"name": "owned", "ownerReferences": [owner]}})
    control_plane.request("DELETE", f"{runs}/run")
    until(lambda: not control_plane.request("GET", maps)["items"], "the garbage collector deletes what it owned")
