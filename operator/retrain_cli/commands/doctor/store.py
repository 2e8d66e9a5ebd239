"""Can the store be written, and does it honour conditional writes: of several writers, exactly one wins?

A promotion flips its pointer with a conditional write. A store that accepts the request and ignores the condition would
silently lose one of two promotions, so that is tested here, on objects of no value.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, RetrainError, SoftwareError

FOLDER = ".doctor"
WRITERS = 8
ROUNDS = 2


def probe_written(store: Any) -> str:
    """Write, read back and delete an object. Raises SoftwareError("NotAsWritten") and what the store raises."""
    with _probe_keys(store) as new_key:
        key, written = new_key(), secrets.token_bytes(256)
        store.write(key, written)
        if store.read(key).data != written:
            raise SoftwareError(
                reasons.NOT_AS_WRITTEN, f"{store.uri_of(key)} does not read as it was written; use another store."
            )
    return f"{store.uri} was written, read back and cleaned up"


def probe_conditions(store: Any) -> str:
    """Conditions that must fail, then races. Raises ConfigurationError("UnsafeStore") and what the store raises."""
    with _probe_keys(store) as new_key:
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
def _probe_keys(store: Any) -> Iterator[Callable[[], str]]:
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
    _clean(store, made)


def _clean(store: Any, keys: list[str]) -> None:
    for key in keys:
        store.delete(key)
    if store.uri.startswith("file://"):
        with contextlib.suppress(OSError):
            Path(store.uri.removeprefix("file://"), FOLDER).rmdir()
    if store.uri.startswith("rclone://"):
        store.remove_folder(FOLDER)


def _require_conflict(store: Any, write: Callable[[], object], condition: str) -> None:
    from retrain_trainer.store.base import Conflict

    try:
        write()
    except Conflict:
        return
    raise _unsafe(store, f"it wrote although the condition ({condition}) did not hold")


def _race(store: Any, key: str, **condition: Any) -> str:
    """The etag of the one writer that won, checked against what the store holds afterwards."""
    from retrain_trainer.store.base import Conflict

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


def _unsafe(store: Any, evidence: str) -> ConfigurationError:
    return ConfigurationError(
        reasons.UNSAFE_STORE,
        f"{store.uri} does not honour conditional writes: {evidence}. Two promotions could overwrite each other; "
        "use a store with If-Match and If-None-Match on PUT, or a newer version of this one.",
    )
