"""A store on a disk: a mounted volume or a folder of this machine.

A file is written beside its place under a hidden name, forced to the disk, read back and renamed. Writers of the
same file take turns by a lock file beside it, so a condition holds until the rename, between processes too. Both
hidden files are gone afterwards; a writer that was killed leaves them, and the next one of that file takes
them over.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retrain_api.errors import ConfigurationError, NotFoundError, RetrainError, SoftwareError

from .store import LOCK_SUFFIX, TEMPORARY_SUFFIX, Conflict, Head, Stored, checked_key

_CHUNK_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


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
                    return Head(os.fstat(file.fileno()).st_size, _sha256(file), None)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def read(self, key: str, version_id: str | None = None) -> Stored:
        data = b"".join(self._chunks(key, version_id))
        return Stored(data, hashlib.sha256(data).hexdigest(), None)

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        def allowed() -> bool:
            found = self.head(key) if if_absent or if_match is not None else None
            if if_absent:
                return found is None
            return if_match is None or (found is not None and found.etag == if_match)

        def check() -> None:
            if not allowed():
                raise Conflict(
                    "Conflict", f"{self.uri_of(key)} was written by somebody else meanwhile; look at it again."
                )

        return write_file(self._path(key), [data], check)

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        return write_file(path, self._chunks(key, version_id))

    def upload(self, key: str, path: Path) -> str:
        return write_file(self._path(key), file_chunks(path))

    def delete(self, key: str) -> None:
        path = self._path(key)
        with disk_errors("write", path):
            if path.parent.is_dir():
                with _locked(path):
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
            raise NotFoundError("VersionNotFound", f"{uri} has no versions: it is a file, not an S3 object.")
        try:
            yield from file_chunks(path)
        except NotFoundError as error:
            raise NotFoundError("ObjectNotFound", f"{uri} does not exist.") from error


def write_file(path: Path, chunks: Iterable[bytes], check: Callable[[], None] = lambda: None) -> str:
    """The sha256 (hex) of the chunks, now the file `path`, whole. Folders on the way are made.

    `check` is called when no other writer can come between it and the write any more; what it raises stops
    the write. Whatever goes wrong, the former file stays and nothing else is left. Raises SoftwareError
    "DiskFull", "ChecksumMismatch"; ConfigurationError "NotWritable".
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    with disk_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            check()
            try:
                digest = _filled(temporary, chunks)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            _force_folder(path.parent)
    return digest


def file_chunks(path: Path, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[bytes]:
    """The bytes of a file piece by piece. Raises NotFoundError "FileNotFound", ConfigurationError "NotReadable"."""
    with disk_errors("read", path), path.open("rb") as file:
        while chunk := file.read(chunk_bytes):
            yield chunk


@contextmanager
def disk_errors(doing: Literal["read", "write"], path: Path) -> Iterator[None]:
    """Turns what the operating system says of `path` into one of our errors."""
    try:
        yield
    except OSError as error:
        raise _explained(error, doing, path) from error


def _explained(error: OSError, doing: Literal["read", "write"], path: Path) -> RetrainError:
    words = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno in _FULL:
        return SoftwareError(
            "DiskFull", f"No space is left to write {path} ({words}); make room or give the volume more."
        )
    if doing == "read" and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFoundError("FileNotFound", f"{path} does not exist.")
    if error.errno in _NO_LOCKS:
        return ConfigurationError(
            "NoLocks", f"The file system of {path} has no file locks ({words}); use one that has, or S3."
        )
    if error.errno in _REFUSED:
        reason = "NotWritable" if doing == "write" else "NotReadable"
        return ConfigurationError(
            reason,
            f"{path} can't be {'written' if doing == 'write' else 'read'}: {words}. Check owner, mode and mount.",
        )
    return SoftwareError("DiskFailed", f"The disk failed to {doing} {path}: {words}.")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """No other writer of `path`, in any process, until the end of the block."""
    lock = path.with_name(f".{path.name}{LOCK_SUFFIX}")
    descriptor = _lock(lock)
    try:
        yield
    finally:
        # Removed while it is still held: whoever waits for this one sees that it is gone and makes a new one.
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(lock: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(lock, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _filled(path: Path, chunks: Iterable[bytes]) -> str:
    """The sha256 (hex) of a new file that is on the disk and was read back from it."""
    path.unlink(missing_ok=True)  # of a writer that was killed
    written = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            written.update(chunk)
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as file:
        if _sha256(file) != written.hexdigest():
            raise SoftwareError("ChecksumMismatch", f"{path} does not read as it was written; check the disk.")
    return written.hexdigest()


def _sha256(file: object) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _force_folder(folder: Path) -> None:
    """Makes a rename last through a power cut, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for parent, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            if not (name.startswith(".") and name.endswith((TEMPORARY_SUFFIX, LOCK_SUFFIX))):
                yield Path(parent, name)


def _raise(error: OSError) -> None:
    raise error
