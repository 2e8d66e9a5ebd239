"""Where data, models and reports are kept: one interface, and patience with what goes wrong for a while.

Three kinds of store, `s3://`, `file://` and `rclone://`. A write is whole or not there (see `store_rclone` for what
rclone can't promise), and what was written has been compared with a checksum when `write` and `upload` return.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from retrain_api.errors import ConfigurationError, SoftwareError, StoreUnreachable

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
TEMPORARY_SUFFIX = ".part"
LOCK_SUFFIX = ".lock"

_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REMOTE = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.+@ -]*[A-Za-z0-9_.+@-])?")

T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """The bytes under a key, and what names exactly these bytes."""

    data: bytes
    etag: str
    version_id: str | None


@dataclass(frozen=True)
class Head:
    """What is known of a key without reading it. `size` in bytes; `version_id` only where versions are kept."""

    size: int
    etag: str
    version_id: str | None


class Conflict(SoftwareError):
    """A conditional write lost: the object has changed since, or exists already."""


class Store(Protocol):
    """A folder in an object store or on a disk. Keys are relative to `uri`, with "/" between their parts.

    Every method raises CredentialsError (refused), NotFoundError "BucketNotFound", ConfigurationError (not
    readable, not writable) and StoreUnreachable (no usable answer for as long as there was patience).
    """

    @property
    def uri(self) -> str:
        """The root; ends in "/"."""
        ...

    def uri_of(self, key: str) -> str:
        """The whole URI of a key."""
        ...

    def head(self, key: str) -> Head | None:
        """What is known of the key; None when there is nothing under it."""
        ...

    def read(self, key: str, version_id: str | None = None) -> Stored:
        """The bytes under the key, or of one version of it. NotFoundError "ObjectNotFound", "VersionNotFound"."""
        ...

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """The etag of the bytes now under the key.

        With `if_match` only in place of the object that has this etag, with `if_absent` only where there is
        none: Conflict otherwise. Of several writers with the same condition exactly one wins.
        """
        ...

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        """The sha256 (hex) of what now is the file `path`; it appears whole or not at all."""
        ...

    def upload(self, key: str, path: Path) -> str:
        """The sha256 (hex) of what now is under the key."""
        ...

    def delete(self, key: str) -> None:
        """Nothing is under the key any more, whether or not something was."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Every key that begins with `prefix`, sorted. The prefix may end within a name."""
        ...


def open_store(uri: str, environ: Mapping[str, str] = os.environ, patience_seconds: float = 300.0) -> Store:
    """The store at `uri`, a folder. Nothing is asked of it yet; `environ` has S3's credentials (AWS_*)
    and says where rclone's configuration is (see `rclone`).

    `patience_seconds` is how long what is temporary is tried again. Raises ConfigurationError.
    """
    # Each kind is imported when it is used: boto3 takes most of a second.
    scheme, place = _parsed(uri)
    if scheme == "file":
        from .store_file import FileStore

        return FileStore(Path(place))
    if scheme == "rclone":
        from .store_rclone import open_remote

        remote, _, path = place.partition("/")
        return open_remote(remote, path, environ, Patience(patience_seconds))
    from .store_s3 import open_s3

    bucket, _, prefix = place.partition("/")
    return open_s3(bucket, prefix, environ, Patience(patience_seconds))


def split_uri(uri: str) -> tuple[str, str]:
    """The store and the key of a file's URI: "s3://bucket/a/name" gives ("s3://bucket/a/", "name").

    Raises ConfigurationError when the URI names a folder or no place at all.
    """
    _parsed(uri)
    folder, _, name = uri.rpartition("/")
    if not name or folder.endswith(":/"):
        raise ConfigurationError("BadLocation", f"{uri} names a folder where a file is needed.")
    return folder + "/", name


def checked_key(key: str) -> str:
    """The key as it is. ConfigurationError for one that would leave the store or that a store needs itself."""
    parts = key.split("/")
    ours = parts[-1].startswith(".") and parts[-1].endswith((TEMPORARY_SUFFIX, LOCK_SUFFIX))
    if "\0" in key or ours or any(part in ("", ".", "..") for part in parts):
        raise ConfigurationError("BadKey", f"{key!r} can't be the name of a file in a store; choose another.")
    return key


class Temporary(Exception):
    """What may go away by itself. Its text says in a few words what was seen, without any secret."""


@dataclass(frozen=True)
class Patience:
    """For how long, in seconds, an attempt is made again, and the clock and the sleep that this goes by."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def insist(self, attempt: Callable[[], T], where: str) -> T:
        """What `attempt` returns, at the latest when patience ends; `where` names the store in messages.

        Only Temporary is tried again. Raises StoreUnreachable when it still is one at the end.
        """
        begun = self.clock()
        for tries in itertools.count():
            try:
                return attempt()
            except Temporary as problem:
                waited = self.clock() - begun
                if waited >= self.seconds:
                    raise StoreUnreachable(
                        "StoreUnreachable",
                        f"{where} gave no usable answer for {waited:.0f} s: {problem}. "
                        "Check the endpoint and the network, then start again: nothing finished is lost.",
                    ) from problem
                pause = min(pause_seconds(tries), self.seconds - waited)
                log.warning("%s: %s; trying again in %.1f s", where, problem, pause)
            self.sleep(pause)
        raise AssertionError("unreachable")


def pause_seconds(tries: int) -> float:
    """How long to wait after `tries` earlier failures: doubled each time, less up to half by chance.

    The chance keeps tasks that failed together from coming back together.
    """
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(tries, 30))
    return longest * random.uniform(0.5, 1.0)


def _parsed(uri: str) -> tuple[str, str]:
    """Scheme and place of a store's URI: ("file", "/x/y/"), ("s3", "bucket/a/") or ("rclone", "remote/a/").

    Raises ConfigurationError.
    """
    found = _URI.fullmatch(uri)
    scheme, rest = (found["scheme"], found["rest"]) if found else ("", uri)
    if scheme == "file" and not rest.startswith("/"):
        raise ConfigurationError(
            "RelativeLocation",
            f"{uri} is relative, and a relative file:// location is resolved by the command line only: "
            "write it from the root, as in file:///data/features/.",
        )
    if scheme not in ("file", "s3", "rclone"):
        raise ConfigurationError(
            "UnknownStore", f"This trainer reads and writes s3://, file:// and rclone:// only; {uri} is none of them."
        )
    if scheme == "s3" and not _BUCKET.fullmatch(rest.partition("/")[0]):
        raise ConfigurationError("BadLocation", f"{uri} names no bucket; write s3://bucket/path/.")
    if scheme == "rclone" and not _REMOTE.fullmatch(rest.partition("/")[0]):
        # Not shown: rclone's own ":kind,option=value:" names may hold a password.
        raise ConfigurationError("BadLocation", "A location names no rclone remote; write rclone://remote/path/.")
    return scheme, rest
