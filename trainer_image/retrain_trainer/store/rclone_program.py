"""Runs the rclone program with the user's configuration.

rclone writes renewed tokens into its configuration, and one that a cluster mounts from a Secret is read-only. It is
therefore copied, once per process; a person's own (RCLONE_CONFIG, or rclone's default path) is used in place.
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

from retrain_api import reasons
from retrain_api.errors import ConfigurationError

from .authority import RCLONE_AUTHORITY, authority
from .credentials import RCLONE_CONFIG
from .rclone_errors import Target, explained

CONNECT_SECONDS = 10
SILENCE_SECONDS = 60

_CHUNK_BYTES = 1 << 20
_MOST_WORDS = 1 << 16
_FLAGS = (
    "--ask-password=false",
    "--retries=1",  # `Patience` alone decides about retries
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
        *(f"RCLONE_{name}" for name in ("MAX_TRANSFER", "MAX_DURATION", "CUTOFF_MODE", "ERROR_ON_NO_TRANSFER")),
    }
)
"""Variables that people set for their own use of rclone, and that would change its output or behaviour here."""


@dataclass(frozen=True)
class Rclone:
    """The program with one configuration. `environ` may hold secrets."""

    environ: Mapping[str, str] = field(repr=False)

    def run(self, target: Target, *arguments: str) -> bytes:
        """Everything the command prints. Raises Temporary and the errors of `rclone_errors`."""
        return b"".join(self.stream(target, *arguments))

    def stream(self, target: Target, *arguments: str) -> Iterator[bytes]:
        """What the command prints, in chunks. A failure may show only at the end."""
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
                raise explained(code, words.read(_MOST_WORDS).decode(errors="replace"), target)

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
                reasons.NO_RCLONE,
                f"rclone:// locations need the program rclone, which could not be started ({error.strerror}); "
                "install it and make sure that it is on the PATH.",
            ) from None


def open_rclone(environ: Mapping[str, str]) -> Rclone:
    """The program with the configuration that `environ` names. Raises ConfigurationError "NoRcloneConfig" and
    "BadCertificateAuthority".
    """
    own = {name: value for name, value in environ.items() if not name.startswith("RETRAIN_") and name not in _LEFT_OUT}
    # A missing bucket is a mistake in the location, not a request to create one.
    own = {"RCLONE_S3_NO_CHECK_BUCKET": "true", **own}
    mounted, named = environ.get(RCLONE_CONFIG), environ.get("RCLONE_CONFIG")
    if mounted:
        own["RCLONE_CONFIG"] = str(_writable_copy(_readable(mounted)))
    elif named:
        own["RCLONE_CONFIG"] = str(_readable(named))
    if trusted := authority(environ, RCLONE_AUTHORITY, "RCLONE_CA_CERT"):
        own["RCLONE_CA_CERT"] = trusted
    return Rclone(own)


def _readable(named: str) -> Path:
    path = Path(named).absolute()
    if not os.access(path, os.R_OK) or path.is_dir():
        raise ConfigurationError(
            reasons.NO_RCLONE_CONFIG,
            f"No readable rclone configuration at {path}: on a cluster it is the key rclone.conf of the Secret that "
            "rcloneConfigSecretName names, elsewhere the file that RCLONE_CONFIG names.",
        )
    return path


@functools.cache
def _writable_copy(path: Path) -> Path:
    """One copy for all stores of this process, so that they share a renewed token. Deleted when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="rclone-"))  # mode 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = folder / "rclone.conf"
    copy.touch(mode=0o600)
    copy.write_bytes(path.read_bytes())
    return copy
