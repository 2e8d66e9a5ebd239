"""A run on a cluster in memory, for tests of the plan: its Jobs and pods end as the test says.

Everything between the cluster and the plan is the product's own: the bodies go through the snapshots and the cache
into a view, and what the plan asks for goes through the writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, repeat
from typing import Any

from support.fake_api import Body, Fault, Request, invalid, quota_exceeded
from support.fake_cluster import START as START
from support.fake_cluster import FakeCluster, tell
from support.job_controller import index_of, is_active, is_finished
from support.pod_status import Ended, Waits
from support.results import measured, parts_of, result_of
from support.results import passing as passing
from support.results import published as published
from support.results import task_of as task_of
from support.results import trained as trained

from retrain_api.documents.encoding import encode_message
from retrain_api.documents.results import PublishResult, TaskFailure
from retrain_api.documents.tasks import EvaluateItem
from retrain_api.measurement import Measurement
from retrain_api.names import ANNOTATION_KEY, file_name
from retrain_api.run import RetrainRun, parse_run, parse_stored
from retrain_api.status.run import RetrainRunStatus
from retrain_api.wire import timestamp, to_wire
from retrain_operator.decide.context import Settings
from retrain_operator.decide.run.plan import plan
from retrain_operator.kube.api import ApiError, Unreachable
from retrain_operator.kube.apply import NotLeading, Superseded, Writer
from retrain_operator.kube.paths import one
from retrain_operator.state.cache import Cache
from retrain_operator.state.effects import Event, Plan
from retrain_operator.state.snapshot import Note
from retrain_operator.state.view import JobView, RunView

KILLED = Ended(137, reason="OOMKilled")


def run_document(**spec: Any) -> dict[str, Any]:
    """The smallest RetrainRun, with some fields set."""
    smallest = {
        "symbols": ["BTC-USD", "ETH-USD", "SOL-USD"],
        "data": {"uri": "s3://bucket/features/"},
        "artifacts": {"uri": "s3://bucket/models/"},
        "preflight": "Never",
    }
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "improved-lstm", "namespace": "team", "uid": "uid-1", "generation": 1},
        "spec": smallest | spec,
    }


def failed(reason: str, message: str, code: int) -> Ended:
    """A task ends with that code and says why."""
    return Ended(code, encode_message(TaskFailure(reason=reason, message=message)))


def reread(status: RetrainRunStatus) -> RetrainRunStatus:
    """The status as the API server gives it back."""
    return RetrainRunStatus.model_validate_json(json.dumps(to_wire(status), allow_nan=False))


class Died(Exception):
    """The operator is no more."""


class Cluster:
    """One run and its Jobs. `reconcile` plans and carries the plan out; the rest is what people, pods and nodes do."""

    def __init__(self, run: RetrainRun) -> None:
        self.api = FakeCluster()
        self.api.fault = self._answer
        self.lead(Cache())
        self._delivered = 0
        self._parsed: tuple[str, RetrainRun] | None = None
        self.measurements: dict[str, Measurement] = {}
        self.events: list[Event] = []
        self.deleted: list[tuple[str, str]] = []
        self.pointers: dict[str, list[str]] = {}
        """Digests of the models that each symbol's pointer ever named."""
        self.default_image = "retrain-trainer:latest"
        self.refusing = ""
        """How the API server answers creations: with "" it takes them; else "for now" or "for good"."""
        self.stale = False
        """Plans may be made from an older view; the server refuses what does not fit."""
        self.watches = True
        """The operator hears of everything before it plans."""
        self._proven, self._why, self._asked = False, dict[str, str](), 0
        self.faults: dict[int, Fault] = {}
        """What becomes of the requests of a plan, by their numbers."""
        self.writes_left: int | None = None
        """After so many writes the operator dies; None where it lives on."""
        self._path = one("runs", run.metadata.namespace or "", run.metadata.name)
        self.run = run

    @classmethod
    def of(cls, **spec: Any) -> Cluster:
        return cls(parse_run(run_document(**spec)))

    @property
    def run(self) -> RetrainRun:
        """The run as the API server has it."""
        body = self.api.objects[self._path]
        version = body["metadata"]["resourceVersion"]
        if self._parsed is None or self._parsed[0] != version:
            self._parsed = version, parse_stored(json.dumps(body).encode())
        return self._parsed[1]

    @run.setter
    def run(self, run: RetrainRun) -> None:
        body = to_wire(run)
        self.api.objects.pop(self._path, None)
        self._path = one("runs", body["metadata"]["namespace"], body["metadata"]["name"])
        self.api.store(self._path, body)

    @property
    def slow(self) -> bool:
        """What is being deleted stays until `bury`."""
        return self.api.behind

    @slow.setter
    def slow(self, slow: bool) -> None:
        self.api.behind = slow

    @property
    def now(self) -> datetime:
        return self.api.now

    @property
    def time(self) -> str:
        """Now, as Kubernetes writes it."""
        return timestamp(self.now)

    # The operator.

    def lead(self, cache: Cache) -> None:
        """The replica with that cache leads."""
        self.cache = cache
        self.writer = Writer(self.api, cache, lambda: True)  # type: ignore[arg-type]

    def deliver(self) -> None:
        """The watches tell what has happened: of each object the last, as where they are slow."""
        news = {(one.resource, one.object["metadata"]["uid"]): one for one in self.api.watched[self._delivered :]}
        self._delivered = len(self.api.watched)
        for change in news.values():
            tell(self.cache, change)

    def view(self) -> RunView:
        """What the operator knows of the Jobs; where it `watches`, that is everything."""
        if self.watches:
            self.deliver()
        return self.cache.view(self.run.metadata.uid)

    @property
    def jobs(self) -> dict[str, JobView]:
        """The Jobs as a plan sees them that knows everything, oldest first."""
        views = self.view() if self.watches else self.api.known().view(self.run.metadata.uid)
        known = {job.name: job for job in views.jobs}
        return {name: known[name] for name in self.api.jobs()}

    def plan(self) -> Plan:
        """A plan from what the operator knows."""
        view, snapshot = self.view(), self.cache.runs["team", self.run.metadata.name]
        known = snapshot.run
        return plan(known, view, self.now, Settings(default_image=self.default_image))

    def reconcile(self) -> Plan:
        """Plan once: the status is written, then Jobs are deleted and created."""
        decided = self.plan()
        self.carry_out(decided)
        return decided

    def carry_out(self, decided: Plan, writes: int | None = None) -> None:
        """What the reconciler does with a plan, and then the controllers; of the writes only the first `writes`."""
        basis = decided.basis.version
        made_from = (one.object for one in self.api.watched if one.object["metadata"]["resourceVersion"] == basis)
        self._asked = asked = len(self.api.asked)
        known = dict(self.cache.refused.get(self.run.metadata.uid, {}))
        self.writes_left, self._why = writes, {one.uid: one.reason for one in decided.delete}
        # Whatever stops it, the run is reconciled again.
        with contextlib.suppress(ApiError, Unreachable, Superseded, NotLeading, Died):
            wrote = partial(self.events.extend, decided.events)
            asyncio.run(self.writer.carry_out(next(made_from), decided, wrote))
        self.writes_left = None
        self._is_proven(self.api.asked[asked:], decided)
        self._date_refusals(known)
        self.api.controllers()
        if not self.slow:
            self.bury()

    def _is_proven(self, asked: list[Request], decided: Plan) -> None:
        """Nothing is deleted or created unless the run was still that of the plan."""
        effects = [one for one in asked if one.writes and one.resource == "jobs"]
        if effects:
            assert asked[0].body["metadata"].get("resourceVersion") == decided.basis.version and self._proven

    def _date_refusals(self, known: Mapping[str, Any]) -> None:
        """The writer dates them by this machine's clock."""
        uid = self.run.metadata.uid
        for name, refusal in self.cache.refused.get(uid, {}).items():
            since = known[name].since if name in known else self.now
            self.cache.refused[uid][name] = replace(refusal, since=since)

    def _answer(self, request: Request) -> Fault:
        """How the API server answers. What is asked for twice, or of a Job that is gone, only a stale view explains."""
        if request.verb == "patch":
            stored = self.api.objects[self._path]["metadata"]["resourceVersion"]
            self._proven = request.body["metadata"].get("resourceVersion") == stored
        if request.writes and self.writes_left is not None:
            if self.writes_left <= 0:
                return Died()
            self.writes_left -= 1
        fault = self.faults.get(len(self.api.asked) - self._asked - 1)
        if isinstance(fault, Exception):
            return fault
        if request.verb == "delete":
            self._delete(request)
        return (self._create(request.body) if request.verb == "create" else None) or fault

    def _delete(self, request: Request) -> None:
        meta, uid = self.api.objects.get(request.path, {}).get("metadata", {}), request.body["preconditions"]["uid"]
        assert self.stale or meta["uid"] == uid
        if meta.get("uid") == uid:
            self.deleted.append((meta["name"], self._why[uid]))

    def _create(self, manifest: Body) -> Fault:
        name, key = manifest["metadata"]["name"], manifest["metadata"]["annotations"][ANNOTATION_KEY]
        jobs = self.api.jobs()
        if self.stale and name in jobs:
            return None
        if self.refusing:
            return invalid(name) if self.refusing == "for good" else quota_exceeded(name)
        assert name not in jobs, f"{name} was made twice"
        working = [job["metadata"] for job in jobs.values() if not is_finished(job)]
        live = [meta["name"] for meta in working if meta["annotations"][ANNOTATION_KEY] == key]
        assert not live, f"{name} does the work of {live}"
        return None

    def settle(self) -> Plan:
        """Reconcile until nothing changes any more."""
        for _ in range(20):
            before = (self.run.status, self.jobs)
            decided = self.reconcile()
            self.bury()
            if (self.run.status, self.jobs) == before:
                return decided
        raise AssertionError("the plan never comes to rest")

    def to_the_end(self) -> Plan:
        """Run every pod to success until the run rests."""
        for _ in range(10):
            decided = self.settle()
            if not any(job.live for job in self.jobs.values()):
                return decided
            self.finish_all()
        raise AssertionError("the run never ends")

    # What was made.

    def _made(self) -> Iterator[Body]:
        return (one.object for one in self.api.watched if (one.resource, one.type) == ("jobs", "ADDED"))

    @property
    def created(self) -> list[str]:
        """Names of all Jobs that were ever made, in order."""
        return [body["metadata"]["name"] for body in self._made()]

    @property
    def manifests(self) -> dict[str, Body]:
        """All Jobs that were ever made, as they were made."""
        return {body["metadata"]["name"]: body for body in self._made()}

    def images(self) -> set[str]:
        """Of all Jobs that were ever made."""
        return {each["spec"]["template"]["spec"]["containers"][0]["image"] for each in self._made()}

    def of_phase(self, phase: str) -> list[JobView]:
        return [job for job in self.jobs.values() if job.phase == phase]

    def job(self, symbol: str) -> JobView:
        return next(job for job in self.of_phase("train") if job.symbol == symbol and job.live)

    # The pods.

    def active(self, job: JobView, index: int | None = None) -> list[Body]:
        """The Job's pods that have not ended, of one index or of all. If there is none, time goes by until there is."""
        while True:
            pods = [pod for pod in self.api.pods(job.name) if is_active(pod) and index in (None, index_of(pod))]
            due = self.api.next_pod_at(job.name)
            if pods or due is None:
                return pods
            self.api.to(due)
            self.api.controllers()

    def start(self, job: JobView) -> None:
        """Its pods run."""
        for pod in self.active(job):
            self.api.run(pod)
        self.api.controllers()

    def show(self, job: JobView, status: Mapping[str, Any]) -> None:
        """Its pods get that status."""
        for pod in self.active(job):
            self.api.report(pod, status)
        self.api.controllers()

    def wait(self, job: JobView, waits: Waits) -> None:
        """Its pods are on a node and can't start."""
        for pod in self.active(job):
            self.api.wait(pod, waits)
        self.api.controllers()

    def end(self, job: JobView, *ends: Ended, index: int | None = None) -> None:
        """Its pods, of one index or of all, end so, by their indexes; the last one for all that follow."""
        for pod in self.active(job, index):
            self.api.end(pod, ends[min(index_of(pod), len(ends) - 1)])
        self.api.controllers()

    def exhaust(self, job: JobView, *ends: Ended, index: int | None = None) -> None:
        """Its pods (of one index or of all) end so, one after the other, and the last one again until no more come."""
        for end in chain(ends, repeat(ends[-1])):
            if not (pods := self.active(job, index)):
                return
            for pod in pods:
                self.api.end(pod, end)
            self.api.controllers()

    def finish(self, job: JobView, outcomes: list[Any] | None = None, index: int | None = None) -> None:
        """Its pods (of one index or of all) succeed with the results that its task asks for, or with others; None leaves
        no message."""
        outcomes = self.results(job) if outcomes is None else outcomes
        for model in (model for each in outcomes if isinstance(each, PublishResult) for model in each.promoted):
            self.pointers.setdefault(model.symbol, []).append(file_name(model.uri))
        self.end(job, *(Ended(message=encode_message(each) if each else "") for each in outcomes), index=index)

    def lose(self, job: JobView) -> None:
        """Its pods succeed and are gone before anybody read their message."""
        self.end(job, *(Ended(message=encode_message(each)) for each in self.results(job)))
        for pod in self.api.pods(job.name):
            self.api.lose_pod(pod)

    def fail(self, job: JobView, reason: str = "NoGPU", message: str = "no GPU here", code: int = 78) -> None:
        """Its pods fail until it has failed."""
        self.exhaust(job, failed(reason, message, code))

    def results(self, job: JobView) -> list[Any]:
        """What its pods find."""
        return [self._result(part) for part in parts_of(task_of(self.manifests[job.name]))]

    def _result(self, part: Any) -> Any:
        if isinstance(part, EvaluateItem):
            return measured(part, self.measurements.get(part.symbol))
        return result_of(part)

    def finish_all(self) -> None:
        """Every live Job succeeds."""
        for job in [job for job in self.jobs.values() if job.live]:
            self.finish(job)

    # What others do.

    def remove(self, job: JobView) -> None:
        """Somebody deletes it by hand; it goes with the next `bury`."""
        self.api.mark(one("jobs", "team", job.name))
        self.api.controllers()

    def bury(self) -> None:
        """Every Job that was being deleted is gone, and its pods with it."""
        self.api.stop_pods()

    def suspend(self, job: JobView, suspended: bool = True) -> None:
        """Somebody, a queue say, suspends the Job or lets it go on."""
        self.api.edit(one("jobs", "team", job.name), {"spec": {"suspend": suspended}})
        self.api.controllers()

    def note(self, job: JobView, reason: str, message: str) -> None:
        """An event about the Job that the operator has read."""
        self.cache.notes[job.uid] = Note(reason, message)

    def annotate(self, **annotations: str) -> None:
        notes = {f"retrain.crpbot.dev/{name}": text for name, text in annotations.items()}
        self.api.edit(self._path, {"metadata": {"annotations": notes}})

    def edit(self, **spec: Any) -> None:
        """Apply the run again with other fields."""
        document = run_document(**(json.loads(self.run.spec.model_dump_json(by_alias=True, exclude_none=True)) | spec))
        document["metadata"]["generation"] = (self.run.metadata.generation or 1) + 1
        document["metadata"]["annotations"] = self.run.metadata.annotations
        self.run = parse_run(document).model_copy(update={"status": self.run.status})

    def later(self, seconds: float) -> None:
        self.api.to(self.now + timedelta(seconds=seconds))
        self.api.controllers()


def at_phase(phase: str, **spec: Any) -> tuple[Cluster, JobView]:
    """A run whose first Job of a phase was just made."""
    cluster = Cluster.of(**spec)
    cluster.settle()
    while not cluster.of_phase(phase):
        cluster.finish_all()
        cluster.settle()
    return cluster, cluster.of_phase(phase)[0]


def approve(
    cluster: Cluster, verb: str = "approve", by: str = " by Ann: looks right", digest: str | None = None
) -> None:
    gate = cluster.run.status.gate
    assert gate is not None and gate.digest is not None
    cluster.annotate(**{verb: (digest or gate.digest) + by})
