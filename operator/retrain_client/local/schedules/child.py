"""A run of a schedule in the state folder, from its manifest, with its own lock, identity and executor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_client.local.executor import Display, Executor
from retrain_client.local.state import RunFolder, RunLock, open_folder, take_lock


@dataclass
class Child:
    """A run at work, that nobody else works on until it is closed."""

    executor: Executor
    lock: RunLock
    before: RetrainRunStatus
    """As it was taken up."""

    @property
    def was_over(self) -> bool:
        """Whether it was over when it was taken up and has done no work since, except to look at what it had promoted."""
        now = self.run.status
        return self.before.state in FINAL_STATES and self.before.completion_time == now.completion_time

    @property
    def looked(self) -> bool:
        """Whether its promoted models were looked at since."""
        return self.before.observation != self.run.status.observation

    @property
    def run(self) -> RetrainRun:
        """The run with its status as it is now."""
        return self.executor.run

    @property
    def folder(self) -> RunFolder:
        """Where its state is."""
        return self.executor.folder

    def close(self) -> None:
        """End what still runs, and let others work on the run."""
        try:
            self.executor.end()
        finally:
            self.lock.release()


def open_child(
    manifest: dict[str, Any],
    state_dir: Path,
    display: Display,
    stopping: Callable[[], bool],
    notify: Callable[[str], None] = lambda _: None,
    cores: int | None = None,
) -> Child:
    """The run of a manifest, taken up where it was left; its promoted models are looked at where that is due. `notify` is told what
    it has to wait for.

    Raises ConfigurationError for a manifest that is wrong, SoftwareError("RunIsLocked") where another command works on it.
    """
    run = parse_run(manifest)
    folder = open_folder(state_dir, run.metadata.namespace, run.metadata.name)
    lock = take_lock(folder, notify)
    try:
        known = folder.identify(run)
        executor = Executor(known, folder, display, stopping, lock.workers, cores, looks=True)
        executor.begin()
        return Child(executor, lock, known.status)
    except BaseException:
        lock.release()
        raise
