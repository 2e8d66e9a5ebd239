"""Carries plans out: the only module that writes runs and Jobs.

A plan may be outdated by the time it is written: a leader was frozen, the cache was behind, a person edited the run.
So the order is fixed: first the proof that the run is still the one that the plan was made from, where an outdated plan
stops; then deletions, each bound to a UID; then creations, whose names follow from the work. A plan made from what is
no longer true therefore changes nothing. Any other order would let two replicas train the same symbol twice.

The status write is the proof: it carries the resourceVersion. Where the status is as it should be already, because what
came after it failed the last time, a patch with the resourceVersion alone takes its place. The API server refuses both
with 409 when the run has changed, and neither stores nor announces a patch that changes nothing (tests/api/test_fence.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from retrain_api import reasons
from retrain_api.run import schema
from retrain_api.schema.known import known_part
from retrain_api.status.run import RetrainRunStatus
from retrain_api.wire import to_wire
from retrain_operator.state.cache import Cache
from retrain_operator.state.effects import Basis, Deletion, RunPlan
from retrain_operator.state.view import Refusal

from .api import Api, ApiError, says_gone
from .paths import collection, one

log = logging.getLogger(__name__)

_MISSING_RIGHT = "cannot create resource"
_QUOTA = ("exceeded quota", "status unknown for quota")
"""The second is said of a quota that was only just made."""
_FOR_NOW = (*_QUOTA, "is being terminated", _MISSING_RIGHT)
"""Part of the message where the API server refuses with 403 what it will accept at another time."""
_VALUES = (400, 413, 422)
"""Codes of a value that the API server does not take."""
_DENIED = ("denied request", "denied the request")
"""What a policy and a webhook say, with any code that their owner likes."""


class Superseded(Exception):
    """The plan was made from what is no longer true; reconcile again."""


class NotLeading(Exception):
    """This replica may not write, or no longer."""


class Refused(ApiError):
    """A Job was refused for what a user wrote or set up: a value, a label, a quota, a policy, a name that is taken. The run's
    status says so; whoever looks after the operator can do nothing about it.
    """


@dataclass(frozen=True)
class Writer:
    """Carries plans out. `leading` is checked before every write."""

    api: Api
    cache: Cache
    leading: Callable[[], bool]

    async def carry_out(self, run: Mapping[str, Any], plan: RunPlan, wrote: Callable[[], None]) -> None:
        """Write the status of `run`, the body that the plan was made from; then delete, then create Jobs.

        `wrote` is called once the status is written, if it differed, and before anything else is done. Where neither
        the status nor a Job is to be changed, nothing is asked of the API server.

        Raises Superseded before anything is changed if the run is no longer that of `plan.basis`; NotLeading, ApiError,
        Refused and Unreachable, which may leave the plan half done.
        """
        meta, change = run["metadata"], status_change(run.get("status") or {}, plan.status)
        if not (change or plan.delete or plan.create):
            return
        await self._prove(meta, plan.basis, change)
        if change:
            wrote()
        for deletion in plan.delete:
            await self._delete(meta, deletion)
        await self._create_all(meta, plan.create)

    async def _prove(self, meta: Mapping[str, Any], basis: Basis, change: Mapping[str, Any]) -> None:
        """Write the change of the status, if any; that succeeds only if the run is the one of the basis."""
        if basis != Basis(meta["uid"], meta["resourceVersion"]):
            raise Superseded("the plan was made from another version of the run")
        path = one("runs", meta["namespace"], meta["name"])
        patch = {"metadata": {"resourceVersion": basis.version, "uid": basis.uid}} | (
            {"status": change} if change else {}
        )
        try:
            self._may_write()
            answer = await self.api.merge(f"{path}/status", patch)
        except ApiError as error:
            if says_gone(error, meta["name"]):
                self.cache.drop("runs", basis.uid)
            elif error.status == 409:
                await self._read_again(meta)
            else:
                raise
            raise Superseded(error.message) from None
        self.cache.put("runs", answer)
        # Of a status, the API server compares the resourceVersion alone and ignores the UID.
        if answer["metadata"]["uid"] != basis.uid:
            raise Superseded(f"another run has the name {meta['name']} now")

    async def _delete(self, run: Mapping[str, Any], deletion: Deletion) -> None:
        """Delete a Job. It remains, marked as being deleted, until its pods are gone."""
        log.info("delete Job %s", deletion.name, extra={"run": _name(run), "reason": deletion.reason})
        path = one("jobs", run["namespace"], deletion.name)
        options = {"preconditions": {"uid": deletion.uid}, "propagationPolicy": "Foreground"}
        try:
            self._may_write()
            answer = await self.api.delete(path, options)
        except ApiError as error:
            # 409: another Job has that name now.
            if error.status != 409 and not says_gone(error, deletion.name):
                raise
            self.cache.drop("jobs", deletion.uid)
            return
        if answer.get("kind") == "Job":
            self.cache.put("jobs", answer)

    async def _create_all(self, run: Mapping[str, Any], manifests: tuple[dict[str, Any], ...]) -> None:
        """Create Jobs, all at once. Raises the first failure once all were tried, Refused only where there is no other."""
        for manifest in manifests:
            log.info("create Job %s", manifest["metadata"]["name"], extra={"run": _name(run)})
        tries = (self._create(run["uid"], manifest) for manifest in manifests)
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failures:
            raise min(failures, key=lambda one: isinstance(one, Refused))

    async def _create(self, run_uid: str, manifest: dict[str, Any]) -> None:
        meta = manifest["metadata"]
        try:
            self._may_write()
            body = await self.api.create(collection("jobs", meta["namespace"]), manifest)
        except ApiError as error:
            if error.status != 409 or _denied(error):
                raise self._refused(run_uid, meta["name"], error) from None
            body = await self._existing(run_uid, meta)
        self.cache.admit(run_uid, meta["name"])
        self.cache.put("jobs", body)

    async def _existing(self, run_uid: str, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The Job of that name, if this very run owns it: a Job left by an earlier run of that name is never adopted."""
        try:
            body = await self.api.get(one("jobs", meta["namespace"], meta["name"]))
        except ApiError as error:
            if says_gone(error, meta["name"]):
                raise Superseded(f"Job {meta['name']} existed, and is gone") from None
            raise
        owners = body["metadata"].get("ownerReferences", ())
        if any(owner.get("controller") and owner["uid"] == run_uid for owner in owners):
            return body
        if "deletionTimestamp" in body["metadata"]:
            raise Superseded(f"Job {meta['name']} of an earlier run is still being deleted")
        taken = f"A Job named {meta['name']} exists and is not this run's; delete it, or rename the run."
        raise self._refused(run_uid, meta["name"], ApiError(409, reasons.NAME_TAKEN, taken))

    def _refused(self, run_uid: str, name: str, error: ApiError) -> ApiError:
        """Remember why a Job was refused; returns what to raise: Refused, unless the operator or the server is to blame."""
        if error.status not in (403, 409, *_VALUES) and not _denied(error):
            return error
        refusal = Refusal(name, _reason(error), error.message, lasting(error), datetime.now(UTC))
        self.cache.refuse(run_uid, refusal)
        if _MISSING_RIGHT in error.message:
            return error
        return Refused(error.status, error.reason, error.message, error.retry_after)

    async def _read_again(self, meta: Mapping[str, Any]) -> None:
        """Read the run again. The watch will bring it too, but perhaps only after many more conflicts."""
        try:
            self.cache.put("runs", await self.api.get(one("runs", meta["namespace"], meta["name"])))
        except ApiError as error:
            if not says_gone(error, meta["name"]):
                raise
            self.cache.drop("runs", meta["uid"])

    def _may_write(self) -> None:
        if not self.leading():
            raise NotLeading


def _name(run: Mapping[str, Any]) -> str:
    return f"{run['namespace']}/{run['name']}"


def lasting(error: ApiError) -> bool:
    """Whether the same request will be refused again until somebody changes it."""
    if error.status == 403:
        return not any(words in error.message for words in _FOR_NOW)
    return error.status in _VALUES or _denied(error)


def _denied(error: ApiError) -> bool:
    return 400 <= error.status < 500 and any(words in error.message for words in _DENIED)


def _reason(error: ApiError) -> str:
    if any(words in error.message for words in _QUOTA):
        return reasons.QUOTA_EXCEEDED
    if error.reason == reasons.NAME_TAKEN:
        return reasons.NAME_TAKEN
    return reasons.INVALID if error.status in _VALUES else reasons.FORBIDDEN


def status_change(before: Mapping[str, Any], after: RetrainRunStatus) -> dict[str, Any]:
    """The merge patch that makes a stored status this one. What only a newer release knows of it stays as it is."""
    known, _ = known_part(before, schema()["properties"]["status"])
    change: dict[str, Any] = merge_patch(known, to_wire(after))
    return change


def merge_patch(before: Any, after: Any) -> Any:
    """The smallest merge patch (RFC 7386) that turns `before` into `after`; {} where nothing differs."""
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
