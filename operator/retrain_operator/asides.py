"""What is read beside the watches, best effort and within a budget: events that explain a wait, and training logs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import paths
from .api import Api, ApiError, Unreachable
from .cache import Cache, Key
from .events import read_note
from .progress import last_epoch
from .puzzles import PATIENCE, Puzzle, puzzles
from .seen import SeenPod

log = logging.getLogger(__name__)

_NOTE_AGAIN, _NOTE_SELDOM = 15.0, 600.0
"""Seconds until the same object's events are read again, doubled each time up to the second: what waits for hours in
a queue must not cost hundreds of requests."""
_NOTES_PER_SECOND = 2.0
"""For all runs together: where a thousand begin at once every one of them waits, and asking why makes it longer. (At 5
it was 2.3 of 22 requests a run.)"""
_SHARE = 0.05
"""Of the time at most, where answers take long: for the events of one object the API server reads all of its namespace.
With some thousands of them an answer took 0.3 to 1 s, and two a second a sixth of two cores (docs/experiments.md)."""
_NO_ROOM = 20.0
"""Seconds until one for whom there was no room tries again."""
_LOG_EVERY = 10.0
"""Seconds between two readings of the same pod's log; an epoch usually takes longer."""
_TAIL = {"tailLines": "20", "limitBytes": "16384", "container": "trainer"}


@dataclass
class Explainer:
    """Reads the events of what waits without saying why."""

    api: Api
    cache: Cache
    look_later: Callable[[Key, float], None]
    asked: dict[str, tuple[int, float]] = field(default_factory=dict)
    """How often each object was asked for, and when it may be again."""
    free_at: float = 0.0

    async def explain(self, key: Key, run_uid: str) -> bool:
        """Read what needs to be read for a run now; whether anything new was learnt. Asks to be called again."""
        learnt = False
        for puzzle in puzzles(self.cache.jobs_of(run_uid), self.cache.pods_of):
            wait = self._wait(puzzle)
            if wait <= 0 and self._room():
                learnt |= await self._ask(puzzle)
                wait = self._wait(puzzle)
            self.look_later(key, wait if wait > 0 else _NO_ROOM)
        return learnt

    def _room(self) -> bool:
        """Whether one may be asked now; takes the room."""
        now = time.monotonic()
        if now < self.free_at:
            return False
        # A second's worth may be asked at once.
        self.free_at = max(self.free_at, now - 1.0) + 1 / _NOTES_PER_SECOND
        return True

    def _wait(self, puzzle: Puzzle) -> float:
        """Seconds until it may be asked for."""
        age = (datetime.now(UTC) - puzzle.since).total_seconds()
        _, again = self.asked.get(puzzle.uid, (0, 0.0))
        return max(PATIENCE.total_seconds() - age, again - time.monotonic())

    async def _ask(self, puzzle: Puzzle) -> bool:
        now = time.monotonic()
        self.asked = {uid: said for uid, said in self.asked.items() if now - said[1] < _NOTE_SELDOM}
        times, _ = self.asked.get(puzzle.uid, (0, 0.0))
        self.asked[puzzle.uid] = (times + 1, now + min(_NOTE_AGAIN * 2**times, _NOTE_SELDOM))
        try:
            note = await read_note(self.api, puzzle.namespace, puzzle.uid)
        except (ApiError, Unreachable) as error:
            log.debug("events could not be read: %s", error)
            return False
        finally:
            self.free_at += max(0.0, (time.monotonic() - now) / _SHARE - 1 / _NOTES_PER_SECOND)
        if note is None or self.cache.notes.get(puzzle.uid) == note:
            return False
        self.cache.notes[puzzle.uid] = note
        return True


@dataclass
class LogReader:
    """Reads the epochs of running trainings, the longest unread first, at most `rate` logs a second in all."""

    api: Api
    cache: Cache
    add: Callable[[Key], None]
    leading: Callable[[], bool]
    rate: float
    read: dict[str, float] = field(default_factory=dict)

    async def work(self) -> None:
        """Read for ever."""
        while True:
            await asyncio.sleep(1 / self.rate)
            pod = self._next() if self.leading() else None
            if pod is not None:
                await self._read(pod)

    def _next(self) -> SeenPod | None:
        now = time.monotonic()
        self.read = {uid: at for uid, at in self.read.items() if uid in self.cache.pods}
        due = [pod for pod in self.cache.pods.values() if self._training(pod)]
        due = [pod for pod in due if now - self.read.get(pod.uid, 0.0) >= _LOG_EVERY]
        return min(due, key=lambda pod: self.read.get(pod.uid, 0.0), default=None)

    def _training(self, pod: SeenPod) -> bool:
        job = self.cache.jobs.get(pod.job_uid)
        return pod.pod.phase == "Running" and job is not None and job.phase == "train" and not pod.deleting

    async def _read(self, pod: SeenPod) -> None:
        self.read[pod.uid] = time.monotonic()
        job = self.cache.jobs[pod.job_uid]
        try:
            text = await self.api.text(f"{paths.one('pods', pod.namespace, pod.name)}/log", _TAIL)
        except (ApiError, Unreachable) as error:
            log.debug("a log could not be read: %s", error, extra={"symbol": job.symbol})
            return
        found = last_epoch(text.splitlines())
        key = self.cache.key_of(job.owner)
        if found is not None and key is not None and self.cache.progress.get(job.uid) != found:
            self.cache.progress[job.uid] = found
            self.add(key)
