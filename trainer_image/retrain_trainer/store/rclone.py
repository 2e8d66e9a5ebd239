"""A store behind rclone: Google Drive and some forty other services.

rclone has no conditional writes, so models can't be promoted here: it serves data and takes backups. Each upload is
compared with a checksum from the remote or, where the remote has none, read back whole. A remote that writes files in
place (a disk, SFTP) shows an incomplete file until `upload` returns; a task that died during an upload repeats it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, NotFoundError, RetrainError, SoftwareError

from .base import Head, Range, Stored, changed_meanwhile, checked_key, first_byte
from .disk import file_chunks, write_file
from .patience import Patience, Temporary
from .rclone_errors import Target
from .rclone_program import Rclone, open_rclone

_HASHES = ("sha256", "sha1", "md5")
"""Checksums that remotes support, strongest first."""

T = TypeVar("T")
_Found = dict[str, Any]


@dataclass(frozen=True)
class RcloneStore:
    """The files under one path of a remote ("" or ending in "/"). An etag is a file's size and modification time."""

    remote: str
    path: str
    program: Rclone = field(repr=False)
    patience: Patience

    @property
    def uri(self) -> str:
        return f"rclone://{self.remote}/{self.path}"

    def uri_of(self, key: str) -> str:
        return self.uri + key

    def head(self, key: str) -> Head | None:
        found = self._retry(lambda: self._stat(key))
        return None if found is None else Head(found["Size"], _etag(found), None)

    def read(self, key: str, version_id: str | None = None) -> Stored:
        def attempt() -> Stored:
            found = self._found(key, version_id)
            return Stored(b"".join(self._chunks(key, found)), _etag(found), None)

        return self._retry(attempt)

    def read_range(self, key: str, start: int, length: int, of: Head | None = None) -> Range:
        """A document without a size, such as Google's own formats, is read whole, since rclone can't read a part of it."""

        def attempt() -> Range:
            before = self._as_head(key)
            first = first_byte(start, before.size)
            data = self._part(key, first, min(length, before.size - first)) if 0 <= first < before.size else b""
            if before.size < 0:
                data = b"".join(self._chunks(key, {"Size": -1}))
                data = data[first_byte(start, len(data)) :][:length]
            # Asked once more after the bytes, so that they are of this file and of no later one.
            if before != (of or before) or before != self._as_head(key):
                raise changed_meanwhile(self.uri_of(key))
            return Range(data, before)

        return self._retry(attempt)

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if if_absent or if_match is not None:
            raise ConfigurationError(
                reasons.NO_CONDITIONAL_WRITES,
                f"{self.uri_of(key)} can't be written conditionally: rclone remotes have no conditional writes. "
                "Use s3:// or file:// for artifacts.",
            )
        with TemporaryDirectory(prefix="rclone-write-") as place:
            path = Path(place, "data")
            write_file(path, [data])
            return self._put(key, path)[1]

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        return self._retry(lambda: write_file(path, self._chunks(key, self._found(key, version_id))))

    def upload(self, key: str, path: Path) -> str:
        return self._put(key, path)[0]

    def delete(self, key: str) -> None:
        if self.head(key) is not None:
            self._retry(lambda: self.program.run(self._target(key), "deletefile", self._at(key)))

    def list(self, prefix: str) -> list[str]:
        folder = prefix.rpartition("/")[0]
        target = Target(self.remote, self.uri_of(folder), f"{self.remote}:{self.path}{folder}")
        command = ("lsjson", "--recursive", "--files-only", "--no-mimetype", "--no-modtime", target.place)
        try:
            found = json.loads(self._retry(lambda: self.program.run(target, *command)))
        except NotFoundError:
            return []
        keys = (f"{folder}/{entry['Path']}" if folder else str(entry["Path"]) for entry in found)
        return sorted(key for key in keys if key.startswith(prefix))

    def remove_folder(self, key: str) -> None:
        """Remove an empty folder. Nothing happens on remotes that have no folders."""
        try:
            self.program.run(self._target(key), "rmdir", self._at(key))
        except (RetrainError, Temporary):
            return  # leaving an empty folder behind does no harm

    def _at(self, key: str) -> str:
        return f"{self.remote}:{self.path}{checked_key(key)}"

    def _target(self, key: str) -> Target:
        return Target(self.remote, self.uri_of(key), self._at(key))

    def _retry(self, attempt: Callable[[], T]) -> T:
        return self.patience.retry(attempt, f"The rclone remote {self.remote}")

    def _as_head(self, key: str) -> Head:
        found = self._found(key)
        return Head(found["Size"], _etag(found), None)

    def _part(self, key: str, first: int, count: int) -> bytes:
        part = (f"--offset={first}", f"--count={count}")
        data = b"".join(self.program.stream(self._target(key), "cat", *part, self._at(key)))
        if len(data) != count:
            raise Temporary("the file was cut off, or changed while it was being read")
        return data

    def _stat(self, key: str, *flags: str) -> _Found | None:
        """A file's metadata, or None where there is no such file. Buckets report a missing file as a folder."""
        try:
            output = self.program.run(self._target(key), "lsjson", "--stat", *flags, self._at(key))
        except NotFoundError as error:
            if error.reason == reasons.OBJECT_NOT_FOUND:
                return None
            raise
        found = json.loads(output or b"null")
        return None if found is None or found["IsDir"] else dict(found)

    def _found(self, key: str, version_id: str | None = None) -> _Found:
        if version_id is not None:
            raise NotFoundError(
                reasons.VERSION_NOT_FOUND, f"{self.uri_of(key)} has no versions: rclone does not support them."
            )
        found = self._stat(key)
        if found is None:
            raise NotFoundError(reasons.OBJECT_NOT_FOUND, f"{self.uri_of(key)} does not exist.")
        return found

    def _chunks(self, key: str, found: _Found) -> Iterator[bytes]:
        """The bytes of a file that was found. (For a folder, `cat` would print every file in it.)"""
        size = 0
        for chunk in self.program.stream(self._target(key), "cat", self._at(key)):
            size += len(chunk)
            yield chunk
        if found["Size"] not in (-1, size):  # -1: a document without a size, such as Google's own formats
            raise Temporary("the file was cut off, or changed while it was being read")

    def _put(self, key: str, path: Path) -> tuple[str, str]:
        """Write a file and verify it. Returns its sha256 and etag."""
        digests = _digests(path)

        def attempt() -> str:
            self.program.run(self._target(key), "copyto", "--ignore-times", str(path.absolute()), self._at(key))
            return self._compare(key, digests)

        return digests["sha256"], self._retry(attempt)

    def _compare(self, key: str, digests: Mapping[str, str]) -> str:
        """The etag of what was written. Raises SoftwareError "ChecksumMismatch"."""
        found = self._stat(key, "--hash", *(f"--hash-type={name}" for name in _HASHES))
        if found is None:
            raise Temporary("the written file is not visible yet")
        known = {name: value for name, value in (found.get("Hashes") or {}).items() if value and name in digests}
        name = next((name for name in _HASHES if name in known), None)
        if name is None:
            name, known = "sha256", {"sha256": self._read_back(key, found)}
        if known[name] != digests[name]:
            raise SoftwareError(
                reasons.CHECKSUM_MISMATCH,
                f"{self.uri_of(key)} does not read back as it was written; do not use that file.",
            )
        return _etag(found)

    def _read_back(self, key: str, found: _Found) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks(key, found):
            digest.update(chunk)
        return digest.hexdigest()


def open_remote(remote: str, path: str, environ: Mapping[str, str], patience: Patience) -> RcloneStore:
    """The store at a path of a remote. Raises ConfigurationError for a missing configuration."""
    path = path.rstrip("/")
    return RcloneStore(remote, path + "/" if path else "", open_rclone(environ), patience)


def _etag(found: _Found) -> str:
    return f"{found['Size']}-{found['ModTime']}"


def _digests(path: Path) -> dict[str, str]:
    """Checksums (hex) of a local file, under rclone's names for them."""
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in _HASHES}
    for chunk in file_chunks(path):
        for digest in digests.values():
            digest.update(chunk)
    return {name: digest.hexdigest() for name, digest in digests.items()}
