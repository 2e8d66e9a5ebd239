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


class Restated(Lenient):
    """That days which an earlier pin of the symbol has too hold other values now.

    `day` (UTC) and `column` are the first that differ, `as_of` is the earlier pin's time. `late`: only the earlier pin's last day differs,
    its candles included, as where an exchange corrects its newest bars.
    """

    day: str
    column: str
    as_of: str
    late: bool = False

    @property
    def place(self) -> str:
        """Day and column, short enough for a status."""
        return f"{self.day} {self.column}"[:30]

    @property
    def sentence(self) -> str:
        """What differs, for a log, a card and a report."""
        if self.late:
            return (
                f"Late corrections: {self.day}, the last day of the data as of {self.as_of}, has other values now, "
                f"first in column {self.column!r}."
            )
        return (
            f"The history was rewritten since {self.as_of}: column {self.column!r} has other values on {self.day} than the "
            "training of then was given, and that is the first day that differs."
        )


class DataPin(Lenient):
    """Exactly the bytes a model was trained on, and the period that was read of them (ISO 8601, UTC).

    `as_of`: the time by which every bar that was read had closed. `rows_sha256` is the digest of the rows that were read of the
    file, `first_row` to `last_row`, warm-up included: a file that has grown since holds the same data where these rows are the same.
    All are None in pins of earlier releases, whose bytes must be the same.
    """

    uri: str
    sha256: str
    version_id: str | None = None
    first_bar: str
    last_bar: str
    rows: int
    as_of: str | None = None
    rows_sha256: str | None = None
    first_row: str | None = None
    last_row: str | None = None
