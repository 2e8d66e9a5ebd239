"""`retrain schedule` as a person starts it, in a folder of its own, with a trainer that does what a script says."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from support.local_run import PATIENCE, TESTS, LocalRun

NAME = "weekly"


@dataclass
class LocalSchedule(LocalRun):
    """A folder with schedule.yaml, whose runs are what `spec` says; `fields` are the schedule's own."""

    fields: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        inherited = filter(None, [os.environ.get("PYTHONPATH")])
        self.environ["PYTHONPATH"] = os.pathsep.join([str(TESTS / "support" / "fake_trainer"), str(TESTS), *inherited])

    @property
    def runs(self) -> Path:
        """Folder of the states of schedule and runs."""
        return self.folder / ".retrain" / "default"

    @property
    def state(self) -> Path:
        """Folder of the schedule's state."""
        return self.runs / NAME

    def write(self) -> None:
        """schedule.yaml around the run, and the script, as they stand now."""
        super().write()
        run = yaml.safe_load((self.folder / "retrain.yaml").read_text())
        document = {
            "apiVersion": run["apiVersion"],
            "kind": "RetrainSchedule",
            "metadata": {"name": NAME},
            "spec": {"schedule": "0 3 * * 6", **self.fields, "runTemplate": {"spec": run["spec"]}},
        }
        (self.folder / "schedule.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    def created(self, time: str) -> None:
        """As if the schedule had been started here for the first time then."""
        self.state.mkdir(parents=True)
        identity = {"uid": "schedule-1", "generation": 0, "spec": "", "created": time}
        (self.state / "schedule-identity.json").write_text(json.dumps(identity))

    def once(self, *more: str) -> subprocess.CompletedProcess[str]:
        """`retrain schedule run --once`."""
        self.write()
        return self.command("schedule", "run", "-f", "schedule.yaml", "--once", *more)

    def stays(self) -> subprocess.Popen[str]:
        """`retrain schedule run`, which ends by a signal alone."""
        self.write()
        return self.start_command("schedule", "run", "-f", "schedule.yaml")

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Exit code and output of a command that is about to end."""
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out + err

    def status(self) -> dict[str, Any]:
        """schedule.json as it is now."""
        return json.loads((self.state / "schedule.json").read_text())  # type: ignore[no-any-return]

    def slots(self) -> list[str]:
        """Names of the runs of slots, as far as they are kept."""
        return sorted(path.parent.name for path in self.runs.glob(f"{NAME}-2*/manifest.json"))

    def replays(self) -> list[str]:
        """Names of the replays."""
        return sorted(path.parent.name for path in self.runs.glob(f"{NAME}-wf-*/manifest.json"))

    def trainings(self) -> int:
        """How many trainings came to their end."""
        return len(self.journal("BTC-USD", "done"))
