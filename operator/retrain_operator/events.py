"""Kubernetes events: posted after the status, in the background, best effort. And read, where only they say why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from retrain_api.names import GROUP, KIND, VERSION, short_hash

from . import paths
from .api import Api, ApiError, Unreachable
from .observe import Note
from .plan import Event
from .work import stamp

log = logging.getLogger(__name__)

_COMPONENT = "retrain-operator"
_MOST = 1024
"""Longest message that the API server takes."""
_TELLING = ("FailedCreate", "FailedMount", "FailedAttachVolume", "FailedScheduling", "Stopped", "Suspended", "Pending")


def event_body(run: Mapping[str, Any], event: Event, identity: str, now: datetime) -> dict[str, Any]:
    """An event as core/v1 has it. Its name is fixed by what it says and of which version of the run."""
    meta, time = run["metadata"], stamp(now)
    name = f"{meta['name'][:230]}.{short_hash(meta['uid'], meta['resourceVersion'], event.reason, event.message)}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:_MOST],
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": _COMPONENT},
        "reportingComponent": _COMPONENT,
        "reportingInstance": identity[:128],
    }


@dataclass
class Poster:
    """Posts events one after the other. When the API server is slow the newest of too many are left out."""

    api: Api
    leading: Callable[[], bool]
    waiting: asyncio.Queue[dict[str, Any]] = field(default_factory=lambda: asyncio.Queue(maxsize=10_000))

    def post(self, body: dict[str, Any]) -> None:
        """Post it in a moment."""
        try:
            self.waiting.put_nowait(body)
        except asyncio.QueueFull:
            log.warning("too many events wait to be posted; one is left out", extra={"reason": body["reason"]})

    async def work(self) -> None:
        """Post for ever."""
        while True:
            await self._send(await self.waiting.get())

    async def drain(self) -> None:
        """Post what is left."""
        while not self.waiting.empty():
            await self._send(self.waiting.get_nowait())

    async def _send(self, body: dict[str, Any]) -> None:
        if not self.leading():
            return
        try:
            await self.api.create(paths.events(body["metadata"]["namespace"]), body)
        except (ApiError, Unreachable) as error:
            if not (isinstance(error, ApiError) and error.status == 409):
                log.warning("an event could not be posted: %s", error, extra={"reason": body["reason"]})


async def read_note(api: Api, namespace: str, uid: str) -> Note | None:
    """The newest telling event about an object. Raises ApiError and Unreachable."""
    found: list[dict[str, Any]] = []
    query = {"fieldSelector": f"involvedObject.uid={uid}"}
    async for page in api.pages(paths.events(namespace), query):
        found += [item for item in page["items"] if item.get("reason") in _TELLING]
    if not found:
        return None
    newest = max(found, key=lambda item: item.get("lastTimestamp") or item.get("eventTime") or "")
    return Note(str(newest["reason"]), str(newest.get("message", "")))
