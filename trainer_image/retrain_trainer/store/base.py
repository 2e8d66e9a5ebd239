"""The contract that every store fulfils. `file`, `s3` and `rclone` implement it; nothing here imports them.

A write either happens whole or not at all (`rclone` documents its exceptions). When `write` or `upload` returns, what
was written has been verified against a checksum.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, SoftwareError

TEMPORARY_SUFFIX = ".part"
LOCK_SUFFIX = ".lock"


@dataclass(frozen=True)
class Stored:
    """The bytes under a key, with the etag and version that identify exactly these bytes."""

    data: bytes
    etag: str
    version_id: str | None


@dataclass(frozen=True)
class Head:
    """Metadata of a key. `size` is in bytes; `version_id` is set only where the store keeps versions."""

    size: int
    etag: str
    version_id: str | None


@dataclass(frozen=True)
class Range:
    """Bytes of a part of an object, and the object that they are of, for the next `read_range` of the same."""

    data: bytes
    of: Head


class Conflict(SoftwareError):
    """A conditional write was refused: the object has changed since it was read, or it already exists."""


class Store(Protocol):
    """A folder in an object store or on a disk. Keys are relative to `uri`, with "/" between their parts.

    Every method may raise CredentialsError (access refused), NotFoundError "BucketNotFound", ConfigurationError (not
    readable, not writable, no such store at that address) and StoreUnreachable (no usable answer before the patience
    ran out).
    """

    @property
    def uri(self) -> str:
        """The root; ends in "/"."""
        ...

    def uri_of(self, key: str) -> str:
        """The full URI of a key."""
        ...

    def head(self, key: str) -> Head | None:
        """The key's metadata; None where nothing is stored under it."""
        ...

    def read(self, key: str, version_id: str | None = None) -> Stored:
        """The bytes under the key, or one version of them. Raises NotFoundError "ObjectNotFound", "VersionNotFound"."""
        ...

    def read_range(self, key: str, start: int, length: int, of: Head | None = None) -> Range:
        """At most `length` bytes from `start` on; a negative `start` counts from the end. Fewer where the object ends before.

        With `of`, from an earlier range, only of that very object: raises Conflict where another has taken its place. The etag
        in `of` serves for nothing else, because a file's real one would have to be computed from all of its bytes. Raises NotFoundError as
        `read` does.
        """
        ...

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """Write the bytes and return their etag.

        With `if_match`, replace only the object that has this etag; with `if_absent`, write only where there is none.
        Raises Conflict otherwise. Of several writers with the same condition, exactly one succeeds.
        """
        ...

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        """Copy the object to the file `path` and return its sha256 (hex). The file appears whole or not at all."""
        ...

    def upload(self, key: str, path: Path) -> str:
        """Copy the file `path` to the key and return its sha256 (hex)."""
        ...

    def delete(self, key: str) -> None:
        """Remove the key. Not an error where it does not exist."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Every key that starts with `prefix`, sorted. The prefix may end in the middle of a name."""
        ...


def changed_meanwhile(uri: str) -> Conflict:
    """The error for an object that somebody else has replaced."""
    return Conflict(reasons.CONFLICT, f"{uri} was changed by another writer in the meantime; read it again.")


def first_byte(start: int, size: int) -> int:
    """Where a range of an object of `size` bytes begins, counted from the front."""
    return start if start >= 0 else max(size + start, 0)


def checked_key(key: str) -> str:
    """The key, unchanged. Raises ConfigurationError for one that would leave the store or that a store reserves."""
    parts = key.split("/")
    reserved = parts[-1].startswith(".") and parts[-1].endswith((TEMPORARY_SUFFIX, LOCK_SUFFIX))
    if "\0" in key or reserved or any(part in ("", ".", "..") for part in parts):
        raise ConfigurationError(
            reasons.BAD_KEY, f"{key!r} can't be used as the name of a file in a store; choose another name."
        )
    return key
