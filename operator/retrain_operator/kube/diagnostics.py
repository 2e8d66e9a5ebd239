"""Reads what no watch tells: the events that explain why something waits, the epochs in the logs of trainings, and what a
preflight waits for.

Nothing is decided from any of them, so all are best effort, each within one budget for the whole operator. Without the
budgets these requests would grow with everything that waits or trains, just when the API server has most to do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from retrain_api.names import CONTAINER
from retrain_api.status.lateness import last_late
from retrain_api.status.progress import last_epoch
from retrain_operator.state.cache import AnyKey, Cache, Key
from retrain_operator.state.snapshot import PodSnapshot
from retrain_operator.state.unexplained import PATIENCE, Unexplained, unexplained

from . import paths
from .api import Api, ApiError, Unreachable
from .events import read_note

log = logging.getLogger(__name__)

Owner: TypeAlias = tuple[AnyKey, str]
"""A run or schedule, and its UID, which owns the Jobs that may be waiting."""

_FIRST_INTERVAL, _LONGEST_INTERVAL = 15.0, 600.0
"""Seconds until the same object's events are read again, doubled each time up to the second number: what waits for hours
in a queue must not cost hundreds of requests."""
_LOOKUPS_PER_SECOND = 2.0
"""For all runs together: where a thousand start at once every one of them waits, and asking why prolongs the wait. (At
5 these were 2.3 of 22 requests a run.)"""
_SHARE = 0.05
"""Limit event look-ups to 5 % of the time where answers are slow: to find the events of one object the API server reads
all those of its namespace. With some thousands of them an answer took 0.3 to 1 s, and two a second took a sixth of two
cores (docs/experiments.md)."""
_OVER_BUDGET = 20.0
"""Seconds until an object that the budget had no room for is tried again."""
_LOG_INTERVAL = 10.0
"""Seconds between two readings of the same pod's log; an epoch usually takes longer."""
_SOON_OVER = 60.0
"""Seconds within which a preflight that waits for no data has ended: its log is read only after them, so that it costs none of
these requests."""
_TAIL = {"tailLines": "20", "limitBytes": "16384", "container": CONTAINER}
_WITH_TIMES = _TAIL | {"timestamps": "true"}
"""Of a training: from the times follows how long an epoch takes."""


@dataclass
class EventReader:
    """Reads the events of Jobs and pods that wait and don't say why.

    Not within a reconcile: no worker waits for these answers, and to look again after a while costs no plan. With 300 runs at
    once these looks were 4 of 18 reconciles a run.
    """

    api: Api
    cache: Cache
    again: Callable[[Owner, float], None]
    asked: dict[str, tuple[int, float]] = field(default_factory=dict)
    """For each object: how often its events were read, and when they may be read again."""
    free_at: float = 0.0
    """When the budget allows the next look-up."""

    async def read(self, owner: Owner) -> bool:
        """Read the events that are due for a run or schedule; whether anything new was learnt. `again` is called for the rest."""
        learnt, (_, uid) = False, owner
        for found in unexplained(self.cache.jobs_of(uid), self.cache.pods_of):
            wait = self._wait(found)
            if wait <= 0 and self._within_budget():
                learnt |= await self._read(found)
                wait = self._wait(found)
            self.again(owner, wait if wait > 0 else _OVER_BUDGET)
        return learnt

    def _within_budget(self) -> bool:
        """Whether the budget allows a look-up now; if so, it is spent."""
        now = time.monotonic()
        if now < self.free_at:
            return False
        # A second's worth may be spent at once.
        self.free_at = max(self.free_at, now - 1.0) + 1 / _LOOKUPS_PER_SECOND
        return True

    def _wait(self, found: Unexplained) -> float:
        """Seconds until its events may be read."""
        age = (datetime.now(UTC) - found.since).total_seconds()
        _, next_time = self.asked.get(found.uid, (0, 0.0))
        return max(PATIENCE.total_seconds() - age, next_time - time.monotonic())

    async def _read(self, found: Unexplained) -> bool:
        now = time.monotonic()
        self.asked = {uid: entry for uid, entry in self.asked.items() if now - entry[1] < _LONGEST_INTERVAL}
        times, _ = self.asked.get(found.uid, (0, 0.0))
        self.asked[found.uid] = (times + 1, now + min(_FIRST_INTERVAL * 2**times, _LONGEST_INTERVAL))
        try:
            note = await read_note(self.api, found.namespace, found.uid)
        except (ApiError, Unreachable) as error:
            log.debug("events could not be read: %s", error)
            return False
        finally:
            self.free_at += max(0.0, (time.monotonic() - now) / _SHARE - 1 / _LOOKUPS_PER_SECOND)
        if note is None or self.cache.notes.get(found.uid) == note:
            return False
        self.cache.note(found.uid, note)
        return True


@dataclass
class LogReader:
    """Reads the last epoch of running trainings from their logs, and what data preflights wait for: at most `rate` logs a
    second, those first that were read longest ago.
    """

    api: Api
    cache: Cache
    add: Callable[[Key], None]
    leading: Callable[[], bool]
    rate: float
    read: dict[str, float] = field(default_factory=dict)

    async def work(self) -> None:
        """Read logs for ever."""
        while True:
            await asyncio.sleep(1 / self.rate)
            pod = self._next() if self.leading() else None
            if pod is not None:
                await self._read(pod)

    def _next(self) -> PodSnapshot | None:
        now = time.monotonic()
        self.read = {uid: at for uid, at in self.read.items() if uid in self.cache.pods}
        due = [pod for pod in self.cache.pods.values() if self._tells(pod)]
        due = [pod for pod in due if now - self.read.get(pod.uid, 0.0) >= _LOG_INTERVAL]
        return min(due, key=lambda pod: self.read.get(pod.uid, 0.0), default=None)

    def _tells(self, pod: PodSnapshot) -> bool:
        """Whether its log may say how far its task is."""
        job = self.cache.jobs.get(pod.job_uid)
        if pod.pod.phase != "Running" or job is None or pod.deleting:
            return False
        return job.phase == "train" or (job.phase == "preflight" and self._waits_for_data(pod))

    def _waits_for_data(self, pod: PodSnapshot) -> bool:
        """Of the preflight's pods that still run, the one of the lowest index speaks for all of them."""
        running = [one.pod.index for one in self.cache.pods_of(pod.job_uid) if one.pod.phase == "Running"]
        age = (datetime.now(UTC) - pod.created).total_seconds()
        return age >= _SOON_OVER and pod.pod.index == min(running)

    async def _read(self, pod: PodSnapshot) -> None:
        self.read[pod.uid] = time.monotonic()
        job = self.cache.jobs[pod.job_uid]
        asked = _WITH_TIMES if job.phase == "train" else _TAIL
        try:
            text = await self.api.text(f"{paths.one('pods', pod.namespace, pod.name)}/log", asked)
        except (ApiError, Unreachable) as error:
            log.debug("a log could not be read: %s", error, extra={"symbol": job.symbol})
            return
        lines = text.splitlines()
        found = last_late(lines) if job.phase == "preflight" else last_epoch(lines)
        key = self.cache.key_of(job.owner)
        if found is not None and key is not None and self.cache.progress.get(job.uid) != found:
            self.cache.reached(job.uid, found)
            self.add(key)
