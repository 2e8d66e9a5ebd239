"""From a URI in a task to the store it is in, opened with the credentials it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from retrain_api.errors import NotFoundError
from retrain_api.names import folder

from .credentials import environ_for
from .store import Store, Stored, open_store, split_uri


@dataclass(frozen=True)
class Located:
    """A file: the store, and the key in it."""

    store: Store
    key: str


Locate: TypeAlias = Callable[[str], Located]


def locator(store: Store, uri: str, environ: Mapping[str, str]) -> Locate:
    """Finds files by URI: those under `uri` in the opened `store`, others in a store opened with `environ`."""
    within = folder(uri)

    def locate(file: str) -> Located:
        if file.startswith(within):
            return Located(store, file.removeprefix(within))
        elsewhere, key = split_uri(file)
        return Located(open_store(elsewhere, environ), key)

    return locate


def open_artifacts(uri: str, environ: Mapping[str, str]) -> tuple[Store, Locate]:
    """The artifacts store, and a way to all files that its credentials open."""
    own = environ_for("artifacts", environ)
    store = open_store(uri, own)
    return store, locator(store, uri, own)


def read_if_there(store: Store, key: str) -> Stored | None:
    """What is under a key, or None where nothing is; a bucket that does not exist is still an error."""
    try:
        return store.read(key)
    except NotFoundError as error:
        if error.reason == "ObjectNotFound":
            return None
        raise
