"""Schedules, runs, Jobs and pods as a 1.34 API server, its Job controller and a kubelet write them."""

from __future__ import annotations

from typing import Any

CREATED = "2026-01-05T12:00:00Z"


def run_body(uid: str = "run-1", version: str = "10", name: str = "improved-lstm", **meta: Any) -> dict[str, Any]:
    """A run as it is stored."""
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": name, "namespace": "team", "uid": uid, "resourceVersion": version, "generation": 1} | meta,
        "spec": {
            "symbols": ["BTC-USD"],
            "data": {"uri": "s3://bucket/features/"},
            "artifacts": {"uri": "s3://bucket/models/"},
            "preflight": "Never",
        },
    }


def schedule_body(
    uid: str = "schedule-1",
    version: str = "5",
    name: str = "every-saturday",
    status: dict[str, Any] | None = None,
    **meta: Any,
) -> dict[str, Any]:
    """A schedule as it is stored."""
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {"name": name, "namespace": "team", "uid": uid, "resourceVersion": version, "generation": 1} | meta,
        "spec": {"schedule": "0 3 * * 6", "runTemplate": {"spec": run_body()["spec"]}},
        "status": status or {},
    }


def child_body(
    owner: str | None = "schedule-1", label: str | None = "every-saturday", state: str = "Pending", **run: Any
) -> dict[str, Any]:
    """A run that this schedule controls, and that bears its label."""
    owners = [{"kind": "RetrainSchedule", "name": "every-saturday", "uid": owner, "controller": True}] if owner else []
    labels = {"retrain.crpbot.dev/schedule": label} if label else {}
    fields = {"name": "every-saturday-202611280300", "creationTimestamp": CREATED} | run
    return run_body(ownerReferences=owners, labels=labels, **fields) | {"status": {"state": state}}


def job_body(
    status: dict[str, Any] | None = None,
    uid: str = "job-1",
    version: str = "20",
    owner: str = "run-1",
    spec: dict[str, Any] | None = None,
    labels: dict[str, str] | None = None,
    **meta: Any,
) -> dict[str, Any]:
    """A train Job of BTC-USD."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "improved-lstm-train-btc-usd-12345678",
            "namespace": "team",
            "uid": uid,
            "resourceVersion": version,
            "creationTimestamp": CREATED,
            "labels": {
                "app.kubernetes.io/managed-by": "retrain-operator",
                "retrain.crpbot.dev/phase": "train",
                "retrain.crpbot.dev/symbol": "BTC-USD",
            }
            | (labels or {}),
            "annotations": {"retrain.crpbot.dev/key": "k1", "retrain.crpbot.dev/template": "t1"},
            "ownerReferences": [
                {"apiVersion": "retrain.crpbot.dev/v1alpha1", "kind": "RetrainRun", "uid": owner, "controller": True}
            ],
        }
        | meta,
        "spec": {"completions": 1, "parallelism": 1, "template": {"spec": {"containers": []}}} | (spec or {}),
        "status": status or {},
    }


def pod_body(
    status: dict[str, Any] | None = None,
    uid: str = "pod-1",
    version: str = "30",
    job: str = "job-1",
    node: str | None = "node-a",
    **meta: Any,
) -> dict[str, Any]:
    """A pod of that Job."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"improved-lstm-train-btc-usd-12345678-{uid}",
            "namespace": "team",
            "uid": uid,
            "resourceVersion": version,
            "creationTimestamp": CREATED,
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "uid": job, "controller": True}],
        }
        | meta,
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": "Pending"} | (status or {}),
    }


def container(**state: Any) -> list[dict[str, Any]]:
    """containerStatuses with the trainer in that state."""
    return [{"name": "trainer", "image": "registry.example/trainer:1", "state": state}]
