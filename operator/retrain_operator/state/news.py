"""What is told of an object, reduced to what is kept of it.

A watch's thread does that, before the news waits for the thread that decides: a body takes some fifty times as much memory as what is
kept of it, and nothing limits how much news waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .snapshot import JobSnapshot, Kind, PodSnapshot, job_snapshot, pod_snapshot
from .stored import RunSnapshot, ScheduleSnapshot, run_snapshot, schedule_snapshot

Snapshot: TypeAlias = RunSnapshot | ScheduleSnapshot | JobSnapshot | PodSnapshot


@dataclass(frozen=True, slots=True)
class News:
    """An object in a version. `snapshot` is None where it is gone at that version, or nobody's here."""

    kind: Kind
    uid: str
    version: str
    gone: bool
    snapshot: Snapshot | None

    @classmethod
    def of(cls, kind: Kind, body: Mapping[str, Any], change: str | None = None) -> News:
        """`change` is a watch's ADDED, MODIFIED or DELETED, or None for what a list or an answer tells."""
        meta, gone = body["metadata"], change == "DELETED"
        return cls(kind, meta["uid"], meta["resourceVersion"], gone, None if gone else _READ[kind](body))


_READ: dict[Kind, Callable[[Mapping[str, Any]], Snapshot | None]] = {
    "schedules": schedule_snapshot,
    "runs": run_snapshot,
    "jobs": job_snapshot,
    "pods": pod_snapshot,
}
