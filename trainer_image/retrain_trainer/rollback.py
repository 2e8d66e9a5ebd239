"""Rollback: a pointer is put back to a model that was promoted before, on record.

The file must be there with its bytes, its card says what the pointer tells of it, and the flip is one conditional
write: a promotion in between is never lost. The model that was rolled back from is withdrawn: no judgement of its run
promotes it again, unless a person overrides or rolls back to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError
from retrain_api.documents import FileRef
from retrain_api.errors import ConfigurationError, DataError, NotFoundError, SoftwareError
from retrain_api.names import card_file, file_name, promoted_pointer

from .locate import read_if_there
from .pointer import Pointed, Pointer, RolledBack, read_pointer
from .store import Conflict, Store


def roll_back(store: Store, symbol: str, to: str | None, by: str, reason: str, at: str) -> Pointer:
    """The pointer as it is now. `to` is a file in promoted/, the model promoted before where it is None; `at` ISO 8601.

    Raises NotFoundError("NothingPromoted", "NoPrevious", "ModelNotFound"), ConfigurationError("AlreadyPromoted"),
    DataError("BadCard", "ModelChanged"), SoftwareError("PointerChanged"), and what the store raises.
    """
    today = read_pointer(store, symbol)
    if today is None:
        raise NotFoundError("NothingPromoted", f"No model of {symbol} is promoted in {store.uri}.")
    file = file_name(to) if to else _previous(store, today.pointer)
    old = described(store, symbol, file)
    if old.model.sha256 == today.pointer.model.sha256:
        raise ConfigurationError("AlreadyPromoted", f"{symbol} is at {file} already.")
    require_bytes(store, old.model)
    return _flip(store, today, old, RolledBack(by=by, at=at, reason=reason, from_=today.pointer.model))


def _previous(store: Store, today: Pointer) -> str:
    """The file of the model promoted before; after a rollback that is the one rolled back from, never meant."""
    if today.previous is None:
        raise NotFoundError("NoPrevious", f"No model of {today.symbol} was promoted before this one.")
    if today.rolled_back is not None:
        raise NotFoundError(
            "NoPrevious",
            f"{today.symbol} was rolled back at {today.rolled_back.at} already; name the model to go to with --to "
            f"({store.uri_of('promoted/')} has them).",
        )
    return file_name(today.previous.uri)


def described(store: Store, symbol: str, file: str) -> Pointer:
    """What a pointer to a promoted file says, by the card beside it. Raises NotFoundError and DataError("BadCard")."""
    stored = read_if_there(store, f"promoted/{card_file(file)}")
    if stored is None:
        raise NotFoundError("ModelNotFound", f"{store.uri_of('promoted/' + file)} and its card are not there.")
    try:
        card = json.loads(stored.data)
        pointer = _pointer(card, store.uri_of(f"promoted/{file}"))
    except (ValueError, KeyError, TypeError, ValidationError):
        pointer = None
    if pointer is None or pointer.symbol != symbol:
        raise DataError("BadCard", f"{store.uri_of('promoted/' + card_file(file))} is no card of a model of {symbol}.")
    return pointer


def _pointer(card: dict[str, Any], uri: str) -> Pointer:
    evaluation = card["evaluation"]
    return Pointer.model_validate(
        {
            "symbol": card["symbol"],
            "model": {"uri": uri, "sha256": card["model"]["sha256"]},
            "run": card["run"],
            "trainKey": card["trainKey"],
            "evaluateKey": evaluation["evaluateKey"],
            "metrics": evaluation["measurement"]["metrics"],
            "test": evaluation["test"],
            "calibration": evaluation.get("calibration") or card["calibration"]["method"],
            "promotedAt": "",
        }
    )


def require_bytes(store: Store, model: FileRef) -> None:
    """Raises NotFoundError("ModelNotFound") and DataError("ModelChanged") unless the file has its bytes."""
    key = "promoted/" + file_name(model.uri)
    with TemporaryDirectory(prefix="rollback-") as folder:
        try:
            found = store.download(key, Path(folder) / "model.pt")
        except NotFoundError as error:
            if error.reason != "ObjectNotFound":
                raise
            raise NotFoundError("ModelNotFound", f"{model.uri} is not there any more.") from None
    if found != model.sha256:
        raise DataError(
            "ModelChanged", f"{model.uri} has other bytes than were promoted (sha256 {found[:12]}); restore that file."
        )


def _flip(store: Store, today: Pointed, old: Pointer, record: RolledBack) -> Pointer:
    gone = [*today.pointer.withdrawn, today.pointer.model.sha256]
    pointer = old.model_copy(
        update={
            "promoted_at": record.at,
            "approved_by": f"{record.by}: {record.reason}",
            "rolled_back": record,
            "withdrawn": tuple(sha256 for sha256 in dict.fromkeys(gone) if sha256 != old.model.sha256),
            "previous": today.pointer.as_previous(),
        }
    )
    key = promoted_pointer(old.symbol)
    try:
        store.write(key, pointer.encode(), if_match=today.etag)
    except Conflict:
        raise SoftwareError(
            "PointerChanged", f"{store.uri_of(key)} was changed meanwhile; look at it, then roll back again."
        ) from None
    return pointer
