"""A run that takes its time, and the rows that `kubectl get retrainruns -w` prints of it.

    run = WatchedRun(Pace(pull=15, epoch=7))
    run.live()
    run.rows           # one for each change that a watch tells of: the columns of the CRD, without AGE
    run.writes         # status writes

The cluster, the writer, the cache and the reconciler with its rests are the real ones or those of the other tests; time
goes by in seconds of a clock of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from support.fake_api import Body
from support.fake_cluster import FakeCluster
from support.job_controller import index_of, is_active
from support.planning import run_document
from support.pod_status import Ended, Waits, unschedulable
from support.replica import KEY, Replica
from support.results import parts_of, result_of, task_of

from retrain_api.documents.encoding import encode_message
from retrain_api.run import parse_run
from retrain_api.schema.crd import crd
from retrain_api.status.progress import Progress
from retrain_api.status.run import RetrainRunStatus
from retrain_operator.controller import reconcile
from retrain_operator.kube.paths import one


@dataclass(frozen=True)
class Pace:
    """Seconds: until a pod's image is pulled, between one symbol's pod and the next's, an epoch, an evaluation, a report; that
    a queue holds a Job, and that no node has room for a pod, before that.
    """

    pull: int = 3
    apart: int = 2
    epoch: int = 12
    evaluation: int = 25
    report: int = 8
    epochs: int = 5
    queue: int = 0
    room: int = 0


@dataclass
class Clock:
    """In place of the module `time` in the reconciler."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class WatchedRun:
    """One run, with `spec` beside the smallest."""

    pace: Pace = field(default_factory=Pace)
    spec: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cluster, self.clock, self.due = FakeCluster(), Clock(), [float("inf")]
        self.replica = Replica(self.cluster)
        self.replica.reconciler.minor_every = 10.0
        self.replica.reconciler.requeue_after = self._requeue
        self.born: dict[str, float] = {}
        self.cluster.put(run_document(training={"epochs": self.pace.epochs}, **self.spec))

    def live(self, longest: int = 3000) -> None:
        """Second by second, until the run rests."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reconcile, "time", self.clock)
            for _ in range(longest):
                self._second()
                if self.state() in ("Promoted", "Passed", "Rejected", "Failed", "AwaitingApproval"):
                    return
        raise AssertionError("the run never ends")

    def state(self) -> str:
        (body,) = self.cluster.of("retrainruns")
        return str(body.get("status", {}).get("state"))

    def _second(self) -> None:
        self.clock.now += 1.0
        self.cluster.to(self.cluster.now + timedelta(seconds=1))
        news = len(self.cluster.watched) > self.replica.seen
        for job in self.cluster.jobs().values():
            news |= self._epochs(job)
        if news or min(self.due) <= self.clock.now:
            self.due = [at for at in self.due if at > self.clock.now]
            self.replica.watch()
            asyncio.run(self.replica.reconciler.reconcile(KEY))
        self._pods()
        self.cluster.controllers()

    def _requeue(self, key: Any, seconds: float) -> None:
        self.due.append(self.clock.now + seconds)

    def _pods(self) -> None:
        for number, (name, job) in enumerate(sorted(self.cluster.jobs().items())):
            self._queued(job, self._age(job) - self.pace.apart * number)
            for pod in filter(is_active, self.cluster.pods(name)):
                age = self._age(pod) - self.pace.apart * number
                begins = self.pace.room + self.pace.pull + index_of(pod)
                if age >= begins + self._lasts(job, number):
                    part = parts_of(task_of(job))[index_of(pod)]
                    self.cluster.end(pod, Ended(message=encode_message(result_of(part))))
                elif age >= begins:
                    self.cluster.run(pod)
                elif age >= self.pace.room + 1:
                    self.cluster.wait(pod, Waits("ContainerCreating", ""))
                elif 1 <= age < self.pace.room:
                    self.cluster.report(pod, unschedulable("0/1 nodes are available.", self.cluster.clock()))

    def _queued(self, job: Body, age: float) -> None:
        """A queue holds it for a while."""
        held = self.pace.queue > 0 and age < self.pace.queue
        if job["spec"].get("suspend", False) != held:
            self.cluster.edit(one("jobs", KEY[0], job["metadata"]["name"]), {"spec": {"suspend": held}})

    def _age(self, pod: Body) -> float:
        return self.clock.now - self.born.setdefault(pod["metadata"]["uid"], self.clock.now)

    def _lasts(self, job: Body, number: int) -> int:
        phase = job["metadata"]["labels"]["retrain.crpbot.dev/phase"]
        training = (self.pace.epoch + number) * self.pace.epochs
        return {"train": training, "evaluate": self.pace.evaluation}.get(phase, self.pace.report)

    def _epochs(self, job: Body) -> bool:
        """A training's last epoch becomes known; whether it is another one than before."""
        cache, uid, number = (
            self.replica.cache,
            job["metadata"]["uid"],
            sorted(self.cluster.jobs()).index(job["metadata"]["name"]),
        )
        if job["metadata"]["labels"]["retrain.crpbot.dev/phase"] != "train" or uid not in cache.jobs:
            return False
        for pod in self.cluster.pods(job["metadata"]["name"]):
            ran = self._age(pod) - self.pace.apart * number - self.pace.pull
            done = min(int(ran // (self.pace.epoch + number)), self.pace.epochs)
            found = Progress(epoch=done, epochs=self.pace.epochs)
            if done > 0 and cache.progress.get(uid) != found:
                cache.reached(uid, found)
                return True
        return False

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """What `kubectl get -w` prints, without name and age."""
        return [row(body) for body in self._bodies()]

    @property
    def statuses(self) -> list[RetrainRunStatus]:
        """What was written."""
        return [parse_run(body).status for body in self._bodies()]

    def _bodies(self) -> list[Body]:
        return [change.object for change in self.cluster.watched if change.resource == "retrainruns"]

    @property
    def writes(self) -> int:
        return sum(request.verb == "patch" for request in self.cluster.asked)


def row(body: Body) -> tuple[str, ...]:
    """The columns of one run that are not of `-o wide`, AGE left out."""
    return tuple(cells(body))


def cells(body: Body) -> Iterator[str]:
    for column in crd()["spec"]["versions"][0]["additionalPrinterColumns"]:
        if column["type"] == "string" and not column.get("priority"):
            found: Any = body
            for name in column["jsonPath"].strip(".").split("."):
                found = found.get(name, {})
            yield str(found or "")
