"""Watches schedules, runs, Jobs and pods with kopf, and passes every change on to the cache and the queue.

A change says only which run or schedule to reconcile; nothing reacts to the change as such, so a lost or repeated one does no
harm. kopf does what is hard about watching: reconnecting, bookmarks, expired versions, tokens that rotate. Everything
else that it can do is switched off here, because it would write to the objects or keep copies of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import kopf

from retrain_api.names import GROUP, PLURAL, SCHEDULE_PLURAL, VERSION
from retrain_operator.state.cache import AnyKey, Cache
from retrain_operator.state.news import News
from retrain_operator.state.snapshot import CORE, Kind

from .paths import OURS

_CHUNK = 100
"""Objects of a page of the first list: whole bodies, 500 of which are 10 MB as text and five times that in memory."""
_INACTIVE = 90.0
"""Seconds of silence after which a watch is opened anew: the server sends at least a bookmark a minute."""
_IDLE = 0.2
"""Seconds for which kopf keeps the last event of an object, with its whole body, in case another one follows. Its
default is 5: at a hundred changes a second that is five hundred bodies for nothing."""


@dataclass
class WatchHandler:
    """Puts each change into the cache and the run or schedule concerned into the queue.

    `last_change` is when the last change of each kind arrived.
    """

    cache: Cache
    add: Callable[[AnyKey], None]
    last_change: dict[Kind, float] = field(default_factory=dict)

    def handle(self, news: News) -> None:
        """Handle one change."""
        self.last_change[news.kind] = time.monotonic()
        key = self.cache.learn(news)
        if key is not None:
            self.add(key)

    def age(self, kind: Kind) -> float:
        """Seconds since the last change of a kind arrived."""
        return time.monotonic() - self.last_change[kind] if kind in self.last_change else float("inf")


@dataclass
class Watches:
    """kopf, running in a thread of its own: when it ends it cancels every task of its event loop, ours included.

    `handle` is called in the event loop that started the watches. What a cluster may lack has watches of its own: kopf ends all that
    it watches when one of them can't be watched.
    """

    handle: Callable[[News], None]
    namespaces: Sequence[str]
    kinds: Sequence[Kind] = CORE
    ready: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    told: deque[News] = field(default_factory=deque)

    async def watch(self) -> None:
        """Watch until `stop`. Raises whatever kopf can't recover from: a missing right, say."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        # A daemon, unlike the threads of an executor: watches that hang must not keep the process from ending.
        threading.Thread(target=self._run_and_report, args=(loop, ended), name="watches", daemon=True).start()
        await ended

    def stop(self) -> None:
        """End the watches."""
        self.stopped.set()

    def _run_and_report(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        failure: BaseException | None = None
        try:
            self._watch(loop)
        except BaseException as error:
            failure = error

        def report() -> None:
            if not ended.done():
                ended.set_exception(failure) if failure is not None else ended.set_result(None)

        # The loop may be closed by now; then nobody is waiting.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(report)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.run(
            kopf.operator(
                registry=self._registry(loop),
                settings=_settings(),
                standalone=True,
                clusterwide=not self.namespaces,
                namespaces=list(self.namespaces),
                ready_flag=self.ready,
                stop_flag=self.stopped,
            )
        )

    def _registry(self, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(_login)
        places: dict[Kind, tuple[str, ...]] = {
            "schedules": (GROUP, VERSION, SCHEDULE_PLURAL),
            "runs": (GROUP, VERSION, PLURAL),
            "jobs": ("batch", "v1", "jobs"),
            "pods": ("", "v1", "pods"),
        }
        for kind in self.kinds:
            kopf.on.event(*places[kind], registry=registry, id=kind)(self._handler(kind, loop))
        return registry

    def _handler(self, kind: Kind, loop: asyncio.AbstractEventLoop) -> Any:
        async def changed(event: Any, **_: Any) -> None:
            self.told.append(News.of(kind, event["object"], event["type"]))
            # To wake the other thread is a system call, and was 6 % of the operator's time: whatever more is told before it is awake
            # needs none. The loop is closed once this replica stops.
            if len(self.told) == 1:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._handle_all)

        return changed

    def _handle_all(self) -> None:
        try:
            while self.told:
                self.handle(self.told.popleft())
        finally:
            # Only the first of what waits wakes this thread: what a bug leaves waiting would hold up all that is told later.
            if self.told:
                asyncio.get_running_loop().call_soon(self._handle_all)


def _login(**kwargs: Any) -> Any:
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


class _NoDiffs(kopf.DiffBaseStorage):
    """Nothing here reacts to differences, and computing them took a fifth of the operator's time: kopf copies every
    object to do so.
    """

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:
        return {}

    def fetch(self, *, body: Any) -> Any:
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    """Handlers of raw events have no progress to keep."""

    def fetch(self, *, key: Any, body: Any) -> Any:
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        return None

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        return None

    def touch(self, *, body: Any, patch: Any, value: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


def _settings() -> kopf.OperatorSettings:
    """kopf writes nothing: no finalizers, annotations, peering or events. It does not watch CRDs or namespaces."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.inactivity_timeout = _INACTIVE
    settings.watching.chunk_size = _CHUNK
    settings.watching.label_selectors["jobs"] = OURS
    settings.watching.label_selectors["pods"] = OURS
    settings.queueing.exit_timeout = 1.0
    settings.queueing.idle_timeout = _IDLE
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.progress_storage = _NoProgress()
    return settings
