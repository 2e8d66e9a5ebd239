"""Whatever happens, in whatever order, and wherever the operator dies: what a run never does, and that it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.fake_api import Fault, Lost, internal_error, too_many
from support.fake_cluster import FakeCluster, tell
from support.planning import KILLED, Cluster, failed, passing, task_of
from support.pod_status import Ended, evicted
from support.results import INTERRUPTED

from retrain_api.documents.tasks import PublishTask
from retrain_api.errors import ConfigurationError
from retrain_api.keys import changed, digest
from retrain_api.measurement import Measurement
from retrain_api.names import file_name
from retrain_api.status.run import FINAL_STATES
from retrain_operator.decide.context import Settings
from retrain_operator.decide.run.plan import plan
from retrain_operator.kube.resync import prime, resync
from retrain_operator.state.cache import Cache
from retrain_operator.state.effects import Plan
from retrain_operator.state.view import JobView

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
FIGURES: dict[str, Measurement] = {
    "good": passing(),
    "bad": passing(0.6),
    "suspect": passing(0.99).model_copy(update={"suspicions": ("its accuracy is above 97 %",)}),
    "suspect and bad": passing(0.6).model_copy(update={"suspicions": ("its win rate is above 97 %",)}),
}
EDITS: list[dict[str, Any]] = [
    {"training": {"seed": 1}},
    {"training": {}},
    {"evaluation": {"calibrationBins": 10}},
    {"evaluation": {}},
    {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.5}]}},
    {"gate": {"minPassed": 1, "whenUnreachable": "Continue"}},
    {"gate": {}},
    {"promotion": {"policy": "Manual"}},
    {"promotion": {"policy": "Never"}},
    {"promotion": {}},
    {"symbols": ["BTC-USD"]},
    {"symbols": ["SOL-USD", "BTC-USD"]},
    {"symbols": list(SYMBOLS)},
    {"train": {"resources": {"limits": {"memory": "8Gi"}}}},
    {"train": {"pendingDeadlineSeconds": 60}},
    {"train": {}},
    {"evaluate": {"backoffLimit": 1}},
    {"publish": {"backoffLimit": 1}},
    {"artifacts": {"uri": "s3://elsewhere/models/"}},
    {"backups": [{"name": "vault", "uri": "s3://vault/", "required": True}]},
    {"backups": []},
    {"parallelism": 1},
    {"parallelism": 64},
    {"jobTTLSecondsAfterFinished": 60},
    {"suspend": True},
    {"suspend": False},
    {"observation": {"every": "1d", "for": "3d"}},
    {"observation": {"every": "1h"}},
    {"observation": None},
]


WATCHED = ("retrainruns", "jobs", "pods")
ENDS = [KILLED, Ended(1), Ended(75, INTERRUPTED), failed("Bug", "oh", 70), evicted("2026-01-05T12:00:00Z")]


class Replica:
    """What a replica of the operator knows, and of each kind what its watch has yet to tell."""

    def __init__(self, api: FakeCluster) -> None:
        self.api, self.cache = api, Cache()
        self.heard = dict.fromkeys(WATCHED, len(api.watched))
        asyncio.run(prime(api, self.cache, []))  # type: ignore[arg-type]

    def hear(self, kind: str, count: int, lost: bool) -> None:
        """The next changes of a kind, told or lost."""
        changes = [one for one in self.api.watched[self.heard[kind] :] if one.resource == kind][:count]
        for change in changes:
            self.heard[kind] = self.api.watched.index(change, self.heard[kind]) + 1
            if not lost:
                tell(self.cache, change)

    def resync(self) -> None:
        asyncio.run(resync(self.api, self.cache, []))  # type: ignore[arg-type]


class RunMachine(RuleBasedStateMachine):
    """A run, its Jobs, its person and its operator, each doing as it likes."""

    @initialize(policy=st.sampled_from(["Automatic", "Manual"]))
    def begin(self, policy: str) -> None:
        self.cluster = Cluster.of(promotion={"policy": policy})
        self.cluster.slow = self.cluster.stale = True
        self.cluster.watches = False
        self.replicas = [Replica(self.cluster.api), Replica(self.cluster.api)]
        self.cluster.lead(self.leader.cache)
        self.promoted: dict[str, str] = {}
        self.checked = 0
        self.digests: dict[str, set[str]] = {verb: set() for verb in ("approve", "reject", "override")}
        self.remembered: Plan | None = None

    def jobs(self, *states: str) -> list[JobView]:
        return sorted((job for job in self.cluster.jobs.values() if job.state in states), key=lambda job: job.name)

    def pick(self, number: int, *states: str) -> JobView | None:
        jobs = self.jobs(*states)
        return jobs[number % len(jobs)] if jobs else None

    # The operator: two replicas, of which one leads

    @property
    def leader(self) -> Replica:
        return self.replicas[0]

    def plan(self) -> Plan | None:
        """What the leader would do now; None where it does not know of the run."""
        return self.cluster.plan() if self.leader.cache.runs else None

    @rule()
    def reconcile(self) -> None:
        if decided := self.plan():
            self.cluster.carry_out(decided)

    @rule()
    def rest(self) -> None:
        self.quietly(self.cluster.settle)

    @rule(writes=st.integers(0, 3))
    def die_between_writes(self, writes: int) -> None:
        if decided := self.plan():
            self.cluster.carry_out(decided, writes)

    @rule(number=st.integers(0, 3), fault=st.sampled_from([internal_error(), too_many(), Lost()]))
    def an_answer_fails(self, number: int, fault: Fault) -> None:
        """Of the requests of one reconcile the `number`-th is refused, or carried out and not answered."""
        if decided := self.plan():
            self.cluster.faults = {number: fault}
            self.cluster.carry_out(decided)
            self.cluster.faults = {}

    @rule()
    def remember(self) -> None:
        self.remembered = self.plan()

    @precondition(lambda self: self.remembered is not None)
    @rule()
    def act_on_an_old_view(self) -> None:
        """A leader that was frozen goes on, whoever leads by now."""
        assert self.remembered is not None
        self.cluster.carry_out(self.remembered)

    @rule(which=st.integers(0, 1), kind=st.sampled_from(WATCHED), count=st.integers(1, 9), lost=st.booleans())
    def watch(self, which: int, kind: str, count: int, lost: bool) -> None:
        """A watch tells of some changes, in their order; of another kind it may tell later, and of some never."""
        self.replicas[which].hear(kind, count, lost)

    @rule(which=st.integers(0, 1))
    def resync(self, which: int) -> None:
        self.replicas[which].resync()

    @rule()
    def change_leaders(self) -> None:
        """Whoever takes over lists first, as the controller does: the last Jobs may not have come by its watches yet."""
        self.replicas.reverse()
        self.leader.resync()
        self.cluster.lead(self.leader.cache)

    @rule(
        fault=st.sampled_from([None, Lost()]),
        edit=st.sampled_from([{}, *EDITS]),
        kinds=st.sets(st.sampled_from(WATCHED)),
    )
    def hand_over(self, fault: Fault, edit: dict[str, Any], kinds: set[str]) -> None:
        """The leader acts, a person edits, and the other replica takes over, whatever its watches have told it by then."""
        if decided := self.plan():
            self.cluster.faults = {1: fault}
            self.cluster.carry_out(decided)
            self.cluster.faults = {}
        self.edit(edit)
        for kind in kinds:
            self.replicas[1].hear(kind, len(self.cluster.api.watched), False)
        self.change_leaders()
        self.reconcile()

    @rule()
    def start_anew(self) -> None:
        """A new process: it lists everything, and has no memory."""
        self.replicas[0] = Replica(self.cluster.api)
        self.cluster.lead(self.leader.cache)

    def hear_everything(self) -> None:
        """Whatever the watches have lost, a resync finds."""
        for kind in WATCHED:
            self.leader.hear(kind, len(self.cluster.api.watched), False)
        self.leader.resync()

    @rule(how=st.sampled_from(["", "for now", "for good"]))
    def refuse_creations(self, how: str) -> None:
        self.cluster.refusing = how

    # The pods

    @rule()
    def controllers(self) -> None:
        self.cluster.api.controllers()

    @rule(number=st.integers(0, 9))
    def start(self, number: int) -> None:
        if job := self.pick(number, "Waiting"):
            self.cluster.start(job)

    @rule(number=st.integers(0, 9))
    def finish(self, number: int) -> None:
        if job := self.pick(number, "Waiting", "Running"):
            self.cluster.finish(job)

    @rule()
    def finish_everything(self) -> None:
        self.cluster.finish_all()

    @rule(number=st.integers(0, 9), end=st.sampled_from(ENDS), index=st.sampled_from([None, 0, 1]))
    def a_pod_ends(self, number: int, end: Ended, index: int | None) -> None:
        if job := self.pick(number, "Waiting", "Running"):
            self.cluster.end(job, end, index=index)

    @rule(number=st.integers(0, 9))
    def fail(self, number: int) -> None:
        if job := self.pick(number, "Waiting", "Running"):
            self.cluster.fail(job)

    @rule(number=st.integers(0, 9))
    def lose(self, number: int) -> None:
        if job := self.pick(number, "Waiting", "Running"):
            self.cluster.lose(job)

    @rule(number=st.integers(0, 9), suspended=st.booleans())
    def a_queue_acts(self, number: int, suspended: bool) -> None:
        if job := self.pick(number, *(("Waiting", "Running") if suspended else ("Suspended",))):
            self.cluster.suspend(job, suspended)

    @rule(number=st.integers(0, 9))
    def delete_by_hand(self, number: int) -> None:
        if job := self.pick(number, "Waiting", "Running", "Complete", "Failed"):
            self.cluster.remove(job)

    @rule()
    def bury(self) -> None:
        self.cluster.bury()

    # The person

    @rule(edit=st.sampled_from(EDITS))
    def edit(self, edit: dict[str, Any]) -> None:
        try:
            self.cluster.edit(**edit)
        except ConfigurationError:
            return  # refused at apply: minPassed of more symbols than there are

    @rule(token=st.sampled_from(["", "1", "2"]))
    def rerun(self, token: str) -> None:
        self.cluster.annotate(rerun=token)

    @rule(verb=st.sampled_from(["approve", "reject", "override"]), forged=st.booleans())
    def answer(self, verb: str, forged: bool) -> None:
        self.speak(verb, forged)

    def speak(self, verb: str, forged: bool) -> None:
        gate = self.cluster.run.status.gate
        if gate is None or gate.digest is None:
            return
        if not forged:
            self.digests[verb].add(gate.digest)
        self.cluster.annotate(**{verb: f"{'0' * 16 if forged else gate.digest} by Ann: because"})

    @rule(forged=st.booleans())
    def override_what_rests(self, forged: bool) -> None:
        """Left to chance, few runs get as far as a judgement that fails."""
        for symbol in SYMBOLS:
            self.cluster.measurements[symbol] = FIGURES["bad"]
        self.to_the_end()
        self.speak("override", forged)

    @rule()
    def be_silent(self) -> None:
        self.cluster.annotate(approve="", reject="", override="")

    @rule(symbol=st.sampled_from(SYMBOLS), figures=st.sampled_from(sorted(FIGURES)))
    def measure_otherwise(self, symbol: str, figures: str) -> None:
        self.cluster.measurements[symbol] = FIGURES[figures]

    @rule(seconds=st.integers(-86_400, 86_400))
    def clock(self, seconds: int) -> None:
        self.cluster.later(seconds)

    # What never happens

    @invariant()
    def one_job_for_one_piece_of_work(self) -> None:
        live = [(job.phase, job.symbol, job.key) for job in self.cluster.jobs.values() if job.live]
        assert len(live) == len(set(live))

    @invariant()
    def nothing_is_promoted_without_a_pass_or_an_override_of_this_very_judgement(self) -> None:
        names, self.checked = self.cluster.created[self.checked :], len(self.cluster.created)
        for name in names:
            task = task_of(self.cluster.manifests[name])
            if not isinstance(task, PublishTask):
                continue
            for item in task.items:
                if not item.promote:
                    continue
                assert item.measurement is not None and item.model is not None
                if task.override:
                    assert task.approved_by == "Ann: because" and item.verdict != "Error"
                    assert self.digest_of(task) in self.digests["override"]
                    continue
                by_a_person = task.approved_by == "Ann: because" and self.digests["approve"]
                assert item.verdict == "Pass" or (item.verdict == "Suspect" and by_a_person)
                assert not item.measurement.suspicions or by_a_person
                assert (item.measurement.metrics.accuracy or 0) >= task.spec["gate"]["criteria"][0]["atLeast"]

    @staticmethod
    def digest_of(task: PublishTask) -> str:
        """What an answer to this very judgement is bound to: the values, not the sentences."""
        models = [{name: model[name] for name in model if name != "reasons"} for model in task.judgement["models"]]
        verdicts = {name: task.judgement[name] for name in task.judgement if name != "summary"}
        return digest(
            {
                "verdicts": verdicts | {"models": models},
                "models": {item.symbol: item.model.sha256 for item in task.items if item.model},
                "measured": {item.symbol: changed(item.measurement) for item in task.items if item.measurement},
            }
        )

    @invariant()
    def no_promotion_is_undone(self) -> None:
        promotion = self.cluster.run.status.promotion
        now = {model.symbol: file_name(model.uri) for model in promotion.models} if promotion else {}
        assert self.promoted.keys() <= now.keys()
        assert self.cluster.pointers.keys() >= now.keys()
        assert all(sha in self.cluster.pointers[symbol] for symbol, sha in now.items())
        self.promoted = now

    @invariant()
    def a_second_look_at_the_same_decides_the_same(self) -> None:
        first = self.plan()
        if first is None or (first.requeue_at is not None and first.requeue_at <= self.cluster.now):
            return
        snapshot = next(iter(self.leader.cache.runs.values()))
        known = snapshot.run.model_copy(update={"status": first.status})
        second = plan(known, self.cluster.view(), self.cluster.now, Settings())
        assert second.status == first.status and second.events == ()
        assert self.names(second) == self.names(first)

    def to_the_end(self) -> None:
        for job in self.jobs("Suspended"):
            self.cluster.suspend(job, False)
        self.quietly(self.cluster.to_the_end)

    def quietly(self, act: Callable[[], object]) -> None:
        """Nothing is late, lost or refused for a while."""
        self.hear_everything()
        self.cluster.watches = True
        act()
        self.cluster.watches = False

    @staticmethod
    def names(decided: Plan) -> tuple[set[str], set[str]]:
        created = {manifest["metadata"]["name"] for manifest in decided.create}
        return created, {deletion.uid for deletion in decided.delete}

    def teardown(self) -> None:
        """Once its pods end, the run ends."""
        if not hasattr(self, "cluster"):
            return
        self.cluster.edit(suspend=False)
        self.cluster.refusing = ""
        self.cluster.bury()
        self.to_the_end()
        status = self.cluster.run.status
        assert status.state in FINAL_STATES | {"AwaitingApproval"}
        assert (status.completion_time is not None) == (status.state in FINAL_STATES)
        self.no_promotion_is_undone()


RunMachine.TestCase.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
test_a_run_whatever_happens = RunMachine.TestCase
