"""Rollback: a pointer is set back to a model that was promoted before, with a record of who did it and why.

A rollback is made in a hurry, so it must be safe. The file must be there with its original bytes, the pointer is rebuilt
from the card beside it, and the flip is one conditional write, so a promotion in between is never lost. The model that is
replaced is withdrawn: its run does not promote it again unless a person overrides that or rolls back to it.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.documents.references import FileRef
from retrain_api.errors import ConfigurationError, DataError, NotFoundError, SoftwareError
from retrain_api.model_times import times_in
from retrain_api.names import card_file, file_name, promoted_pointer
from retrain_api.observation.blocks import rule_in
from retrain_api.wire import to_wire
from retrain_trainer.model.pointer import Pointed, Pointer, RolledBack, expiry, read_pointer
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.locate import read_if_there


def roll_back(
    store: Store, symbol: str, to: str | None, by: str, reason: str, at: str, expires_after: str | None = None
) -> Pointer:
    """Roll back and return the new pointer. `to` is a file in promoted/; None means the model promoted before. `at` is ISO 8601.

    The model goes back into service for as long again as it was promoted for, from `at`, or for `expires_after`, such as 3d: what
    was left of its first time may be over, and nobody could load what was rolled back to.

    Raises NotFoundError("NothingPromoted", "NoPrevious", "ModelNotFound"), ConfigurationError("AlreadyPromoted"),
    DataError("BadCard", "ModelChanged"), SoftwareError("PointerChanged"), and what the store raises.
    """
    today = read_pointer(store, symbol)
    if today is None:
        raise NotFoundError(reasons.NOTHING_PROMOTED, f"No model of {symbol} is promoted in {store.uri}.")
    file = file_name(to) if to else _previous(store, today.pointer)
    old = pointer_from_card(store, symbol, file, at, expires_after)
    if old.model.sha256 == today.pointer.model.sha256:
        raise ConfigurationError(reasons.ALREADY_PROMOTED, f"{symbol} is already at {file}.")
    require_bytes(store, old.model)
    return _flip(store, today, old, RolledBack(by=by, at=at, reason=reason, from_=today.pointer.model))


def _previous(store: Store, today: Pointer) -> str:
    """The file of the model promoted before.

    After a rollback that would be the model rolled back from, which nobody means, so it must be named.
    """
    if today.previous is None:
        raise NotFoundError(reasons.NO_PREVIOUS, f"No model of {today.symbol} was promoted before this one.")
    if today.rolled_back is not None:
        raise NotFoundError(
            reasons.NO_PREVIOUS,
            f"{today.symbol} was already rolled back at {today.rolled_back.at}; name the model to return to with --to "
            f"(they are in {store.uri_of('promoted/')}).",
        )
    return file_name(today.previous.uri)


def pointer_from_card(store: Store, symbol: str, file: str, at: str, expires_after: str | None = None) -> Pointer:
    """The pointer to a promoted file, from the card beside it, that is good from `at`. Raises NotFoundError and DataError("BadCard")."""
    stored = read_if_there(store, f"promoted/{card_file(file)}")
    if stored is None:
        raise NotFoundError(reasons.MODEL_NOT_FOUND, f"{store.uri_of('promoted/' + file)} and its card are not there.")
    try:
        card = json.loads(stored.data)
        pointer = _pointer(card, store.uri_of(f"promoted/{file}"), datetime.fromisoformat(at), expires_after)
    except (ValueError, KeyError, TypeError, ValidationError):
        pointer = None
    if pointer is None or pointer.symbol != symbol:
        raise DataError(
            reasons.BAD_CARD, f"{store.uri_of('promoted/' + card_file(file))} is not the card of a model of {symbol}."
        )
    return pointer


def _pointer(card: dict[str, Any], uri: str, begin: datetime, expires_after: str | None) -> Pointer:
    evaluation, after = card["evaluation"], expires_after or card.get("expiresAfter")
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
            **to_wire(times_in(card)),
            **to_wire(rule_in(card)),
            "expiresAt": expiry(begin, after),
        }
    )


def require_bytes(store: Store, model: FileRef) -> None:
    """Raise NotFoundError("ModelNotFound") or DataError("ModelChanged") unless the file has its original bytes."""
    key = "promoted/" + file_name(model.uri)
    with TemporaryDirectory(prefix="rollback-") as folder:
        try:
            found = store.download(key, Path(folder) / "model.pt")
        except NotFoundError as error:
            if error.reason != reasons.OBJECT_NOT_FOUND:
                raise
            raise NotFoundError(reasons.MODEL_NOT_FOUND, f"{model.uri} no longer exists.") from None
    if found != model.sha256:
        raise DataError(
            reasons.MODEL_CHANGED,
            f"{model.uri} has other bytes than were promoted (sha256 {found[:12]}); restore that file.",
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
            reasons.POINTER_CHANGED, f"{store.uri_of(key)} was changed in the meantime; check it, then roll back again."
        ) from None
    return pointer
