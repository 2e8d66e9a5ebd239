"""What kopf's watches see, handed on. An event says only which run to look at again; nothing reacts to it as such."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import kopf
from retrain_api.names import GROUP, PLURAL, VERSION

from .cache import Cache, Key
from .paths import KINDS, OURS, Kind

_INACTIVE = 90.0
"""Seconds without anything, bookmarks included, after which a watch is opened anew: the server sends one a minute."""
_IDLE = 0.2
"""Seconds that kopf keeps an object's last event, all of its body, in case of another one; by itself it keeps them for 5:
at a hundred changes a second that is five hundred bodies for nothing."""


@dataclass
class Feed:
    """Keeps the cache fresh and says which runs need a look. `ages` is when each kind was last heard of."""

    cache: Cache
    add: Callable[[Key], None]
    heard: dict[Kind, float] = field(default_factory=dict)

    def take(self, kind: Kind, change: str | None, body: dict[str, Any]) -> None:
        """One change, as a watch told it."""
        self.heard[kind] = time.monotonic()
        meta = body["metadata"]
        if change == "DELETED":
            key = self.cache.drop(kind, meta["uid"], meta["resourceVersion"])
        else:
            key = self.cache.put(kind, body)
        if key is not None:
            self.add(key)

    def age(self, kind: Kind) -> float:
        """Seconds since anything was heard of a kind."""
        return time.monotonic() - self.heard[kind] if kind in self.heard else float("inf")


@dataclass
class Watches:
    """kopf at work in a thread of its own: when it ends, it ends every task of its event loop, ours included.

    `take` is called in the loop that started it.
    """

    take: Callable[[Kind, str | None, dict[str, Any]], None]
    namespaces: Sequence[str]
    ready: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    async def watch(self) -> None:
        """Watch until `stop`. Raises what kopf can't go on from: a right that is missing, say."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        # A daemon, unlike the threads of an executor: watches that do not end must not keep the process from ending.
        threading.Thread(target=self._until_ended, args=(loop, ended), name="watches", daemon=True).start()
        await ended

    def stop(self) -> None:
        """End the watches soon."""
        self.stopped.set()

    def _until_ended(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        said: BaseException | None = None
        try:
            self._watch(loop)
        except BaseException as error:
            said = error

        def tell() -> None:
            if not ended.done():
                ended.set_exception(said) if said is not None else ended.set_result(None)

        # The loop may be closed by now: nobody waits then.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell)

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
            "runs": (GROUP, VERSION, PLURAL),
            "jobs": ("batch", "v1", "jobs"),
            "pods": ("", "v1", "pods"),
        }
        for kind in KINDS:
            kopf.on.event(*places[kind], registry=registry, id=kind)(self._handler(kind, loop))
        return registry

    def _handler(self, kind: Kind, loop: asyncio.AbstractEventLoop) -> Any:
        async def seen(event: Any, **_: Any) -> None:
            # The loop is closed once this replica stops.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self.take, kind, event["type"], event["object"])

        return seen


def _login(**kwargs: Any) -> Any:
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


class _NoDiffs(kopf.DiffBaseStorage):
    """Nothing reacts to differences, and making them took a fifth of the operator's time: a copy of every object."""

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
    """No writes of kopf's own: no finalizers, annotations, peering or events; no watch of CRDs and namespaces."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.inactivity_timeout = _INACTIVE
    settings.watching.label_selectors["jobs"] = OURS
    settings.watching.label_selectors["pods"] = OURS
    settings.queueing.exit_timeout = 1.0
    settings.queueing.idle_timeout = _IDLE
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.progress_storage = _NoProgress()
    return settings
