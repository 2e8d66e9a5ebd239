"""The only module that writes to the API server.

In this order: the status with its resourceVersion, so that a plan of an older run stops there; then deletions, each
bound to a UID; then creations, whose names are deterministic. Whoever acts on what is no longer so changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from retrain_api.schema import to_wire
from retrain_api.status import RetrainRunStatus

from .api import Api, ApiError
from .cache import Cache
from .observed import Refusal
from .paths import collection, one
from .plan import Deletion

_MISSING_RIGHT = "cannot create resource"
_FOR_NOW = ("exceeded quota", "is being terminated", _MISSING_RIGHT)
"""What the API server says when it refuses with 403 something that it will take at another time."""


class Superseded(Exception):
    """What the plan was made of is no longer so; look again."""


class NotLeading(Exception):
    """This replica may not write (any more)."""


@dataclass(frozen=True)
class Writer:
    """Writes for one run. `leading` is asked before every write."""

    api: Api
    cache: Cache
    leading: Callable[[], bool]

    async def status(self, body: Mapping[str, Any], status: RetrainRunStatus) -> bool:
        """Write the status where it differs; whether it did. Raises Superseded where the run is another by now."""
        change = merge_patch(body.get("status") or {}, to_wire(status))
        if not change:
            return False
        meta = body["metadata"]
        fixed = {"resourceVersion": meta["resourceVersion"], "uid": meta["uid"]}
        path = one("runs", meta["namespace"], meta["name"])
        try:
            self._may_write()
            self.cache.put("runs", await self.api.merge(f"{path}/status", {"metadata": fixed, "status": change}))
        except ApiError as error:
            if error.status == 404:
                self.cache.drop("runs", meta["uid"])
            elif error.status == 409:
                await self._read_again(path)
            else:
                raise
            raise Superseded(error.message) from None
        return True

    async def delete(self, namespace: str, deletion: Deletion) -> None:
        """Ask for the end of a Job; it stays, marked, until its pods are gone."""
        options = {"preconditions": {"uid": deletion.uid}, "propagationPolicy": "Foreground"}
        try:
            self._may_write()
            left = await self.api.delete(one("jobs", namespace, deletion.name), options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            self.cache.drop("jobs", deletion.uid)
            return
        if left.get("kind") == "Job":
            self.cache.put("jobs", left)

    async def create(self, run_uid: str, manifests: tuple[dict[str, Any], ...]) -> None:
        """Create Jobs, all at once. Raises the first failure that is worth another try, after all were tried."""
        outcomes = await asyncio.gather(*(self._create(run_uid, one) for one in manifests), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _create(self, run_uid: str, manifest: dict[str, Any]) -> None:
        meta = manifest["metadata"]
        try:
            self._may_write()
            body = await self.api.create(collection("jobs", meta["namespace"]), manifest)
        except ApiError as error:
            if error.status == 409:
                body = await self._existing(run_uid, meta)
            else:
                self._refused(run_uid, meta["name"], error)
                raise
        self.cache.admit(run_uid, meta["name"])
        self.cache.put("jobs", body)

    async def _existing(self, run_uid: str, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The Job of that name, if it is this very run's: the dying one of an earlier run is never adopted."""
        try:
            body = await self.api.get(one("jobs", meta["namespace"], meta["name"]))
        except ApiError as error:
            if error.status == 404:
                raise Superseded(f"Job {meta['name']} was there, and is gone") from None
            raise
        owners = body["metadata"].get("ownerReferences", ())
        if any(owner.get("controller") and owner["uid"] == run_uid for owner in owners):
            return body
        if "deletionTimestamp" in body["metadata"]:
            raise Superseded(f"Job {meta['name']} of an earlier run is still on its way out")
        taken = f"A Job named {meta['name']} is there and is not this run's; delete it, or name the run otherwise."
        raise self._refused(run_uid, meta["name"], ApiError(409, "NameTaken", taken))

    def _refused(self, run_uid: str, name: str, error: ApiError) -> ApiError:
        if error.status in (400, 403, 409, 422):
            said = Refusal(name, _reason(error), error.message, lasting(error), datetime.now(UTC))
            self.cache.refuse(run_uid, said)
        return error

    async def _read_again(self, path: str) -> None:
        """The watch will bring it too, but perhaps only after many more refusals."""
        try:
            self.cache.put("runs", await self.api.get(path))
        except ApiError as error:
            if error.status != 404:
                raise

    def _may_write(self) -> None:
        if not self.leading():
            raise NotLeading


def lasting(error: ApiError) -> bool:
    """Whether the same request will be refused again until somebody changes it."""
    if error.status == 403:
        return not any(words in error.message for words in _FOR_NOW)
    return error.status in (400, 422)


def _reason(error: ApiError) -> str:
    if "exceeded quota" in error.message:
        return "QuotaExceeded"
    return error.reason


def merge_patch(before: Any, after: Any) -> Any:
    """The smallest merge patch (RFC 7386) that makes `after` of `before`; {} where nothing differs."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = merge_patch(old, value)
            if inner:
                patch[name] = inner
        elif old != value or name not in before:
            patch[name] = value
    return patch
