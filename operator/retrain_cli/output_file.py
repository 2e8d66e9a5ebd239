"""Files that commands write: whole or not at all, and never over one that a person did not offer."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrain_api.errors import ConfigurationError


def require_new(path: Path, force: bool) -> None:
    """Raises ConfigurationError("FileExists") where `path` is taken and may not be overwritten."""
    if path.is_dir():
        raise ConfigurationError("FileExists", f"{path} is a folder; give the name of a file in it.")
    if path.exists() and not force:
        raise ConfigurationError(
            "FileExists", f"{path} is there already; give another name, or --force to overwrite it."
        )


@contextmanager
def whole_file(path: Path, force: bool) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place at the end; left out and removed when anything goes wrong.

    Raises ConfigurationError("FileExists") also for a file that came up meanwhile, and
    ConfigurationError("CannotWrite") where the folder is missing, forbidden or full.
    """
    require_new(path, force)
    # Not a TemporaryFile: that would have mode 0600 whatever the umask says.
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        _place(part, path, force)
    except OSError as error:
        raise ConfigurationError("CannotWrite", f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str, force: bool) -> None:
    """Write `text` as a whole; raises as `whole_file` does."""
    with whole_file(path, force) as part:
        part.write_text(text, encoding="utf-8")


def _place(part: Path, path: Path, force: bool) -> None:
    if force:
        os.replace(part, path)
        return
    try:
        os.link(part, path)  # the one way to give a finished file its name only if nobody has it
    except FileExistsError:
        require_new(path, force)
    except OSError:  # a file system without hard links
        os.replace(part, path)
