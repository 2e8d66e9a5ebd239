"""The operator as a process of its own, as a Deployment would run it, on a test's control plane.

with OperatorProcess(control_plane, namespace, folder) as operator:     # started, and ready
    ...
    operator.kill(); operator.start()
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from support.control_plane import PATIENCE, ControlPlane, end_with_parent, free_port


@dataclass
class OperatorProcess:
    """One replica that watches one namespace. `kubeconfig` stands in for the user's own, to go through a proxy, say;
    `packages` is the folder of another release, `module` what is started in place of the operator's own.
    """

    plane: ControlPlane
    namespace: str
    folder: Path
    user: str = "admin"
    kubeconfig: Path | None = None
    flags: tuple[str, ...] = ()
    image: str = "trainer:test"
    packages: Path | None = None
    module: str = "retrain_operator"
    environ: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        self.until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> Path:
        """Its log, of all starts."""
        return self.folder / f"operator-{self.port}.log"

    def start(self) -> None:
        """Start it, without waiting for anything."""
        command = [sys.executable, "-m", self.module, f"--namespaces={self.namespace}"]
        command += [f"--http-address=127.0.0.1:{self.port}", f"--lease-namespace={self.namespace}"]
        command += [f"--trainer-image={self.image}", "--log-format=text", "--progress-seconds=0.5", *self.flags]
        environ = os.environ | self.environ | {"KUBECONFIG": str(self.kubeconfig or self.plane.kubeconfig(self.user))}
        # A module of these tests is found where this one is; pytest alone knows that folder.
        first = str(self.packages or Path(__file__).resolve().parents[1])
        environ["PYTHONPATH"] = os.pathsep.join([first, environ.get("PYTHONPATH", "")])
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent()
            )

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE)

    def freeze(self) -> None:
        """SIGSTOP."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process is not None and self.process.poll() is None

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of /healthz, /readyz or /metrics; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, line_start: str) -> float:
        """The value of the metric line that begins so; 0 where there is none."""
        lines = self.get("/metrics")[1].splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(line_start)), 0.0)

    def until_ready(self) -> None:
        """Wait for /readyz to say yes."""
        until(lambda: self.get("/readyz")[0] == 200, lambda: f"not ready: {self.get('/readyz')}\n{self.log_tail()}")

    def until_leading(self) -> None:
        """Wait until it holds the Lease."""
        until(lambda: self.metric("retrain_is_leader ") == 1.0, lambda: f"does not lead:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""


@dataclass(frozen=True)
class Runs:
    """RetrainRuns in one namespace, as a person handles them."""

    plane: ControlPlane
    namespace: str

    def path(self, name: str = "", part: str = "") -> str:
        """The API path."""
        root = f"/apis/retrain.crpbot.dev/v1alpha1/namespaces/{self.namespace}/retrainruns"
        return "/".join(filter(None, [root, name, part]))

    def create(self, document: dict[str, Any]) -> dict[str, Any]:
        """A new run."""
        meta = {k: v for k, v in document["metadata"].items() if k not in ("uid", "generation", "namespace")}
        return self.plane.request("POST", self.path(), document | {"metadata": meta})  # type: ignore[no-any-return]

    def get(self, name: str) -> dict[str, Any]:
        """The run as it is stored."""
        return self.plane.request("GET", self.path(name))  # type: ignore[no-any-return]

    def patch(self, name: str, change: dict[str, Any]) -> dict[str, Any]:
        """A merge patch."""
        return self.plane.request("PATCH", self.path(name), change, kind="merge-patch+json")  # type: ignore[no-any-return]

    def annotate(self, name: str, **values: str) -> None:
        """Set retrain.crpbot.dev annotations."""
        self.patch(name, {"metadata": {"annotations": {f"retrain.crpbot.dev/{k}": v for k, v in values.items()}}})

    def delete(self, name: str) -> None:
        """As kubectl delete does it."""
        self.plane.request("DELETE", self.path(name), {"propagationPolicy": "Background"})

    def jobs(self) -> list[dict[str, Any]]:
        """All Jobs of the namespace."""
        return self.plane.request("GET", f"/apis/batch/v1/namespaces/{self.namespace}/jobs")["items"]  # type: ignore[no-any-return]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The run's events."""
        query = f"?fieldSelector=involvedObject.name={name},involvedObject.kind=RetrainRun"
        return self.plane.request("GET", f"/api/v1/namespaces/{self.namespace}/events{query}")["items"]  # type: ignore[no-any-return]

    def until(
        self, name: str, holds: Callable[[dict[str, Any]], bool], explain: Callable[[], str] = str
    ) -> dict[str, Any]:
        """Wait until it holds of the run's status; the status."""
        seen: dict[str, Any] = {}

        def check() -> bool:
            with contextlib.suppress(OSError):
                seen.clear()
                seen.update(self.get(name).get("status") or {})
            # Before that no operator has seen it.
            return bool(seen.get("observedGeneration")) and holds(seen)

        until(check, lambda: f"{json.dumps(seen, indent=1)}\n{explain()}")
        return seen

    def until_state(self, name: str, *states: str, explain: Callable[[], str] = str) -> dict[str, Any]:
        """Wait for one of the states; the status."""
        return self.until(name, lambda status: status.get("state") in states, explain)


def until(
    holds: Callable[[], Any], explain: Callable[[], object] = str, patience: float = PATIENCE, pause: float = 0.1
) -> Any:
    """Wait until it holds; returns what `holds` returned. `explain` says what was found instead if it never does."""
    end = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < end, explain()
        time.sleep(pause)
    return found
