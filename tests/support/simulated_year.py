"""A year of schedules in a minute: the operator's own planner, cache, writer and reconciler on a real API server, by a clock that jumps.

year = SimulatedYear(plane, namespace, script(seed))
year.live()
year.made["weekly"]        # (minute, name, promotion policy) of every run that was created for the schedule, in order
year.crashes               # how often the operator died before or after a write

Nothing is asked of the planner but what really wakes it: a change of a schedule or of one of its runs, and the time at which it asked to
be woken. Runs end as the script says, without a pod.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kubernetes.aio import client, config
from support.control_plane import ApiRefusal, ControlPlane
from support.lawful_year import Deed, Fate, Told, without_key
from support.pretender import ended
from support.schedule_life import GROUP, Schedules
from support.year_script import BEGIN, YEAR, Script

from retrain_api.wire import timestamp
from retrain_operator.controller.reconcile_schedule import ScheduleReconciler
from retrain_operator.decide.context import Settings
from retrain_operator.kube.api import Api, Body, resource_of
from retrain_operator.kube.apply import Writer
from retrain_operator.kube.resync import prime, resync
from retrain_operator.state.cache import Cache
from retrain_operator.state.schedules import ScheduleKey

KINDS = ("schedules", "runs")
CRASHES = 0.04
"""Of all writes."""


class Died(Exception):
    """The operator is no more."""


@dataclass
class Recorder:
    """The operator's connection: says what was created, and dies now and then, before a write or after it."""

    api: Api
    chance: random.Random
    created: Callable[[Body], None]
    writes: int = 0
    crashes: int = 0

    async def get(self, path: str) -> Body:
        return await self.api.get(path)

    def pages(self, path: str, query: Mapping[str, str], accept: str | None = None) -> AsyncIterator[Body]:
        return self.api.pages(path, query, accept)

    async def create(self, path: str, body: Body) -> Body:
        async def act() -> Body:
            answer = await self.api.create(path, body)
            if resource_of(path) == "retrainruns":
                self.created(answer)
            return answer

        return await self._write(act)

    async def merge(self, path: str, patch: Body) -> Body:
        return await self._write(lambda: self.api.merge(path, patch))

    async def delete(self, path: str, options: Body) -> Body:
        return await self._write(lambda: self.api.delete(path, options))

    async def _write(self, act: Callable[[], Awaitable[Body]]) -> Body:
        self.writes += 1
        dies = self.chance.random() < CRASHES
        self.crashes += dies
        if dies and self.chance.random() < 0.5:
            raise Died
        answer = await act()
        if dies:
            raise Died
        return answer


class NoMetrics:
    """Nobody counts."""

    def wrote_schedule(self, before: object, after: object) -> None:
        pass


@dataclass
class SimulatedYear:
    """The schedules of a script in a namespace of their own."""

    plane: ControlPlane
    namespace: str
    script: Script
    now: float = (BEGIN - 1) * 60.0
    made: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    endings: dict[int, list[str]] = field(default_factory=dict)
    timers: dict[ScheduleKey, float] = field(default_factory=dict)
    dirty: set[ScheduleKey] = field(default_factory=set)
    reconciles: int = 0

    def __post_init__(self) -> None:
        self.schedules = Schedules(self.plane, self.namespace)
        self.made = {told.name: [] for told in self.script.told}
        self.deeds: dict[int, list[tuple[str, Deed]]] = {}
        for name, deeds in self.script.deeds.items():
            for deed in deeds:
                self.deeds.setdefault(deed.minute, []).append((name, deed))

    @property
    def crashes(self) -> int:
        return self.api.crashes

    def live(self) -> None:
        """The whole year."""
        asyncio.run(self._live())

    async def _live(self) -> None:
        for told in self.script.told:
            self._create(told)
        found = client.Configuration()
        await config.load_kube_config(str(self.plane.kubeconfig("admin")), client_configuration=found)
        connection = Api(found)
        self.api = Recorder(connection, random.Random(self.script.seed), self._created)
        try:
            await self._start()
            await self._settle()
            while (minute := self._next()) < BEGIN + YEAR:
                await self._minute(minute)
        finally:
            await connection.close()

    def _next(self) -> int:
        """The next minute in which anything happens; that of a timer where the operator is up, or when it comes up."""
        here = int(self.now // 60)
        happens = [minute for minute in (*self.deeds, *self.endings) if minute > here]
        happens += [outage.stop for outage in self.script.outages if outage.stop > here]
        woken = [max(int(-(-at // 60)), here + 1) for at in self.timers.values()]
        return min([*happens, *(minute for minute in woken if not self._down(minute)), BEGIN + YEAR])

    async def _minute(self, minute: int) -> None:
        self.now = minute * 60.0
        for name, deed in self.deeds.pop(minute, ()):
            self._do(name, deed)
        for name in self.endings.pop(minute, ()):
            self._end(name)
        if self._down(minute):
            return
        if any(outage.stop == minute for outage in self.script.outages):
            await self._start()
        await self._settle()

    def _down(self, minute: int) -> bool:
        return any(minute in outage for outage in self.script.outages)

    # The operator.

    async def _start(self) -> None:
        """A new process: all it knows is what it lists."""
        self.cache, self.timers = Cache(), {}
        self.cache.schedules.concerned = self.dirty.add
        await prime(self.api, self.cache, [self.namespace], KINDS)  # type: ignore[arg-type]
        self.reconciler = ScheduleReconciler(
            self.cache,
            Writer(self.api, self.cache, lambda: True, self.dirty.add, self._clock),  # type: ignore[arg-type]
            lambda owner: None,
            lambda body: self.events.append(body["reason"]),
            self._requeue,  # type: ignore[arg-type]
            NoMetrics(),
            Settings(),
            "test",
            self._clock,
        )
        self.dirty |= set(self.cache.schedules.known)

    def _clock(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def _requeue(self, key: ScheduleKey, seconds: float) -> None:
        if seconds <= 0:
            self.dirty.add(key)
        else:
            self.timers[key] = min(self.now + seconds, self.timers.get(key, float("inf")))

    async def _settle(self) -> None:
        """Everything that is due, until nothing is. What others did is looked for once: what they do meanwhile, in the next minute."""
        looked = False
        for _ in range(200):
            try:
                if not looked:
                    self.dirty |= set(await resync(self.api, self.cache, [self.namespace], 0.0, KINDS))  # type: ignore[arg-type]
                    looked = True
                due = {key for key, at in self.timers.items() if at <= self.now}
                if not self.dirty | due:
                    return
                for key in sorted(self.dirty | due, key=str):
                    await self._reconcile(key)
            except Died:
                await self._start()
        raise AssertionError(f"the schedules never come to rest: {self.dirty}")

    async def _reconcile(self, key: Any) -> None:
        self.dirty.discard(key)
        self.timers.pop(key, None)
        if isinstance(key, ScheduleKey):
            self.reconciles += 1
            await self.reconciler.reconcile(key)

    # What others do.

    def _created(self, run: Body) -> None:
        name, minute = run["metadata"]["name"], int(self.now // 60)
        schedule = run["metadata"]["labels"][f"{GROUP}/schedule"]
        self.made[schedule].append((minute, without_key(name), run["spec"]["promotion"]["policy"]))
        self.endings.setdefault(minute + self._fate(name).minutes, []).append(name)

    def _fate(self, name: str) -> Fate:
        return self.script.fate(without_key(name))

    def _end(self, name: str) -> None:
        try:
            run = self.schedules.runs.get(name)
        except ApiRefusal:
            return  # somebody deleted it
        status = ended(run, self._fate(name).state, timestamp(self._clock()))
        self.plane.request(
            "PATCH", self.schedules.runs.path(name, "status"), {"status": status}, kind="merge-patch+json"
        )

    def _create(self, told: Told) -> None:
        more: dict[str, Any] = {} if told.deadline is None else {"startingDeadlineSeconds": told.deadline}
        if told.walk is not None:
            more["walkForward"] = {"slots": told.walk.slots, "minPassed": told.walk.must_pass}
        self.schedules.create(
            told.name,
            schedule=told.schedule,
            timeZone=told.zone,
            suspend=True,
            pauseAfterFailures=told.pause_after,
            runsHistoryLimit=told.keeps,
            failedRunsHistoryLimit=told.keeps_failed,
            template={"split": {"test": f"{told.walk.days}d"}} if told.walk else {},
            **more,
        )

    def _do(self, name: str, deed: Deed) -> None:
        match deed.verb:
            case "suspend" | "go on":
                self.schedules.patch(name, suspend=deed.verb == "suspend")
            case "reschedule":
                self.schedules.patch(name, schedule=deed.value)
            case "retrain otherwise":
                self.schedules.patch(name, runTemplate={"spec": {"training": {"epochs": int(deed.value)}}})
            case "trigger" | "resume":
                notes = {f"{GROUP}/{deed.verb}": deed.value}
                change = {"metadata": {"annotations": notes}}
                self.plane.request("PATCH", self.schedules.path(name), change, kind="merge-patch+json")
            case "delete":
                for run in self.schedules.status(name).get("active", ()):
                    self.schedules.runs.delete(run["name"])
            case _:
                raise AssertionError(deed)
