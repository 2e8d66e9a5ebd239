"""`retrain run` as a person starts it, in a folder of its own, with a trainer that does what a script says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TESTS = Path(__file__).resolve().parents[1]
PATIENCE = 60.0
"""Seconds until a test gives up; nothing is concluded from how long something took."""


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until it holds."""
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.02)
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@dataclass
class LocalRun:
    """A folder with retrain.yaml, and the commands started in it."""

    folder: Path
    spec: dict[str, Any] = field(default_factory=dict)
    script: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def world(self) -> Path:
        """Folder of the artifacts."""
        return self.folder / "models"

    @property
    def state(self) -> Path:
        """Folder of the run's state."""
        return self.folder / ".retrain" / "default" / "nightly"

    def write(self) -> None:
        """retrain.yaml and the script, as they stand now."""
        self.world.mkdir(exist_ok=True)
        (self.world / "script.json").write_text(json.dumps(self.script))
        smallest = {
            "symbols": ["BTC-USD"],
            "data": {"uri": "file://./data/"},
            "artifacts": {"uri": "file://./models/"},
            "train": {"device": "CPU"},
            "preflight": "Never",
        }
        document = {
            "apiVersion": "retrain.crpbot.dev/v1alpha1",
            "kind": "RetrainRun",
            "metadata": {"name": "nightly", "annotations": self.annotations},
            "spec": smallest | self.spec,
        }
        (self.folder / "retrain.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    def start(self, *arguments: str, write: bool = True, **options: Any) -> subprocess.Popen[str]:
        """`retrain run`, in a process group of its own as a shell would start it."""
        if write:
            self.write()
        inherited = filter(None, [os.environ.get("PYTHONPATH")])
        path = os.pathsep.join([str(TESTS / "support" / "fake_trainer"), str(TESTS), *inherited])
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RETRAIN_", "AWS_"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "retrain_cli.main", "run", *(arguments or ("-f", "retrain.yaml"))],
            cwd=self.folder,
            env=clean | {"PYTHONPATH": path} | self.environ,
            text=True,
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, given: str | None = None, write: bool = True) -> subprocess.CompletedProcess[str]:
        """`retrain run` to its end."""
        options = {} if given is None else {"stdin": subprocess.PIPE}
        process = self.start(*arguments, write=write, **options)
        out, err = process.communicate(given, timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Any other command of `retrain`, without a cluster to find."""
        process = self.start_command(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start_command(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, and not to its end."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RETRAIN_", "AWS_", "KUBE"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "retrain_cli.main", *arguments],
            cwd=self.folder,
            env=clean | {"HOME": str(self.folder), "LOGNAME": "ada"} | self.environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(process)
        return process

    def status(self) -> dict[str, Any]:
        """status.json as it is now."""
        return json.loads((self.state / "status.json").read_text())  # type: ignore[no-any-return]

    def journal(self, who: str | None = None, what: str | None = None) -> list[dict[str, Any]]:
        """What the trainers did, in order."""
        path = self.world / "journal.jsonl"
        # A line that is just being written is not there yet.
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [line for line in map(json.loads, lines) if who in (None, line["who"]) and what in (None, line["what"])]

    def let_go(self) -> None:
        """Trainers that hold go on."""
        (self.world / "go").touch()

    def clean_up(self) -> None:
        """Nothing that a test started outlives it."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for pid in {line["pid"] for line in self.journal()}:
            if alive(pid):
                os.kill(pid, 9)
