"""The schedules of a cluster, and which of its runs are theirs: the part of the cache that a schedule's plan is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from .stored import RunSnapshot, ScheduleSnapshot

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class ScheduleKey:
    """Namespace and name of a schedule. A type of its own: a run may have the same."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass
class Schedules:
    """All schedules, and the runs that belong to each, by control or by label.

    `concerned` is called with the schedule that a change of a run matters to, whichever way the news of it came: the answer to our
    own write of a run's status is the only news of it, as the watch then brings nothing new.
    """

    concerned: Callable[[ScheduleKey], None] = lambda key: None
    known: dict[ScheduleKey, ScheduleSnapshot] = field(default_factory=dict)
    _keys: dict[str, ScheduleKey] = field(default_factory=dict)
    _controlled: dict[str, set[str]] = field(default_factory=dict)
    _labelled: dict[ScheduleKey, set[str]] = field(default_factory=dict)

    def key_of(self, uid: str) -> ScheduleKey | None:
        """Namespace and name of the schedule with this UID."""
        return self._keys.get(uid)

    def put(self, key: ScheduleKey, snapshot: ScheduleSnapshot) -> None:
        """Remember a schedule."""
        self.known[key] = snapshot
        self._keys[snapshot.uid] = key

    def drop(self, uid: str) -> ScheduleKey | None:
        """Forget a schedule. Its runs stay: they are runs like any other."""
        key = self._keys.pop(uid, None)
        if key is not None and key in self.known and self.known[key].uid == uid:
            del self.known[key]
        return key

    def version(self, uid: str) -> str | None:
        """The resourceVersion that is known of a schedule."""
        key = self._keys.get(uid)
        return self.known[key].version if key is not None else None

    def runs_of(self, key: ScheduleKey) -> set[str]:
        """UIDs of the runs that the schedule controls, and of those that bear its label."""
        snapshot = self.known.get(key)
        controlled = self._controlled.get(snapshot.uid, set()) if snapshot is not None else set()
        return controlled | self._labelled.get(key, set())

    def run_changed(self, namespace: str, before: RunSnapshot | None, after: RunSnapshot | None) -> None:
        """A run is new, another than before, or gone."""
        if before is not None:
            _remove(self._controlled, before.owner, before.uid)
            _remove(self._labelled, _labelled(namespace, before), before.uid)
        if after is not None:
            _add(self._controlled, after.owner, after.uid)
            _add(self._labelled, _labelled(namespace, after), after.uid)
        if after is None or after.concerns(before):
            for key in {key for run in (before, after) if run is not None for key in self._parents(namespace, run)}:
                self.concerned(key)

    def due(self, now: datetime) -> list[ScheduleKey]:
        """The schedules whose next slot has come. Timers count by a clock of their own, which stands still while a machine sleeps."""
        return [
            key for key, one in self.known.items() if one.next_time and datetime.fromisoformat(one.next_time) <= now
        ]

    def all(self) -> Iterable[ScheduleSnapshot]:
        """Every schedule."""
        return self.known.values()

    def _parents(self, namespace: str, run: RunSnapshot) -> Iterator[ScheduleKey]:
        owner = self._keys.get(run.owner) if run.owner is not None else None
        if owner is not None:
            yield owner
        labelled = _labelled(namespace, run)
        if labelled is not None and labelled in self.known:
            yield labelled


def _labelled(namespace: str, run: RunSnapshot) -> ScheduleKey | None:
    return ScheduleKey(namespace, run.schedule) if run.schedule else None


def _add(index: dict[K, set[str]], place: K | None, uid: str) -> None:
    if place is not None:
        index.setdefault(place, set()).add(uid)


def _remove(index: dict[K, set[str]], place: K | None, uid: str) -> None:
    if place is not None and place in index:
        index[place].discard(uid)
        if not index[place]:
            del index[place]
