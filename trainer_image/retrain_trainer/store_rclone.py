"""A store that rclone reaches: Google Drive and some forty other kinds of place.

rclone has no conditional writes, so nothing can be promoted here: data are read and backups written. Each upload is
compared with a checksum that the remote gives, or else read back whole. A remote that writes a file in place (a disk,
SFTP) shows half of it until `upload` returns; whoever died half-way writes it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from retrain_api.errors import ConfigurationError, NotFoundError, RetrainError, SoftwareError

from .rclone import Rclone, open_rclone
from .store import Head, Patience, Stored, Temporary, checked_key
from .store_file import file_chunks, write_file
from .store_rclone_errors import Asked

_HASHES = ("sha256", "sha1", "md5")
"""Checksums that remotes know, the strongest first."""

T = TypeVar("T")
_Found = dict[str, Any]


@dataclass(frozen=True)
class RcloneStore:
    """The files under one path of a remote ("" or ending in "/"). The etag is a file's size and time of change."""

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
        found = self._insist(lambda: self._stat(key))
        return None if found is None else Head(found["Size"], _etag(found), None)

    def read(self, key: str, version_id: str | None = None) -> Stored:
        def attempt() -> Stored:
            found = self._found(key, version_id)
            return Stored(b"".join(self._chunks(key, found)), _etag(found), None)

        return self._insist(attempt)

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if if_absent or if_match is not None:
            raise ConfigurationError(
                "NoConditionalWrites",
                f"{self.uri_of(key)} can't be written only if nobody else did: rclone remotes have no conditional "
                "writes. Use s3:// or file:// for artifacts.",
            )
        with TemporaryDirectory(prefix="rclone-write-") as place:
            path = Path(place, "data")
            write_file(path, [data])
            return self._put(key, path)[1]

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        return self._insist(lambda: write_file(path, self._chunks(key, self._found(key, version_id))))

    def upload(self, key: str, path: Path) -> str:
        return self._put(key, path)[0]

    def delete(self, key: str) -> None:
        if self.head(key) is not None:
            self._insist(lambda: self.program.run(self._asked(key), "deletefile", self._at(key)))

    def list(self, prefix: str) -> list[str]:
        folder = prefix.rpartition("/")[0]
        asked = Asked(self.remote, self.uri_of(folder), f"{self.remote}:{self.path}{folder}")
        command = ("lsjson", "--recursive", "--files-only", "--no-mimetype", "--no-modtime", asked.place)
        try:
            found = json.loads(self._insist(lambda: self.program.run(asked, *command)))
        except NotFoundError:
            return []
        keys = (f"{folder}/{entry['Path']}" if folder else str(entry["Path"]) for entry in found)
        return sorted(key for key in keys if key.startswith(prefix))

    def remove_folder(self, key: str) -> None:
        """Remove a folder that is empty; remotes without folders have nothing to remove."""
        try:
            self.program.run(self._asked(key), "rmdir", self._at(key))
        except (RetrainError, Temporary):
            return  # it is only tidiness

    def _at(self, key: str) -> str:
        return f"{self.remote}:{self.path}{checked_key(key)}"

    def _asked(self, key: str) -> Asked:
        return Asked(self.remote, self.uri_of(key), self._at(key))

    def _insist(self, attempt: Callable[[], T]) -> T:
        return self.patience.insist(attempt, f"The rclone remote {self.remote}")

    def _stat(self, key: str, *flags: str) -> _Found | None:
        """What the remote says of a file. A bucket says of a file that is not there that it is a folder."""
        try:
            said = self.program.run(self._asked(key), "lsjson", "--stat", *flags, self._at(key))
        except NotFoundError as error:
            if error.reason == "ObjectNotFound":
                return None
            raise
        found = json.loads(said or b"null")
        return None if found is None or found["IsDir"] else dict(found)

    def _found(self, key: str, version_id: str | None = None) -> _Found:
        if version_id is not None:
            raise NotFoundError("VersionNotFound", f"{self.uri_of(key)} has no versions that rclone could name.")
        found = self._stat(key)
        if found is None:
            raise NotFoundError("ObjectNotFound", f"{self.uri_of(key)} does not exist.")
        return found

    def _chunks(self, key: str, found: _Found) -> Iterator[bytes]:
        """The bytes of a file that was found; of a folder `cat` would print every file."""
        size = 0
        for chunk in self.program.stream(self._asked(key), "cat", self._at(key)):
            size += len(chunk)
            yield chunk
        if found["Size"] not in (-1, size):  # -1: a document that has no size, such as Google's own
            raise Temporary("the file changed while it was read, or was cut off")

    def _put(self, key: str, path: Path) -> tuple[str, str]:
        """Write a file and compare: its sha256 and etag."""
        digests = _digests(path)

        def attempt() -> str:
            self.program.run(self._asked(key), "copyto", "--ignore-times", str(path.absolute()), self._at(key))
            return self._compare(key, digests)

        return digests["sha256"], self._insist(attempt)

    def _compare(self, key: str, digests: Mapping[str, str]) -> str:
        """The etag of what was written. Raises SoftwareError "ChecksumMismatch"."""
        found = self._stat(key, "--hash", *(f"--hash-type={name}" for name in _HASHES))
        if found is None:
            raise Temporary("what was written is not there yet")
        known = {name: value for name, value in (found.get("Hashes") or {}).items() if value and name in digests}
        name = next((name for name in _HASHES if name in known), None)
        if name is None:
            name, known = "sha256", {"sha256": self._read_back(key, found)}
        if known[name] != digests[name]:
            raise SoftwareError(
                "ChecksumMismatch", f"{self.uri_of(key)} does not read as it was written; do not use that file."
            )
        return _etag(found)

    def _read_back(self, key: str, found: _Found) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks(key, found):
            digest.update(chunk)
        return digest.hexdigest()


def open_remote(remote: str, path: str, environ: Mapping[str, str], patience: Patience) -> RcloneStore:
    """The store at a path of a remote. Raises ConfigurationError for a configuration that is not there."""
    path = path.rstrip("/")
    return RcloneStore(remote, path + "/" if path else "", open_rclone(environ), patience)


def _etag(found: _Found) -> str:
    return f"{found['Size']}-{found['ModTime']}"


def _digests(path: Path) -> dict[str, str]:
    """Checksums (hex) of a local file, by the names that rclone has for them."""
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in _HASHES}
    for chunk in file_chunks(path):
        for digest in digests.values():
            digest.update(chunk)
    return {name: digest.hexdigest() for name, digest in digests.items()}
