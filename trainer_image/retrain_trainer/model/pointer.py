"""The pointer that a trading service reads: which model of a symbol is promoted, and its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import Field, ValidationError

from retrain_api import reasons
from retrain_api.documents.references import FileRef, RunRef
from retrain_api.documents.results import NotPromoted, Promoted
from retrain_api.errors import DataError
from retrain_api.measurement import Metrics
from retrain_api.model_times import Times, parsed
from retrain_api.names import promoted_pointer
from retrain_api.observation.blocks import BlockRule
from retrain_api.time import Duration
from retrain_api.wire import Lenient, timestamp
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import read_if_there


class TestPeriod(Lenient):
    """The first and the last bar that a model was measured on (ISO 8601, UTC)."""

    __test__ = False

    first_bar: str
    last_bar: str

    @property
    def end(self) -> datetime:
        """The last bar's time; UTC where it has no time zone."""
        end = datetime.fromisoformat(self.last_bar)
        return end if end.tzinfo else end.replace(tzinfo=UTC)


class Previous(FileRef):
    """The model that was promoted before, with its metrics at that time."""

    metrics: Metrics = Field(default_factory=lambda: Metrics())
    test: TestPeriod | None = None
    approved_by: str | None = None
    override: bool = False


class RolledBack(Lenient):
    """Who rolled back to this model, when, why, and from which model."""

    by: str
    at: str
    reason: str
    from_: FileRef = Field(alias="from")


class Pointer(Times, BlockRule):
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
    expires_at: str | None = None
    """From then on the model is not to be used; None where it never expires."""
    approved_by: str | None = None
    override: bool = False
    """Promoted although the gate or the rules of promotion said no; `approved_by` says by whom, and why."""
    rolled_back: RolledBack | None = None
    withdrawn: tuple[str, ...] = ()
    """sha256 of models that were rolled back from. Only an override, or a rollback to one of them, promotes it again."""
    previous: Previous | None = None

    @property
    def test_is_credible(self) -> bool:
        """Whether the last test bar is not after the promotion, give or take a week.

        A single bar "of 2035" would otherwise keep every later model out for ten years.
        """
        try:
            promoted = datetime.fromisoformat(self.promoted_at)
        except ValueError:  # written by hand
            return True
        promoted = promoted if promoted.tzinfo else promoted.replace(tzinfo=UTC)
        return self.test.end <= promoted + timedelta(days=7)

    @property
    def tested_end(self) -> datetime:
        """When the last outcome of its test was decided; the last bar of the test where the pointer says no more."""
        return parsed(self.tested_until or "") or self.test.end

    def is_expired(self, now: datetime) -> bool:
        """Whether the model is not to be used any more at `now`, an aware time."""
        end = parsed(self.expires_at or "")
        return end is not None and end <= now

    def as_previous(self) -> Previous:
        """This pointer's model as the next pointer's `previous`."""
        return Previous(
            uri=self.model.uri,
            sha256=self.model.sha256,
            metrics=self.metrics,
            test=self.test,
            approved_by=self.approved_by,
            override=self.override,
        )

    def encode(self) -> bytes:
        """The file's bytes: indented JSON, missing values as null; of the times, the expiry and the blocks only those that are known."""
        unknown = {
            name for name in (*Times.model_fields, *BlockRule.model_fields, "expires_at") if getattr(self, name) is None
        }
        return self.model_dump_json(by_alias=True, indent=2, exclude=unknown).encode() + b"\n"


def expiry(begin: datetime, after: str | None) -> str | None:
    """When a model expires that is good for a duration, such as 21d, from `begin`; None where it never does."""
    return None if after is None else timestamp(begin.astimezone(UTC) + Duration.parse(after).as_timedelta)


@dataclass(frozen=True)
class Pointed:
    """A pointer with its etag, which a conditional write needs."""

    pointer: Pointer
    etag: str


@dataclass(frozen=True)
class Promotion:
    """The outcome of a promotion: which candidates were promoted and which were not."""

    promoted: tuple[Promoted, ...] = ()
    not_promoted: tuple[NotPromoted, ...] = ()


def read_pointer(store: Store, symbol: str) -> Pointed | None:
    """The current pointer of a symbol, or None where nothing has been promoted yet.

    Raises DataError("BadPointer") for a file that is not a pointer.
    """
    key = promoted_pointer(symbol)
    stored = read_if_there(store, key)
    if stored is None:
        return None
    try:
        pointer = Pointer.model_validate_json(stored.data)
        pointer.test.end  # noqa: B018 - an unreadable time must fail here, not at the comparison
        _require_times(pointer)
    except (ValidationError, ValueError):
        raise DataError(
            reasons.BAD_POINTER,
            f"{store.uri_of(key)} is not a pointer to a promoted model; restore it or move it away.",
        ) from None
    return Pointed(pointer, stored.etag)


def _require_times(pointer: Pointer) -> None:
    """Raise ValueError for a time that is none: an expiry that can't be read would otherwise never come."""
    for text in (pointer.tested_until, pointer.expires_at):
        if text is not None and parsed(text) is None:
            raise ValueError(text)
