"""Whatever happens, in whatever order, and wherever the operator dies: what a schedule never does, and that every proof ends."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.schedule_world import NAME, World, is_for_decay, is_replay

from retrain_api.cron import Cron
from retrain_api.keys import proof_key
from retrain_operator.state.effects import SchedulePlan
from retrain_operator.state.schedule_view import ChildRun

ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu")
STARTS = (
    "2026-03-06T12:00:00Z",
    "2026-03-28T00:30:00Z",
    "2026-10-23T12:00:00Z",
    "2026-10-31T22:00:00Z",
    "2026-04-03T09:00:00Z",
)
"""Days before clocks are changed, somewhere."""
SCHEDULES = ("30 2 * * *", "0 */6 * * *", "15 1 * * 0", "@daily", "0 3 * * 6")
ENDS = ("Promoted", "Passed", "Rejected", "Skipped", "Failed", "AwaitingApproval")
HOURS = (0.01, 0.5, 1, 7, 24, 26, 170, 24 * 40)
EDITS: tuple[dict[str, Any], ...] = (
    {"walkForward": {"slots": 2, "minPassed": 1}},
    {"walkForward": {"slots": 3, "minPassed": 3, "parallelism": 2}},
    {"walkForward": None},
    {"template": {"training": {"epochs": 3}}},
    {"template": {"training": {"epochs": 4}}},
    {"template": {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.5}]}}},
    {"template": {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.99}]}}},
    {"template": {"promotion": {"policy": "Manual"}}},
    {"pauseAfterFailures": 1},
    {"pauseAfterFailures": 0},
    {"startingDeadlineSeconds": 3600},
    {"startingDeadlineSeconds": None},
    {"runsHistoryLimit": 0, "failedRunsHistoryLimit": 0},
    {"runsHistoryLimit": 2, "failedRunsHistoryLimit": 1},
    {"timeZone": "Etc/UTC"},
    {"timeZone": "Europe/Berlin"},
    {"schedule": "0 5 * * *"},
    {"whenDecaying": "Retrain"},
    {"whenDecaying": "Wait"},
    {"notify": [{"name": "ops", "secretName": "a"}]},
    {
        "notify": [
            {"name": "ops", "secretName": "b"},
            {"name": "boss", "secretName": "c", "when": ["Paused", "NoDeliveries"]},
        ]
    },
    {"notify": []},
)
MODELS = ("1a2b3c4d5e6f", "2b3c4d5e6f7a", "3c4d5e6f7a8b")
"""What a pointer may name; a rollback names one again."""


class ScheduleMachine(RuleBasedStateMachine):
    """A schedule, its runs, its people and its operator, each doing as it likes."""

    @initialize(
        zone=st.sampled_from(ZONES),
        start=st.sampled_from(STARTS),
        schedule=st.sampled_from(SCHEDULES),
        proof=st.booleans(),
        deadline=st.sampled_from([None, 3600]),
    )
    def begin(self, zone: str, start: str, schedule: str, proof: bool, deadline: int | None) -> None:
        asked: dict[str, Any] = {"walkForward": {"slots": 2, "minPassed": 1}} if proof else {}
        asked |= {"startingDeadlineSeconds": deadline} if deadline else {}
        template = {"symbols": ["BTC-USD"], "split": {"test": "1d"}}
        self.world = World.of(schedule=schedule, timeZone=zone, template=template, **asked)
        self.world.document["metadata"]["creationTimestamp"] = start
        self.world.now = self.latest = datetime.fromisoformat(start)
        self.seen: set[str] = set()
        self.gone: set[str] = set()
        """UIDs of runs that a status has known, and names of those that a person deleted after that."""
        self.begun = datetime.fromisoformat(start)
        self.counted: tuple[str, str, bool] | None = None
        self.handled = 0
        """Triggers that were acted upon."""
        self.let_go: set[str] = set()
        """Slots that came too late."""
        self.told: Counter[tuple[str, str]] = Counter()
        """Receivers and transitions that a Job told of, without an error."""

    # The operator

    def carry_out(self, decided: SchedulePlan, writes: int | None = None) -> None:
        """Hold a plan against what a schedule never does, then carry it out."""
        if writes is None or writes > 0:
            self.count(decided)
            self.judge(decided)
        self.world.carry_out(decided, writes)
        known = self.world.status  # as it was written: who died before that has seen nothing
        self.seen |= {one.uid for one in known.active}
        found = known.walk_forward
        self.seen |= {entry.uid for entry in found.slots if entry.uid} if found else set()

    @rule()
    def reconcile(self) -> None:
        self.carry_out(self.world.plan())

    @rule(writes=st.integers(0, 3))
    def die_between_writes(self, writes: int) -> None:
        self.carry_out(self.world.plan(), writes)

    @rule()
    def rest(self) -> None:
        self.quietly()
        self.nothing_is_lost()
        self.whoever_is_to_be_told_is_being_told()

    def quietly(self) -> None:
        for _ in range(30):
            before = str(self.world.document), sorted(self.world.runs), sorted(self.world.jobs)
            self.carry_out(self.world.plan())
            if (str(self.world.document), sorted(self.world.runs), sorted(self.world.jobs)) == before:
                return
        raise AssertionError("it never comes to rest")

    # The clock

    @rule(hours=st.sampled_from(HOURS))
    def time_goes_by(self, hours: float) -> None:
        self.world.now += timedelta(hours=hours)
        self.latest = max(self.latest, self.world.now)

    @rule(times=st.integers(1, 5))
    def time_goes_by_watched(self, times: int) -> None:
        """The operator is there whenever it asked to be, and runs end well."""
        for _ in range(times):
            self.quietly()
            if self.world.requeue_at is not None and self.world.requeue_at > self.world.now:
                self.world.now = self.world.requeue_at
                self.latest = max(self.latest, self.world.now)
            self.quietly()
            self.nothing_is_lost()
            self.world.end_all("Promoted")

    @rule(minutes=st.sampled_from([1, 30, 90]))
    def the_clock_is_set_back(self, minutes: int) -> None:
        self.world.now -= timedelta(minutes=minutes)

    # Runs

    def pick(self, runs: list[ChildRun], number: int) -> ChildRun | None:
        return runs[number % len(runs)] if runs else None

    @rule(number=st.integers(0, 9), end=st.sampled_from(ENDS), accuracy=st.sampled_from([0.6, 0.71]))
    def a_run_ends(self, number: int, end: Any, accuracy: float) -> None:
        run = self.pick(self.world.at_work(), number)
        if run is not None:
            replayed = is_replay(run.name) and end in ("Promoted", "AwaitingApproval")
            self.world.turn(run.name, "Passed" if replayed else end, accuracy)

    @rule(number=st.integers(0, 9))
    def a_person_retries_a_run(self, number: int) -> None:
        over = [run for run in self.world.runs.values() if run.owned and run.status.state in ("Failed", "Rejected")]
        run = self.pick(over, number)
        if run is not None:
            self.world.turn(run.name, "Training")

    @rule(number=st.integers(0, 9), end=st.sampled_from(["Promoted", "Rejected"]))
    def a_person_answers(self, number: int, end: Any) -> None:
        waiting = [run for run in self.world.runs.values() if run.status.state == "AwaitingApproval"]
        run = self.pick(waiting, number)
        if run is not None:
            self.world.turn(run.name, end)

    @rule(
        number=st.integers(0, 9),
        state=st.sampled_from(["Decaying", "Holding", "Superseded"]),
        model=st.sampled_from(MODELS),
    )
    def a_look_finds(self, number: int, state: Any, model: str) -> None:
        run = self.pick([run for run in self.world.runs.values() if run.status.promotion], number)
        if run is not None:
            self.world.observe(run.name, state, {"BTC-USD": model}, over=state == "Superseded")

    @precondition(lambda self: any(job.live for job in self.world.jobs.values()))
    @rule(failure=st.sampled_from(["", "", "ReceiverRefused"]))
    def a_job_ends(self, failure: str) -> None:
        task = self.world.end_job(failure)
        self.told[task.receiver, task.key] += not failure

    # People

    @rule(number=st.integers(0, 9))
    def a_person_deletes_a_run(self, number: int) -> None:
        """One that was seen: of one that was not, nobody can know that it ever was."""
        run = self.pick([run for run in self.world.runs.values() if run.uid in self.seen], number)
        if run is not None:
            del self.world.runs[run.name]
            self.gone.add(run.name)

    @rule(edit=st.sampled_from(EDITS))
    def a_person_edits(self, edit: dict[str, Any]) -> None:
        self.world.edit(**{name: dict(part) if name == "template" else part for name, part in edit.items()})

    @rule(suspend=st.booleans())
    def a_person_suspends_or_goes_on(self, suspend: bool) -> None:
        self.world.edit(suspend=suspend)

    @rule(verb=st.sampled_from(["trigger", "resume"]), token=st.sampled_from("abc"))
    def a_person_annotates(self, verb: str, token: str) -> None:
        self.world.annotate(verb, token)

    @rule(refusing=st.sampled_from(["", "for now", "for good"]))
    def the_server_refuses(self, refusing: str) -> None:
        self.world.refusing = refusing

    # What it never does

    def judge(self, decided: SchedulePlan) -> None:
        runs = [one["metadata"]["name"] for one in decided.create if one["kind"] != "Job"]
        made = [name for name in runs if name not in self.world.runs]
        slots = [name for name in made if not is_replay(name)]
        busy = self.world.at_work()
        spec = self.world.schedule.spec
        assert len(slots) <= 1 and not (slots and len(made) > 1)
        if slots:
            assert not busy, f"{slots[0]} beside {busy[0].name}"
            assert not spec.suspend
            proof = decided.status.walk_forward
            assert spec.walk_forward is None or (proof is not None and proof.state != "Proving")
            assert proof is None or proof.key == proof_key(spec.run_template.spec)
            assert decided.status.pending is not None and decided.status.pending.name == slots[0]
            slot = datetime.fromisoformat(decided.status.pending.slot)
            if is_for_decay(slots[0]):
                self.follows_a_decay(slots[0], decided)
            elif not is_triggered(slots[0]):
                assert self.begun.replace(microsecond=0) < slot <= self.world.now, "it does not count"
        if made and not slots:
            assert spec.walk_forward is not None
            assert len(busy) + len(made) <= spec.walk_forward.parallelism and all(is_replay(one.name) for one in busy)
        assert not set(made) & self.gone, "made again after somebody deleted it"
        self.removes_only_what_it_may(decided)

    def follows_a_decay(self, name: str, decided: SchedulePlan) -> None:
        """It is remembered for good, and was asked for now or when it was promised."""
        model, promised = name.removeprefix(f"{NAME}-decay-"), self.world.status.pending
        assert model in (decided.status.decayed or ()) and decided.status.state != "Paused"
        if promised is None or promised.name != name:
            assert self.world.schedule.spec.when_decaying == "Retrain"
            looks = [run.status.observation for run in self.world.runs.values() if run.status.observation]
            assert any(one.model.startswith(model) for look in looks for one in look.symbols if one.state == "Decaying")

    def removes_only_what_it_may(self, decided: SchedulePlan) -> None:
        serving: dict[str, ChildRun] = {}
        for run in sorted(self.world.runs.values(), key=made_for):
            for model in run.status.promotion.models if run.status.promotion else ():
                serving[model.symbol] = run
        proof = decided.status.walk_forward
        evidence = {entry.uid for entry in proof.slots} if proof else set()
        for deletion in decided.delete:
            if deletion.kind == "jobs":
                continue
            run = self.world.runs[deletion.name]
            assert run.owned and run.uid == deletion.uid and run not in self.world.at_work()
            assert run.uid not in evidence
            look = run.status.observation
            assert look is None or look.next_time is None, "it is still observed"
            assert run not in serving.values() or is_replay(run.name)

    def count(self, decided: SchedulePlan) -> None:
        """Since when slots count, by what a person would say: a change, or the end of a suspension or pause."""
        spec, state = self.world.schedule.spec, decided.status.state
        now = (spec.schedule, spec.time_zone, state in ("Suspended", "Paused"))
        before = self.counted
        if before is not None and (before[:2] != now[:2] or (before[2] and not now[2])):
            self.begun = self.world.now
        self.counted = now
        self.handled += decided.status.last_handled_trigger != self.world.status.last_handled_trigger
        since = decided.status.counting
        if any(event.reason == "SlotMissed" for event in decided.events) and since is not None:
            slot = datetime.fromisoformat(since.since)
            assert spec.starting_deadline_seconds is not None
            assert self.world.now - slot > timedelta(seconds=spec.starting_deadline_seconds)
            self.let_go.add(slot.isoformat())

    @invariant()
    def nobody_is_told_twice_and_one_at_a_time(self) -> None:
        assert all(count <= 1 for count in self.told.values())
        assert sum(job.live for job in self.world.jobs.values()) <= 1

    def whoever_is_to_be_told_is_being_told(self) -> None:
        """At rest: what waits has a Job, or is known to fail; no other Job is left."""
        entries = self.world.status.notified or ()
        waiting = [entry for entry in entries if entry.pending and not entry.failed_key]
        assert len(self.world.jobs) == bool(waiting) or self.world.refused
        assert {entry.name for entry in entries} == {one.name for one in self.world.schedule.spec.notify}

    @invariant()
    def no_slot_is_made_twice(self) -> None:
        assert all(count == 1 for count in Counter(self.world.slot_runs()).values())

    def nothing_is_lost(self) -> None:
        """At rest the newest slot that counts has a run, unless something says why not."""
        world = self.world
        status, spec = world.status, world.schedule.spec
        if status.state not in ("Active", "Unproven") or world.at_work() or world.refused or status.pending:
            return
        assert sum(map(is_triggered, world.made)) == self.handled
        if world.now < self.latest:
            return
        # Cron itself is held against brute force in test_cron.py.
        slot = Cron.parse(spec.schedule, spec.time_zone).at_or_before(world.now)
        if slot is None or slot <= self.begun.replace(microsecond=0):
            return
        made = f"{NAME}-{slot:%Y%m%d%H%M}" in world.made
        assert made or slot.isoformat() in self.let_go, f"{slot} was lost"

    @precondition(lambda self: self.world.status.state == "Proving" and not self.world.refused)
    @rule()
    def every_proof_ends(self) -> None:
        self.world.refusing = ""
        for _ in range(10):
            self.quietly()
            if self.world.status.state != "Proving":
                return
            self.world.end_all("Rejected", 0.6)
        raise AssertionError("the proof does not end")


def made_for(run: ChildRun) -> tuple[str, str]:
    """What runs are ordered by: their times."""
    return (run.spec.data.until or "") if run.spec is not None else "", run.name


def is_triggered(name: str) -> bool:
    return not is_replay(name) and not is_for_decay(name) and len(name) > len(f"{NAME}-202611280300")


TestScheduleMachine = ScheduleMachine.TestCase
TestScheduleMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
