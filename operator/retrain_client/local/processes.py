"""Task processes: a Job's container as a subprocess, with its environment, log and termination message.

A worker must never outlive the command unnoticed: two trainings of one run would write the same checkpoints.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retrain_api.documents.encoding import GRACE_VARIABLE, MESSAGE_LIMIT, TERMINATION_VARIABLE

from .receivers import is_receivers, url_of

GRACE_SECONDS = 20.0
"""How long a process gets to save after SIGTERM; a pod gets 30."""

_PR_SET_PDEATHSIG = 1


@dataclass
class TaskProcess:
    """One process at work for an index of a Job."""

    job: str
    index: int
    process: subprocess.Popen[bytes]
    log: Path
    message: Path
    read: int = 0
    rest: bytes = b""
    stop_at: float | None = field(default=None)

    def exit_code(self) -> int | None:
        """How it ended, as the exit code of a container: 137 after SIGKILL. None while it runs."""
        code = self.process.poll()
        return None if code is None else code if code >= 0 else 128 - code

    def new_lines(self, ended: bool = False) -> list[str]:
        """Whole lines added to the log since the last call; once the process has ended, an unfinished last line too."""
        with self.log.open("rb") as file:
            file.seek(self.read)
            data = file.read()
        self.read += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        if ended and self.rest:
            lines, self.rest = [*lines, self.rest], b""
        return [line.decode(errors="replace") for line in lines]

    def stop(self) -> None:
        """Ask it to save and end; kill it once its grace period is over."""
        now = time.monotonic()
        if self.stop_at is None:
            self.stop_at = now + GRACE_SECONDS
            self.process.terminate()
        elif now > self.stop_at and self.process.poll() is None:
            # With its own children: it leads the session that spawn() gave it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def message_text(self) -> str | None:
        """Its termination message, as far as a kubelet would read it."""
        try:
            return self.message.read_bytes()[:MESSAGE_LIMIT].decode(errors="replace") or None
        except FileNotFoundError:
            return None


def environment(
    container: Mapping[str, Any], base: Mapping[str, str], index: int, threads: int, message: Path
) -> dict[str, str]:
    """A task's environment: this machine's, the manifest's, and where and how to run.

    A reference to a Secret, or a path in a mounted one, is replaced by the variable of the same name in `base`, or left
    out: there are no Secrets here, and boto3 and rclone find credentials by themselves.
    """
    entries = {entry["name"]: entry for entry in container.get("env", ())}
    secrets = {name for name, entry in entries.items() if "secretKeyRef" in entry.get("valueFrom", {})}
    own = {
        name: value for name, value in base.items() if not name.startswith("RETRAIN_") or _is_passed_on(name, secrets)
    }
    plain = {name: entry["value"] for name, entry in entries.items() if "value" in entry and not _is_mounted(name)}
    return (
        own
        | plain
        | {
            "JOB_COMPLETION_INDEX": str(index),
            "OMP_NUM_THREADS": str(threads),
            "PYTHONUNBUFFERED": "1",
            "RETRAIN_PROGRESS": "1",
            GRACE_VARIABLE: str(GRACE_SECONDS),
            TERMINATION_VARIABLE: str(message.absolute()),
        }
    )


def _is_passed_on(name: str, secrets: Collection[str]) -> bool:
    """Whether a variable of our own is for tasks: what stands for a Secret here, and is not a receiver's."""
    known = "_AWS_" in name or name in secrets or _is_mounted(name) or _is_git(name)
    return known and not is_receivers(name)


def _is_mounted(name: str) -> bool:
    """Whether a variable names a file of a mounted Secret: an rclone configuration or a certificate authority."""
    return name == "AWS_CA_FILE" or (name.startswith("RETRAIN_") and name.endswith(("_RCLONE_CONFIG", "_CA_FILE")))


def _is_git(name: str) -> bool:
    """Whether a variable belongs to report.git: a token, with or without a Secret in the file."""
    return name.startswith("RETRAIN_GIT_")


def spawn(
    manifest: Mapping[str, Any], index: int, threads: int, log: Path, message: Path, lock: int | None = None
) -> TaskProcess:
    """Start the container's command; `python` is this interpreter. Raises OSError where it can't start."""
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    command: list[str] = [*container["command"], *container.get("args", ())]
    command[0] = sys.executable if command[0] == "python" else command[0]
    message.unlink(missing_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment(container, os.environ, index, threads, message) | url_of(manifest, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
            preexec_fn=_end_with_parent(os.getpid()),
        )
    return TaskProcess(manifest["metadata"]["name"], index, process, log, message)


def kill_workers(messages: Path) -> None:
    """Kill every process whose message goes to the folder `messages`, and all that it started.

    They are recognised by their environment, so a reused process number is never mistaken for one of them. Only Linux
    shows it; elsewhere nothing happens.
    """
    mark = f"{TERMINATION_VARIABLE}={messages.absolute()}{os.sep}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        # Gone in the meantime, or another user's.
        with contextlib.suppress(OSError):
            if any(entry.startswith(mark) for entry in path.read_bytes().split(b"\0")):
                os.kill(int(path.parent.name), signal.SIGKILL)


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """Linux signals a child when its parent dies, by kill -9 too: it saves and ends, as after Ctrl-C.

    Elsewhere the child runs to its end, and the lock it holds keeps a second one from starting.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def request_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(75)

    return request_signal
