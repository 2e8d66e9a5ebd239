"""A small scheduler and kubelet for tests: a Node whose pods run as processes, or end as a test says.

    kubelet = Kubelet(plane, folder, namespaces={"team"}, environ=FAKE_TRAINER)
    kubelet.start(); kubelet.stop()            # the fixture `kubelet` does both, for the test's namespace
    kubelet.fate = lambda pod: Fate(exit_code=1)     # Fate: see support.containers; Fates: see support.fates
    kubelet.fate = None                        # the default, also where it returns None: the pod's command is run,
                                               # `python` as this Python, with kubelet.environ under the pod's own
    kubelet.environ = REAL_TRAINER             # the real trainer in place of support/fake_trainer
    kubelet.offer({"nvidia.com/gpu": 1})       # what the Node has; pods that don't fit stay Pending, Unschedulable
    kubelet.namespaces.add("other")            # whose pods it takes
    kubelet.pods["NAMESPACE/NAME"].container   # what runs there: .lines (log), Process.kill()
    kubelet.pause(); kubelet.resume()          # a node that does nothing for a while

It binds pods, reports them Pending (with the reason), Running, Succeeded or Failed, keeps their logs (`kubectl logs`
works), and stops a deleted pod: SIGTERM, its grace period, SIGKILL, the real exit code in its status, then it is gone.
Events: FailedScheduling, FailedMount, Failed. A second one needs another `name`.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support import pod_status
from support.containers import Container, Fate, Process, Scripted, Unready, environment, mounted
from support.control_plane import ApiRefusal, ControlPlane
from support.kubelet_logs import LogServer
from support.pod_status import Ended, Waits
from support.pod_watch import PodWatch

TESTS = Path(__file__).resolve().parents[1]
TICK = 0.02
RETRY = 0.3
"""Seconds until what is missing for a container is looked for again."""
STRATEGIC = "strategic-merge-patch+json"

_KEPT = re.compile(r"PATH|LANG|HOME|LD_LIBRARY_PATH|OPENBLAS_\w+")
"""What a pod gets of this machine: also how it has to compute, for another kernel of OpenBLAS rounds otherwise."""
_BARE = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
REAL_TRAINER = {**_BARE, "OMP_NUM_THREADS": "1"}
"""Environment of pods with the trainer that is installed."""
FAKE_TRAINER = {
    **REAL_TRAINER,
    "JOB_COMPLETION_INDEX": "0",
    "PYTHONPATH": os.pathsep.join([str(TESTS / "support" / "fake_trainer"), str(TESTS)]),
}
"""Environment of pods with the trainer of support/fake_trainer, which does what script.json in the artifacts says."""


@dataclass
class Work:
    """A pod on the node."""

    uid: str
    container: Container | None = None
    runs: bool = False
    """It is reported as running."""
    shown: Waits | None = None
    unfit: str | None = None
    last: dict[str, Any] | None = None
    """The status it ends with."""
    reported: bool = False
    again_at: float = 0.0


class Kubelet:
    """A Node, and the thread that does its work."""

    def __init__(
        self,
        plane: ControlPlane,
        folder: Path,
        namespaces: Iterable[str],
        environ: Mapping[str, str] = FAKE_TRAINER,
        name: str = "test-node",
    ) -> None:
        self.plane, self.folder, self.name = plane, folder, name
        self.namespaces, self.environ = set(namespaces), environ
        self.fate: Callable[[Mapping[str, Any]], Fate | None] | None = None
        self.pods: dict[str, Work] = {}
        self._capacity: dict[str, int] = {"nvidia.com/gpu": 8}
        self._stopping, self._paused = threading.Event(), threading.Event()
        self._watch = PodWatch(plane)
        self._logs = LogServer(plane.certificate, plane.key, self._lines)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Make the Node and begin."""
        self.plane.request("POST", "/api/v1/nodes", {"metadata": {"name": self.name}}, "kubelet")
        self.offer(self._capacity)
        self._watch.start()
        self._thread.start()

    def stop(self) -> None:
        """End all containers and take the Node away, with its pods. Raises what broke the kubelet meanwhile."""
        self._stopping.set()
        self._thread.join()
        self._watch.stop()
        self._logs.stop()
        self._delete(f"/api/v1/nodes/{self.name}", {})
        if self._failure is not None:
            raise self._failure

    def pause(self) -> None:
        """Do nothing from now on; processes go on."""
        self._paused.set()

    def resume(self) -> None:
        """Go on."""
        self._paused.clear()

    def offer(self, resources: Mapping[str, int]) -> None:
        """What the Node has of extended resources, such as {"nvidia.com/gpu": 2}; resources not named: none."""
        self._capacity = dict(resources)
        capacity = {"cpu": "64", "memory": "256Gi", "pods": "1000"} | {k: str(v) for k, v in resources.items()}
        status = {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.port}},
            "conditions": [pod_status.condition("Ready", True, _now(), "KubeletReady", "The test kubelet is at work.")],
        }
        self.plane.request(
            "PATCH", f"/api/v1/nodes/{self.name}/status", {"status": status}, "kubelet", "merge-patch+json"
        )

    def _work(self) -> None:
        """All is done in this one thread: the kernel kills the processes that it started when it ends."""
        try:
            while not self._stopping.is_set():
                if not self._paused.is_set():
                    for pod in self._watch.snapshot():
                        self._step(pod)
                time.sleep(TICK)
        except Exception as error:
            self._failure = error
        finally:
            self._clean_up()

    def _step(self, pod: Mapping[str, Any]) -> None:
        """Bring one pod further. What the API server refuses or does not answer is tried again in a while."""
        meta = pod["metadata"]
        if meta["namespace"] not in self.namespaces:
            return
        key = f"{meta['namespace']}/{meta['name']}"
        if key not in self.pods or self.pods[key].uid != meta["uid"]:
            self.pods[key] = Work(meta["uid"])
        work = self.pods[key]
        if time.monotonic() < work.again_at:
            return
        try:
            self._advance(pod, work)
        except (OSError, ApiRefusal):
            work.again_at = time.monotonic() + RETRY

    def _advance(self, pod: Mapping[str, Any], work: Work) -> None:
        node = pod["spec"].get("nodeName")
        if node is None:
            self._schedule(pod, work)
        elif node == self.name:
            if work.last is None:
                self._run(pod, work)
            if work.last is not None:
                self._finish(pod, work)

    def _schedule(self, pod: Mapping[str, Any], work: Work) -> None:
        if pod["spec"].get("schedulingGates") or "deletionTimestamp" in pod["metadata"]:
            return
        lacks = [name for name, count in _extended(pod).items() if count > self._free(name)]
        if not lacks:
            target = {"apiVersion": "v1", "kind": "Node", "name": self.name}
            body = {"metadata": {"name": pod["metadata"]["name"]}, "target": target}
            self.plane.request("POST", f"{_path(pod)}/binding", body, "kubelet")
            # Not bound twice: the watch tells of it a little later.
            self._watch.see(_with_node(pod, self.name))
            return
        message = f"0/1 nodes are available: 1 Insufficient {', '.join(lacks)}."
        if work.unfit != message:
            self._report(pod, pod_status.unschedulable(message, _now()))
            self._tell(pod, "FailedScheduling", message, "default-scheduler")
            work.unfit = message

    def _free(self, resource: str) -> int:
        """How much of it no pod on the node holds."""
        # Of its own namespaces alone: an earlier kubelet of this name may have left pods in one that is going.
        here = [pod for pod in self._watch.snapshot() if pod["metadata"]["namespace"] in self.namespaces]
        mine = [pod for pod in here if pod["spec"].get("nodeName") == self.name]
        held = [pod for pod in mine if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
        return self._capacity.get(resource, 0) - sum(_extended(pod).get(resource, 0) for pod in held)

    def _run(self, pod: Mapping[str, Any], work: Work) -> None:
        """Start its container, show how it is, and stop it where the pod is deleted."""
        phase = pod.get("status", {}).get("phase")
        deleted = "deletionTimestamp" in pod["metadata"]
        if work.container is None and phase in ("Succeeded", "Failed"):
            work.last, work.reported = dict(pod["status"]), True
        elif work.container is None and phase == "Running":
            work.last = pod_status.ended(pod, Ended(137, "", "ContainerStatusUnknown"), _now())
        elif work.container is None and deleted:
            work.last = pod_status.never_ran(pod, _now())
        elif work.container is None:
            self._start(pod, work)
        elif deleted:
            work.container.stop(float(pod["metadata"].get("deletionGracePeriodSeconds", 30)))
        if work.container is not None:
            self._show(pod, work, work.container, deleted)

    def _start(self, pod: Mapping[str, Any], work: Work) -> None:
        try:
            fate = self.fate(pod) if self.fate else None
            work.container = Scripted(fate) if fate else self._process(pod, work)
        except Unready as unready:
            self._show_waiting(pod, work, unready.waits)
            work.again_at = time.monotonic() + RETRY

    def _process(self, pod: Mapping[str, Any], work: Work) -> Process:
        folder = self.folder / "pods" / work.uid
        places = mounted(pod, folder, self._secret)
        own = environment(pod, self._secret)
        for path, place in places.items():
            own = {name: value.replace(path, place) for name, value in own.items()}
        try:
            return Process(pod["spec"]["containers"][0], {**self.environ, **own}, folder)
        except OSError as error:
            raise Unready("CreateContainerError", str(error)) from error

    def _show(self, pod: Mapping[str, Any], work: Work, container: Container, deleted: bool) -> None:
        end, waits = container.ended(), container.waits()
        if end is not None:
            work.last = pod_status.ended(pod, end, _now())
        elif waits is not None and not deleted:
            self._show_waiting(pod, work, waits)
        elif waits is None and not work.runs:
            self._report(pod, pod_status.running(pod, _now()))
            work.runs = True

    def _show_waiting(self, pod: Mapping[str, Any], work: Work, waits: Waits) -> None:
        if work.shown == waits:
            return
        shown = Waits(waits.reason) if waits.reason == "ContainerCreating" else waits
        self._report(pod, pod_status.waiting(pod, shown, _now()))
        self._tell(pod, "FailedMount" if shown != waits else "Failed", waits.message)
        work.shown = waits

    def _finish(self, pod: Mapping[str, Any], work: Work) -> None:
        """Report how it ended; once it is reported, a deleted pod goes."""
        assert work.last is not None
        if not work.reported:
            self._report(pod, work.last)
            work.reported = True
        meta = pod["metadata"]
        if meta.get("deletionGracePeriodSeconds", 0) > 0:
            self._delete(_path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": work.uid}})
            work.again_at = time.monotonic() + RETRY

    def _report(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        with contextlib.suppress(_Gone):
            # The watch tells of it a little later, and the next status goes on from this one.
            self._watch.see(self._ask("PATCH", f"{_path(pod)}/status", body, STRATEGIC))

    def _delete(self, path: str, options: Mapping[str, Any]) -> None:
        with contextlib.suppress(_Gone):
            self._ask("DELETE", path, options)

    def _ask(self, method: str, path: str, body: object = None, kind: str = "json") -> Any:
        try:
            return self.plane.request(method, path, body, "kubelet", kind)
        except ApiRefusal as refusal:
            # 409: another object of that name.
            if refusal.status in (404, 409):
                raise _Gone from refusal
            raise

    def _tell(self, pod: Mapping[str, Any], reason: str, message: str, source: str = "kubelet") -> None:
        meta = pod["metadata"]
        about = {"apiVersion": "v1", "kind": "Pod", "uid": meta["uid"]}
        body = {
            "metadata": {"generateName": f"{meta['name']}."},
            "involvedObject": about | {"namespace": meta["namespace"], "name": meta["name"]},
            "type": "Warning",
            "reason": reason,
            "message": message,
            "source": {"component": source},
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "count": 1,
        }
        # A namespace that is going takes no events.
        with contextlib.suppress(ApiRefusal):
            self.plane.request("POST", f"/api/v1/namespaces/{meta['namespace']}/events", body, "kubelet")

    def _secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        try:
            found = self._ask("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except _Gone:
            return None
        return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}

    def _lines(self, namespace: str, pod: str) -> list[tuple[float, str]] | None:
        work = self.pods.get(f"{namespace}/{pod}")
        return list(work.container.lines) if work and work.container else None

    def _clean_up(self) -> None:
        for work in self.pods.values():
            if isinstance(work.container, Process):
                work.container.close()
        for pod in self._watch.snapshot():
            if pod["spec"].get("nodeName") == self.name:
                with contextlib.suppress(OSError, ApiRefusal):
                    self._delete(_path(pod), {"gracePeriodSeconds": 0})


class _Gone(Exception):
    """What a request was about is not there any more."""


def _now() -> str:
    return pod_status.timestamp(datetime.now(UTC))


def _path(pod: Mapping[str, Any]) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _with_node(pod: Mapping[str, Any], node: str) -> dict[str, Any]:
    return {**pod, "spec": {**pod["spec"], "nodeName": node}}


def _extended(pod: Mapping[str, Any]) -> dict[str, int]:
    """Extended resources that the pod asks for."""
    resources = pod["spec"]["containers"][0].get("resources", {})
    asked = {**resources.get("requests", {}), **resources.get("limits", {})}
    return {name: int(count) for name, count in asked.items() if "/" in name}
