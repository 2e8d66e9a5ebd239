"""A pretend cluster for tests of the plan: Jobs that exist, end as told, and are seen as plain data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from retrain_api.documents import (
    DataPin,
    Delivered,
    DeliverResult,
    DeliverTask,
    EvaluateResult,
    EvaluateTask,
    FileRef,
    Promoted,
    PublishResult,
    PublishTask,
    TaskFailure,
    TrainResult,
    TrainTask,
    decode_task,
)
from retrain_api.measurement import Baselines, Measurement, Metrics
from retrain_api.names import ANNOTATION_KEY, ANNOTATION_TEMPLATE, LABEL_PHASE, LABEL_SYMBOL, file_name
from retrain_api.run import RetrainRun, parse_run
from retrain_api.schema import to_wire
from retrain_api.status import RetrainRunStatus
from retrain_operator.observed import Observed, ObservedJob, ObservedPod, Refusal
from retrain_operator.plan import Deletion, Event, Plan, Settings, plan

START = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


def run_document(**spec: Any) -> dict[str, Any]:
    """The smallest RetrainRun, with some fields set."""
    smallest = {
        "symbols": ["BTC-USD", "ETH-USD", "SOL-USD"],
        "data": {"uri": "s3://bucket/features/"},
        "artifacts": {"uri": "s3://bucket/models/"},
    }
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "improved-lstm", "namespace": "team", "uid": "uid-1", "generation": 1},
        "spec": smallest | spec,
    }


def passing(accuracy: float = 0.71, error: float = 0.04) -> Measurement:
    """Figures of an honest model; passing by default."""
    return Measurement(
        metrics=Metrics(accuracy=accuracy, calibration_error=error, f1=0.7, auc=0.75, brier=0.2, win_rate=0.5, pnl=0.1),
        baselines=Baselines(majority=0.52, persistence=0.5, reversal=0.55, logistic=0.6),
        bars=9000,
        flat_bars=100,
        trades=600,
    )


def reread(status: RetrainRunStatus) -> RetrainRunStatus:
    """The status as the API server gives it back."""
    return RetrainRunStatus.model_validate_json(json.dumps(to_wire(status), allow_nan=False))


def task_of(manifest: dict[str, Any]) -> TrainTask | EvaluateTask | PublishTask | DeliverTask:
    """The task in a Job manifest."""
    env = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    return decode_task(next(entry["value"] for entry in env if entry["name"] == "RETRAIN_TASK"))


@dataclass
class Cluster:
    """One run and its Jobs. `look` plans and carries the plan out; the rest is what pods do."""

    run: RetrainRun
    jobs: dict[str, ObservedJob] = field(default_factory=dict)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    now: datetime = START
    last: Plan | None = None
    measurements: dict[str, Measurement] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    deleted: list[tuple[str, str]] = field(default_factory=list)
    pointers: dict[str, list[str]] = field(default_factory=dict)
    """Digests of the models that each symbol's pointer ever named."""
    default_image: str = "retrain-trainer:latest"
    slow: bool = False
    """Deleted Jobs stay in state Deleting until `bury`."""
    dying: set[str] = field(default_factory=set)
    """Jobs that were deleted while their pods ran: these have until `bury`."""
    refusing: str = ""
    """How the API server answers creations: with "" it takes them; else "for now" or "for good"."""
    refused: dict[str, Refusal] = field(default_factory=dict)
    stale: bool = False
    """Plans may be of an older observation; the server refuses what does not fit."""

    @classmethod
    def of(cls, **spec: Any) -> Cluster:
        return cls(parse_run(run_document(**spec)))

    def observed(self) -> Observed:
        return Observed(tuple(self.jobs.values()), tuple(self.refused.values()))

    def plan(self) -> Plan:
        return plan(self.run, self.observed(), self.now, Settings(default_image=self.default_image))

    def images(self) -> set[str]:
        """Of all Jobs that were ever made."""
        return {each["spec"]["template"]["spec"]["containers"][0]["image"] for each in self.manifests.values()}

    def look(self) -> Plan:
        """One reconcile: status written, then Jobs deleted and created."""
        decided = self.plan()
        self.carry_out(decided)
        return decided

    def carry_out(self, decided: Plan, writes: int | None = None) -> None:
        """The plan's writes in the order the operator does them, or only the first `writes` of them."""
        acts = [lambda: self._write(decided), *(partial(self._delete, one) for one in decided.delete)]
        acts += [partial(self._create, manifest) for manifest in decided.create]
        for act in acts[:writes]:
            act()
        self.last = decided

    def _write(self, decided: Plan) -> None:
        self.run = self.run.model_copy(update={"status": reread(decided.status)})
        self.events.extend(decided.events)

    def _delete(self, deletion: Deletion) -> None:
        job = self.jobs.get(deletion.name)
        if self.stale and (job is None or job.uid != deletion.uid):
            return  # the server's answer to a UID that is not there any more
        assert job is not None and job.uid == deletion.uid
        self.deleted.append((deletion.name, deletion.reason))
        self.dying |= {job.name} if job.live else set()
        if self.slow:
            self.jobs[deletion.name] = replace(self.jobs[deletion.name], state="Deleting")
        else:
            del self.jobs[deletion.name]
            self.dying.discard(deletion.name)

    def bury(self) -> None:
        """Every Job that was being deleted is gone, and its pods with it."""
        self.dying = set()
        self.jobs = {name: job for name, job in self.jobs.items() if job.state != "Deleting"}

    def settle(self) -> Plan:
        """Look until nothing changes any more."""
        for _ in range(20):
            before = (self.run.status, dict(self.jobs))
            decided = self.look()
            self.bury()
            if (self.run.status, self.jobs) == before:
                return decided
        raise AssertionError("the plan never comes to rest")

    def _create(self, manifest: dict[str, Any]) -> None:
        meta = manifest["metadata"]
        if self.stale and meta["name"] in self.jobs:
            return  # 409: already there
        if self.refusing:
            said = Refusal(meta["name"], "Forbidden", "no", self.refusing == "for good", self.now)
            self.refused.setdefault(said.name, said)
            return
        self.refused.pop(meta["name"], None)
        assert meta["name"] not in self.jobs, f"{meta['name']} was made twice"
        key, working = meta["annotations"][ANNOTATION_KEY], [job for job in self.jobs.values() if job.live]
        working += [self.jobs[name] for name in self.dying if name in self.jobs]
        live = [job.name for job in working if job.key == key]
        assert not live, f"{meta['name']} does the work of {live}"
        self.created.append(meta["name"])
        self.manifests[meta["name"]] = manifest
        self.jobs[meta["name"]] = ObservedJob(
            name=meta["name"],
            uid=f"job-{len(self.created)}",
            phase=meta["labels"][LABEL_PHASE],
            key=meta["annotations"][ANNOTATION_KEY],
            template=meta["annotations"][ANNOTATION_TEMPLATE],
            state="Waiting",
            symbol=meta["labels"].get(LABEL_SYMBOL),
            created=self.now,
        )

    def of_phase(self, phase: str) -> list[ObservedJob]:
        return [job for job in self.jobs.values() if job.phase == phase]

    def job(self, symbol: str) -> ObservedJob:
        return next(job for job in self.of_phase("train") if job.symbol == symbol and job.live)

    def start(self, job: ObservedJob) -> None:
        """Its pods run."""
        indexes = range(self.manifests[job.name]["spec"].get("completions", 1))
        pods = tuple(ObservedPod(index, "Running") for index in indexes)
        self.jobs[job.name] = replace(job, state="Running", attempts=1, pods=pods)

    def remove(self, job: ObservedJob) -> None:
        """Somebody deletes it by hand; it goes with the next `bury`."""
        self.dying |= {job.name} if self.jobs[job.name].live else set()
        self.jobs[job.name] = replace(self.jobs[job.name], state="Deleting")

    def finish(self, job: ObservedJob, said: list[Any] | None = None) -> None:
        """Its pods succeed with the results that its task asks for, or with others."""
        said = self.results(job) if said is None else said
        for model in (model for each in said if isinstance(each, PublishResult) for model in each.promoted):
            self.pointers.setdefault(model.symbol, []).append(file_name(model.uri))
        pods = tuple(ObservedPod(index, "Succeeded", 0, outcome) for index, outcome in enumerate(said))
        self.jobs[job.name] = replace(job, state="Complete", attempts=1, pods=pods, finished=self.now)

    def lose(self, job: ObservedJob) -> None:
        """Its pods succeed and are gone before anybody read their message."""
        self.jobs[job.name] = replace(job, state="Complete", attempts=1, pods=(), finished=self.now)

    def fail(self, job: ObservedJob, reason: str = "NoGPU", message: str = "no GPU here", code: int = 78) -> None:
        """Its pod fails for good."""
        pod = ObservedPod(0, "Failed", code, TaskFailure(reason=reason, message=message))
        self.jobs[job.name] = replace(
            job, state="Failed", attempts=1, pods=(pod,), finished=self.now, failure_reason="PodFailurePolicy"
        )

    def results(self, job: ObservedJob) -> list[Any]:
        task = task_of(self.manifests[job.name])
        match task:
            case TrainTask():
                return [trained(task)]
            case EvaluateTask():
                return [self._measured(item) for item in task.items]
            case PublishTask():
                return [published(task)]
            case DeliverTask():
                targets = tuple(Delivered(name=backup.name, ok=True) for backup in task.backups)
                return [DeliverResult(targets=targets)]

    def _measured(self, item: Any) -> EvaluateResult:
        return EvaluateResult(
            symbol=item.symbol,
            evaluate_key=item.evaluate_key,
            model_sha256=item.model.sha256,
            measurement=self.measurements.get(item.symbol, passing()),
            details=FileRef(uri=f"s3://bucket/models/runs/{item.evaluate_key}/evaluation.json", sha256="e" * 64),
        )

    def finish_all(self) -> None:
        """Every live Job succeeds."""
        for job in [job for job in self.jobs.values() if job.live]:
            self.finish(job)

    def to_the_end(self) -> Plan:
        """Run every pod to success until the run rests."""
        for _ in range(10):
            decided = self.settle()
            if not any(job.live for job in self.jobs.values()):
                return decided
            self.finish_all()
        raise AssertionError("the run never ends")

    def annotate(self, **annotations: str) -> None:
        kept = self.run.metadata.annotations | {f"retrain.crpbot.dev/{k}": v for k, v in annotations.items()}
        self.run = self.run.model_copy(update={"metadata": self.run.metadata.model_copy(update={"annotations": kept})})

    def edit(self, **spec: Any) -> None:
        """Apply the run again with other fields."""
        document = run_document(**(json.loads(self.run.spec.model_dump_json(by_alias=True, exclude_none=True)) | spec))
        document["metadata"]["generation"] = (self.run.metadata.generation or 1) + 1
        document["metadata"]["annotations"] = self.run.metadata.annotations
        self.run = parse_run(document).model_copy(update={"status": self.run.status})

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def trained(task: TrainTask) -> TrainResult:
    return TrainResult(
        symbol=task.symbol,
        train_key=task.train_key,
        model=FileRef(uri=f"s3://bucket/models/lstm_{task.train_key[:8]}.pt", sha256=(task.train_key * 4)[:64]),
        data=DataPin(
            uri=task.data_uri,
            sha256="d" * 64,
            first_bar="2025-05-04T00:00:00Z",
            last_bar="2025-06-24T00:00:00Z",
            rows=73139,
        ),
        epochs=34,
        best_epoch=27,
        duration_seconds=671.5,
        validation_loss=0.6123,
        validation_accuracy=0.701,
    )


def published(task: PublishTask) -> PublishResult:
    folder = f"s3://bucket/models/reports/team/improved-lstm/uid-1/{task.number}/"
    promoted = tuple(
        Promoted(
            symbol=item.symbol, uri="s3://bucket/models/promoted/" + file_name(item.model.uri), sha256=item.model.sha256
        )
        for item in task.items
        if item.promote and item.model
    )
    return PublishResult(
        publish_key=task.publish_key,
        markdown=folder + "report.md",
        html=folder + "report.html",
        results=folder + "results.json",
        promoted=promoted,
    )


def at_phase(phase: str, **spec: Any) -> tuple[Cluster, ObservedJob]:
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
