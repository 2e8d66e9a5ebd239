"""A cluster in memory: the fake API server with a Job controller, a kubelet and a garbage collector.

cluster = FakeCluster()
cluster.controllers()                      # their turn, until they have nothing to do
cluster.run(pod); cluster.end(pod, Ended(78, message)); cluster.wait(pod, Waits("ImagePullBackOff", "..."))
cluster.report(pod, pod_status.stranded(cluster.time))    # any other status
cluster.delete_pod(pod)                    # SIGTERM; it goes once it has ended
cluster.stop_pods()                        # whatever was asked to end has ended, and is gone
cluster.lose_pod(pod)                      # gone at once, with all that it said
cluster.quota = "exceeded quota: gpus"     # no pod is made
cluster.behind = True                      # what is being deleted stays until `stop_pods`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from support import job_controller, pod_status
from support.fake_api import Body, Change, FakeApi, collection
from support.pod_status import NODE, Ended, Waits
from support.results import INTERRUPTED

from retrain_operator.kube.api import resource_of
from retrain_operator.kube.watch import WatchHandler
from retrain_operator.state.cache import Cache
from retrain_operator.state.news import News
from retrain_operator.state.snapshot import Kind

KINDS: dict[str, Kind] = {"retrainschedules": "schedules", "retrainruns": "runs", "jobs": "jobs", "pods": "pods"}
START = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


@dataclass
class FakeCluster(FakeApi):
    """The API server and everybody who works behind it. Nothing happens by itself."""

    now: datetime = START
    time: str | None = pod_status.timestamp(START)
    quota: str = ""
    behind: bool = False
    """The garbage collector has other things to do."""

    def known(self) -> Cache:
        """What an operator knows that knows everything."""
        cache = Cache()
        for path, body in self.objects.items():
            tell(cache, Change(resource_of(path), "ADDED", body))
        return cache

    def store(self, path: str, body: Body) -> None:
        """An object as it is, in place of the one that was there."""
        self._keep(path, body, "MODIFIED")

    def clock(self) -> str:
        """What its clock shows."""
        return self._now()

    def jobs(self) -> dict[str, Body]:
        """The Jobs by name, oldest first."""
        return {one["metadata"]["name"]: one for one in self._all("jobs")}

    def pods(self, job: str) -> list[Body]:
        """The pods of a Job, oldest first."""
        return list(self._owned("pods", self.jobs()[job]["metadata"]["uid"]))

    def to(self, now: datetime) -> None:
        """Another time."""
        self.now, self.time = now, pod_status.timestamp(now)

    def controllers(self) -> None:
        """The turn of the Job controller and the garbage collector, until they have nothing to do."""
        before = -1
        while before != self.version:
            before = self.version
            for job in self._all("jobs"):
                self._sync(job)
            if not self.behind:
                self.collect()

    def next_pod_at(self, job: str) -> datetime | None:
        """When the Job's next pod may be made that waits for its back-off now."""
        return job_controller.sync(self.jobs()[job], self.pods(job), self.now).next_pod_at

    def _sync(self, job: Body) -> None:
        pods = list(self._owned("pods", job["metadata"]["uid"]))
        synced = job_controller.sync(job, pods, self.now)
        named = {pod["metadata"]["name"]: pod for pod in pods}
        made = [self._make(pod) for pod in synced.create if not self.quota]
        for name in synced.delete:
            self.delete_pod(named[name])
        status = synced.status
        if len(made) < len(synced.create):
            status = {**status, "active": status["active"] - len(synced.create)}
        self._write(job, {"status": status})
        for name in synced.release:
            self._write(self._stored(named[name]), {"metadata": {"finalizers": []}})

    def _make(self, pod: Body) -> Body:
        meta = {**pod["metadata"], "name": f"{pod['metadata']['generateName']}{self.made:05}"}
        return self.put({**pod, "metadata": meta})

    # The kubelet.

    def report(self, pod: Body, status: Mapping[str, Any]) -> Body:
        """A status, laid over what is known; the pod after it."""
        before = self._stored(pod)
        return self._write(before, {"status": pod_status.laid_over(before, status)["status"]})

    def bind(self, pod: Body) -> Body:
        """A node takes it."""
        if "nodeName" in self._stored(pod)["spec"]:
            return self._stored(pod)
        bound = self._write(self._stored(pod), {"spec": {**pod["spec"], "nodeName": NODE}})
        return self.report(bound, pod_status.scheduled(self._now()))

    def wait(self, pod: Body, waits: Waits) -> None:
        """It is on a node and its container can't start."""
        bound = self.bind(pod)
        self.report(bound, pod_status.waiting(bound, waits, self._now()))

    def run(self, pod: Body) -> Body:
        """Its container runs."""
        bound = self.bind(pod)
        return self.report(bound, pod_status.running(bound, self._now())) if is_pending(bound) else bound

    def end(self, pod: Body, end: Ended) -> None:
        """Its container ends."""
        ran = self.run(pod)
        self.report(ran, pod_status.ended(ran, end, self._now()))

    def delete_pod(self, pod: Body) -> None:
        """It is asked to end. One that no node took has nothing to end."""
        body = self._stored(pod)
        if "deletionTimestamp" not in body["metadata"]:
            grace = 30 if "nodeName" in body["spec"] else 0
            marks = {"deletionTimestamp": self._now(), "deletionGracePeriodSeconds": grace}
            self._write(body, {"metadata": marks})

    def stop_pods(self) -> None:
        """What was asked to end has ended: from SIGTERM, or before it started; then it is counted and gone."""
        behind, self.behind = self.behind, False
        before = -1
        while before != self.version:
            before = self.version
            self.controllers()
            for pod in self._all("pods"):
                if "deletionTimestamp" in pod["metadata"]:
                    self._stop(pod)
        self.behind = behind

    def _stop(self, pod: Body) -> None:
        if pod["status"]["phase"] == "Running":
            self.end(pod, Ended(75, INTERRUPTED))
        elif is_pending(pod):
            # One that no node took: the pod garbage collector, twenty seconds later.
            lost = pod_status.never_ran(pod, self._now()) if "nodeName" in pod["spec"] else {"phase": "Failed"}
            self.report(pod, lost)

    def lose_pod(self, pod: Body) -> None:
        """It is gone at once."""
        self._drop(_path("pods", pod))

    def collect(self) -> None:
        """The garbage collector: what waited for nobody any more goes, with what it owns."""
        for pod in self._all("pods"):
            meta = pod["metadata"]
            if not self._owned_by_living(pod):
                # Nobody counts it any more: the Job controller takes its finalizer, and it ends as any other.
                self.delete_pod(pod)
                self._write(self._stored(pod), {"metadata": {"finalizers": []}})
            ended = job_controller.has_ended(pod) or "nodeName" not in pod["spec"]
            if "deletionTimestamp" in meta and ended and not meta.get("finalizers"):
                self._drop(_path("pods", pod))
        for job in self._all("jobs"):
            if "deletionTimestamp" in job["metadata"]:
                pods = list(self._owned("pods", job["metadata"]["uid"]))
                for pod in pods:
                    self.delete_pod(pod)
                if not pods:
                    self._drop(_path("jobs", job))

    def _all(self, plural: str) -> list[Body]:
        root = collection(plural, "team") + "/"
        return [one for path, one in self.objects.items() if path.startswith(root)]

    def _owned(self, plural: str, uid: str) -> Iterator[Body]:
        return (one for one in self._all(plural) if uid in _owners(one))

    def _owned_by_living(self, pod: Body) -> bool:
        return any(job["metadata"]["uid"] in _owners(pod) for job in self._all("jobs"))

    def _stored(self, body: Body) -> Body:
        return self.objects[_path(f"{body['kind'].lower()}s", body)]

    def _write(self, body: Body, parts: Mapping[str, Any]) -> Body:
        """The object with other parts; metadata with other fields. Nothing is written where nothing differs."""
        after = {**body, **parts, "metadata": {**body["metadata"], **parts.get("metadata", {})}}
        if after == body:
            return body
        return self._keep(_path(f"{body['kind'].lower()}s", body), after, "MODIFIED")


def tell(cache: Cache, change: Change) -> None:
    """A watch tells an operator of a change."""
    WatchHandler(cache, lambda key: None).handle(News.of(KINDS[change.resource], change.object, change.type))


def is_pending(pod: Body) -> bool:
    """Whether its container has not started."""
    return bool(pod["status"]["phase"] == "Pending")


def _owners(body: Body) -> list[str]:
    return [owner["uid"] for owner in body["metadata"].get("ownerReferences", ())]


def _path(plural: str, body: Body) -> str:
    return f"{collection(plural, body['metadata']['namespace'])}/{body['metadata']['name']}"
