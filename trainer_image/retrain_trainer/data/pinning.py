"""Pins the exact bytes that a training started with; every retry and the evaluation must use the same.

`_latest` files get overwritten, and a shifted split would test on bars that were trained on.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.documents.references import DataPin
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.time import Interval, nanoseconds_of
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.locate import read_if_there
from retrain_trainer.store.open import open_store, split_uri

from .columns.timeline import iso_time
from .dataset import Dataset
from .files.elsewhere import explained


def fetch(
    uri: str, environ: dict[str, str], pin: DataPin | None, folder: Path, symbol: str = "SYMBOL", interval: str = "1m"
) -> tuple[Path, str, str | None]:
    """The feature file in `folder` under its own name: path, sha256, version id.

    With a pin, exactly its bytes. `symbol` and `interval` are for the message about a missing file. Raises NotFoundError for a missing file, DataError("DataChanged") for different bytes.
    """
    root, key = split_uri(uri)
    store = open_store(root, environ)
    path = folder / key.rsplit("/", 1)[-1]
    version = pin.version_id if pin is not None else _version(store, key)
    try:
        found = store.download(key, path, version)
    except (NotFoundError, ConfigurationError) as error:
        if error.reason not in (reasons.OBJECT_NOT_FOUND, reasons.VERSION_NOT_FOUND, reasons.NOT_READABLE):
            raise
        if pin is None or error.reason == reasons.NOT_READABLE:
            raise explained(error, store, key, symbol, interval) from None
        raise changed(pin, "it is gone") from None
    if pin is not None and found != pin.sha256:
        raise changed(pin, "its bytes have changed")
    return path, found, version


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


def read_pin(store: Store, key: str) -> DataPin | None:
    """The pin of a training that started earlier, or None. Raises DataError("BadPin") for a damaged one."""
    stored = read_if_there(store, key)
    if stored is None:
        return None
    try:
        return DataPin.model_validate_json(stored.data)
    except ValidationError:
        raise DataError(
            reasons.BAD_PIN,
            f"{store.uri_of(key)} is damaged, so it is unknown which bytes this training started with; "
            "set a new retrain.crpbot.dev/rerun token to train on the current file.",
        ) from None


def write_pin(store: Store, key: str, pin: DataPin) -> None:
    """Pin the data. The first pin wins: raises DataError("DataChanged") where it has different bytes."""
    try:
        store.write(key, pin.model_dump_json(by_alias=True).encode(), if_absent=True)
    except Conflict:
        first = read_pin(store, key)
        if first is not None and first.sha256 != pin.sha256:
            raise changed(first, "its bytes have changed") from None


def until_of(pin: DataPin, interval: Interval) -> int:
    """When the last bar that a training read closed, in nanoseconds UTC: whoever reads up to then reads the same bars."""
    return nanoseconds_of(pin.last_bar) + interval.nanoseconds


def pin_of(uri: str, dataset: Dataset, sha256: str, version: str | None) -> DataPin:
    """The pin of a dataset."""
    return DataPin(
        uri=uri,
        sha256=sha256,
        version_id=version,
        first_bar=dataset.first_bar,
        last_bar=dataset.last_bar,
        rows=dataset.rows,
        as_of=iso_time(dataset.until),
    )


def as_document(pin: DataPin) -> dict[str, object]:
    """The pin for a model card."""
    document: dict[str, object] = json.loads(pin.model_dump_json(by_alias=True, exclude_none=True))
    return document
