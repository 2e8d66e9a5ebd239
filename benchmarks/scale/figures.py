"""From audit events to figures: requests by kind, and how long objects waited. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Event = dict[str, Any]


@dataclass
class Counted:
    """The requests of one component, and when objects were created, got their first child, and were last written."""

    requests: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    created: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    children: int = 0

    def waits(self, until: dict[str, float]) -> list[float]:
        """Seconds from each object's creation, sorted."""
        return sorted(until[name] - self.created[name] for name in until if name in self.created)


def seconds(stamp: str) -> float:
    """A time in the audit log, in seconds since 1970."""
    return datetime.fromisoformat(stamp).timestamp()


def counted(events: Iterable[Event], subject: str, by: str, resource: str, child: str) -> Counted:
    """Counts the events since the objects were submitted, without watches, Leases and reads of logs.

    Objects are named o00000, and their children's names begin with that.
    """
    found = Counted()
    for event in events:
        about = event.get("objectRef") or {}
        what, name = about.get("resource", ""), str(about.get("name", ""))[:6]
        if event["verb"] == "watch" or what == "leases":
            continue
        user, verb = event["user"]["username"], event["verb"]
        if user == by and verb == "create" and what == resource:
            found.created[name] = seconds(event["requestReceivedTimestamp"])
        elif user == subject:
            _count(found, event, what + (f"/{about['subresource']}" if about.get("subresource") else ""), name)
            _time(found, event, what, name, resource, child)
    return found


def _count(found: Counted, event: Event, what: str, name: str) -> None:
    found.requests[f"{event['verb']} {what}"] += 1
    if event["responseStatus"]["code"] >= 400:
        found.refused[f"{event['responseStatus']['code']} {event['verb']} {what}"] += 1


def _time(found: Counted, event: Event, what: str, name: str, resource: str, child: str) -> None:
    at = seconds(event["stageTimestamp"])
    if event["verb"] == "create" and what == child and event["responseStatus"]["code"] < 300:
        found.children += 1
        found.first.setdefault(name, at)
    if event["verb"] in ("update", "patch") and what == resource:
        found.last[name] = at


def lateness(events: Iterable[Event]) -> list[float]:
    """Seconds from what each event tells to its being stored, sorted; of an event that repeats itself, the first time."""
    return sorted(
        seconds(event["metadata"]["creationTimestamp"]) - seconds(event["firstTimestamp"])
        for event in events
        if event.get("firstTimestamp")
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """Quantile of sorted values; None if there are none."""
    return round(values[min(len(values) - 1, int(share * len(values)))], 3) if values else None
