"""From SIGTERM in mid-epoch to the end of the process, which leaves a checkpoint: the goal is 2 seconds."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections import deque
from functools import partial
from pathlib import Path

from job_start import start
from training.tasks import train_task, until_stopped

from retrain_api.documents.tasks import TrainTask
from retrain_api.spec.training import Model

from .memory import file_of
from .notes import Figures
from .step_setup import StepSetup

STOPPED = 75
"""How a task ends that was asked to stop and saved what it had."""


def measure(setup: StepSetup) -> None:
    """At a small batch and at a big one."""
    path = file_of(setup)
    for batch in setup.two_batches[:1] if setup.small else (32, 2048):
        setup.notes.cell(f"batch {batch}", partial(stopped, setup, path, batch))


def stopped(setup: StepSetup, path: Path, batch: int) -> Figures:
    """Seconds until the first progress is told, and from the signal to the end."""
    with tempfile.TemporaryDirectory(dir=setup.scratch) as fresh:
        began = time.perf_counter()
        process = start(task_of(setup, path, Path(fresh), batch), Path(fresh))
        wait_for_progress(process)
        first = time.perf_counter()
        time.sleep(0.3)
        asked = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.communicate()
        took = time.perf_counter() - asked
    if process.returncode != STOPPED:
        raise RuntimeError(f"the training ended with {process.returncode} in place of {STOPPED}")
    return {"seconds_to_first_progress": first - began, "seconds_to_the_end": took}


def task_of(setup: StepSetup, path: Path, folder: Path, batch: int) -> TrainTask:
    """The default model on the device; on a CPU a small one, for a try."""
    training = until_stopped(batch)
    if setup.device.type == "cuda":
        return train_task(path, folder, device="GPU", training=training)
    return train_task(path, folder, training=training, model=Model(hidden_size=8, layers=1, dropout=0))


def wait_for_progress(process: subprocess.Popen[str]) -> None:
    """Until it trains: a second into an epoch, or after one that was shorter and so told of no progress.

    Raises RuntimeError with its last lines where it ends before.
    """
    last: deque[str] = deque(maxlen=5)
    for line in process.stdout or ():
        if line.startswith(("Progress:", "Epoch ")):
            return
        last.append(line.rstrip())
    raise RuntimeError(f"the training ended before any progress: {' / '.join(last)}")
