"""Tasks as real processes that are asked to stop while they wait for something, and then run again undisturbed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from support.local_run import until
from support.training_case import HORIZON, LOOKBACK, RUN, Ended, TrainingSetup, end, feature_table, start

from retrain_api.documents.results import TrainResult
from retrain_api.documents.tasks import EvaluateItem, EvaluateTask
from retrain_api.spec.data import Label, Split
from retrain_api.spec.evaluation import Evaluation
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop

HANGS_SECONDS = 60
"""Tells a process that ends from one that hangs; nothing is concluded from how long it took."""


def trained_setup(root: Path) -> tuple[TrainingSetup, TrainResult]:
    """A setup with a trained model, and enough test bars to compare it with another one."""
    setup = TrainingSetup(root)
    setup.put(feature_table(1_500))
    return setup, training_task.run(setup.task(), {}, setup.log.append, Stop())


def evaluation_of(trained: TrainResult, artifacts_uri: str, **changes: Any) -> EvaluateTask:
    """The task that measures a trained model."""
    item = EvaluateItem(
        symbol="BTC-USD", train_key="a" * 16, evaluate_key="b" * 16, model=trained.model, data=trained.data
    )
    task = EvaluateTask(
        run=RUN,
        artifacts_uri=artifacts_uri,
        items=(item,),
        interval="1m",
        label=Label(horizon_bars=HORIZON),
        split=Split(),
        lookback_bars=LOOKBACK,
        evaluation=Evaluation(),
        device="CPU",
    )
    return task.model_copy(update=changes)


def stop(setup: TrainingSetup, process: subprocess.Popen[str], lines: list[str] | None = None) -> Ended:
    """Ask a task to stop, as Kubernetes does, and wait for its end; `lines` were read before."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(HANGS_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it did not stop: {process.communicate()}") from None
    return end(setup, process, lines)


def interrupted(ended: Ended) -> bool:
    """It ended as one that was asked to stop; the log has its sentence and no traceback."""
    assert ended.code == 75, ended.everything
    assert ended.failure.reason == "Interrupted"
    assert ended.errors.endswith(f"Interrupted: {ended.failure.message}\n")
    assert "Traceback" not in ended.everything
    return True


def opened(process: subprocess.Popen[str], path: Path) -> None:
    """Wait until a process has a file open: the lock that somebody else holds, say."""

    def has_it() -> bool:
        assert process.poll() is None, process.communicate()
        folder = Path(f"/proc/{process.pid}/fd")
        return str(path) in {_target(link) for link in folder.iterdir()}

    until(has_it, f"{path} is open")


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


class Pipe:
    """A named pipe in place of a file: whoever reads it waits until the test lets go of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = -1
        os.mkfifo(path)

    def wait_for_reader(self, process: subprocess.Popen[str]) -> None:
        """Wait until the process reads it. From then on it waits for our bytes."""

        def has_reader() -> bool:
            assert process.poll() is None, process.communicate()
            try:
                self._writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # ENXIO: nobody reads
                return False
            return True

        until(has_reader, f"{self.path} is read")

    def remove(self) -> None:
        """Put nothing in its place."""
        os.close(self._writer)
        self.path.unlink()


__all__ = ["Pipe", "evaluation_of", "interrupted", "opened", "start", "stop", "trained_setup"]
