"""A folder of local state: files that are either whole or absent, and locks that the system frees when their holder dies."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, SoftwareError


@dataclass(frozen=True)
class StateFolder:
    """`<state-dir>/<namespace>/<name>/`."""

    path: Path

    def _file(self, name: str) -> Path:
        path = self.path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SoftwareError(
                reasons.STATE_NOT_WRITTEN, f"{path.parent} cannot be created: {error.strerror}."
            ) from None
        return path

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None
        except ValueError:
            raise self._bad(name, "JSON") from None
        except OSError as error:
            raise SoftwareError(
                reasons.STATE_NOT_READ, f"{self.path / name} cannot be read: {error.strerror}."
            ) from None

    def _read_words(self, name: str, what: str) -> dict[str, str]:
        """A file of names with texts; empty where there is none."""
        known = self._read(name)
        if known is None:
            return {}
        if not isinstance(known, dict) or not all(isinstance(value, str) for value in known.values()):
            raise self._bad(name, what)
        return known

    def _bad(self, name: str, what: str) -> SoftwareError:
        return SoftwareError(
            reasons.BAD_STATE, f"{self.path / name} is not {what}; move it away and run the same command again."
        )

    def _write(self, name: str, data: Any) -> None:
        path = self._file(name)
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("w") as file:
                json.dump(data, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise SoftwareError(reasons.STATE_NOT_WRITTEN, f"{path} cannot be written: {error.strerror}.") from None


def make_folder(path: Path) -> None:
    """The folder, made where it is missing. Raises ConfigurationError("NotWritable")."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            reasons.NOT_WRITABLE, f"{path} cannot be created: {error.strerror}; give --state-dir."
        ) from None


def open_lock(path: Path) -> int:
    """The file of a lock, opened. Raises ConfigurationError("NotWritable")."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigurationError(
            reasons.NOT_WRITABLE, f"{path} cannot be written: {error.strerror}; give --state-dir."
        ) from None


def is_taken(descriptor: int) -> bool:
    """Take the lock; whether it is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sign(descriptor: int) -> None:
    """Write our process number into a lock that is ours."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def holder(descriptor: int) -> str:
    """Who signed the lock."""
    return f"process {os.pread(descriptor, 32, 0).decode().strip() or 'unknown'}"
