"""The data pin: the exact bytes a training began with, which every retry and the evaluation must get again.

`_latest` files are overwritten in real life, and a split that moved would test on bars that were trained on.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError
from retrain_api.documents import DataPin
from retrain_api.errors import DataError, NotFoundError

from .dataset import Dataset
from .locate import read_if_there
from .store import Conflict, Store, open_store, split_uri


def fetch(uri: str, environ: dict[str, str], pin: DataPin | None, folder: Path) -> tuple[Path, str, str | None]:
    """The feature file in `folder` under its own name: path, sha256, version id.

    With a pin, exactly its bytes. Raises NotFoundError for a missing file, DataError("DataChanged") for other bytes.
    """
    root, key = split_uri(uri)
    store = open_store(root, environ)
    path = folder / key.rsplit("/", 1)[-1]
    version = pin.version_id if pin is not None else _version(store, key)
    try:
        found = store.download(key, path, version)
    except NotFoundError as error:
        if pin is None or error.reason == "BucketNotFound":
            raise
        raise changed(pin, "it is gone") from None
    if pin is not None and found != pin.sha256:
        raise changed(pin, "its bytes are others now")
    return path, found, version


def _version(store: Store, key: str) -> str | None:
    head = store.head(key)
    return head.version_id if head is not None else None


def changed(pin: DataPin, what: str) -> DataError:
    """The error of data that is not what the training began with."""
    return DataError(
        "DataChanged",
        f"{pin.uri} is not the file that this training began with: {what}. Put that file back (sha256 "
        f"{pin.sha256[:12]}..., bars {pin.first_bar} to {pin.last_bar}), or set a new retrain.crpbot.dev/rerun token "
        "to train everything on the new one.",
    )


def read_pin(store: Store, key: str) -> DataPin | None:
    """The pin of a training that began before, or None. Raises DataError("BadPin") where it can't be read."""
    stored = read_if_there(store, key)
    if stored is None:
        return None
    try:
        return DataPin.model_validate_json(stored.data)
    except ValidationError:
        raise DataError(
            "BadPin",
            f"{store.uri_of(key)} is damaged, so which bytes this training began with is not known; "
            "set a new retrain.crpbot.dev/rerun token to train on the file that is there now.",
        ) from None


def write_pin(store: Store, key: str, pin: DataPin) -> None:
    """Pin the data. Whoever pinned first is right: other bytes then are DataChanged."""
    try:
        store.write(key, pin.model_dump_json(by_alias=True).encode(), if_absent=True)
    except Conflict:
        first = read_pin(store, key)
        if first is not None and first.sha256 != pin.sha256:
            raise changed(first, "its bytes are others now") from None


def pin_of(uri: str, dataset: Dataset, sha256: str, version: str | None) -> DataPin:
    """The pin of a dataset."""
    return DataPin(
        uri=uri,
        sha256=sha256,
        version_id=version,
        first_bar=dataset.first_bar,
        last_bar=dataset.last_bar,
        rows=dataset.rows,
    )


def as_document(pin: DataPin) -> dict[str, object]:
    """The pin for a model card."""
    document: dict[str, object] = json.loads(pin.model_dump_json(by_alias=True, exclude_none=True))
    return document
