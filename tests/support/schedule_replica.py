"""One replica of the operator that works on one schedule, every Saturday at three, on an API server in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from support.bodies import schedule_body
from support.fake_api import Fault, Request, collection
from support.fake_cluster import FakeCluster, tell

from retrain_api.cron import Cron
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_operator.controller.reconcile_schedule import ScheduleReconciler
from retrain_operator.decide.context import Settings
from retrain_operator.kube.api import ApiError, Unreachable
from retrain_operator.kube.apply import Superseded, Writer
from retrain_operator.state.cache import AnyKey, Cache
from retrain_operator.state.schedules import ScheduleKey

KEY = ScheduleKey("team", "every-saturday")
SCHEDULE, RUNS = f"{collection('retrainschedules', 'team')}/every-saturday", collection("retrainruns", "team")
BEGIN = datetime(2026, 11, 24, 12, tzinfo=UTC)
CRON = Cron.parse("0 3 * * 6", "Etc/UTC")


@dataclass
class Replica:
    """One replica, at a time of its own. `fresh` makes it another one after its start: it knows what the API server stores."""

    fault: Callable[[Request], Fault] = lambda request: None
    dies: bool = False
    """At a request without an answer; another one takes over."""
    wrote: list[str] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    later: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = FakeCluster(fault=self.fault)
        self.now = BEGIN
        self.api.to(BEGIN)
        self.api.put(schedule_body(creationTimestamp="2026-11-24T12:00:00Z") | {"status": {}})
        self.fresh()

    def fresh(self, cache: Cache | None = None) -> None:
        self.cache, self.seen = cache or self.api.known(), len(self.api.watched)
        self.reconciler = ScheduleReconciler(
            self.cache,
            Writer(self.api, self.cache, lambda: True, lambda key: None, lambda: self.now),  # type: ignore[arg-type]
            lambda owner: None,
            self.posted.append,
            self._requeued,
            self,
            Settings(),
            "test",
            lambda: self.now,
        )

    def _requeued(self, key: AnyKey, seconds: float) -> None:
        assert key == KEY
        self.later.append(seconds)

    def wrote_schedule(self, before: RetrainScheduleStatus, after: RetrainScheduleStatus) -> None:
        self.wrote.append(after.state)

    def watch(self) -> None:
        for change in self.api.watched[self.seen :]:
            tell(self.cache, change)
        self.seen = len(self.api.watched)

    def reconcile(self) -> Exception | None:
        try:
            asyncio.run(self.reconciler.reconcile(KEY))
        except (Superseded, ApiError, Unreachable) as error:
            if self.dies:
                self.fresh()
            return error
        return None

    def settle(self) -> None:
        """Watch and reconcile until nothing changes."""
        for _ in range(50):
            before = self.api.version
            self.watch()
            if self.reconcile() is None and self.api.version == before:
                return
        raise AssertionError("it never comes to rest")

    def to_next_slot(self) -> None:
        slot = CRON.after(self.now)
        assert slot is not None
        self.now = slot + timedelta(seconds=1)
        self.api.to(self.now)
        self.settle()

    def finish(self, state: str = "Promoted") -> None:
        """The runs end."""
        for run in self.api.of("retrainruns"):
            if not run.get("status", {}).get("state"):
                finished = [
                    {"type": "Finished", "status": "True", "reason": state, "lastTransitionTime": self.api.clock()}
                ]
                status = {"state": state, "message": f"{state}.", "conditions": finished, "observedGeneration": 1}
                self.api.edit(f"{RUNS}/{run['metadata']['name']}/status", {"status": status})
        self.settle()

    def status(self) -> dict[str, Any]:
        return self.api.objects[SCHEDULE].get("status", {})  # type: ignore[no-any-return]

    def made(self) -> Counter[str]:
        return Counter(
            one.object["metadata"]["name"]
            for one in self.api.watched
            if one.type == "ADDED" and one.resource == "retrainruns"
        )


@dataclass
class FailsAt:
    """The `number`-th write and the next meet the fault."""

    number: int
    fault: Fault
    writes: int = 0

    def __call__(self, request: Request) -> Fault:
        self.writes += request.writes
        return self.fault if request.writes and self.number <= self.writes < self.number + 2 else None
