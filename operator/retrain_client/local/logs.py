"""What the processes of a run wrote, as its state folder keeps it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from retrain_api.names import LABEL_PHASE
from retrain_client.tasks import PHASES, TaskRun, newest, symbols_of

from .jobs import JobRecord
from .state import RunFolder

KEPT = 50
"""How many logs of processes that were replaced stay. A run that is trained each night must not fill the disk."""


def local_tasks(folder: RunFolder) -> list[TaskRun]:
    """The last process of each task. Raises SoftwareError("BadState")."""
    return newest(task for record in folder.records() for task in _tasks(folder, record))


def _tasks(folder: RunFolder, record: JobRecord) -> Iterator[TaskRun]:
    phase = record.manifest["metadata"]["labels"][LABEL_PHASE]
    if phase not in PHASES:
        return  # of a newer release
    pod = record.spec["template"]["spec"]
    for index, entry in enumerate(record.indexes):
        source = str(folder.log_path(record.name, index, entry.starts))
        yield TaskRun(phase, symbols_of(pod, index), source, record.created, entry.starts > 0)


def read_log(path: str) -> str | None:
    """The text of a log; None where it is gone."""
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return None


def drop_old_logs(folder: RunFolder, records: Collection[JobRecord]) -> None:
    """Delete the logs of processes that were replaced, all but the newest ones."""
    last = {
        folder.log_path(record.name, index, entry.starts)
        for record in records
        for index, entry in enumerate(record.indexes)
    }
    replaced = [path for path in (folder.path / "logs").glob("*.log") if path not in last]
    for path in sorted(replaced, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        path.unlink(missing_ok=True)
