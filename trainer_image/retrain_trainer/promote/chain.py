"""Follows a measured model from its training to its pointer, digest by digest.

Each document names what it is about by sha256: the training's result the model file, the results the model file and the evaluation,
the evaluation the predictions, the pointer the promoted copy. Where all of them hold, the figures are those of the bytes in service.
Reads files and changes none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from retrain_api.documents.references import FileRef, RunRef
from retrain_api.documents.results import Promoted, TrainResult
from retrain_api.documents.tasks import PublishItem
from retrain_api.measurement import Measurement
from retrain_api.names import RESULT_FILE, file_name, run_folder
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import Locate, read_if_there


def read_bytes(locate: Locate, uri: str) -> bytes | None:
    """The bytes at a URI; None where nothing is."""
    source = locate(uri)
    stored = read_if_there(source.store, source.key)
    return None if stored is None else stored.data


def broken_file(locate: Locate, reference: FileRef, what: str) -> Iterator[str]:
    """A sentence where a file is gone, or has other bytes than its reference says. A reference may have the first digits alone."""
    data = read_bytes(locate, reference.uri)
    if data is None:
        yield f"{what} is not there: {reference.uri}"
    elif not reference.sha256 or not sha256(data).hexdigest().startswith(reference.sha256):
        yield f"{what} has other bytes than were recorded: {reference.uri}"


def broken_links(
    store: Store, locate: Locate, run: RunRef, item: PublishItem, promoted: Promoted | None
) -> Iterator[str]:
    """A sentence for each link that does not hold, of one model of a run whose artifacts are in `store`."""
    assert item.model is not None
    yield from _training(store, run, item)
    yield from broken_file(locate, item.model, "the model file")
    if promoted is not None:
        copied = FileRef(
            uri=promoted.uri or store.uri_of(f"promoted/{file_name(item.model.uri)}"), sha256=item.model.sha256
        )
        yield from broken_file(locate, copied, "the promoted copy")
        yield from _pointer(store, item)


def _training(store: Store, run: RunRef, item: PublishItem) -> Iterator[str]:
    """Whether the training left this model, and learnt from this data."""
    key = run_folder(run.namespace, run.name, run.uid, item.train_key) + RESULT_FILE
    stored = read_if_there(store, key)
    if stored is None:
        yield f"the training's result is not there: {store.uri_of(key)}"
        return
    try:
        trained = TrainResult.model_validate_json(stored.data)
    except ValidationError:
        yield f"the training's result is damaged: {store.uri_of(key)}"
        return
    if item.model is not None and trained.model.sha256 != item.model.sha256:
        yield f"the training left another model than was judged: {store.uri_of(key)}"
    if item.data is not None and not trained.data.sha256.startswith(item.data.sha256):
        yield f"the training learnt from other data than was recorded: {store.uri_of(key)}"


def _pointer(store: Store, item: PublishItem) -> Iterator[str]:
    pointer = in_service(store, item.symbol)
    if pointer is None:
        yield f"no model of {item.symbol} is in service, although this one was promoted"
    elif is_of(pointer, item) and item.measurement and pointer.metrics != item.measurement.metrics:
        yield f"the pointer of {item.symbol} has other figures than results.json"


def in_service(store: Store, symbol: str) -> Pointer | None:
    """What the symbol's pointer says now. Raises DataError("BadPointer")."""
    pointed = read_pointer(store, symbol)
    return None if pointed is None else pointed.pointer


def is_of(pointer: Pointer, item: PublishItem) -> bool:
    """Whether a pointer was flipped for this measurement of this model; a later one names another."""
    ours = item.model is not None and pointer.model.sha256 == item.model.sha256
    return ours and pointer.evaluate_key == item.evaluate_key


def evaluation_of(item: PublishItem, data: bytes) -> tuple[Mapping[str, Any], list[str]]:
    """The document in an evaluation's bytes, and a sentence for each way in which it is of something else than `item`."""
    assert item.evaluation is not None and item.model is not None
    if not item.evaluation.sha256 or not sha256(data).hexdigest().startswith(item.evaluation.sha256):
        broken = [f"evaluation.json has other bytes than were judged: {item.evaluation.uri}"]
    else:
        broken = []
    try:
        document: dict[str, Any] = json.loads(data)
        Measurement.model_validate(document["measurement"])
        named = {
            "model": (document["model"]["sha256"], item.model.sha256),
            "train key": (document["trainKey"], item.train_key),
            "evaluate key": (document["evaluateKey"], item.evaluate_key),
            "data": (document["data"]["sha256"], item.data.sha256 if item.data else None),
        }
    except (ValueError, KeyError, TypeError):
        return {}, [*broken, f"evaluation.json is damaged: {item.evaluation.uri}"]
    return document, broken + [
        f"evaluation.json is of another {name} than results.json"
        for name, (one, other) in named.items()
        if one != other
    ]
