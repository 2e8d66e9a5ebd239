"""Whatever happens to an observed run, in whatever order, and wherever the operator dies: what never does."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.observed_run import DAY, ObservedRun
from support.planning import reread, task_of
from support.results import DECAYED, looked

from retrain_api.documents.results import ObserveResult
from retrain_api.status.observation import ObservationStatus
from retrain_operator.decide.context import Settings
from retrain_operator.decide.run.plan import plan
from retrain_operator.state.view import JobView

FOUND: dict[str, dict[str, Any]] = {
    "holds": {},
    "decays": DECAYED,
    "warns": {"promise": 9.0},
    "few bars": {"bars": 3},
    "no file": {"reason": "DataNotFound", "problem": "No file.", "bars": 0},
    "no blocks": {"reason": "NotMeasurable", "problem": "No blocks.", "bars": 0},
    "replaced": {"model": "b" * 64, "run": "uid-2"},
    "rolled back": {"model": "a" * 64, "run": "uid-0", "rolled_back": True},
}
EDITS: list[dict[str, Any]] = [
    {"observation": {"every": "1d"}},
    {"observation": {"every": "6h"}},
    {"observation": {"every": "1d", "for": "2d"}},
    {"observation": {"every": "1d", "minBars": 5_000}},
    {"observation": None},
    {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.5}]}},
    {"gate": {}},
    {"evaluate": {"resources": {"limits": {"memory": "8Gi"}}}},
    {"training": {"seed": 1}},
    {"training": {}},
    {"suspend": True},
    {"suspend": False},
]
SYMBOLS = ("BTC-USD", "ETH-USD")


class ObservationMachine(RuleBasedStateMachine):
    """A promoted run of two symbols."""

    @initialize()
    def begin(self) -> None:
        self.run = ObservedRun(SYMBOLS)
        self.cluster = self.run.cluster
        self.before: ObservationStatus | None = None

    def pick(self) -> JobView | None:
        return next(iter(self.run.live), None)

    @rule()
    def reconcile(self) -> None:
        self.cluster.reconcile()

    @rule()
    def rest(self) -> None:
        self.cluster.settle()

    @rule(writes=st.integers(0, 3))
    def die_between_writes(self, writes: int) -> None:
        self.cluster.carry_out(self.cluster.plan(), writes)

    @rule(days=st.sampled_from([-0.5, 0.01, 0.25, 1.0, 3.0]))
    def clock(self, days: float) -> None:
        self.cluster.later(days * DAY)

    @rule(first=st.sampled_from(sorted(FOUND)), second=st.sampled_from(sorted(FOUND)))
    def find(self, first: str, second: str) -> None:
        if (job := self.pick()) is None:
            return
        task = task_of(self.cluster.manifests[job.name])
        numbers = dict(zip(SYMBOLS, (FOUND[first], FOUND[second]), strict=True))
        symbols = tuple(looked(task, item, **numbers[item.symbol]) for item in task.items)  # type: ignore[union-attr, arg-type]
        self.cluster.finish(job, [ObserveResult(observe_key=job.key, symbols=symbols)])

    @rule()
    def fail(self) -> None:
        if job := self.pick():
            self.cluster.fail(job)

    @rule()
    def lose(self) -> None:
        if job := self.pick():
            self.cluster.lose(job)

    @rule(suspended=st.booleans())
    def a_queue_acts(self, suspended: bool) -> None:
        if job := self.pick():
            self.cluster.suspend(job, suspended)

    @rule()
    def delete_by_hand(self) -> None:
        for job in self.run.looks[:1]:
            self.cluster.remove(job)

    @rule()
    def the_other_work_ends(self) -> None:
        for job in list(self.cluster.jobs.values()):
            if job.live and job.phase != "observe":
                self.cluster.finish(job)

    @rule(edit=st.sampled_from(EDITS))
    def edit(self, edit: dict[str, Any]) -> None:
        self.cluster.edit(**edit)

    @rule(token=st.sampled_from(["", "1", "2"]), what=st.sampled_from(["retry", "rerun"]))
    def annotate(self, token: str, what: str) -> None:
        self.cluster.annotate(**{what: token})

    @invariant()
    def one_look_at_a_time(self) -> None:
        assert len(self.run.live) <= 1

    @invariant()
    def jobs_do_not_pile_up(self) -> None:
        assert len([job for job in self.run.looks if job.state in ("Complete", "Failed")]) <= 4

    @invariant()
    def a_second_plan_changes_nothing(self) -> None:
        first = self.cluster.plan()
        if first.requeue_at is not None and first.requeue_at <= self.cluster.now:
            return
        known = self.cluster.run.model_copy(update={"status": reread(first.status)})
        second = plan(known, self.cluster.view(), self.cluster.now, Settings())
        assert second.status == first.status and second.events == ()
        assert [one["metadata"]["name"] for one in second.create] == [one["metadata"]["name"] for one in first.create]
        assert {one.uid for one in second.delete} == {one.uid for one in first.delete}

    @invariant()
    def what_decays_stays_so_and_looks_go_forwards(self) -> None:
        before, after = self.before, self.cluster.run.status.observation
        self.before = after
        if before is None or after is None or before.models != after.models:
            return
        assert after.last_time is None or after.last_time >= (before.last_time or "")
        if before.bar != after.bar:
            return
        for old, new in zip(before.symbols, after.symbols, strict=True):
            if old.state == "Decaying" and new.model == old.model:
                assert new.state in ("Decaying", "Superseded")

    def teardown(self) -> None:
        """Once the store answers again, everybody knows how the models do."""
        if not hasattr(self, "cluster"):
            return
        self.cluster.edit(suspend=False, observation={"every": "1d"})
        for job in self.cluster.jobs.values():
            self.cluster.suspend(job, False)
        self.cluster.to_the_end()
        self.cluster.later(30 * DAY)
        self.cluster.to_the_end()
        assert self.run.status.state in ("Holding", "Decaying", "Superseded")
        assert (self.run.status.next_time is None) == (self.run.status.state == "Superseded")


ObservationMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_an_observed_run_whatever_happens = ObservationMachine.TestCase
