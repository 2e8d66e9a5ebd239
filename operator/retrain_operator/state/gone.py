"""Remembers which objects are gone, so that what arrives late does not bring them back.

Watches, lists and the answers to requests come by different ways and overtake each other: the answer to a create can
arrive after the watch has told of the object's deletion. Nothing would correct that mistake until the next resync: the
object's last event is past. Until then its run would wait for a Job that nobody will ever run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_FOR_GOOD = float("inf")
_MOST = 10_000
"""How many UIDs are remembered, about 2 MB. Late are only answers to requests in flight, and each ends within 30 seconds:
this is room for three hundred deletions a second."""


@dataclass
class Gone:
    """UIDs of objects that are gone, each with the resourceVersion up to which nothing of it is news. The oldest are
    forgotten first.

    The version matters where a watch or a list selects by labels: to both an object is gone when it loses the label, and
    there again, in a newer version, when it gets it back.
    """

    most: int = _MOST
    _until: dict[str, float] = field(default_factory=dict)

    def add(self, uid: str, version: str | None = None) -> None:
        """Remember that the object was gone at that version; without one, that it is gone for good."""
        until = _FOR_GOOD if version is None else float(int(version))
        self._until[uid] = max(until, self._until.pop(uid, 0.0))
        if len(self._until) > self.most:
            del self._until[next(iter(self._until))]

    def covers(self, uid: str, version: str) -> bool:
        """Whether a version of an object is from before it was gone."""
        return int(version) <= self._until.get(uid, -1.0)

    def __contains__(self, uid: str) -> bool:
        return uid in self._until
