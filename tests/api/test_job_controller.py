"""The Job controller of the planning tests writes what the real one writes: the same Jobs, the same fates, both compared.

A fake that is kinder than Kubernetes proves nothing: a Job's counters, the order of its conditions, which pods come and
when they may go are read from both after every step.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from support import pod_status
from support.control_plane import PATIENCE, ApiRefusal, ControlPlane
from support.fake_api import collection
from support.fake_cluster import FakeCluster
from support.job_controller import INDEX, has_ended, index_of
from support.local_run import until
from support.planning import KILLED, at_phase, failed
from support.pod_status import Ended
from support.results import INTERRUPTED

Body = Mapping[str, Any]
NO_GPU, BROKEN, STOPPED, DONE = failed("NoGPU", "no GPU", 78), failed("Bug", "oh", 70), Ended(75, INTERRUPTED), Ended()


class World(Protocol):
    """Where a Job of three indexes, or of one pod, lives."""

    def job(self) -> Body: ...
    def pods(self) -> list[Body]: ...
    def report(self, pod: Body, status: Body) -> None: ...
    def bind(self, pod: Body) -> None: ...
    def delete_pod(self, pod: Body) -> None: ...
    def gone(self, pod: Body) -> None: ...
    def suspend(self, suspended: bool) -> None: ...
    def delete(self) -> None: ...
    def later(self, seconds: float) -> None: ...
    def time(self) -> str: ...


class Pretended:
    """In memory."""

    def __init__(self, manifest: Body) -> None:
        self.cluster = FakeCluster()
        self.name = self.cluster.put({**manifest, "metadata": {**manifest["metadata"], "namespace": "team"}})[
            "metadata"
        ]["name"]
        self.path = f"{collection('jobs', 'team')}/{self.name}"

    def job(self) -> Body:
        self.cluster.controllers()
        return self.cluster.objects.get(self.path, {})

    def pods(self) -> list[Body]:
        return self.cluster.pods(self.name) if self.job() else []

    def report(self, pod: Body, status: Body) -> None:
        self.cluster.report(pod, status)

    def bind(self, pod: Body) -> None:
        self.cluster.bind(pod)

    def delete_pod(self, pod: Body) -> None:
        self.cluster.delete_pod(pod)

    def gone(self, pod: Body) -> None:
        """Nothing to do: the pretended kubelet's last delete is the collector's."""

    def suspend(self, suspended: bool) -> None:
        self.cluster.edit(self.path, {"spec": {"suspend": suspended}})

    def delete(self) -> None:
        self.cluster.mark(self.path)

    def later(self, seconds: float) -> None:
        self.cluster.to(self.cluster.now + timedelta(seconds=seconds))

    def time(self) -> str:
        return self.cluster.clock()


class Real:
    """On the control plane; the test is the kubelet."""

    def __init__(self, plane: ControlPlane, namespace: str, manifest: Body) -> None:
        self.plane, self.core = plane, f"/api/v1/namespaces/{namespace}/pods"
        jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        body = {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
        self.path = f"{jobs}/{plane.request('POST', jobs, body)['metadata']['name']}"

    def job(self) -> Body:
        try:
            return dict(self.plane.request("GET", self.path))
        except ApiRefusal as refusal:
            if refusal.status != 404:
                raise
            return {}

    def pods(self) -> list[Body]:
        return list(self.plane.request("GET", self.core)["items"])

    def report(self, pod: Body, status: Body) -> None:
        path = f"{self.core}/{pod['metadata']['name']}/status"
        self.plane.request("PATCH", path, {"status": status}, "kubelet", "strategic-merge-patch+json")

    def bind(self, pod: Body) -> None:
        if "nodeName" not in pod["spec"]:
            target = {"apiVersion": "v1", "kind": "Node", "name": pod_status.NODE}
            body = {"metadata": {"name": pod["metadata"]["name"]}, "target": target}
            self.plane.request("POST", f"{self.core}/{pod['metadata']['name']}/binding", body, "kubelet")

    def delete_pod(self, pod: Body, **options: int) -> None:
        with contextlib.suppress(ApiRefusal):
            self.plane.request("DELETE", f"{self.core}/{pod['metadata']['name']}", options)

    def gone(self, pod: Body) -> None:
        self.delete_pod(pod, gracePeriodSeconds=0)

    def suspend(self, suspended: bool) -> None:
        self.plane.request("PATCH", self.path, {"spec": {"suspend": suspended}}, kind="merge-patch+json")

    def delete(self) -> None:
        self.plane.request("DELETE", self.path, {"propagationPolicy": "Foreground"})

    def later(self, seconds: float) -> None:
        """It goes by without us."""

    def time(self) -> str:
        return pod_status.timestamp(datetime.now(UTC))


def pod_of(world: World, index: int) -> Body:
    """The one pod of an index that has not ended."""
    (pod,) = (pod for pod in world.pods() if index_of(pod) == index and not has_ended(pod))
    return pod


def run(world: World, *indexes: int) -> None:
    for index in indexes:
        world.bind(pod_of(world, index))
        world.report(pod_of(world, index), pod_status.running(pod_of(world, index), world.time()))


def end(world: World, index: int, how: Ended) -> None:
    pod = pod_of(world, index)
    world.bind(pod)
    world.report(pod, pod_status.ended(pod, how, world.time()))
    if "deletionTimestamp" in pod["metadata"]:
        world.gone(pod)


Steps = Generator[str, None, None]


def all_pending(world: World) -> Steps:
    yield "all pods pending"
    world.report(pod_of(world, 1), pod_status.unschedulable("no node", world.time()))
    yield "one unschedulable"
    run(world, 0)
    yield "one runs"


def all_succeed(world: World) -> Steps:
    run(world, 0, 1, 2)
    yield "all run"
    end(world, 2, DONE)
    yield "the last first"
    end(world, 0, DONE)
    yield "two of them"
    end(world, 1, DONE)
    yield "all"


def one_fails_for_good(world: World) -> Steps:
    run(world, 0, 1, 2)
    end(world, 1, NO_GPU)
    yield "one index failed, the others go on"
    end(world, 0, DONE)
    end(world, 2, DONE)
    yield "the others succeeded"


def all_fail(world: World) -> Steps:
    for index in range(3):
        end(world, index, NO_GPU)
    yield "all failed"


def deadline_with_one_done(world: World) -> Steps:
    run(world, 0, 1)
    end(world, 0, DONE)
    world.later(5)
    yield "two are asked to end, one of them never ran"
    end(world, 1, STOPPED)
    yield "it has ended"


def pod_deleted(world: World) -> Steps:
    run(world, 0, 1, 2)
    world.delete_pod(pod_of(world, 1))
    yield "it is not replaced while it ends"
    # Until its replacement comes, the real controller does not write that it has ended.
    end(world, 1, STOPPED)
    world.later(10)
    yield "it is not counted, and replaced"


def suspended(world: World) -> Steps:
    yield "no node takes it"
    world.suspend(True)
    yield "its pod is gone"
    world.suspend(False)
    yield "it goes on"
    run(world, 0)
    yield "it runs"
    world.suspend(True)
    yield "its pod is asked to end"
    end(world, 0, STOPPED)
    yield "it is suspended"
    world.suspend(False)
    world.later(10)
    yield "it goes on"
    end(world, 0, DONE)
    yield "it is complete"


def permanent(world: World) -> Steps:
    end(world, 0, NO_GPU)
    yield "it failed"


def exhausted(world: World) -> Steps:
    run(world, 0)
    end(world, 0, KILLED)
    yield "it waits for its next pod"
    world.later(10)
    yield "it is tried again"
    end(world, 0, BROKEN)
    yield "it failed"


def disrupted(world: World) -> Steps:
    run(world, 0)
    world.report(pod_of(world, 0), pod_status.disrupted("EvictionByEvictionAPI", world.time()))
    world.delete_pod(pod_of(world, 0))
    end(world, 0, Ended(143))
    yield "it is not counted"


def deleted(world: World) -> Steps:
    run(world, 0)
    world.delete()
    yield "it waits for its pod"
    end(world, 0, STOPPED)
    yield "it is gone"


def deleted_before_a_node_took_it(world: World) -> Steps:
    yield "it waits"
    world.delete()
    yield "it is gone"


SCENARIOS: list[tuple[Callable[[World], Steps], str, dict[str, Any]]] = [
    (all_pending, "evaluate", {}),
    (all_succeed, "evaluate", {}),
    (one_fails_for_good, "evaluate", {}),
    (all_fail, "evaluate", {}),
    (deadline_with_one_done, "evaluate", {"activeDeadlineSeconds": 5}),
    (pod_deleted, "evaluate", {}),
    (suspended, "train", {}),
    (permanent, "train", {}),
    (exhausted, "train", {"backoffLimit": 1}),
    (disrupted, "train", {"backoffLimit": 0}),
    (deleted, "train", {}),
    (deleted_before_a_node_took_it, "train", {}),
]


@pytest.fixture(scope="module")
def node(control_plane: ControlPlane) -> Iterator[None]:
    """A node, without which the pod garbage collector takes its pods away."""
    control_plane.request("POST", "/api/v1/nodes", {"metadata": {"name": pod_status.NODE}})
    yield
    control_plane.request("DELETE", f"/api/v1/nodes/{pod_status.NODE}")


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(("scenario", "phase", "spec"), SCENARIOS, ids=[case[0].__name__ for case in SCENARIOS])
def test_both_controllers_write_the_same(
    control_plane: ControlPlane, namespace: str, scenario: Callable[[World], Steps], phase: str, spec: dict[str, Any]
) -> None:
    cluster, job = at_phase(phase, **{phase: spec} if spec else {})
    made = cluster.manifests[job.name]
    meta = {name: made["metadata"][name] for name in ("name", "labels", "annotations")}
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": made["spec"]}
    pretended, real = Pretended(manifest), Real(control_plane, namespace, manifest)
    until(lambda: seen(real) == seen(pretended), "both made their pods")
    for said, _ in zip(scenario(pretended), scenario(real), strict=True):
        wanted, given_up = seen(pretended), time.monotonic() + PATIENCE
        while (found := seen(real)) != wanted and time.monotonic() < given_up:
            time.sleep(0.05)
        assert found == wanted, said


def seen(world: World) -> dict[str, Any]:
    """What a Job and its pods say, without names and times."""
    job = world.job()
    status = job.get("status", {})
    counts = {name: status.get(name, 0) for name in ("active", "ready", "terminating", "succeeded", "failed")}
    texts = {name: status.get(name, "") for name in ("completedIndexes", "failedIndexes")}
    conditions = [
        (one["type"], one["status"], one["reason"], re.sub(r"pod \S+", "pod", one["message"]))
        for one in status.get("conditions", ())
    ]
    times = {name: name in status for name in ("startTime", "completionTime")}
    pods = sorted(
        (
            pod["metadata"].get("annotations", {}).get(INDEX, ""),
            pod["status"]["phase"],
            "deletionTimestamp" in pod["metadata"],
            bool(pod["metadata"].get("finalizers")),
            sorted(name for name in pod["metadata"].get("annotations", {}) if "failure-count" in name),
        )
        for pod in world.pods()
    )
    marked = "deletionTimestamp" in job.get("metadata", {})
    return {"there": bool(job), "going": marked, "conditions": conditions, "pods": pods} | counts | texts | times
