"""Can the store be written, and does it honour conditional writes: of several writers, exactly one wins?

A promotion flips its pointer with a conditional write. A store that accepts the request and ignores the condition would
silently lose one of two promotions, so that is tested here, on objects of no value. `retrain doctor` does it whenever it is
asked; a preflight once a month, and remembers in the store itself that it did.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, RetrainError, SoftwareError
from retrain_api.wire import timestamp

from .base import Conflict, Store
from .locate import read_if_there

FOLDER = ".doctor"
PROBED = ".retrain/probed.json"
"""Says when a store was probed, and where: a bucket that is copied elsewhere is another store."""
PROBED_FOR = timedelta(days=30)
WRITERS = 8
ROUNDS = 2


def probe_once(store: Store, now: datetime) -> bool:
    """Probe a store that was not probed within the last month, and remember it; whether it was. Raises what the probes raise.

    A training goes on where nothing may be deleted, so that is no fault here either.
    """
    before = read_if_there(store, PROBED)
    if before is not None and _is_recent(before.data, store.uri, now):
        return False
    probe_written(store, must_clean=False)
    probe_conditions(store, must_clean=False)
    store.write(PROBED, json.dumps({"location": store.uri, "probedAt": timestamp(now)}).encode())
    return True


def _is_recent(data: bytes, location: str, now: datetime) -> bool:
    try:
        known = json.loads(data)
        age = now - datetime.fromisoformat(known["probedAt"])
        return bool(known["location"] == location) and timedelta(0) <= age < PROBED_FOR
    except (ValueError, KeyError, TypeError):
        return False  # damaged, or of another release: probed again, and written anew


def probe_written(store: Store, must_clean: bool = True) -> str:
    """Write, read back and delete an object. Raises SoftwareError("NotAsWritten") and what the store raises.

    Without `must_clean` it may be that nothing can be deleted there.
    """
    with _probe_keys(store, must_clean) as new_key:
        key, written = new_key(), secrets.token_bytes(256)
        store.write(key, written)
        if store.read(key).data != written:
            raise SoftwareError(
                reasons.NOT_AS_WRITTEN, f"{store.uri_of(key)} does not read as it was written; use another store."
            )
    return f"{store.uri} was written, read back and cleaned up"


def probe_conditions(store: Store, must_clean: bool = True) -> str:
    """Conditions that must fail, then races. Raises ConfigurationError("UnsafeStore") and what the store raises."""
    with _probe_keys(store, must_clean) as new_key:
        key = new_key()
        first = store.write(key, b"first", if_absent=True)
        _require_conflict(store, lambda: store.write(key, b"again", if_absent=True), "there must be no object yet")
        second = store.write(key, b"second", if_match=first)
        _require_conflict(store, lambda: store.write(key, b"late", if_match=first), "the object must be unchanged")
        for _ in range(ROUNDS):
            _race(store, new_key(), if_absent=True)
            second = _race(store, key, if_match=second)
    return f"conditional writes are honoured: of {WRITERS} writers at once exactly one won, {2 * ROUNDS} times"


@contextlib.contextmanager
def _probe_keys(store: Store, must_clean: bool) -> Iterator[Callable[[], str]]:
    """A maker of unused keys; whatever was written under them is deleted in the end."""
    made: list[str] = []

    def new_key() -> str:
        made.append(f"{FOLDER}/{secrets.token_hex(8)}")
        return made[-1]

    try:
        yield new_key
    except BaseException:
        with contextlib.suppress(RetrainError):  # the first error is the one to report
            _clean(store, made)
        raise
    try:
        _clean(store, made)
    except RetrainError as error:
        if must_clean or error.retryable:
            raise


def _clean(store: Store, keys: list[str]) -> None:
    for key in keys:
        store.delete(key)
    if store.uri.startswith("file://"):
        with contextlib.suppress(OSError):
            Path(store.uri.removeprefix("file://"), FOLDER).rmdir()
    remove: Callable[[str], None] | None = getattr(store, "remove_folder", None)
    if remove is not None:  # rclone's remotes have folders of their own
        remove(FOLDER)


def _require_conflict(store: Store, write: Callable[[], object], condition: str) -> None:
    try:
        write()
    except Conflict:
        return
    raise _unsafe(store, f"it wrote although the condition ({condition}) did not hold")


def _race(store: Store, key: str, **condition: Any) -> str:
    """The etag of the one writer that won, checked against what the store holds afterwards."""
    together = threading.Barrier(WRITERS)

    def attempt(number: int) -> tuple[bytes, str] | None:
        data = f"{number} {secrets.token_hex(8)}".encode()
        together.wait()
        try:
            return data, store.write(key, data, **condition)
        except Conflict:
            return None

    with ThreadPoolExecutor(WRITERS) as pool:
        won = [outcome for outcome in pool.map(attempt, range(WRITERS)) if outcome is not None]
    if len(won) != 1:
        raise _unsafe(store, f"of {WRITERS} writers at once {len(won)} won where exactly one may")
    [(data, etag)] = won
    if store.read(key).data != data:
        raise _unsafe(store, "the writer that won is not the one whose bytes are there")
    return etag


def _unsafe(store: Store, evidence: str) -> ConfigurationError:
    return ConfigurationError(
        reasons.UNSAFE_STORE,
        f"{store.uri} does not honour conditional writes: {evidence}. Two promotions could overwrite each other; "
        "use a store with If-Match and If-None-Match on PUT, or a newer version of this one.",
    )
