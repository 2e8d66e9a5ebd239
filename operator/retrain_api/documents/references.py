"""What task and result documents point at: a run, a file in the store, the data of a training.

Tasks and results both carry these, so they have a module below both.
"""

from __future__ import annotations

from retrain_api.wire import Bound, Lenient


class RunRef(Lenient):
    """Which run a task belongs to."""

    namespace: str
    name: str
    uid: str


class FileRef(Lenient):
    """A file in the store, and what it must contain."""

    uri: str
    sha256: str


class FeatureSet(Lenient):
    """What a model learnt from: how many features, how many of them the file's own, and a digest of all their names."""

    count: int
    own: int = 0
    digest: str


class LookAheadRef(Lenient):
    """How much the worst column tells of later bars: its name (cut), and its shares with three digits; `rows` is 0 where not measured."""

    rows: int
    suspects: int = 0
    column: str | None = None
    next_share: Bound = None
    later_share: Bound = None


class DataPin(Lenient):
    """Exactly the bytes a model was trained on, and the period that was read of them (ISO 8601, UTC).

    `as_of`: the time by which every bar that was read had closed; None in pins of earlier releases.
    """

    uri: str
    sha256: str
    version_id: str | None = None
    first_bar: str
    last_bar: str
    rows: int
    as_of: str | None = None
