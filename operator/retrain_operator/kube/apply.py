"""Carries plans out: the only module that writes schedules, runs and Jobs.

A plan may be outdated by the time it is written: a leader was frozen, the cache was behind, a person edited the run.
So the order is fixed: first the proof that the run or schedule is still the one that the plan was made from, where an outdated plan
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
from typing import Any

from retrain_api import reasons
from retrain_api.names import KIND, SCHEDULE_KIND
from retrain_api.run import schema
from retrain_api.schedule import schedule_schema
from retrain_api.schema.known import known_part
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_api.wire import to_wire
from retrain_operator.state.cache import AnyKey, Cache
from retrain_operator.state.effects import Basis, Deletion, RunPlan, SchedulePlan
from retrain_operator.state.snapshot import Kind, controller_of
from retrain_operator.state.view import Refusal

from .api import Api, ApiError, says_gone
from .clock import Clock, now_utc
from .patch import merge_patch
from .paths import collection, one
from .refusals import MISSING_RIGHT, VALUES, Refused, denied, lasting, reason_of

log = logging.getLogger(__name__)


class Superseded(Exception):
    """The plan was made from what is no longer true; reconcile again."""


class NotLeading(Exception):
    """This replica may not write, or no longer."""


@dataclass(frozen=True)
class _Owner:
    """The run or schedule whose plan is carried out. `word` is what a person calls it."""

    kind: Kind
    word: str
    api_kind: str
    meta: Mapping[str, Any]

    @property
    def uid(self) -> str:
        return str(self.meta["uid"])

    @property
    def log_fields(self) -> dict[str, str]:
        """Which one a log line is about."""
        return {self.word: f"{self.meta['namespace']}/{self.meta['name']}"}


_WORDS: dict[str, tuple[Kind, str]] = {KIND: ("runs", "run"), SCHEDULE_KIND: ("schedules", "schedule")}
_MADE: dict[str, tuple[Kind, str]] = {"Job": ("jobs", "Job"), KIND: ("runs", "run")}
"""What plans create, by the kind of its manifest."""


def _no_one(key: AnyKey) -> None:
    return None


@dataclass(frozen=True)
class Writer:
    """Carries plans out. `leading` is checked before every write; `news` is called with a run of which an answer told
    something new: the watch will bring nothing of it that is.
    """

    api: Api
    cache: Cache
    leading: Callable[[], bool]
    news: Callable[[AnyKey], None] = _no_one
    clock: Clock = now_utc

    async def carry_out(self, body: Mapping[str, Any], plan: RunPlan | SchedulePlan, wrote: Callable[[], None]) -> None:
        """Write the status of `body`, the run or schedule that the plan was made from; then delete, then create.

        `wrote` is called once the status is written, if it differed, and before anything else is done. Where neither
        the status nor anything that it owns is to be changed, nothing is asked of the API server.

        Raises Superseded before anything is changed if the object is no longer that of `plan.basis`; NotLeading, ApiError,
        Refused and Unreachable, which may leave the plan half done.
        """
        kind, word = _WORDS[body["kind"]]
        owner = _Owner(kind, word, body["kind"], body["metadata"])
        change = status_change(body.get("status") or {}, plan.status)
        if not (change or plan.delete or plan.create):
            return
        await self._prove(owner, plan.basis, change)
        if change:
            wrote()
        for deletion in plan.delete:
            await self._delete(owner, deletion)
        await self._create_all(owner, plan.create)

    async def look_up(self, namespace: str, name: str) -> None:
        """Read a run that a status names and no watch has brought yet, so that nobody takes it for deleted."""
        try:
            self._learn("runs", await self.api.get(one("runs", namespace, name)))
        except ApiError as error:
            if not says_gone(error, name):
                raise

    async def _prove(self, owner: _Owner, basis: Basis, change: Mapping[str, Any]) -> None:
        """Write the change of the status, if any; that succeeds only if the object is the one of the basis."""
        meta = owner.meta
        if basis != Basis(meta["uid"], meta["resourceVersion"]):
            raise Superseded(f"the plan was made from another version of the {owner.word}")
        path = one(owner.kind, meta["namespace"], meta["name"])
        patch = {"metadata": {"resourceVersion": basis.version, "uid": basis.uid}} | (
            {"status": change} if change else {}
        )
        try:
            self._may_write()
            answer = await self.api.merge(f"{path}/status", patch)
        except ApiError as error:
            if says_gone(error, meta["name"]):
                self.cache.drop(owner.kind, basis.uid)
            elif error.status == 409:
                # Without news: what is reconciled now is tried again, with back-off.
                await self._read_again(owner.kind, meta["namespace"], meta["name"], basis.uid, self.cache.put)
            else:
                raise
            raise Superseded(error.message) from None
        self.cache.put(owner.kind, answer)
        # Of a status, the API server compares the resourceVersion alone and ignores the UID.
        if answer["metadata"]["uid"] != basis.uid:
            raise Superseded(f"another {owner.word} has the name {meta['name']} now")

    async def _delete(self, owner: _Owner, deletion: Deletion) -> None:
        """Delete a Job or a run. A Job remains, marked as being deleted, until its pods are gone."""
        word = "run" if deletion.kind == "runs" else "Job"
        log.info("delete %s %s", word, deletion.name, extra=owner.log_fields | {"reason": deletion.reason})
        namespace = owner.meta["namespace"]
        options = self._options(owner, deletion)
        try:
            self._may_write()
            answer = await self.api.delete(one(deletion.kind, namespace, deletion.name), options)
        except ApiError as error:
            # 409: another one has that name now, or it has changed.
            if error.status != 409 and not says_gone(error, deletion.name):
                raise
            if deletion.kind == "runs" and error.status == 409:
                await self._read_again("runs", namespace, deletion.name, deletion.uid, self._learn)
                raise Superseded(error.message) from None
            self._gone(deletion)
            return
        if answer.get("kind") in _MADE:
            self.cache.put(deletion.kind, answer)
        elif deletion.kind == "runs":
            self._gone(deletion)

    def _options(self, owner: _Owner, deletion: Deletion) -> dict[str, Any]:
        """How it is deleted: that very object and, of a run, in that very version, which this schedule controls."""
        if deletion.kind == "jobs":
            return {"preconditions": {"uid": deletion.uid}, "propagationPolicy": "Foreground"}
        key = self.cache.key_of(deletion.uid)
        run = self.cache.runs[key] if key is not None else None
        if run is None or run.owner != owner.uid:
            raise Superseded(f"run {deletion.name} is gone, or not of this schedule")
        exactly = {"uid": run.uid, "resourceVersion": run.version}
        return {"preconditions": exactly, "propagationPolicy": "Background"}

    def _gone(self, deletion: Deletion) -> None:
        key = self.cache.drop(deletion.kind, deletion.uid)
        if deletion.kind == "runs" and key is not None:
            self.news(key)

    async def _create_all(self, owner: _Owner, manifests: tuple[dict[str, Any], ...]) -> None:
        """Create all at once. Raises the first failure once all were tried, Refused only where there is no other."""
        for manifest in manifests:
            word = _MADE[manifest["kind"]][1]
            log.info("create %s %s", word, manifest["metadata"]["name"], extra=owner.log_fields)
        tries = (self._create(owner, manifest) for manifest in manifests)
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failures:
            raise min(failures, key=lambda one: isinstance(one, Refused))

    async def _create(self, owner: _Owner, manifest: dict[str, Any]) -> None:
        meta, (kind, word) = manifest["metadata"], _MADE[manifest["kind"]]
        try:
            self._may_write()
            body = await self.api.create(collection(kind, meta["namespace"]), manifest)
        except ApiError as error:
            if error.status != 409 or denied(error):
                raise self._refused(owner, meta["name"], error) from None
            body = await self._existing(owner, kind, word, meta)
        self.cache.admit(owner.uid, meta["name"])
        self._learn(kind, body)

    def _learn(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Remember what the API server told of an object that a plan made or named."""
        key = self.cache.put(kind, body)
        if kind == "runs" and key is not None:
            self.news(key)

    async def _existing(self, owner: _Owner, kind: Kind, word: str, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The Job or run of that name, if this very owner controls it: what an earlier one of that name left is never adopted."""
        try:
            body = await self.api.get(one(kind, meta["namespace"], meta["name"]))
        except ApiError as error:
            if says_gone(error, meta["name"]):
                raise Superseded(f"{word} {meta['name']} existed, and is gone") from None
            raise
        own = controller_of(body["metadata"], owner.api_kind) == owner.uid
        marked = "deletionTimestamp" in body["metadata"]
        if own and not (marked and kind == "runs"):
            return body
        if kind == "runs":
            self._learn(kind, body)
        if marked:
            whose = "" if own else f" of an earlier {owner.word}"
            raise Superseded(f"{word} {meta['name']}{whose} is still being deleted")
        taken = f"A {word} named {meta['name']} exists and is not this {owner.word}'s; delete it, or rename the {owner.word}."
        raise self._refused(owner, meta["name"], ApiError(409, reasons.NAME_TAKEN, taken))

    def _refused(self, owner: _Owner, name: str, error: ApiError) -> ApiError:
        """Remember why it was refused; returns what to raise: Refused, unless the operator or the server is to blame."""
        if error.status not in (403, 409, *VALUES) and not denied(error):
            return error
        refusal = Refusal(name, reason_of(error), error.message, lasting(error), self.clock())
        self.cache.refuse(owner.uid, refusal)
        if MISSING_RIGHT in error.message:
            return error
        return Refused(error.status, error.reason, error.message, error.retry_after)

    async def _read_again(
        self, kind: Kind, namespace: str, name: str, uid: str, keep: Callable[[Kind, dict[str, Any]], object]
    ) -> None:
        """Read it again. The watch will bring it too, but perhaps only after many more conflicts."""
        try:
            body = await self.api.get(one(kind, namespace, name))
        except ApiError as error:
            if not says_gone(error, name):
                raise
            self.cache.drop(kind, uid)
            return
        keep(kind, body)

    def _may_write(self) -> None:
        if not self.leading():
            raise NotLeading


def status_change(before: Mapping[str, Any], after: RetrainRunStatus | RetrainScheduleStatus) -> dict[str, Any]:
    """The merge patch that makes a stored status this one. What only a newer release knows of it stays as it is."""
    whole = schema() if isinstance(after, RetrainRunStatus) else schedule_schema()
    known, _ = known_part(before, whole["properties"]["status"])
    change: dict[str, Any] = merge_patch(known, to_wire(after))
    return change
