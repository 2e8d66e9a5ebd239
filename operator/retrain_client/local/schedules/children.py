"""The runs of a schedule in the state folder: each as `retrain run` keeps it, with the manifest that it was made from.

A manifest is written once, with UID and time, before anything of the run is begun. It says whose run it is, so that a schedule
that was stopped finds what it has made, and a run of the same name that somebody else made is left alone.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retrain_api.errors import ConfigurationError
from retrain_api.names import LABEL_SCHEDULE
from retrain_api.run import RetrainRun, parse_run
from retrain_api.schedule import RetrainSchedule
from retrain_api.spec.run import RetrainRunSpec
from retrain_client.local.state import DEFINITION_FILE, RunFolder, open_folder
from retrain_operator.decide.schedule.children import is_replay as replays
from retrain_operator.state.schedule_view import ChildRun

MANIFEST_FILE = "manifest.json"
IDENTITY_FILE = "run.json"
_STATE = ("status.json", DEFINITION_FILE, "answers.json", "report.html", "lock", "workers.lock")
_RECORDS = (MANIFEST_FILE, IDENTITY_FILE, *_STATE)
_FOLDERS = ("jobs", "logs", "messages")


@dataclass(frozen=True)
class Children:
    """The runs of a schedule, `schedule` being known by its UID."""

    state_dir: Path
    schedule: RetrainSchedule

    def all(self) -> tuple[ChildRun, ...]:
        """Those that bear its label, by name."""
        return tuple(self._child(folder, manifest) for folder, manifest in self._labelled())

    def taken(self, name: str) -> ChildRun | None:
        """What has a name that the schedule needs, and is not its run."""
        folder = self.folder(name)
        manifest = read_manifest(folder)
        if manifest is not None:
            return None if self._owns(manifest) else replace(self._child(folder, manifest), stranger=True)
        if not any((folder.path / file).exists() for file in (IDENTITY_FILE, "status.json")):
            return None
        return ChildRun(name, f"somebody's {name}", owned=False, status=folder.read_status(), stranger=True)

    def create(self, manifest: dict[str, Any], now: datetime) -> None:
        """Record a run, once: what is there already is left as it is. Raises ConfigurationError for one that no run can be."""
        name = manifest["metadata"]["name"]
        folder = open_folder(self.state_dir, self.schedule.metadata.namespace, name)
        if read_manifest(folder) is not None:
            return
        parse_run(manifest)
        own = {"uid": str(uuid.uuid4()), "creationTimestamp": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        whole = {**manifest, "metadata": {**manifest["metadata"], **own}}
        folder._write(MANIFEST_FILE, whole)

    def prepare(self, name: str) -> dict[str, Any]:
        """The manifest of a run that `all` has; the run's identity is taken from it, before the run could give itself another."""
        folder = self.folder(name)
        manifest = read_manifest(folder) or {}
        if not (folder.path / IDENTITY_FILE).exists():
            folder._write(IDENTITY_FILE, {"uid": manifest["metadata"]["uid"], "generation": 0, "spec": ""})
        return manifest

    def forget(self, name: str, uid: str) -> bool:
        """Remove what is kept of a run here, not its artifacts; whether that run was there."""
        folder = self.folder(name)
        manifest = read_manifest(folder)
        if manifest is None or manifest["metadata"]["uid"] != uid or not self._owns(manifest):
            return False
        # The manifest first: a run that were left with it and without a status would be carried out again.
        for file in _RECORDS:
            (folder.path / file).unlink(missing_ok=True)
        for sub in _FOLDERS:
            shutil.rmtree(folder.path / sub, ignore_errors=True)
        with suppress(OSError):  # something else lies there: somebody's artifacts, say
            folder.path.rmdir()
        return True

    def answer_times(self) -> dict[str, float]:
        """By name, when a run was last answered by hand: approved, say."""
        namespace = self.state_dir / self.schedule.metadata.namespace
        found = {
            path.parent.name: mtime(path) for path in namespace.glob(f"{self.schedule.metadata.name}-*/answers.json")
        }
        return {name: time for name, time in found.items() if time}

    def status_time(self, name: str) -> float:
        """When the status of a run was last written: what was answered before that has been acted upon."""
        return mtime(self.folder(name).path / "status.json")

    def folder(self, name: str) -> RunFolder:
        """Where the state of a run is."""
        return RunFolder(self.state_dir / self.schedule.metadata.namespace / name)

    def _labelled(self) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
        for path in sorted((self.state_dir / self.schedule.metadata.namespace).glob(f"*/{MANIFEST_FILE}")):
            manifest = read_manifest(RunFolder(path.parent))
            if manifest is not None and schedule_of(manifest) == self.schedule.metadata.name:
                yield RunFolder(path.parent), manifest

    def _child(self, folder: RunFolder, manifest: dict[str, Any]) -> ChildRun:
        meta = manifest["metadata"]
        return ChildRun(
            name=meta["name"],
            uid=meta["uid"],
            owned=self._owns(manifest),
            status=folder.read_status(),
            spec=_spec(manifest),
            created=datetime.fromisoformat(meta["creationTimestamp"]),
        )

    def _owns(self, manifest: dict[str, Any]) -> bool:
        owners = manifest["metadata"].get("ownerReferences", ())
        return any(owner.get("controller") and owner["uid"] == self.schedule.metadata.uid for owner in owners)


def mtime(path: Path) -> float:
    """When a file was written; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def read_manifest(folder: RunFolder) -> dict[str, Any] | None:
    """What the run was made from, where a schedule made it."""
    try:
        found = json.loads((folder.path / MANIFEST_FILE).read_text())
        return found if {"name", "uid", "creationTimestamp"} <= found["metadata"].keys() else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def schedule_of(manifest: dict[str, Any]) -> str | None:
    """Name of the schedule that made a run."""
    name: str | None = (manifest["metadata"].get("labels") or {}).get(LABEL_SCHEDULE)
    return name


def is_replay(run: RetrainRun) -> bool:
    """Whether the run replays a past slot, by the name that a schedule gives it."""
    schedule = run.metadata.labels.get(LABEL_SCHEDULE)
    return schedule is not None and replays(schedule, run.metadata.name)


def _spec(manifest: dict[str, Any]) -> RetrainRunSpec | None:
    try:
        return parse_run(manifest).spec
    except ConfigurationError:
        return None
