"""What the test kubelet runs in place of a container: the real command as a process, or a fate that a test decides."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from support.control_plane import end_with_parent
from support.pod_status import Ended, Waits
from support.results import INTERRUPTED

from retrain_api.documents.encoding import MESSAGE_LIMIT, TERMINATION_VARIABLE


@dataclass(frozen=True)
class Fate:
    """What becomes of a pod, in place of running it.

    With `waiting_reason` it stays Pending for that, until `hold` is set if there is one, and then runs. Without, it
    runs until `hold` is set, and `run_seconds` longer. A pod that is deleted meanwhile ends with the `stop_` fields.
    `status` is put over the pod's last status, such as {"reason": "Evicted"}.
    """

    exit_code: int = 0
    message: str = ""
    log: tuple[str, ...] = ()
    run_seconds: float = 0.0
    hold: threading.Event | None = None
    reason: str | None = None
    waiting_reason: str | None = None
    waiting_message: str = ""
    stop_code: int = 75
    stop_message: str = INTERRUPTED
    stop_seconds: float = 0.0
    status: Mapping[str, Any] = field(default_factory=dict)


class Container(Protocol):
    """What runs in a pod."""

    lines: list[tuple[float, str]]
    """Its log so far: seconds since 1970, and the line."""

    def waits(self) -> Waits | None:
        """Why it does not run yet; None once it runs."""

    def stop(self, grace: float) -> None:
        """Ask it to end, and end it after so many seconds. May be called again."""

    def ended(self) -> Ended | None:
        """How it ended; None before."""


class Scripted:
    """A container that does what a Fate says."""

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.lines: list[tuple[float, str]] = []
        self._end: float | None = None
        self._stopped: float | None = None
        self._said = False

    def waits(self) -> Waits | None:
        fate = self.fate
        if fate.waiting_reason is None or (fate.hold is not None and fate.hold.is_set()):
            return None
        return Waits(fate.waiting_reason, fate.waiting_message)

    def stop(self, grace: float) -> None:
        if self._stopped is None:
            self._stopped = time.monotonic() + min(grace, self.fate.stop_seconds)

    def ended(self) -> Ended | None:
        fate, now = self.fate, time.monotonic()
        if self._stopped is not None:
            return Ended(fate.stop_code, fate.stop_message) if now >= self._stopped else None
        if self.waits() is not None:
            return None
        if not self._said:
            self._said = True
            self.lines += [(time.time(), line) for line in fate.log]
        if fate.hold is not None and not fate.hold.is_set():
            return None
        self._end = self._end or now + fate.run_seconds
        return Ended(fate.exit_code, fate.message, fate.reason, fate.status) if now >= self._end else None


class Process:
    """A container's command as a process of this machine; `python` is the one that runs the tests."""

    def __init__(self, container: Mapping[str, Any], environ: Mapping[str, str], folder: Path) -> None:
        self.lines: list[tuple[float, str]] = []
        self._message, self._log = folder / "termination-log", folder / "log"
        self._read, self._kill_at = 0, float("inf")
        scratch = folder / "tmp"
        scratch.mkdir(parents=True)
        command = [*container.get("command", ()), *container.get("args", ())]
        command[0] = sys.executable if command[0] == "python" else command[0]
        own = {TERMINATION_VARIABLE: str(self._message), "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env={**environ, **own},
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )

    def waits(self) -> Waits | None:
        return None

    def stop(self, grace: float) -> None:
        if self._kill_at == float("inf"):
            self._process.terminate()
        self._kill_at = min(self._kill_at, time.monotonic() + grace)

    def kill(self) -> None:
        """End it at once, as the kernel does where memory is short; with its own children."""
        # Once it is reaped, its number may be another's.
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it at once and wait for that."""
        self.kill()
        self._process.wait()

    def ended(self) -> Ended | None:
        code = self._process.poll()
        self._read_lines()
        if code is None:
            if time.monotonic() >= self._kill_at:
                self.kill()
            return None
        text = b""
        with contextlib.suppress(FileNotFoundError):
            text = self._message.read_bytes()[:MESSAGE_LIMIT]
        return Ended(code if code >= 0 else 128 - code, text.decode(errors="replace"))

    def _read_lines(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        now = time.time()
        self.lines += [(now, line.decode(errors="replace")) for line in whole.splitlines()]


class Unready(Exception):
    """A container can't be made yet: the reason and message that a kubelet shows for it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.waits = Waits(reason, message)


ReadSecret = Callable[[str, str], Mapping[str, str] | None]
"""Namespace and name of a Secret to its decoded values, None where there is none."""


def environment(pod: Mapping[str, Any], read_secret: ReadSecret) -> dict[str, str]:
    """The first container's variables. Raises Unready where a Secret or a key of it is missing."""
    pairs = ((entry["name"], _value(entry, pod, read_secret)) for entry in pod["spec"]["containers"][0].get("env", ()))
    return {name: value for name, value in pairs if value is not None}


def _value(entry: Mapping[str, Any], pod: Mapping[str, Any], read_secret: ReadSecret) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return str(entry.get("value", ""))
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return "1"
    reference, namespace = source["secretKeyRef"], pod["metadata"]["namespace"]
    found = read_secret(namespace, reference["name"])
    if found is not None and reference["key"] in found:
        return found[reference["key"]]
    if reference.get("optional"):
        return None
    said = f'secret "{reference["name"]}" not found'
    if found is not None:
        said = f"couldn't find key {reference['key']} in Secret {namespace}/{reference['name']}"
    raise Unready("CreateContainerConfigError", said)


def _field(pod: Mapping[str, Any], path: str) -> str:
    """A field as the downward API names it: metadata.name, metadata.labels['x']."""
    meta = pod["metadata"]
    place, _, key = path.removeprefix("metadata.").partition("['")
    return str(meta.get(place, {}).get(key.removesuffix("']"), "") if key else meta.get(place, ""))


def mounted(pod: Mapping[str, Any], folder: Path, read_secret: ReadSecret) -> dict[str, str]:
    """Write the pod's secret volumes below the folder; mount path to where it really is.

    Raises Unready where a Secret is missing.
    """
    volumes = {volume["name"]: volume["secret"] for volume in pod["spec"].get("volumes", ()) if "secret" in volume}
    places = {}
    for mount in pod["spec"]["containers"][0].get("volumeMounts", ()):
        if (secret := volumes.get(mount["name"])) is None:
            continue
        found = read_secret(pod["metadata"]["namespace"], secret["secretName"])
        if found is None and not secret.get("optional"):
            said = f'MountVolume.SetUp failed for volume "{mount["name"]}" : secret "{secret["secretName"]}" not found'
            raise Unready("ContainerCreating", said)
        place = folder / "mounts" / mount["name"]
        place.mkdir(parents=True, exist_ok=True)
        wanted = {item["key"] for item in secret.get("items", ())} or set(found or {})
        for key, value in (found or {}).items():
            if key in wanted:
                (place / key).write_text(value)
        places[mount["mountPath"]] = str(place)
    return places
