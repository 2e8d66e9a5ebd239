"""Files that commands write: whole or not at all, and never over an existing one unless --force was given."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from retrain_api import reasons
from retrain_api.errors import ConfigurationError

_FILES = frozenset(
    {".csv", ".gz", ".html", ".json", ".md", ".parquet", ".pdf", ".txt", ".xlsx", ".yaml", ".yml", ".zip"}
)
"""Endings that nobody gives to a folder."""


def require_ending(path: Path, what: str, *endings: str) -> None:
    """Raises ConfigurationError("BadOptions") for a file whose ending promises another format than `what` is written in.

    A name without an ending promises nothing.
    """
    if path.suffix and path.suffix.lower() not in endings:
        raise ConfigurationError(
            reasons.BAD_OPTIONS, f"{path}: {what} written as {_either(endings)}; give a name that ends so."
        )


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def require_folder(path: Path) -> None:
    """Raises ConfigurationError("BadOptions") for the name of a file where a folder is asked for."""
    if path.suffix.lower() in _FILES and not path.is_dir():
        raise ConfigurationError(
            reasons.BAD_OPTIONS, f"{path}: give a folder; the file that is written in it is named by --filename."
        )


def require_new(path: Path, force: bool) -> None:
    """Raises ConfigurationError("FileExists") where `path` exists and may not be overwritten."""
    if path.is_dir():
        raise ConfigurationError(reasons.FILE_EXISTS, f"{path} is a folder; give the name of a file in it.")
    if path.exists() and not force:
        raise ConfigurationError(
            reasons.FILE_EXISTS, f"{path} already exists; give another name, or --force to overwrite it."
        )


@contextmanager
def whole_file(path: Path, force: bool) -> Iterator[Path]:
    """A temporary path beside `path`, moved there at the end, or removed when anything goes wrong.

    Raises ConfigurationError("FileExists"), also for a file that appeared in the meantime, and
    ConfigurationError("CannotWrite") where the folder is missing, forbidden or full.
    """
    require_new(path, force)
    # Not a TemporaryFile: that would have mode 0600, whatever the umask.
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        _place(part, path, force)
    except OSError as error:
        raise ConfigurationError(
            reasons.CANNOT_WRITE, f"{path} cannot be written: {error.strerror or error}."
        ) from None
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str, force: bool) -> None:
    """Write the whole of `text` or nothing; raises as `whole_file` does."""
    with whole_file(path, force) as part:
        part.write_text(text, encoding="utf-8")


def _place(part: Path, path: Path, force: bool) -> None:
    if force:
        os.replace(part, path)
        return
    try:
        os.link(part, path)  # the only way to name a finished file only where the name is free
    except FileExistsError:
        require_new(path, force)
    except OSError:  # a file system without hard links
        os.replace(part, path)
