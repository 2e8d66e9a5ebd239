"""A store on a disk: a mounted volume or a folder of this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrain_api import reasons
from retrain_api.errors import NotFoundError

from .base import (
    LOCK_SUFFIX,
    TEMPORARY_SUFFIX,
    Head,
    Range,
    Stored,
    changed_meanwhile,
    checked_key,
    first_byte,
)
from .disk import disk_errors, file_chunks, file_sha256, locked, write_file


@dataclass(frozen=True)
class FileStore:
    """The files under one folder. The etag of a file is the sha256 (hex) of its bytes."""

    root: Path

    @property
    def uri(self) -> str:
        return "file://" + str(self.root).rstrip("/") + "/"

    def uri_of(self, key: str) -> str:
        return self.uri + key

    def head(self, key: str) -> Head | None:
        path = self._path(key)
        with disk_errors("read", path):
            try:
                with path.open("rb") as file:
                    return Head(os.fstat(file.fileno()).st_size, file_sha256(file), None)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def read(self, key: str, version_id: str | None = None) -> Stored:
        data = b"".join(self._chunks(key, version_id))
        return Stored(data, hashlib.sha256(data).hexdigest(), None)

    def read_range(self, key: str, start: int, length: int, of: Head | None = None) -> Range:
        path = self._path(key)
        try:
            with disk_errors("read", path), path.open("rb") as file:
                found = _marked(file.fileno())
                file.seek(first_byte(start, found.size))
                data = file.read(length)
                if _marked(file.fileno()) != (of or found):
                    raise changed_meanwhile(self.uri_of(key))
        except NotFoundError as error:
            raise NotFoundError(reasons.OBJECT_NOT_FOUND, f"{self.uri_of(key)} does not exist.") from error
        return Range(data, found)

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        def allowed() -> bool:
            found = self.head(key) if if_absent or if_match is not None else None
            if if_absent:
                return found is None
            return if_match is None or (found is not None and found.etag == if_match)

        def check() -> None:
            if not allowed():
                raise changed_meanwhile(self.uri_of(key))

        return write_file(self._path(key), [data], check)

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        return write_file(path, self._chunks(key, version_id))

    def upload(self, key: str, path: Path) -> str:
        return write_file(self._path(key), file_chunks(path))

    def delete(self, key: str) -> None:
        path = self._path(key)
        with disk_errors("write", path):
            if path.parent.is_dir():
                with locked(path):
                    path.unlink(missing_ok=True)

    def list(self, prefix: str) -> list[str]:
        with disk_errors("read", self.root):
            folder = self.root / prefix.rpartition("/")[0]
            keys = (path.relative_to(self.root).as_posix() for path in _files(folder))
            return sorted(key for key in keys if key.startswith(prefix))

    def _path(self, key: str) -> Path:
        return self.root / checked_key(key)

    def _chunks(self, key: str, version_id: str | None) -> Iterator[bytes]:
        path, uri = self._path(key), self.uri_of(key)
        if version_id is not None:
            raise NotFoundError(reasons.VERSION_NOT_FOUND, f"{uri} has no versions: it is a file, not an S3 object.")
        try:
            yield from file_chunks(path)
        except NotFoundError as error:
            raise NotFoundError(reasons.OBJECT_NOT_FOUND, f"{uri} does not exist.") from error


def _marked(descriptor: int) -> Head:
    """What tells one state of a file from another without reading it. Whoever replaces or writes a file changes one of these."""
    found = os.fstat(descriptor)
    return Head(found.st_size, f"{found.st_dev}-{found.st_ino}-{found.st_mtime_ns}-{found.st_ctime_ns}", None)


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for parent, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            if not (name.startswith(".") and name.endswith((TEMPORARY_SUFFIX, LOCK_SUFFIX))):
                yield Path(parent, name)


def _raise(error: OSError) -> None:
    raise error
