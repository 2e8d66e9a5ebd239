"""The work queue: keys to reconcile, each queued at most once and never worked on by two workers at the same time.

The first reconcile of a key is due at once. What happens within `quiet` seconds after a reconcile waits for the end of
that time and is then handled together (the trailing edge), so that a burst of events costs two reconciles and no start
is delayed. Without the queue every event would reconcile its run, and two workers could plan the same run at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Queue(Generic[K]):
    """A queue for one event loop. Times are in seconds, by the loop's monotonic clock."""

    def __init__(
        self,
        quiet: float = 0.03,
        first: float = 0.25,
        longest: float = 60.0,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._quiet, self._first, self._longest, self._spread = quiet, first, longest, spread
        self._ready: asyncio.Queue[K] = asyncio.Queue()
        self._waiting: set[K] = set()
        self._active: set[K] = set()
        self._dirty: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._rests: dict[K, float] = {}
        self._failures: dict[K, int] = {}

    @property
    def depth(self) -> int:
        """How many keys are due and not yet being worked on."""
        return len(self._waiting)

    @property
    def active(self) -> int:
        """How many keys are being worked on."""
        return len(self._active)

    def add(self, key: K) -> None:
        """The key is due now, or as soon as its quiet time is over."""
        if key in self._active:
            self._dirty.add(key)
        else:
            self._schedule(key, self._rests.get(key, 0.0))

    def add_after(self, key: K, seconds: float) -> None:
        """The key is due after this time at the latest."""
        self._schedule(key, self._now() + max(seconds, 0.0))

    def retry(self, key: K, at_least: float = 0.0) -> float:
        """The key is due again after a failure. The delay doubles with every failure in a row; returns it."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        doubled = self._first * float(2 ** min(failures - 1, 20))
        delay = max(min(doubled, self._longest) * (0.75 + self._spread() / 2), at_least)
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: K) -> None:
        """Forget the failures of the key: its next one counts as the first."""
        self._failures.pop(key, None)

    def forget(self, key: K) -> None:
        """Forget everything about the key: it does not exist any more."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._failures.pop(key, None)
        self._rests.pop(key, None)

    async def get(self) -> K:
        """The next key that is due; `done` must follow."""
        key = await self._ready.get()
        self._waiting.discard(key)
        self._active.add(key)
        return key

    def done(self, key: K) -> None:
        """The worker is done with the key."""
        self._active.discard(key)
        now = self._now()
        self._rests = {one: end for one, end in self._rests.items() if end > now} | {key: now + self._quiet}
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)

    def _schedule(self, key: K, due: float) -> None:
        if key in self._waiting:
            return
        known = self._timers.get(key)
        if known is not None and known.when() <= due:
            return
        if known is not None:
            known.cancel()
        if due <= self._now():
            self._fire(key)
        else:
            self._timers[key] = asyncio.get_running_loop().call_at(due, self._fire, key)

    def _fire(self, key: K) -> None:
        self._timers.pop(key, None)
        if key in self._active:
            self._dirty.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
