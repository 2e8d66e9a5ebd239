"""Logs in the state folder: those of now are read, those of before are bounded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from retrain_client.local.jobs import IndexRecord, JobRecord
from retrain_client.local.logs import KEPT, drop_old_logs
from retrain_client.local.state import RunFolder


def record(name: str, *starts: int) -> JobRecord:
    manifest: dict[str, Any] = {"metadata": {"name": name, "labels": {}}, "spec": {}}
    return JobRecord(manifest, "uid", "2026-01-05T00:00:00+00:00", tuple(IndexRecord(starts=each) for each in starts))


def write(folder: RunFolder, job: str, start: int, age: int) -> Path:
    path = folder.new_log(job, 0, start)
    path.write_text("Epoch\n")
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def test_the_newest_of_the_replaced_logs_stay_and_all_that_count_now(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    now = write(folder, "nightly-train-1", 3, age=999)
    old = [write(folder, "nightly-train-1", 2, age=0), *(write(folder, f"gone-{n}", 1, age=n) for n in range(1, 60))]
    drop_old_logs(folder, [record("nightly-train-1", 3)])
    assert [path for path in [now, *old] if path.exists()] == [now, *old[:KEPT]]


def test_a_folder_without_logs_has_nothing_to_drop(tmp_path: Path) -> None:
    drop_old_logs(RunFolder(tmp_path), [])
    assert list(tmp_path.iterdir()) == []


def test_reading_makes_nothing(tmp_path: Path) -> None:
    RunFolder(tmp_path).log_path("job", 0, 1)
    assert list(tmp_path.iterdir()) == []
