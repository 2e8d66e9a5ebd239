"""Whatever happens to a run, its Jobs and the operator: everybody hears of the newest that they asked for, and of nothing twice without need."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.planning import Cluster, approve
from support.results import task_of

from retrain_api.documents.tasks import NotifyTask
from retrain_api.spec.notify import Notify
from retrain_operator.state.view import JobView

RECEIVERS = ("ops", "team")

LISTS: list[list[tuple[str, tuple[str, ...] | None]]] = [
    [],
    [("ops", None)],
    [("team", ("Promoted",)), ("ops", None)],
    [("ops", ("AwaitingApproval", "Rejected"))],
]
# "answer" and "rerun" stand more often: nothing happens to a run without them.
ACTS: list[tuple[Any, ...]] = [
    *[(name,) for name in ("finish", "break", "lose", "start", "work", "retry", "suspend", "resume", "later")],
    *[("answer", verb) for verb in ("approve", "approve", "reject")] * 2,
    *[("rerun",)] * 4,
    *[("die", writes) for writes in range(4)],
    *[("secret", number) for number in range(2)],
    *[("receivers", receivers) for receivers in LISTS],
]


class World:
    """A run, its receivers, and what was written down of its states, as somebody sees them who watches every write."""

    def __init__(self) -> None:
        self.secret = 0
        self.cluster = Cluster.of(
            symbols=["BTC-USD"], notify=self.entries([("ops", None)]), promotion={"policy": "Manual"}
        )
        self.state, self.happened = "Pending", 0
        self.wanted: dict[str, str] = {}
        self.ever_wanted: set[tuple[str, str]] = set()
        self.heard: Counter[tuple[str, str]] = Counter()
        self.again: Counter[tuple[str, str]] = Counter()
        """How often a notification may come again: its answer was lost, or the Job broke after it was taken."""

    def entries(self, receivers: list[tuple[str, Any]]) -> list[dict[str, Any]]:
        secret = f"secret-{self.secret}"
        return [
            {"name": name, "secretName": secret} | ({"when": list(when)} if when else {}) for name, when in receivers
        ]

    def reconcile(self, writes: int | None = None) -> None:
        self.cluster.carry_out(self.cluster.plan(), writes)
        status = self.cluster.run.status
        receivers = {one.name: one for one in self.cluster.run.spec.notify}
        assert len([job for job in self.cluster.of_phase("notify") if job.live]) <= 1
        if status.state != self.state:
            if receivers and Notify(name="x", secret_name="x").wants(status.state):
                self.happened = status.transitions or 0
                for name, one in receivers.items():
                    if one.wants(status.state):
                        self.wanted[name] = f"{self.happened}-{status.state}"
                        self.ever_wanted.add((name, self.wanted[name]))
            self.state = status.state
        self.wanted = {name: key for name, key in self.wanted.items() if name in receivers}

    def notification(self, job: JobView) -> tuple[str, str] | None:
        task = task_of(self.cluster.manifests[job.name])
        return (task.receiver, task.key.partition("/")[2]) if isinstance(task, NotifyTask) else None

    def jobs(self) -> list[JobView]:
        return [job for job in self.cluster.jobs.values() if job.live]

    def work(self) -> None:
        """All Jobs but the notifications succeed, and those that come after them."""
        while jobs := [job for job in self.jobs() if self.notification(job) is None]:
            for job in jobs:
                self.cluster.finish(job)
            self.reconcile()

    def take(self, how: str) -> None:
        """The pods of a notification end so."""
        for job in self.jobs():
            notification = self.notification(job)
            if notification is None:
                continue
            if how in ("finish", "lose"):
                self.heard[notification] += 1
                self.again[notification] += how == "lose"
            if how == "finish":
                self.cluster.finish(job)
            elif how == "lose":
                self.cluster.lose(job)
            elif how == "break":
                self.cluster.fail(job, "ReceiverFailed", "not taken", 70)
            else:
                self.cluster.start(job)

    def act(self, act: tuple[Any, ...]) -> None:
        cluster, name = self.cluster, act[0]
        if name in ("finish", "break", "lose", "start"):
            self.take(name)
        elif name == "work":
            self.work()
        elif name in ("rerun", "retry"):
            cluster.annotate(
                **{
                    name: f"{cluster.now.timestamp()}-{len(cluster.created)}-{self.cluster.run.metadata.resource_version}"
                }
            )
        elif name == "answer":
            self.work()
            if cluster.run.status.state == "AwaitingApproval":
                approve(cluster, act[1])
        elif name in ("suspend", "resume"):
            cluster.edit(suspend=name == "suspend")
        elif name == "later":
            cluster.later(400)
        elif name == "die":
            self.reconcile(writes=act[1])
        elif name == "secret":
            self.secret = act[1]
            kept = [(one.name, one.when) for one in cluster.run.spec.notify]
            cluster.edit(notify=self.entries(kept))
        else:
            cluster.edit(notify=self.entries(act[1]))
        self.reconcile()
        self.reconcile()

    def rest(self) -> None:
        """Everything works from here on."""
        self.act(("resume",))
        self.act(("retry",))
        for _ in range(10):
            self.work()
            self.take("finish")
            self.reconcile()
        assert self.jobs() == []


@given(st.lists(st.sampled_from(ACTS), min_size=5, max_size=16))
@settings(max_examples=40, deadline=None)
def test_everybody_hears_of_the_newest_that_they_asked_for_and_of_nothing_twice(acts: list[tuple[Any, ...]]) -> None:
    world = World()
    world.reconcile()
    for act in acts:
        world.act(act)
    world.rest()
    entries = {one.name: one for one in world.cluster.run.status.notified or ()}
    assert set(entries) == {one.name for one in world.cluster.run.spec.notify}
    assert all(one.pending is None and one.failed_key is None for one in entries.values())
    for name, key in world.wanted.items():
        assert world.heard[name, key] >= 1 and entries[name].key == key
    assert set(world.heard) <= world.ever_wanted
    assert all(count <= 1 + world.again[notification] for notification, count in world.heard.items())
