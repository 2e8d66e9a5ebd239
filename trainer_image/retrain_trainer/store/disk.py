"""Files on a disk, written whole or not at all.

A file is written under a hidden name in the same folder, flushed to the disk, read back and renamed. A lock file beside
it makes the writers of a file take turns, so a condition still holds at the rename, between processes too. Both hidden
files are removed afterwards; a writer that is killed leaves them behind, and the next writer of that file reuses them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, NotFoundError, RetrainError, SoftwareError

from .base import LOCK_SUFFIX, TEMPORARY_SUFFIX

_CHUNK_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def write_file(path: Path, chunks: Iterable[bytes], check: Callable[[], None] = lambda: None) -> str:
    """Write the chunks to the file `path` and return their sha256 (hex). Missing folders are created.

    `check` runs while the lock is held, so no other writer can come between it and the write; an exception from it
    cancels the write. If anything fails, the previous file stays and nothing else is left behind. Raises SoftwareError
    "DiskFull", "ChecksumMismatch"; ConfigurationError "NotWritable".
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    with disk_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
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
    """The bytes of a file in chunks. Raises NotFoundError "FileNotFound", ConfigurationError "NotReadable"."""
    with disk_errors("read", path), path.open("rb") as file:
        while chunk := file.read(chunk_bytes):
            yield chunk


@contextmanager
def disk_errors(doing: Literal["read", "write"], path: Path) -> Iterator[None]:
    """Converts the operating system's errors about `path` into ours."""
    try:
        yield
    except OSError as error:
        raise _explained(error, doing, path) from error


def _explained(error: OSError, doing: Literal["read", "write"], path: Path) -> RetrainError:
    words = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno in _FULL:
        return SoftwareError(
            reasons.DISK_FULL, f"No space is left to write {path} ({words}); free some space, or enlarge the volume."
        )
    if doing == "read" and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFoundError(reasons.FILE_NOT_FOUND, f"{path} does not exist.")
    if error.errno in _NO_LOCKS:
        return ConfigurationError(
            reasons.NO_LOCKS,
            f"The file system of {path} does not support file locks ({words}); use one that does, or S3.",
        )
    if error.errno in _REFUSED:
        reason = reasons.NOT_WRITABLE if doing == "write" else reasons.NOT_READABLE
        return ConfigurationError(
            reason,
            f"{path} can't be {'written' if doing == 'write' else 'read'}: {words}. Check its owner, mode and mount.",
        )
    return SoftwareError(reasons.DISK_FAILED, f"The disk failed to {doing} {path}: {words}.")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps out every other writer of `path`, in any process, until the end of the block."""
    lock = path.with_name(f".{path.name}{LOCK_SUFFIX}")
    descriptor = _lock(lock)
    try:
        yield
    finally:
        # Removed while still held: a waiting writer notices that the file is gone and creates a new one.
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
    """Fill a new file, flush it, read it back, and return its sha256 (hex)."""
    path.unlink(missing_ok=True)  # left by a writer that was killed
    written = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            written.update(chunk)
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as file:
        if file_sha256(file) != written.hexdigest():
            raise SoftwareError(
                reasons.CHECKSUM_MISMATCH, f"{path} does not read back as it was written; check the disk."
            )
    return written.hexdigest()


def file_sha256(file: io.BufferedReader) -> str:
    """The sha256 (hex) of the rest of an open file."""
    return hashlib.file_digest(file, "sha256").hexdigest()


def _force_folder(folder: Path) -> None:
    """Makes a rename survive a power cut, where the file system supports it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
