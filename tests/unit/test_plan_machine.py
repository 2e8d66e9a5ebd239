"""Whatever happens, in whatever order, and wherever the operator dies: what a run never does, and that it ends."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from retrain_api.documents import PublishTask
from retrain_api.errors import ConfigurationError
from retrain_api.keys import digest
from retrain_api.measurement import Measurement
from retrain_api.names import file_name
from retrain_api.status import FINAL_STATES
from retrain_operator.observed import Observed, ObservedJob
from retrain_operator.plan import Plan, Settings, plan
from support.planning import Cluster, passing, task_of

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
]


class RunMachine(RuleBasedStateMachine):
    """A run, its Jobs, its person and its operator, each doing as it likes."""

    @initialize(policy=st.sampled_from(["Automatic", "Manual"]))
    def begin(self, policy: str) -> None:
        self.cluster = Cluster.of(promotion={"policy": policy})
        self.cluster.slow = True
        self.promoted: dict[str, str] = {}
        self.checked = 0
        self.digests: dict[str, set[str]] = {verb: set() for verb in ("approve", "reject", "override")}
        self.snapshot: tuple[Any, Observed] | None = None

    def jobs(self, *states: str) -> list[ObservedJob]:
        return sorted((job for job in self.cluster.jobs.values() if job.state in states), key=lambda job: job.name)

    def pick(self, number: int, *states: str) -> ObservedJob | None:
        jobs = self.jobs(*states)
        return jobs[number % len(jobs)] if jobs else None

    # The operator

    @rule()
    def look(self) -> None:
        self.cluster.look()

    @rule()
    def rest(self) -> None:
        self.cluster.settle()

    @rule(writes=st.integers(0, 3))
    def die_between_writes(self, writes: int) -> None:
        self.cluster.carry_out(self.cluster.plan(), writes)

    @rule()
    def remember(self) -> None:
        self.snapshot = (self.cluster.run, self.cluster.observed())

    @precondition(lambda self: self.snapshot is not None)
    @rule()
    def act_on_an_old_observation(self) -> None:
        """The status is written with a resourceVersion: a plan of an older run is refused as a whole."""
        assert self.snapshot is not None
        run, observed = self.snapshot
        if run != self.cluster.run:
            return
        self.cluster.stale = True
        self.cluster.carry_out(plan(run, observed, self.cluster.now, Settings()))
        self.cluster.stale = False

    @rule(how=st.sampled_from(["", "for now", "for good"]))
    def refuse_creations(self, how: str) -> None:
        self.cluster.refusing = how

    @rule()
    def forget_refusals(self) -> None:
        """The operator starts anew: refusals are in its memory alone."""
        self.cluster.refused.clear()

    # The pods

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

    @rule(number=st.integers(0, 9))
    def fail(self, number: int) -> None:
        if job := self.pick(number, "Waiting", "Running"):
            self.cluster.fail(job)

    @rule(number=st.integers(0, 9))
    def lose(self, number: int) -> None:
        if job := self.pick(number, "Waiting", "Running"):
            self.cluster.lose(job)

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
        self.cluster.to_the_end()
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
        models = {item.symbol: item.model.sha256 for item in task.items if item.model}
        return digest({"judgement": task.judgement, "models": models})

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
        first = self.cluster.plan()
        if first.look_again_at is not None and first.look_again_at <= self.cluster.now:
            return
        run = self.cluster.run.model_copy(update={"status": first.status})
        second = plan(run, self.cluster.observed(), self.cluster.now, Settings())
        assert second.status == first.status and second.events == ()
        assert self.names(second) == self.names(first)

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
        self.cluster.to_the_end()
        status = self.cluster.run.status
        assert status.state in FINAL_STATES | {"AwaitingApproval"}
        assert (status.completion_time is not None) == (status.state in FINAL_STATES)
        self.no_promotion_is_undone()


RunMachine.TestCase.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
test_a_run_whatever_happens = RunMachine.TestCase
