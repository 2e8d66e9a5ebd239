"""The rows that each training began with, kept for each symbol beside its judged models, and compared with what came before.

What only a rewritten history shows, such as a mean over later bars, is found here: days that an earlier training read too have
other values now. None of this stops a training: where the store refuses it for good, a line in the log says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from retrain_api.documents.references import Restated
from retrain_api.errors import RetrainError
from retrain_api.names import card_file, file_name, pin_file, pins_folder
from retrain_api.time import Interval
from retrain_trainer.data.files.candles import FeatureFile
from retrain_trainer.data.pinning import StoredPin
from retrain_trainer.data.raw_rows import digests_within, rows_of_file
from retrain_trainer.data.row_pin import RowPin, are_late, decode, restated
from retrain_trainer.model.pointer import read_pointer
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.locate import read_if_there

KEPT = 10
"""Pins of a symbol that are kept, the newest: 2 MB for a year of minutes with 64 columns."""

_NAME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([0-9a-f]{16})")

Log = Callable[[str], None]
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Rows:
    """The rows of a training, the time as of which they are, and what an earlier pin says differently."""

    pin: RowPin
    as_of: str
    restated: Restated | None


def look_at(file: FeatureFile, interval: Interval, store: Store, symbol: str, as_of: str, log: Log) -> Rows:
    """The rows of a file in memory, compared with the newest earlier pin of the symbol.

    Raises errors of the store that a retry may cure.
    """
    own = rows_of_file(file, interval)
    earlier = _unless_refused(lambda: _earlier(store, symbol, as_of, own), log, "not compared with earlier ones")
    if earlier is None:
        return Rows(own, as_of, None)
    then, pin = earlier
    found = restated(pin, own, lambda first, last: digests_within(file, first, last))
    if not found:
        return Rows(own, as_of, None)
    first = found[0]
    return Rows(own, as_of, Restated(day=first.day, column=first.column, as_of=then, late=are_late(found, pin)))


def keep(store: Store, symbol: str, rows: Rows, log: Log) -> None:
    """Keep the rows' digests, and remove those of long ago. Raises errors of the store that a retry may cure."""
    own = pin_file(symbol, rows.as_of, rows.pin.sha256)
    _unless_refused(lambda: _write(store, own, rows.pin.encoded), log, "not kept")
    _unless_refused(lambda: _remove_old(store, symbol, own), log, "not all of the old ones removed")


def kept(store: Store, symbol: str, pin: StoredPin) -> RowPin | None:
    """The digests behind a pin; None where they are gone or can't be read. Raises errors that a retry may cure."""
    if pin.rows_sha256 is None or pin.as_of is None:
        return None
    try:
        found = _read(store, pin_file(symbol, pin.as_of, pin.rows_sha256))
    except RetrainError as error:
        if error.retryable:
            raise
        return None
    return found if found is not None and found.sha256 == pin.rows_sha256 else None


def _unless_refused(work: Callable[[], _Found], log: Log, what: str) -> _Found | None:
    try:
        return work()
    except RetrainError as error:
        if error.retryable:
            raise
        log(f"The digests of the data's days are {what}: {error.message}")
        return None


def _earlier(store: Store, symbol: str, as_of: str, own: RowPin) -> tuple[str, RowPin] | None:
    """The newest earlier pin of bars of this length and its time: of those with all of today's columns, or else of all."""
    mine = pin_file(symbol, as_of, own.sha256)
    others = [key for key in _pins(store, symbol) if _moment(key) <= _moment(mine) and key != mine]
    best: tuple[str, RowPin] | None = None
    for key in sorted(others, reverse=True)[:KEPT]:
        pin = _read(store, key)
        if pin is None or pin.interval != own.interval or pin.sha256 == own.sha256:
            continue
        if set(own.columns) <= set(pin.columns):
            return _moment(key), pin
        best = best or (_moment(key), pin)
    return best


def _pins(store: Store, symbol: str) -> list[str]:
    """The keys of the symbol's pins, the oldest first."""
    return [key for key in store.list(pins_folder(symbol)) if _NAME.fullmatch(file_name(key))]


def _moment(key: str) -> str:
    """The time as of which a pin is, by its name."""
    return _NAME.sub(r"\1-\2-\3T\4:\5:\6Z", file_name(key))


def _read(store: Store, key: str) -> RowPin | None:
    stored = read_if_there(store, key)
    return None if stored is None else decode(stored.data)


def _write(store: Store, key: str, data: bytes) -> None:
    try:
        store.write(key, data, if_absent=True)
    except Conflict:  # its name has the digits of these very bytes
        return


def _remove_old(store: Store, symbol: str, own: str) -> None:
    pins = _pins(store, symbol)
    old = [key for key in pins[:-KEPT] if key != own]
    named = _named_by_pointer(store, symbol) if old else ""
    for key in old:
        if not named or not key.endswith(named):
            store.delete(key)


def _named_by_pointer(store: Store, symbol: str) -> str:
    """The last digits in the name of the pin behind the model in service, by its card; empty where nothing says so."""
    pointed = read_pointer(store, symbol)
    if pointed is None:
        return ""
    card = read_if_there(store, f"promoted/{card_file(file_name(pointed.pointer.model.uri))}")
    try:
        return str(json.loads(card.data)["data"]["rowsSha256"])[:16] if card is not None else ""
    except (ValueError, KeyError, TypeError):
        return ""
