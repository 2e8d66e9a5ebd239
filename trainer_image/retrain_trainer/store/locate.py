"""Finds the store that a task's URI points into, and opens it with the right credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from retrain_api import reasons
from retrain_api.errors import NotFoundError
from retrain_api.names import folder

from .base import Store, Stored
from .credentials import environ_for
from .open import open_store, split_uri


@dataclass(frozen=True)
class Located:
    """A file in a store: the store and the key."""

    store: Store
    key: str


Locate: TypeAlias = Callable[[str], Located]


def locator(store: Store, uri: str, environ: Mapping[str, str]) -> Locate:
    """A lookup by URI: files under `uri` are in the open `store`, others in a store that is opened with `environ`."""
    within = folder(uri)

    def locate(file: str) -> Located:
        if file.startswith(within):
            return Located(store, file.removeprefix(within))
        elsewhere, key = split_uri(file)
        return Located(open_store(elsewhere, environ), key)

    return locate


def open_artifacts(uri: str, environ: Mapping[str, str]) -> tuple[Store, Locate]:
    """The artifacts store, and a lookup for all files that its credentials give access to."""
    own = environ_for("artifacts", environ)
    store = open_store(uri, own)
    return store, locator(store, uri, own)


def read_if_there(store: Store, key: str) -> Stored | None:
    """What is stored under a key, or None where nothing is. A missing bucket is still an error."""
    try:
        return store.read(key)
    except NotFoundError as error:
        if error.reason == reasons.OBJECT_NOT_FOUND:
            return None
        raise
