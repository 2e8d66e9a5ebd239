"""The rclone program with a user's own configuration: how it is started, and where its configuration is.

A configuration that a cluster mounts from a Secret can't be written, and rclone renews its token in it. So that one is
copied first, once in each process; a person's own (RCLONE_CONFIG, or rclone's usual place) is used where it is.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from retrain_api.errors import ConfigurationError

from .credentials import RCLONE_CONFIG
from .store_rclone_errors import Asked, explained

CONNECT_SECONDS = 10
SILENCE_SECONDS = 60

_CHUNK_BYTES = 1 << 20
_MOST_WORDS = 1 << 16
_FLAGS = (
    "--ask-password=false",
    "--retries=1",  # one patience rules, ours
    "--low-level-retries=3",
    f"--contimeout={CONNECT_SECONDS}s",
    f"--timeout={SILENCE_SECONDS}s",
    "--log-level=ERROR",
)
_LEFT_OUT = frozenset(
    {
        "AWS_CA_BUNDLE",  # the S3 kind of rclone 1.60 ends at once where it is set: LoadCustomCABundleError
        *(f"RCLONE_{name}" for name in ("VERBOSE", "QUIET", "LOG_LEVEL", "LOG_FILE", "LOG_FORMAT", "USE_JSON_LOG")),
        *(f"RCLONE_{name}" for name in ("PROGRESS", "DRY_RUN", "INTERACTIVE", "DUMP", "RETRIES")),
    }
)
"""What a person may have set for his own work, and would change what is said or done here."""


@dataclass(frozen=True)
class Rclone:
    """The program as it is started for one configuration. `environ` may hold secrets."""

    environ: Mapping[str, str] = field(repr=False)

    def run(self, asked: Asked, *arguments: str) -> bytes:
        """All that the command prints. Raises Temporary and the errors of `store_rclone_errors`."""
        return b"".join(self.stream(asked, *arguments))

    def stream(self, asked: Asked, *arguments: str) -> Iterator[bytes]:
        """What the command prints, piece by piece; that it went wrong may show only at the end."""
        with tempfile.TemporaryFile() as words, self._started(arguments, words) as process:
            assert process.stdout is not None
            try:
                while chunk := process.stdout.read(_CHUNK_BYTES):
                    yield chunk
            except BaseException:
                process.kill()
                raise
            if code := process.wait():
                words.seek(0)
                raise explained(code, words.read(_MOST_WORDS).decode(errors="replace"), asked)

    def _started(self, arguments: tuple[str, ...], words: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ["rclone", *arguments, *_FLAGS],
                env=dict(self.environ),
                # A path of a remote on a disk is meant from the root, wherever this process works.
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=words,
            )
        except OSError as error:
            raise ConfigurationError(
                "NoRclone",
                f"rclone:// locations need the program rclone, which does not start here ({error.strerror}); "
                "install it and see that it is on the PATH.",
            ) from None


def open_rclone(environ: Mapping[str, str]) -> Rclone:
    """The program with the configuration that `environ` names. Raises ConfigurationError("NoRcloneConfig")."""
    own = {name: value for name, value in environ.items() if not name.startswith("RETRAIN_") and name not in _LEFT_OUT}
    # A bucket that does not exist is a mistake in the location, not a wish for one.
    own = {"RCLONE_S3_NO_CHECK_BUCKET": "true", **own}
    mounted, named = environ.get(RCLONE_CONFIG), environ.get("RCLONE_CONFIG")
    if mounted:
        own["RCLONE_CONFIG"] = str(_writable_copy(_readable(mounted)))
    elif named:
        own["RCLONE_CONFIG"] = str(_readable(named))
    return Rclone(own)


def _readable(named: str) -> Path:
    path = Path(named).absolute()
    if not os.access(path, os.R_OK) or path.is_dir():
        raise ConfigurationError(
            "NoRcloneConfig",
            f"There is no rclone configuration that can be read at {path}: on a cluster it is the key rclone.conf of "
            "the Secret that rcloneConfigSecretName names, elsewhere the file that RCLONE_CONFIG names.",
        )
    return path


@functools.cache
def _writable_copy(path: Path) -> Path:
    """One for all stores of this process, so that they share a renewed token; gone when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="rclone-"))  # mode 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = folder / "rclone.conf"
    copy.touch(mode=0o600)
    copy.write_bytes(path.read_bytes())
    return copy
