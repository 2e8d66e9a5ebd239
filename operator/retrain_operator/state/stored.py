"""Runs and schedules as they are kept: compressed JSON text, with the few facts beside it that are asked of all of them.

A run at rest is some 10 KB of JSON, and a team leaves ten thousand of them in a year. As Python objects they would take 500 MB,
as text 100; compressed they take 20, and a reconcile unpacks its own in 10 microseconds.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import GROUP, KIND, LABEL_SCHEDULE, SCHEDULE_KIND, VERSION
from retrain_api.run import RetrainRun, parse_stored
from retrain_api.status.run import NEVER, RetrainRunStatus, is_finished_elsewhere

from .promoted import Promoted, promoted
from .schedule_view import ChildRun
from .snapshot import controller_of, read_time

_AT_WORK = (
    reasons.CHECKING,
    reasons.DATA_LATE,
    reasons.TRAINING,
    reasons.EVALUATING,
    reasons.PUBLISHING,
    reasons.DELIVERING,
    reasons.POD_PENDING,
    reasons.RETRYING,
    reasons.TERMINATING,
)
"""Reasons of a run that goes on by itself; any other that is not final says what it waits for."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_RECENT = 128
"""Runs of which the parsed form is kept: each version of a run is planned from three times, and parsing it was 8 % of the operator's
time."""
_QUICK = 1
"""zlib's quickest level: a fifth of the size in 20 microseconds; its best saves another tenth in five times that."""


@dataclass(frozen=True, slots=True)
class _Stored:
    uid: str
    namespace: str
    name: str
    version: str
    deleting: bool
    packed: bytes

    @property
    def text(self) -> bytes:
        """The object as JSON."""
        return zlib.decompress(self.packed)

    @property
    def body(self) -> dict[str, Any]:
        """The object as a mapping; a new one at each call, which the caller may change."""
        body: dict[str, Any] = json.loads(self.text)
        return body


@dataclass(frozen=True, slots=True)
class RunSnapshot(_Stored):
    """A run. `owner` is the UID of the schedule that controls it, `schedule` the name that its label gives."""

    state: str = "Pending"
    since: str = ""
    """When anything in its conditions changed last, as the API writes times."""
    held_up: bool = False
    """Whether it says what it waits for, in place of what it does."""
    owner: str | None = None
    schedule: str | None = None
    over_elsewhere: bool = False
    """Whether a newer release finished it in a state that this one does not know."""
    verdict: str | None = None
    """Digest of its gate's verdict."""
    decaying: tuple[str, ...] = ()
    """Symbols and models that decay."""
    observed: bool = False
    """Whether its models go on being observed."""
    promoted: Promoted | None = None
    """Its promoted models, where they are observed."""

    @property
    def run(self) -> RetrainRun:
        """The run. Raises ConfigurationError where this release can't read it."""
        return _parsed(self.packed)

    def concerns(self, before: RunSnapshot | None) -> bool:
        """Whether its schedule has to know that it became this; `before` is None where it is new."""
        return before is None or _for_schedule(before) != _for_schedule(self)


@dataclass(frozen=True, slots=True)
class ScheduleSnapshot(_Stored):
    """A schedule. Times are as the API writes them."""

    state: str = "Pending"
    pending: str = ""
    """Name of the run that is about to be made."""
    next_time: str = ""
    succeeded: str = ""
    """When a run of it last ended well; where none did yet, when slots began to count."""
    schedule: str = ""
    time_zone: str = "Etc/UTC"

    @property
    def makes_runs(self) -> bool:
        """Whether it is neither stopped nor still to be proven."""
        return self.state in ("Active", "Unproven")


def run_snapshot(body: Mapping[str, Any]) -> RunSnapshot:
    """What is kept of a run."""
    meta, status = body["metadata"], body.get("status") or {}
    times = [one.get("lastTransitionTime", "") for one in status.get("conditions", [])]
    times = [time for time in times if time != NEVER]
    reconciling = next(
        (one.get("reason") for one in status.get("conditions", []) if one.get("type") == "Reconciling"), None
    )
    return RunSnapshot(
        *_identity(meta),
        _packed(body, KIND),
        state=status.get("state") or "Pending",
        since=max(times, default="") or meta.get("creationTimestamp") or "",
        held_up=reconciling not in (None, *_AT_WORK),
        owner=controller_of(meta, SCHEDULE_KIND),
        schedule=meta.get("labels", {}).get(LABEL_SCHEDULE),
        over_elsewhere=is_finished_elsewhere(status),
        verdict=(status.get("gate") or {}).get("digest"),
        decaying=_decaying(status.get("observation") or {}),
        observed="nextTime" in (status.get("observation") or {}),
        promoted=promoted(status),
    )


def schedule_snapshot(body: Mapping[str, Any]) -> ScheduleSnapshot:
    """What is kept of a schedule."""
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    counting = status.get("counting") or {}
    return ScheduleSnapshot(
        *_identity(meta),
        _packed(body, SCHEDULE_KIND),
        state=status.get("state") or "Pending",
        pending=(status.get("pending") or {}).get("name") or "",
        next_time=status.get("nextTime") or "",
        succeeded=max(status.get("lastSuccessfulTime") or "", counting.get("since") or ""),
        schedule=spec.get("schedule") or "",
        time_zone=spec.get("timeZone") or "Etc/UTC",
    )


def child_run(run: RunSnapshot, owned: bool, stranger: bool) -> ChildRun:
    """A run as a schedule's plan is given it. A spec that this release can't read is left out."""
    try:
        parsed = run.run
        spec, status, created = parsed.spec, parsed.status, parsed.metadata.creation_timestamp
    except ConfigurationError:
        body = run.body
        spec, status, created = None, _status(body), body["metadata"].get("creationTimestamp")
    return ChildRun(run.name, run.uid, owned, status, spec, read_time(created), run.deleting, stranger)


def _identity(meta: Mapping[str, Any]) -> tuple[str, str, str, str, bool]:
    return meta["uid"], meta["namespace"], meta["name"], meta["resourceVersion"], "deletionTimestamp" in meta


@lru_cache(maxsize=_RECENT)
def _parsed(packed: bytes) -> RetrainRun:
    return parse_stored(zlib.decompress(packed))


def _status(body: Mapping[str, Any]) -> RetrainRunStatus:
    try:
        return RetrainRunStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return RetrainRunStatus()


def _decaying(observation: Mapping[str, Any]) -> tuple[str, ...]:
    found = [one for one in observation.get("symbols") or () if one.get("state") == "Decaying"]
    return tuple(f"{one.get('symbol')} {one.get('model')}" for one in found)


def _for_schedule(run: RunSnapshot) -> tuple[Any, ...]:
    known = run.uid, run.state, run.owner, run.schedule, run.deleting, run.verdict
    return *known, run.decaying, run.observed


def _packed(body: Mapping[str, Any], kind: str) -> bytes:
    """Everything but the bookkeeping of other writers in its metadata."""
    meta = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    notes = {name: value for name, value in meta.get("annotations", {}).items() if name != _LAST_APPLIED}
    kept = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, **body, "metadata": meta | {"annotations": notes}}
    return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), _QUICK)
