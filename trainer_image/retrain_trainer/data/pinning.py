"""Pins what a training started with; every retry and the evaluation must use the same rows.

`_latest` files get longer every minute, and a split that moved with them would test on bars that were trained on. So the rows
that were read are pinned, by digests of their days and columns: they are found again in the file as it is then. A file with the
very bytes of before needs no look into it, and pins of release 0.1.0 know no more than these bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.documents.references import DataPin, Restated
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.time import Interval, nanoseconds_of
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.locate import read_if_there
from retrain_trainer.store.open import open_store, split_uri

from .columns.timeline import iso_time, nanoseconds
from .dataset import Dataset
from .files.elsewhere import explained
from .files.parquet import open_parquet
from .raw_rows import lacking, rows_on_disk
from .row_pin import RowPin, first_difference

Kept = Callable[[], RowPin | None]
"""Looks up the day digests behind a pin, which only a difference needs."""


class StoredPin(DataPin):
    """A pin as it lies in the folder of a training. `columns` are those that were digested, and `restated` is what an earlier pin of
    the symbol says differently."""

    columns: tuple[str, ...] | None = None
    restated: Restated | None = None

    @property
    def reference(self) -> DataPin:
        """What results, cards and a status say of it."""
        return DataPin.model_validate(self.model_dump(exclude={"columns", "restated"}))


@dataclass(frozen=True)
class Span:
    """What is pinned of a file: rows `first` to `last`, in nanoseconds UTC, of these columns."""

    first: int
    last: int
    columns: tuple[str, ...]

    @classmethod
    def of(cls, pin: StoredPin | None) -> Self | None:
        """The span that a pin says; None where it says none."""
        if pin is None or pin.first_row is None or pin.last_row is None or pin.columns is None:
            return None
        return cls(nanoseconds(pin.first_row), nanoseconds(pin.last_row), pin.columns)

    def until(self, interval: Interval) -> int:
        """When its last bar closed."""
        return self.last + interval.nanoseconds


def fetch(
    uri: str, environ: dict[str, str], pin: DataPin | None, folder: Path, symbol: str = "SYMBOL", interval: str = "1m"
) -> tuple[Path, str, str | None]:
    """The feature file in `folder` under its own name: path, sha256, version id.

    With a pin, its version first; where its rows are not pinned, exactly its bytes. `symbol` and `interval` are for the message about
    a missing file. Raises NotFoundError for a missing file, DataError("DataChanged") for different bytes.
    """
    root, key = split_uri(uri)
    store = open_store(root, environ)
    path = folder / key.rsplit("/", 1)[-1]
    version = pin.version_id if pin is not None else _version(store, key)
    try:
        found = download(store, key, path, pin, version)
    except (NotFoundError, ConfigurationError) as error:
        if error.reason not in (reasons.OBJECT_NOT_FOUND, reasons.VERSION_NOT_FOUND, reasons.NOT_READABLE):
            raise
        if pin is None or error.reason == reasons.NOT_READABLE:
            raise explained(error, store, key, symbol, interval) from None
        raise changed(pin, "it is gone") from None
    if pin is not None and found != pin.sha256 and pin.rows_sha256 is None:
        raise changed(pin, "its bytes have changed")
    return path, found, version


def download(store: Store, key: str, path: Path, pin: DataPin | None, version: str | None) -> str:
    """Copy a version of a file; where that is gone and the rows are pinned, the file as it is now. Its sha256."""
    try:
        return store.download(key, path, version)
    except NotFoundError as error:
        if error.reason != reasons.VERSION_NOT_FOUND or version is None or pin is None or pin.rows_sha256 is None:
            raise
        return store.download(key, path, None)


def require_pinned_rows(path: Path, found: str, pin: StoredPin, interval: Interval, kept: Kept) -> None:
    """Refuse a file, whose sha256 is `found`, in which the pinned rows are not what they were. The same bytes need no look.

    Raises DataError("DataChanged"), which names the first day and column that differ, and DataError for a damaged file.
    """
    span = Span.of(pin)
    if found == pin.sha256 or span is None:
        return
    file = open_parquet(path)
    gone = lacking(file, span.columns)
    if gone is not None:
        raise changed(pin, f"it has no column {gone!r} as it was")
    now = rows_on_disk(file, span.columns, interval, span.first, span.last)
    if now is None:
        raise changed(pin, "it has none of its bars")
    if now.sha256 != pin.rows_sha256:
        raise changed(pin, _what_differs(kept(), now))


def _what_differs(pinned: RowPin | None, now: RowPin) -> str:
    found = first_difference(pinned, now) if pinned is not None else None
    if found is None:
        return "its values have changed"
    return f"the first difference is in column {found.column!r} on {found.day}"


def _version(store: Store, key: str) -> str | None:
    head = store.head(key)
    return head.version_id if head is not None else None


def changed(pin: DataPin, what: str) -> DataError:
    """The error for data that is not what the training started with."""
    return DataError(
        reasons.DATA_CHANGED,
        f"{pin.uri} is not the file that this training started with: {what}. Restore that file (sha256 "
        f"{pin.sha256[:12]}..., bars {pin.first_bar} to {pin.last_bar}) and use `retrain retry`, or set a new retrain.crpbot.dev/rerun token "
        "to train everything on the new file.",
    )


def read_pin(store: Store, key: str) -> StoredPin | None:
    """The pin of a training that started earlier, or None. Raises DataError("BadPin") for a damaged one."""
    stored = read_if_there(store, key)
    if stored is None:
        return None
    try:
        pin = StoredPin.model_validate_json(stored.data)
        Span.of(pin)
        return pin
    except (ValidationError, ValueError):
        raise DataError(
            reasons.BAD_PIN,
            f"{store.uri_of(key)} is damaged, so it is unknown which bytes this training started with; "
            "set a new retrain.crpbot.dev/rerun token to train on the current file.",
        ) from None


def write_pin(store: Store, key: str, pin: StoredPin) -> StoredPin:
    """Pin the data. The first pin wins and is returned: raises DataError("DataChanged") where it has different rows."""
    try:
        store.write(key, pin.model_dump_json(by_alias=True).encode(), if_absent=True)
    except Conflict:
        first = read_pin(store, key)
        if first is None:
            return pin
        if first.sha256 != pin.sha256 and (first.rows_sha256 is None or first.rows_sha256 != pin.rows_sha256):
            raise changed(first, "its bytes have changed") from None
        return first
    return pin


def until_of(pin: DataPin, interval: Interval) -> int:
    """When the last bar that a training read closed, in nanoseconds UTC: whoever reads up to then reads the same bars."""
    return nanoseconds_of(pin.last_bar) + interval.nanoseconds


def pin_of(uri: str, dataset: Dataset, sha256: str, version: str | None, rows: RowPin | None = None) -> StoredPin:
    """The pin of a dataset, and of the rows that it was made from."""
    pin = StoredPin(
        uri=uri,
        sha256=sha256,
        version_id=version,
        first_bar=dataset.first_bar,
        last_bar=dataset.last_bar,
        rows=dataset.rows,
        as_of=iso_time(dataset.until),
    )
    if rows is None:
        return pin
    span = {"first_row": _exact_time(rows.first), "last_row": _exact_time(rows.last)}
    return pin.model_copy(update={"rows_sha256": rows.sha256, "columns": rows.columns} | span)


def as_document(pin: DataPin) -> dict[str, object]:
    """The pin for a model card."""
    document: dict[str, object] = json.loads(pin.model_dump_json(by_alias=True, exclude_none=True))
    return document


def _exact_time(nanoseconds: int) -> str:
    """ISO 8601 in UTC that gives the very nanoseconds back."""
    return str(np.datetime64(nanoseconds, "ns")).removesuffix("." + "0" * 9) + "Z"
