"""Leader election: which replica may write, decided by one Lease.

The Lease is taken with compare-and-swap and timed by each replica's own monotonic clock. The rules are those of
client-go's leader election: timestamps of other replicas are never compared with our clock, and a Lease is free once
its contents have not changed for its whole duration, counted from when we saw them change last. Without it two
replicas would reconcile the same run at the same time; with clocks compared, a wrong clock would allow that too.
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

log = logging.getLogger(__name__)

Body = dict[str, Any]


class Client(Protocol):
    """What the Lease needs of the API."""

    async def get(self, path: str) -> Body:
        """Read an object."""

    async def create(self, path: str, body: Body) -> Body:
        """Create an object."""

    async def replace(self, path: str, body: Body) -> Body:
        """Replace an object, if its resourceVersion is still the same."""


class LeaseLost(Exception):
    """Another replica leads now, or may believe that it does."""


@dataclass(frozen=True)
class Record:
    """The Lease as last read, and since when (by our clock) it has been read like this."""

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
    """The record of a Lease read now."""
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


def renewed_spec(record: Record | None, identity: str, seconds: float, now: datetime) -> Body:
    """The spec that `identity` writes to take or renew the Lease."""
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
    """One replica's claim to the Lease. `held` is the fence that is checked before every write."""

    client: Client
    namespace: str
    name: str
    identity: str
    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    record: Record | None = None
    renewed: float | None = None

    def held(self) -> bool:
        """Whether it is certainly ours: renewed within two thirds of its duration, by our clock."""
        return self.renewed is not None and self.clock() - self.renewed < self.seconds * 2 / 3

    async def acquire(self) -> None:
        """Wait until it is ours."""
        while not (await self._try() and self.held()):
            # A waiting replica tries often enough to take over soon after a release.
            await self.sleep(min(1.0, self.seconds / 5))

    async def keep(self) -> None:
        """Renew it for ever. Raises LeaseLost once it may be another replica's."""
        while True:
            await self.sleep(self.seconds / 6)
            if not self.held():
                break
            await self._try()
            if self.record is not None and self.record.holder != self.identity:
                break
        self.renewed = None
        holder = self.record.holder if self.record is not None else "nobody"
        raise LeaseLost(f"Lease {self.namespace}/{self.name} is lost; {holder} held it when last seen")

    async def release(self) -> None:
        """Give it up, so that another replica can take it at once. Does nothing where it is not ours."""
        if not self.held() or self.record is None:
            return
        self.renewed = None
        try:
            # Read first: a renewal that was cut short may have been written.
            self.record = await self._read()
            if self.record is not None and self.record.holder == self.identity:
                spec = renewed_spec(self.record, self.identity, 1, datetime.now(UTC)) | {"holderIdentity": ""}
                await self.client.replace(self._path, self.record.body | {"spec": spec})
        except (ApiError, Unreachable) as error:
            log.warning("the Lease could not be released; it will expire by itself: %s", error)

    async def _try(self) -> bool:
        """Take or renew it. Whatever the API server refuses, or does not answer in time, is tried again next time."""
        try:
            # One request that hangs must not use up the time in which a second one would succeed.
            # Not asyncio.wait_for: before Python 3.12 it swallows a cancellation that arrives together with the answer,
            # and a replica that was asked to stop went on renewing for ever (python/cpython#86296).
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
        """Take or renew it if it is free or ours; returns whether it is ours now."""
        started = self.clock()
        if not self.held() or self.record is None:
            self.record = await self._read()
        if self.record is not None and not free(self.record, self.identity, self.clock()):
            return False
        spec = renewed_spec(self.record, self.identity, self.seconds, datetime.now(UTC))
        try:
            body = await self._write(spec)
        except ApiError as error:
            if error.status != 409:
                raise
            self.record = await self._read()
            if self.record is None or self.record.holder != self.identity:
                raise
            # Our own earlier write, whose answer was lost.
            body = await self._write(spec)
        # Counted from before the request: the server may have written it at any instant since.
        self.record, self.renewed = record_of(body, started), started
        return True

    async def _write(self, spec: Mapping[str, Any]) -> Body:
        if self.record is None:
            meta = {"name": self.name, "namespace": self.namespace}
            kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
            return await self.client.create(self._collection, kind | {"metadata": meta, "spec": dict(spec)})
        return await self.client.replace(self._path, self.record.body | {"spec": dict(spec)})

    async def _read(self) -> Record | None:
        try:
            record = record_of(await self.client.get(self._path), self.clock())
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        unchanged = self.record is not None and record.same(self.record)
        return replace(record, since=self.record.since) if self.record is not None and unchanged else record

    @property
    def _collection(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    @property
    def _path(self) -> str:
        return f"{self._collection}/{self.name}"
