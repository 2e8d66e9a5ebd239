"""Kubernetes events: writes those that a plan asks for, and reads those that alone say why something waits.

Events are posted after the status, in the background, and may be lost. If they were posted in line, a slow API server
would delay the work itself for the sake of its announcement.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from retrain_api import reasons
from retrain_api.names import GROUP, VERSION, short_hash
from retrain_api.wire import timestamp
from retrain_operator.state.effects import Event
from retrain_operator.state.snapshot import Note

from . import paths
from .api import Api, ApiError, Unreachable

log = logging.getLogger(__name__)

_COMPONENT = "retrain-operator"
_MOST = 1024
"""Longest message that the API server accepts."""
_AT_ONCE = 8
"""Requests in flight. One after the other, at a thousand runs at once, 1.5 of 4 events a run were posted by the time the last run
had ended."""
_EXPLAINING = (
    reasons.FAILED_CREATE,
    reasons.FAILED_MOUNT,
    reasons.FAILED_ATTACH_VOLUME,
    reasons.FAILED_MAP_VOLUME,
    reasons.FAILED_CREATE_POD_SAND_BOX,
    reasons.FAILED_PREPARE_DYNAMIC_RESOURCES,
    reasons.NETWORK_NOT_READY,
    reasons.FAILED_CREATE_POD_CONTAINER,
    reasons.INSPECT_FAILED,
    reasons.FAILED_SYNC,
    reasons.FAILED_KILL_POD,
    reasons.FAILED_MOUNT_ON_FILESYSTEM_MISMATCH,
    reasons.FAILED_SCHEDULING,
    reasons.STOPPED,
    reasons.SUSPENDED,
    reasons.PENDING,
)


def event_body(about: Mapping[str, Any], event: Event, identity: str, now: datetime) -> dict[str, Any]:
    """An event as core/v1 has it. Its name follows from its contents and the version of the run or schedule, so that no event is
    posted twice.
    """
    meta, time = about["metadata"], timestamp(now)
    # Cut so that the whole fits in 253 characters. What is cut may end in a dash, and the API server refuses "-." in a name.
    head = meta["name"][:230].rstrip("-.")
    name = f"{head}.{short_hash(meta['uid'], meta['resourceVersion'], event.reason, event.message)}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": about["kind"],
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
    """Posts events, a few at the same time. While too many wait because the API server is slow, new ones are dropped."""

    api: Api
    leading: Callable[[], bool]
    waiting: asyncio.Queue[dict[str, Any]] = field(default_factory=lambda: asyncio.Queue(maxsize=10_000))

    def post(self, body: dict[str, Any]) -> None:
        """Post an event soon."""
        try:
            self.waiting.put_nowait(body)
        except asyncio.QueueFull:
            log.warning("too many events wait to be posted; one was dropped", extra={"reason": body["reason"]})

    async def work(self) -> None:
        """Post events for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._post_for_ever())

    async def drain(self) -> None:
        """Post the events that still wait."""
        while not self.waiting.empty():
            await self._send(self.waiting.get_nowait())

    async def _post_for_ever(self) -> None:
        while True:
            await self._send(await self.waiting.get())

    async def _send(self, body: dict[str, Any]) -> None:
        if not self.leading():
            return
        try:
            await self.api.create(paths.events(body["metadata"]["namespace"]), body)
        except (ApiError, Unreachable) as error:
            if not (isinstance(error, ApiError) and error.status == 409):
                log.warning("an event could not be posted: %s", error, extra={"reason": body["reason"]})


async def read_note(api: Api, namespace: str, uid: str) -> Note | None:
    """The newest event that explains why an object waits. Raises ApiError and Unreachable."""
    found: list[dict[str, Any]] = []
    query = {"fieldSelector": f"involvedObject.uid={uid}"}
    async for page in api.pages(paths.events(namespace), query):
        found += [item for item in page["items"] if item.get("reason") in _EXPLAINING]
    if not found:
        return None
    newest = max(found, key=lambda item: item.get("lastTimestamp") or item.get("eventTime") or "")
    return Note(str(newest["reason"]), str(newest.get("message", "")))
