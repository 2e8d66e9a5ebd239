"""The pointer a trading service reads: which model of a symbol is promoted today, and how it measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import Field, ValidationError
from retrain_api.documents import FileRef, RunRef
from retrain_api.errors import DataError
from retrain_api.measurement import Metrics
from retrain_api.names import promoted_pointer
from retrain_api.schema import Lenient

from .locate import read_if_there
from .store import Store


class TestPeriod(Lenient):
    """First and last bar a model was measured on (ISO 8601, UTC)."""

    __test__ = False

    first_bar: str
    last_bar: str

    @property
    def end(self) -> datetime:
        """The last bar as a moment; one without a time zone is UTC."""
        moment = datetime.fromisoformat(self.last_bar)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Previous(FileRef):
    """The model that was promoted before, and how it measured then."""

    metrics: Metrics = Field(default_factory=lambda: Metrics())
    test: TestPeriod | None = None
    approved_by: str | None = None
    override: bool = False


class RolledBack(Lenient):
    """Who put the pointer back to this model, when and why, and from which."""

    by: str
    at: str
    reason: str
    from_: FileRef = Field(alias="from")


class Pointer(Lenient):
    """Contents of promoted/<SYMBOL>.json."""

    schema_version: int = 1
    symbol: str
    model: FileRef
    run: RunRef
    train_key: str = ""
    evaluate_key: str = ""
    metrics: Metrics = Field(default_factory=lambda: Metrics())
    test: TestPeriod
    calibration: str = "None"
    promoted_at: str
    approved_by: str | None = None
    override: bool = False
    """Promoted against the gate or the rules of promotion; `approved_by` says by whom, and why."""
    rolled_back: RolledBack | None = None
    withdrawn: tuple[str, ...] = ()
    """sha256 of the models that were rolled back from: only an override, or a rollback to one, brings one back."""
    previous: Previous | None = None

    def as_previous(self) -> Previous:
        """What the next pointer says of this one."""
        return Previous(
            uri=self.model.uri,
            sha256=self.model.sha256,
            metrics=self.metrics,
            test=self.test,
            approved_by=self.approved_by,
            override=self.override,
        )

    def encode(self) -> bytes:
        """The file's bytes: indented JSON, missing values as null."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"


@dataclass(frozen=True)
class Pointed:
    """A pointer as it was read, with the etag that a conditional write needs."""

    pointer: Pointer
    etag: str


def read_pointer(store: Store, symbol: str) -> Pointed | None:
    """Today's pointer of a symbol, or None where nothing was promoted yet.

    Raises DataError("BadPointer") for a file that is none.
    """
    key = promoted_pointer(symbol)
    stored = read_if_there(store, key)
    if stored is None:
        return None
    try:
        pointer = Pointer.model_validate_json(stored.data)
        pointer.test.end  # noqa: B018 - a time that can't be read is found here, not at the comparison
    except (ValidationError, ValueError):
        raise DataError(
            "BadPointer",
            f"{store.uri_of(key)} is not a pointer to a promoted model; restore it or move it away, then run again.",
        ) from None
    return Pointed(pointer, stored.etag)
