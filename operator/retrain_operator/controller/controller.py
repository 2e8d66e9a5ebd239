"""Wires the modules together: cache, watches, resync, queue, workers. Everything here lives as long as the process.

Keeping the cache (`follow`) and acting on it (`lead`) are separate, because every replica does the first and only the
leader the second. A standby whose cache was empty would stand still for as long as the first lists take, just when it
has to take over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from retrain_api import reasons
from retrain_api.status.run import FINAL_STATES
from retrain_api.unforeseen import unforeseen
from retrain_operator.kube.api import Api, ApiError, Unreachable
from retrain_operator.kube.apply import NotLeading, Superseded, Writer
from retrain_operator.kube.clock import Clock, now_utc
from retrain_operator.kube.diagnostics import EventReader, LogReader, Owner
from retrain_operator.kube.events import Poster, event_body
from retrain_operator.kube.refusals import Refused
from retrain_operator.kube.resync import prime, resync
from retrain_operator.kube.rights import missing_rights
from retrain_operator.kube.watch import Watches, WatchHandler
from retrain_operator.state.cache import AnyKey, Cache, Key
from retrain_operator.state.effects import Event
from retrain_operator.state.schedules import ScheduleKey

from .metrics import Metrics
from .queue import Queue
from .reconcile import Reconciler
from .reconcile_schedule import ScheduleReconciler
from .schedule_watch import ScheduleWatch
from .settings import OperatorSettings

log = logging.getLogger(__name__)

_RETRY_DELAY = 5.0
"""Seconds between two attempts at what a start needs: rights, first lists, watches."""
_FIRST_RESYNCS = (1.0, 5.0, 30.0)
"""Seconds between the first resyncs. kopf makes a list of its own, after ours, and what is deleted between the two lists
is in no watch; by the last of these resyncs kopf's list has been read."""
_MOMENT = 0.02
"""Seconds between two looks whether the queue has room for what nobody waits for."""
_DETAIL = 2.0
"""Seconds that a detail of a Job or a pod waits (its start time, a pod that is scheduled): of 49 changes of a run of three symbols
15 change the state of a Job, and 16 of its 23 reconciles changed nothing."""
_LATE = 5.0
"""Seconds that a watch may be late before we conclude that it has lost something."""
_GRACE = 5.0
"""Seconds that reconciles in progress are given when the process is asked to stop; the next leader does what is cut."""
_STUCK = 300.0
"""A reconcile that takes longer than this hangs: every request in it ends by itself within 30 seconds."""


@dataclass
class Controller:
    """One replica. `leading` says whether it may write, `works` whether it reconciles what changes; `reconciling` since when
    each run or schedule has been reconciled.
    """

    api: Api
    settings: OperatorSettings
    metrics: Metrics
    leading: Callable[[], bool]
    cache: Cache = field(default_factory=Cache)
    clock: Clock = now_utc
    queue: Queue[AnyKey] = field(default_factory=Queue)
    unexplained: Queue[Owner] = field(default_factory=Queue)
    primed: bool = False
    works: bool = False
    troubles: list[str] = field(default_factory=list)
    reconciling: dict[AnyKey, float] = field(default_factory=dict)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.watch_handler = WatchHandler(self.cache, self._changed)
        self.cache.schedules.concerned, self.cache.detail = self._changed, self._told_a_detail
        self.schedules = ScheduleWatch(self.api, self.cache, self.settings.namespaces, self.watch_handler)
        self.poster = Poster(self.api, self.leading)
        writer = Writer(self.api, self.cache, self.leading, self._changed, self.clock)
        self.events = EventReader(self.api, self.cache, self.unexplained.add_after)
        self.reconciler = Reconciler(
            self.cache,
            writer,
            self.unexplained.add,
            self.poster.post,
            self.queue.add_after,
            self.metrics,
            self.settings.for_plan(),
            self.settings.identity,
            self.settings.progress_seconds,
            lambda: self.queue.depth / self.settings.workers,
            self.clock,
        )
        self.schedule_reconciler = ScheduleReconciler(
            self.cache,
            writer,
            self.unexplained.add,
            self.poster.post,
            self.queue.add_after,
            self.metrics,
            self.settings.for_plan(),
            self.settings.identity,
            self.clock,
        )
        self.resynced_at = time.monotonic()

    async def follow(self) -> None:
        """Keep the cache up to date for ever, leader or not: check rights, list, watch, and list again."""
        await self._until_it_works(self._check_rights)
        await self._until_it_works(self._prime)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self.schedules.follow())
            group.create_task(self._resync_for_ever())

    async def lead(self) -> None:
        """Reconcile every schedule and run, and each again whenever something happens, until cancelled.

        First it lists what the leader before has left. Its last Jobs may not have come by the watches yet, and where a person
        has edited the run meanwhile, the same work would be given a second Job, under another name.
        """
        since = time.monotonic()
        while not self.primed:
            await asyncio.sleep(0.05)
        while self.resynced_at < since:
            if not await self._resync(patience=0.0):
                await asyncio.sleep(_RETRY_DELAY)
        self.works = True
        finished = [key for key, run in self.cache.runs.items() if run.state in FINAL_STATES]
        first: list[AnyKey] = [*self.cache.schedules.known, *(self.cache.runs.keys() - set(finished))]
        for key in first:
            self.queue.add(key)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._catch_up(finished))
            for _ in range(self.settings.workers):
                group.create_task(self._work())
            group.create_task(self.poster.work())
            group.create_task(self._explain())
            if self.settings.progress_reads_per_second > 0:
                rate = self.settings.progress_reads_per_second
                group.create_task(LogReader(self.api, self.cache, self.queue.add, self.leading, rate).work())

    async def stop(self) -> None:
        """Start no more reconciles, and give those in progress a moment to end."""
        self.stopping = True
        end = time.monotonic() + _GRACE
        while self.reconciling and time.monotonic() < end:
            await asyncio.sleep(0.02)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await self.poster.drain()

    def notes(self) -> list[str]:
        """What this replica goes without."""
        return [f"schedules: off: {self.schedules.off}"] if self.schedules.off is not None else []

    def not_ready(self) -> list[str]:
        """Why this replica could not take over now; empty where it could."""
        reasons = [] if self.primed else ["the cache is not primed: the first lists have not been read yet"]
        if self.primed and time.monotonic() - self.resynced_at > 3 * self.settings.resync_seconds + 60:
            reasons.append("the cache is not fresh: for too long no list of the API server succeeded")
        return self.troubles + reasons

    def stuck(self) -> list[str]:
        """A sentence for each reconcile that hangs."""
        ages = (time.monotonic() - since for since in self.reconciling.values())
        return [f"a reconcile has been hanging for {age:.0f} s" for age in ages if age > _STUCK]

    async def _until_it_works(self, act: Callable[[], object]) -> None:
        while True:
            try:
                await act()  # type: ignore[misc]
            except (ApiError, Unreachable) as error:
                self._trouble([str(error)])
            if not self.troubles:
                return
            await asyncio.sleep(_RETRY_DELAY)

    async def _check_rights(self) -> None:
        settings = self.settings
        missing = await missing_rights(self.api, settings.namespaces, settings.lease_namespace, settings.lease_name)
        self._trouble(missing)

    async def _prime(self) -> None:
        await self.schedules.refresh()
        await prime(self.api, self.cache, self.settings.namespaces)
        self.primed, self.resynced_at = True, time.monotonic()
        self._trouble([])
        sizes = (len(self.cache.runs), len(self.cache.jobs), len(self.cache.pods))
        log.info("primed with %d runs, %d Jobs and %d pods", *sizes)

    def _trouble(self, sentences: Sequence[str]) -> None:
        """Replace the list of troubles; a new one is logged, one that persists is not logged again."""
        for sentence in sentences:
            if sentence not in self.troubles:
                log.error("%s", sentence)
        self.troubles = list(sentences)

    async def _watch(self) -> None:
        while True:
            watches = Watches(self.watch_handler.handle, self.settings.namespaces)
            try:
                await watches.watch()
                trouble = "the watches ended"
            except asyncio.CancelledError:
                watches.stop()
                raise
            except Exception as error:  # kopf's own errors have no public base class in common
                trouble = f"the watches failed: {error}"
            self._trouble([trouble])
            await asyncio.sleep(_RETRY_DELAY)
            await self._until_it_works(self._check_rights)
            await self._resync()

    async def _resync_for_ever(self) -> None:
        for seconds in _FIRST_RESYNCS:
            await asyncio.sleep(min(seconds, self.settings.resync_seconds))
            await self._resync()
        while True:
            await asyncio.sleep(self.settings.resync_seconds)
            await self._resync()

    async def _resync(self, patience: float = _LATE) -> bool:
        """Whether it worked."""
        try:
            patience = min(patience, self.settings.resync_seconds)
            found = await self.schedules.refresh(patience)
            found += await resync(self.api, self.cache, self.settings.namespaces, patience)
        except (ApiError, Unreachable) as error:
            log.warning("the resync failed: %s", error)
            return False
        except Exception as problem:
            # Watches and reconciles go on without it; /readyz says so once it has failed for too long.
            self._met_a_bug("The resync", problem)
            return False
        self.resynced_at = time.monotonic()
        for key in found:
            log.warning("a watch had missed a change", extra=_fields(key))
            self._changed(key)
        for due in self.cache.schedules.due(self.clock()):
            self._changed(due)
        return True

    async def _catch_up(self, finished: Sequence[Key]) -> None:
        """Queue finished runs a few at a time: nobody waits for them, and whatever happens meanwhile must not wait behind them."""
        for key in finished:
            while self.queue.depth >= self.settings.workers:
                await asyncio.sleep(_MOMENT)
            self.queue.add(key)

    def _changed(self, key: AnyKey) -> None:
        """Queue the run or schedule. A standby does not: nobody there takes it out again, and once it leads it queues them all."""
        if self.works:
            self.queue.add(key)

    def _told_a_detail(self, key: AnyKey) -> None:
        """Queue it for a little later: usually the Job's next state comes before that, and one look is enough for both."""
        if self.works:
            self.queue.add_after(key, _DETAIL)

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            if self.stopping:
                return
            started = self.reconciling[key] = time.monotonic()
            try:
                await self._reconcile(key)
            finally:
                del self.reconciling[key]
                self.queue.done(key)
                self.metrics.reconciled(time.monotonic() - started)
            # A reconcile that asks for nothing never waits, and neither does a queue that is full: ten thousand finished runs kept the
            # loop from the Lease and from every watch until they were all done.
            await asyncio.sleep(0)

    async def _explain(self) -> None:
        while True:
            owner = await self.unexplained.get()
            try:
                if await self.events.read(owner):
                    self._changed(owner[0])
            except Exception as problem:
                # Nothing is decided from events: everything else goes on without them.
                self._met_a_bug("Reading events", problem)
            finally:
                self.unexplained.done(owner)

    async def _reconcile(self, key: AnyKey) -> None:
        name = _fields(key)
        try:
            await self._work_on(key)
            self.queue.succeeded(key)
        except NotLeading:
            return
        except Superseded as why:
            self._failed(key, "Superseded")
            log.debug("reconciles again: %s", why, extra=name)
        except Refused as error:
            wait = self.queue.retry(key, error.retry_after or 0.0)
            log.info("a Job or run is refused (%s), as the status says; tries again in %.1f s", error, wait, extra=name)
        except ApiError as error:
            wait = self._failed(key, str(error.status), error.retry_after or 0.0)
            log.warning("the API server refused (%s); retries in %.1f s", error, wait, extra=name)
        except Unreachable as error:
            wait = self._failed(key, "Unreachable")
            log.warning("%s; retries in %.1f s", error, wait, extra=name)
        except Exception as problem:
            wait = self._failed(key, "Software")
            sentence = unforeseen(f"Reconciling the {next(iter(name))}", problem)
            shown = log.isEnabledFor(logging.DEBUG)
            log.error("%s Retries in %.1f s.", sentence, wait, extra=name, exc_info=shown)
            self._announce(key, Event("Warning", reasons.RECONCILE_FAILED, sentence))

    async def _work_on(self, key: AnyKey) -> None:
        if not isinstance(key, ScheduleKey):
            await self.reconciler.reconcile(key)
        elif self.schedules.off is None:
            await self.schedule_reconciler.reconcile(key)

    def _announce(self, key: AnyKey, event: Event) -> None:
        """Post an event on the object as the cache has it; the same of the same version is posted once, by its name."""
        snapshot = self.cache.schedules.known.get(key) if isinstance(key, ScheduleKey) else self.cache.runs.get(key)
        if snapshot is not None:
            self.poster.post(event_body(snapshot.body, event, self.settings.identity, self.clock()))

    def _met_a_bug(self, doing: str, problem: Exception) -> None:
        """Count and log it, where everything else goes on without what was being done."""
        self.metrics.failed("Software")
        log.error("%s", unforeseen(doing, problem), exc_info=log.isEnabledFor(logging.DEBUG))

    def _failed(self, key: AnyKey, kind: str, at_least: float = 0.0) -> float:
        self.metrics.failed(kind)
        return self.queue.retry(key, at_least)


def _fields(key: AnyKey) -> dict[str, str]:
    """Which object a log line is about."""
    return {"schedule": str(key)} if isinstance(key, ScheduleKey) else {"run": "/".join(key)}
