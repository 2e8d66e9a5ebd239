"""The controller as a whole: cache, watches, workers, sweep, and who may write. All that lives as long as the process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .api import Api, ApiError, Unreachable
from .apply import NotLeading, Superseded, Writer
from .asides import Explainer, LogReader
from .cache import Cache, Key
from .events import Poster
from .feed import Feed, Watches
from .metrics import Metrics
from .queue import Queue
from .reconcile import Reconciler
from .rights import missing_rights
from .settings import OperatorSettings
from .sweep import prime, sweep

log = logging.getLogger(__name__)

_AGAIN = 5.0
"""Seconds until the next try of what the start needs: rights, first lists, watches."""
_SETTLING = (1.0, 5.0, 30.0)
"""Seconds between the first sweeps: kopf lists by itself, after us, and what is deleted between the two lists is in no
watch; by the last of them kopf's list is read."""
_LATE = 5.0
"""Seconds that a watch may be late before it has lost something."""
_LAST_LOOKS = 5.0
"""Seconds that looks at work are given when the process is asked to stop; what is cut is done by the next leader."""
_STUCK = 300.0
"""A look that takes longer than this hangs: every request in it ends by itself within 30 seconds."""


@dataclass
class Controller:
    """One replica. `leading` says whether it may write."""

    api: Api
    settings: OperatorSettings
    metrics: Metrics
    leading: Callable[[], bool]
    cache: Cache = field(default_factory=Cache)
    queue: Queue[Key] = field(default_factory=Queue)
    primed: bool = False
    troubles: list[str] = field(default_factory=list)
    looking: dict[Key, float] = field(default_factory=dict)
    resting: bool = False

    def __post_init__(self) -> None:
        self.feed = Feed(self.cache, self.queue.add)
        self.poster = Poster(self.api, self.leading)
        self.reconciler = Reconciler(
            self.cache,
            Writer(self.api, self.cache, self.leading),
            Explainer(self.api, self.cache, self.queue.add_after),
            self.poster.post,
            self.queue.add_after,
            self.metrics,
            self.settings.for_plan(),
            self.settings.identity,
            self.settings.progress_seconds,
            lambda: self.queue.depth / self.settings.workers,
        )
        self.swept = time.monotonic()

    async def follow(self) -> None:
        """Keep the cache true, for ever: rights, lists, watches, and lists again. Leader or not."""
        await self._until_it_works(self._check_rights)
        await self._until_it_works(self._prime)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._sweep())

    async def lead(self) -> None:
        """Look at every run, and at each again when something happens, until cancelled."""
        while not self.primed:
            await asyncio.sleep(0.05)
        for key in self.cache.runs:
            self.queue.add(key)
        async with asyncio.TaskGroup() as group:
            for _ in range(self.settings.workers):
                group.create_task(self._work())
            group.create_task(self.poster.work())
            if self.settings.progress_reads_per_second > 0:
                rate = self.settings.progress_reads_per_second
                group.create_task(LogReader(self.api, self.cache, self.queue.add, self.leading, rate).work())

    async def rest(self) -> None:
        """Begin no look any more, and wait for those at work, for a moment."""
        self.resting = True
        end = time.monotonic() + _LAST_LOOKS
        while self.looking and time.monotonic() < end:
            await asyncio.sleep(0.02)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_LOOKS):
                await self.poster.drain()

    def not_ready(self) -> list[str]:
        """Why this replica could not take over now; nothing where it could."""
        reasons = [] if self.primed else ["the cache is not primed: the first lists are not read yet"]
        if self.primed and time.monotonic() - self.swept > 3 * self.settings.sweep_seconds + 60:
            reasons.append("the cache is not fresh: the API server could not be listed for too long")
        return self.troubles + reasons

    def stuck(self) -> list[str]:
        """Looks that hang."""
        now = time.monotonic()
        return [f"a look hangs for {now - since:.0f} s" for since in self.looking.values() if now - since > _STUCK]

    async def _until_it_works(self, act: Callable[[], object]) -> None:
        while True:
            try:
                await act()  # type: ignore[misc]
            except (ApiError, Unreachable) as error:
                self._trouble([str(error)])
            if not self.troubles:
                return
            await asyncio.sleep(_AGAIN)

    async def _check_rights(self) -> None:
        wanted = self.settings
        lacking = await missing_rights(self.api, wanted.namespaces, wanted.lease_namespace, wanted.lease_name)
        self._trouble(lacking)

    async def _prime(self) -> None:
        await prime(self.api, self.cache, self.settings.namespaces)
        self.primed, self.swept = True, time.monotonic()
        self._trouble([])
        sizes = (len(self.cache.runs), len(self.cache.jobs), len(self.cache.pods))
        log.info("primed with %d runs, %d Jobs and %d pods", *sizes)

    def _trouble(self, said: Sequence[str]) -> None:
        for sentence in said:
            if sentence not in self.troubles:
                log.error("%s", sentence)
        self.troubles = list(said)

    async def _watch(self) -> None:
        while True:
            watches = Watches(self.feed.take, self.settings.namespaces)
            try:
                await watches.watch()
                said = "the watches ended"
            except asyncio.CancelledError:
                watches.stop()
                raise
            except Exception as error:  # kopf's own errors have no common base that is public
                said = f"the watches failed: {error}"
            self._trouble([said])
            await asyncio.sleep(_AGAIN)
            await self._until_it_works(self._check_rights)
            await self._mend()

    async def _sweep(self) -> None:
        for seconds in _SETTLING:
            await asyncio.sleep(min(seconds, self.settings.sweep_seconds))
            await self._mend()
        while True:
            await asyncio.sleep(self.settings.sweep_seconds)
            await self._mend()

    async def _mend(self) -> None:
        try:
            patience = min(_LATE, self.settings.sweep_seconds)
            found = await sweep(self.api, self.cache, self.settings.namespaces, patience)
        except (ApiError, Unreachable) as error:
            log.warning("the sweep failed: %s", error)
            return
        except Exception:
            # Watches and looks go on without it; /readyz tells once it has failed for too long.
            self.metrics.failed("Software")
            log.exception("a fault of this operator: the sweep failed")
            return
        self.swept = time.monotonic()
        for key in found:
            log.warning("a watch had lost something", extra={"run": "/".join(key)})
            self.queue.add(key)

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            if self.resting:
                return
            begun = self.looking[key] = time.monotonic()
            try:
                await self._look(key)
            finally:
                del self.looking[key]
                self.queue.done(key)
                self.metrics.looked(time.monotonic() - begun)

    async def _look(self, key: Key) -> None:
        name = {"run": "/".join(key)}
        try:
            await self.reconciler.look(key)
            self.queue.succeeded(key)
        except NotLeading:
            return
        except Superseded as why:
            self._failed(key, "Superseded")
            log.debug("looks again: %s", why, extra=name)
        except ApiError as error:
            wait = self._failed(key, str(error.status), error.retry_after or 0.0)
            log.warning("the API server refuses (%s); looks again in %.1f s", error, wait, extra=name)
        except Unreachable as error:
            wait = self._failed(key, "Unreachable")
            log.warning("%s; looks again in %.1f s", error, wait, extra=name)
        except Exception:
            wait = self._failed(key, "Software")
            log.exception("a fault of this operator; looks again in %.1f s", wait, extra=name)

    def _failed(self, key: Key, kind: str, at_least: float = 0.0) -> float:
        self.metrics.failed(kind)
        return self.queue.retry(key, at_least)
