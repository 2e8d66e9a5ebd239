"""Which replica writes: one Lease, taken with compare-and-swap, timed by each replica's own monotonic clock.

The rules are those of client-go's leader election. The other's timestamps are never compared with our clock: a Lease
is free when its content has not changed for its duration since we saw it change last.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from .api import ApiError, Unreachable
from .settings import OperatorSettings

log = logging.getLogger(__name__)

Body = dict[str, Any]


class Client(Protocol):
    """What the Lease needs of the API."""

    async def get(self, path: str) -> Body:
        """One object."""

    async def create(self, path: str, body: Body) -> Body:
        """A new one."""

    async def replace(self, path: str, body: Body) -> Body:
        """The object, if its resourceVersion is still the same."""


class LeaseLost(Exception):
    """Another replica leads now, or may believe so."""


@dataclass(frozen=True)
class Record:
    """The Lease as last seen, and when (by our clock) it was first seen like this."""

    holder: str
    version: str
    duration: float
    transitions: int
    since: float
    body: Body = field(compare=False, default_factory=dict)

    def same(self, other: Record | None) -> bool:
        """Whether nothing was written between the two."""
        return other is not None and self.version == other.version


def record_of(body: Body, now: float) -> Record:
    """A Lease's record, seen now."""
    spec = body.get("spec", {})
    return Record(
        holder=spec.get("holderIdentity") or "",
        version=body["metadata"]["resourceVersion"],
        duration=float(spec.get("leaseDurationSeconds") or 0),
        transitions=int(spec.get("leaseTransitions") or 0),
        since=now,
        body=body,
    )


def free(record: Record, identity: str, now: float) -> bool:
    """Whether `identity` may take the Lease."""
    return record.holder in ("", identity) or now - record.since >= record.duration


def wished(record: Record | None, identity: str, seconds: float, now: datetime) -> Body:
    """The spec of the Lease as its holder writes it."""
    time = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    before = record.body.get("spec", {}) if record is not None else {}
    same = record is not None and record.holder == identity
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": max(round(seconds), 1),
        "acquireTime": before.get("acquireTime", time) if same else time,
        "renewTime": time,
        "leaseTransitions": (record.transitions + (not same)) if record is not None else 0,
    }


@dataclass
class Lease:
    """One replica's claim. `held` is the fence that is asked before every write."""

    client: Client
    namespace: str
    name: str
    identity: str
    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    record: Record | None = None
    renewed: float | None = None

    @classmethod
    def of(cls, client: Client, settings: OperatorSettings) -> Lease:
        """The Lease that the settings name."""
        return cls(client, settings.lease_namespace, settings.lease_name, settings.identity, settings.lease_seconds)

    def held(self) -> bool:
        """Whether it is ours for certain: renewed within two thirds of its duration, by our clock."""
        return self.renewed is not None and self.clock() - self.renewed < self.seconds * 2 / 3

    async def acquire(self) -> None:
        """Wait until it is ours."""
        while not (await self._tried() and self.held()):
            # A waiting replica asks often enough to take over soon after a release.
            await self.sleep(min(1.0, self.seconds / 5))

    async def keep(self) -> None:
        """Renew it for ever. Raises LeaseLost once it may be another's."""
        while True:
            await self.sleep(self.seconds / 6)
            if not self.held():
                break
            await self._tried()
            if self.record is not None and self.record.holder != self.identity:
                break
        self.renewed = None
        holder = self.record.holder if self.record is not None else "nobody"
        raise LeaseLost(f"Lease {self.namespace}/{self.name} is lost; {holder} held it when last seen")

    async def release(self) -> None:
        """Leave it to others at once. Does nothing where it is not ours."""
        if not self.held() or self.record is None:
            return
        self.renewed = None
        try:
            # Read first: a renewal that was cut short may have been written.
            self.record = await self._seen()
            if self.record is not None and self.record.holder == self.identity:
                spec = wished(self.record, self.identity, 1, datetime.now(UTC)) | {"holderIdentity": ""}
                await self.client.replace(self._path, self.record.body | {"spec": spec})
        except (ApiError, Unreachable) as error:
            log.warning("the Lease could not be released; it runs out by itself: %s", error)

    async def _tried(self) -> bool:
        """Take or renew it. What an API server refuses or does not answer in time is tried again at the next turn."""
        try:
            # One request that hangs must not use up the time in which a second would succeed.
            # Not asyncio.wait_for: before Python 3.12 it swallows a cancellation that meets the answer, and the renewals
            # went on for ever in a replica that was asked to stop (python/cpython#86296).
            async with asyncio.timeout(self.seconds / 3):
                return await self._take()
        except ApiError as error:
            if error.status != 409:
                log.warning("the Lease can't be written: %s", error)
        except Unreachable as error:
            log.warning("%s", error)
        except TimeoutError:
            log.warning("no answer about the Lease within %.1f s", self.seconds / 3)
        return False

    async def _take(self) -> bool:
        """Take or renew it if it is free or ours; whether it is ours now."""
        begun = self.clock()
        if not self.held() or self.record is None:
            self.record = await self._seen()
        if self.record is not None and not free(self.record, self.identity, self.clock()):
            return False
        spec = wished(self.record, self.identity, self.seconds, datetime.now(UTC))
        try:
            body = await self._written(spec)
        except ApiError as error:
            if error.status != 409:
                raise
            self.record = await self._seen()
            if self.record is None or self.record.holder != self.identity:
                raise
            # Our own earlier write, whose answer was lost.
            body = await self._written(spec)
        # From before the request: the server may have written it at any instant since.
        self.record, self.renewed = record_of(body, begun), begun
        return True

    async def _written(self, spec: Mapping[str, Any]) -> Body:
        if self.record is None:
            meta = {"name": self.name, "namespace": self.namespace}
            kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
            return await self.client.create(self._collection, kind | {"metadata": meta, "spec": dict(spec)})
        return await self.client.replace(self._path, self.record.body | {"spec": dict(spec)})

    async def _seen(self) -> Record | None:
        try:
            seen = record_of(await self.client.get(self._path), self.clock())
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return replace(seen, since=self.record.since) if self.record is not None and seen.same(self.record) else seen

    @property
    def _collection(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    @property
    def _path(self) -> str:
        return f"{self._collection}/{self.name}"
