"""A schedule and its runs in memory, for tests of the plan of schedules: an API server that keeps names unique, runs that end as
the test says, and the promises of a schedule, watched over at each write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from support.results import passing

from retrain_api.documents.encoding import TASK_VARIABLE, decode_task, encode_message
from retrain_api.documents.results import NotifyResult, TaskFailure
from retrain_api.documents.tasks import NotifyTask
from retrain_api.keys import proof_key
from retrain_api.measurement import Measurement
from retrain_api.names import ANNOTATION_KEY, ANNOTATION_QUEUE, ANNOTATION_TEMPLATE, replay_run
from retrain_api.run import as_stored, parse_run
from retrain_api.schedule import RetrainSchedule, parse_schedule, parse_stored_schedule
from retrain_api.status.condition import Condition
from retrain_api.status.observation import ObservationStatus, ObservedState, ObservedSymbol
from retrain_api.status.run import FINAL_STATES, GateStatus, PromotedModel, PromotionStatus, RetrainRunStatus, State
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_api.status.symbol import ModelRef, SymbolResult, SymbolStatus
from retrain_api.wire import timestamp, to_wire
from retrain_operator.decide.context import Settings
from retrain_operator.decide.schedule.plan import plan
from retrain_operator.state.effects import Event, SchedulePlan
from retrain_operator.state.schedule_view import ChildRun, ScheduleView
from retrain_operator.state.view import JobView, PodView, Refusal

CREATED = "2026-11-25T12:00:00Z"
"""A Wednesday."""
NAME = "weekly"


def schedule_document(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A small RetrainSchedule, every Saturday at three, with some fields set; `template` are fields of its runs' spec."""
    run = {
        "symbols": ["BTC-USD", "ETH-USD", "SOL-USD"],
        "data": {"uri": "s3://bucket/features/"},
        "split": {"test": "14d"},
        "artifacts": {"uri": "s3://bucket/models/"},
    }
    template = {"spec": run | spec.pop("template", {})}
    given = {"name": NAME, "namespace": "team", "uid": "uid-s", "generation": 1, "creationTimestamp": CREATED}
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": given | (metadata or {}),
        "spec": {"schedule": "0 3 * * 6", "runTemplate": template} | spec,
    }


def a_schedule(metadata: dict[str, Any] | None = None, **spec: Any) -> RetrainSchedule:
    """The same, read."""
    return parse_schedule(schedule_document(metadata, **spec))


def run_status(
    symbols: tuple[str, ...], state: State, accuracy: float = 0.71, why: str = "", at: str = ""
) -> RetrainRunStatus:
    """How a run is that is in that state; where it was measured, with this accuracy."""
    measured = state in ("Passed", "Promoted", "Rejected", "AwaitingApproval")
    entries = tuple(_symbol(symbol, state, passing(accuracy) if measured else None, why) for symbol in symbols)
    promoted = tuple(PromotedModel(symbol=symbol, uri=f"s3://bucket/{symbol}.pt") for symbol in symbols)
    count = len(symbols) if state != "Rejected" else 0
    gate = GateStatus(
        verdict="Pass" if count else "Fail",
        passed=count,
        required=1,
        total=len(symbols),
        outcome="Ideal",
        summary=f"{count} of {len(symbols)} pass",
    )
    final = state in FINAL_STATES
    reason = why or state
    return RetrainRunStatus(
        state=state,
        message=f"{state} for a reason.",
        symbols=entries,
        gate=gate if measured else None,
        promotion=PromotionStatus(state="Promoted", at=at, models=promoted) if state == "Promoted" else None,
        completion_time=at or None if final else None,
        conditions=(
            Condition(type="Ready", status="True" if final else "False", reason=reason, last_transition_time=CREATED),
            Condition(
                type="Finished", status="True" if final else "False", reason=reason, last_transition_time=CREATED
            ),
        ),
    )


def _symbol(symbol: str, state: State, measurement: Measurement | None, why: str) -> SymbolStatus:
    if state in ("Failed", "Skipped"):
        return SymbolStatus(symbol=symbol, state=state, reason=why or "Bug", message="It broke.")
    if measurement is None:
        return SymbolStatus(symbol=symbol)
    model = ModelRef(uri=f"s3://bucket/{symbol}.pt", sha256="a" * 64)
    return SymbolStatus(symbol=symbol, state="Evaluated", result=SymbolResult(model=model, metrics=measurement))


@dataclass
class World:
    """One schedule. `reconcile` plans and carries out; the rest is what people, runs and the clock do."""

    document: dict[str, Any] = field(default_factory=schedule_document)
    now: datetime = field(default_factory=lambda: datetime.fromisoformat(CREATED))
    runs: dict[str, ChildRun] = field(default_factory=dict)
    jobs: dict[str, JobView] = field(default_factory=dict)
    """Those by which it tells people."""
    refused: dict[str, Refusal] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    refusing: str = ""
    """How the API server answers creations: with "" it takes them; else "for now" or "for good"."""
    made: list[str] = field(default_factory=list)
    """Names of runs, in the order of their creation."""
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    requeue_at: datetime | None = None
    _uids: int = 0

    @classmethod
    def of(cls, **spec: Any) -> World:
        return cls(schedule_document(**spec))

    @property
    def schedule(self) -> RetrainSchedule:
        """As the API server gives it."""
        stored = as_stored(self.document)
        return parse_stored_schedule(json.dumps(stored).encode())

    @property
    def status(self) -> RetrainScheduleStatus:
        return self.schedule.status

    # The operator

    def plan(self) -> SchedulePlan:
        view = ScheduleView(tuple(self.runs.values()), tuple(self.refused.values()), tuple(self.jobs.values()))
        return plan(self.schedule, view, self.now, self.settings)

    def reconcile(self, writes: int | None = None, answers: bool = True) -> SchedulePlan:
        """Plan, and carry it out, or only the first `writes` of it. Without `answers` what was refused is not heard of."""
        decided = self.plan()
        self.carry_out(decided, writes, answers)
        return decided

    def carry_out(self, decided: SchedulePlan, writes: int | None = None, answers: bool = True) -> None:
        left = 10**6 if writes is None else writes
        if left <= 0:
            return
        self.document["status"] = to_wire(decided.status)
        self.events += decided.events
        self.requeue_at = decided.requeue_at
        for manifest in decided.create[: left - 1]:
            self._create(manifest, answers)
        left -= 1 + len(decided.create)
        for deletion in decided.delete[: max(left, 0)]:
            there = self.runs.get(deletion.name)
            if deletion.kind == "jobs" and self.jobs[deletion.name].uid == deletion.uid:
                del self.jobs[deletion.name]
            elif there is not None and there.uid == deletion.uid:
                del self.runs[deletion.name]
                self.removed.append(deletion.name)

    def _create(self, manifest: Mapping[str, Any], answers: bool) -> None:
        name = manifest["metadata"]["name"]
        if name in self.runs or name in self.jobs:
            return
        if self.refusing:
            lasting = self.refusing == "for good"
            if answers:
                reason = "Forbidden" if lasting else "QuotaExceeded"
                self.refused[name] = Refusal(name, reason, "no room", lasting, self.now)
            return
        self.refused.pop(name, None)
        self.manifests[name] = dict(manifest)
        if manifest["kind"] == "Job":
            self._uids += 1
            self.jobs[name] = job_of(manifest, f"job-{self._uids}", self.now)
            return
        self.made.append(name)
        self.put(name, spec=manifest)

    def settle(self) -> None:
        """Reconcile until nothing changes."""
        for _ in range(50):
            before = json.dumps(self.document, sort_keys=True), sorted(self.runs), sorted(self.jobs)
            self.reconcile()
            if (json.dumps(self.document, sort_keys=True), sorted(self.runs), sorted(self.jobs)) == before:
                return
        raise AssertionError("it never comes to rest")

    def until(self, time: str | datetime) -> None:
        """Let the clock go on; the schedule is looked at whenever it asked for, and at the end."""
        end = datetime.fromisoformat(time) if isinstance(time, str) else time
        self.settle()
        while self.requeue_at is not None and self.now < self.requeue_at <= end:
            self.now = self.requeue_at
            self.settle()
        self.now = end
        self.settle()

    def go(self, **passed: float) -> None:
        self.until(self.now + timedelta(**passed))

    # People and runs

    def put(
        self,
        name: str,
        owned: bool = True,
        spec: Mapping[str, Any] | None = None,
        stranger: bool = False,
        **status: Any,
    ) -> ChildRun:
        """A run comes to be."""
        self._uids += 1
        parsed = parse_run(spec).spec if spec is not None else None
        run = ChildRun(
            name, f"uid-{self._uids}", owned, RetrainRunStatus(**status), parsed, self.now, stranger=stranger
        )
        self.runs[name] = run
        return run

    def turn(self, name: str, state: State, accuracy: float = 0.71, why: str = "") -> None:
        """A run comes to be in that state."""
        run = self.runs[name]
        symbols = run.spec.symbols if run.spec else ("BTC-USD",)
        self.runs[name] = replace(run, status=run_status(symbols, state, accuracy, why, timestamp(self.now)))

    def observe(self, name: str, state: ObservedState, models: Mapping[str, str], over: bool = False) -> None:
        """A look at a run's promoted models, by symbol, has found that state; with `over` it was the last one."""
        run = self.runs[name]
        seen = tuple(ObservedSymbol(symbol=symbol, state=state, model=model) for symbol, model in models.items())
        next_time = None if over else timestamp(self.now + timedelta(days=1))
        found = ObservationStatus(state=state, next_time=next_time, symbols=seen)
        self.runs[name] = replace(run, status=run.status.model_copy(update={"observation": found}))

    def tell(self, failure: str = "") -> NotifyTask:
        """The one Job that is at work has told, or failed for that reason, and that is read; what it told."""
        task = self.end_job(failure)
        self.settle()
        return task

    def end_job(self, failure: str = "") -> NotifyTask:
        """The same, and nobody has looked yet."""
        (job,) = (one for one in self.jobs.values() if one.live)
        task = task_of(self.manifests[job.name])
        outcome = (
            TaskFailure(reason=failure, message="It says no.") if failure else NotifyResult(key=task.key, scheme="json")
        )
        pod = PodView(
            0, "Failed" if failure else "Succeeded", exit_code=2 if failure else 0, message=encode_message(outcome)
        )
        state: Literal["Failed", "Complete"] = "Failed" if failure else "Complete"
        self.jobs[job.name] = replace(job, state=state, finished=self.now, pods=(pod,), started=True)
        return task

    def end_all(self, state: State, accuracy: float = 0.71) -> None:
        """All runs that are at work end; replays as they would, whose policy is Never."""
        for run in self.at_work():
            replayed = is_replay(run.name)
            self.turn(run.name, "Passed" if replayed and state == "Promoted" else state, accuracy)

    def at_work(self) -> list[ChildRun]:
        states = (*FINAL_STATES, "AwaitingApproval")
        return [run for run in self.runs.values() if run.owned and run.status.state not in states]

    def edit(self, **spec: Any) -> None:
        """A person edits the spec; `template` are fields of its runs' spec."""
        template = spec.pop("template", {})
        self.document["spec"] |= spec
        self.document["spec"]["runTemplate"]["spec"] |= template
        self.document["metadata"]["generation"] += 1

    def annotate(self, verb: str, token: str) -> None:
        self.document["metadata"].setdefault("annotations", {})[f"retrain.crpbot.dev/{verb}"] = token

    # What is asked of it

    @property
    def present_replays(self) -> set[str]:
        found = self.status.walk_forward
        slots = found.slots if found is not None else ()
        key = proof_key(self.schedule.spec.run_template.spec)
        return {replay_run(NAME, key, datetime.fromisoformat(entry.slot)) for entry in slots}

    def condition(self, kind: str) -> Condition | None:
        return next((one for one in self.status.conditions if one.type == kind), None)

    def slot_runs(self) -> list[str]:
        return [name for name in self.made if not is_replay(name)]


def job_of(manifest: Mapping[str, Any], uid: str, now: datetime) -> JobView:
    """A Job that was just created."""
    metadata = manifest["metadata"]
    notes = metadata["annotations"]
    key, template, queue = notes[ANNOTATION_KEY], notes[ANNOTATION_TEMPLATE], notes[ANNOTATION_QUEUE]
    return JobView(metadata["name"], uid, "notify", key, template, "Waiting", created=now, queue=queue)


def task_of(manifest: Mapping[str, Any]) -> NotifyTask:
    """What a notify Job is asked to tell."""
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    task = decode_task(next(one["value"] for one in container["env"] if one["name"] == TASK_VARIABLE))
    assert isinstance(task, NotifyTask)
    return task


def is_replay(name: str) -> bool:
    return name.startswith(f"{NAME}-wf-")


def is_for_decay(name: str) -> bool:
    return name.startswith(f"{NAME}-decay-")


def at(text: str) -> datetime:
    """A time in UTC: 2026-11-28 03:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
