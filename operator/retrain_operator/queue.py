"""Keys that need a look: each is at most once in it, and never at work twice at the same time.

A first look is due at once; what happens within `quiet` seconds after a look waits for the end of that time and is
looked at once (trailing edge), so that a burst of events costs two looks and no start is delayed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Queue(Generic[K]):
    """For one event loop. Times in seconds by the loop's monotonic clock."""

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
        """Keys that are due and not at work."""
        return len(self._waiting)

    @property
    def active(self) -> int:
        """Keys at work."""
        return len(self._active)

    def add(self, key: K) -> None:
        """Look at the key soon."""
        if key in self._active:
            self._dirty.add(key)
        else:
            self._schedule(key, self._rests.get(key, 0.0))

    def add_after(self, key: K, seconds: float) -> None:
        """Look at the key after a time at the latest."""
        self._schedule(key, self._now() + max(seconds, 0.0))

    def retry(self, key: K, at_least: float = 0.0) -> float:
        """Look at the key again after a failure; the delay doubles with every failure in a row. Returns it."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        doubled = self._first * float(2 ** min(failures - 1, 20))
        delay = max(min(doubled, self._longest) * (0.75 + self._spread() / 2), at_least)
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: K) -> None:
        """The next failure is a first one again."""
        self._failures.pop(key, None)

    def forget(self, key: K) -> None:
        """The key means nothing any more."""
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
        """The look is over."""
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
