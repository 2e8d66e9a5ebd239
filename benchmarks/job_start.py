"""What a training costs besides its windows: starting it, and stopping it.

Starting: the interpreter with its imports, reading a file and computing features, and a whole `train` command that does
next to nothing, each compared with a bare `import torch`, which no training with torch can avoid. Stopping: the time from
SIGTERM in the middle of an epoch until the process has written its checkpoint and ended; the goal is 2 seconds.

    python benchmarks/job_start.py
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from training.tasks import train_task, until_stopped

from retrain_api.documents.encoding import encode
from retrain_api.documents.tasks import TrainTask
from retrain_api.spec.training import Model, Training
from retrain_trainer.train.training_data import prepare_file

ROUNDS = 5
EXAMPLE, EXAMPLE_ROWS, TWO_YEARS = (
    Path(__file__).parents[1] / "examples/data/candles_BTC-USD_1m.parquet",
    73_139,
    1_030_512,
)


def candles(path: Path, rows: int) -> None:
    """Writes one-minute candles of a random walk."""
    generator = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 1e-4, rows)))
    spread = close * np.abs(generator.normal(0, 1e-4, rows))
    columns = {
        "timestamp": np.datetime64("2024-01-01", "ns") + np.arange(rows) * np.timedelta64(60, "s"),
        "open": np.roll(close, 1),
        "high": np.maximum(close, np.roll(close, 1)) + spread,
        "low": np.minimum(close, np.roll(close, 1)) - spread,
        "close": close,
        "volume": generator.random(rows),
    }
    pq.write_table(pa.table(columns).slice(1), path)


def seconds(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median wall time."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def python(code: str) -> Callable[[], object]:
    """An action that runs the code in a new interpreter."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def start(what: TrainTask, folder: Path) -> subprocess.Popen[str]:
    """Starts the train command as a Job does."""
    environ = {"RETRAIN_TASK": encode(what), "RETRAIN_TERMINATION_LOG": f"{folder}/message", "RETRAIN_PROGRESS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "retrain_trainer", "train"],
        env={**os.environ, **environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def smallest(folder: Path) -> None:
    """A complete but minimal training on the example's candles."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        model = Model(hidden_size=1, layers=1, dropout=0, bidirectional=False, lookback_bars=2)
        process = start(
            train_task(EXAMPLE, Path(fresh), model=model, training=Training(epochs=1, batch_size=4096)), Path(fresh)
        )
        process.communicate()
        assert process.returncode == 0


def stopping(file: Path, folder: Path, batch: int) -> float:
    """Seconds from SIGTERM, some steps into an epoch of the default model, to the end of the process."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        process = start(train_task(file, Path(fresh), training=until_stopped(batch)), Path(fresh))
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Progress:"):
                break
        time.sleep(1.3)
        began = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.communicate()
        assert process.returncode == 75
        return time.perf_counter() - began


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="start-") as name:
        folder = Path(name)
        big = folder / "big.parquet"
        candles(big, TWO_YEARS + 1)
        torch = seconds(python("import torch"))
        print(f"{'starting':58s} seconds   times import torch")
        for what, action in {
            "import torch": python("import torch"),
            "import of the train command": python("import retrain_trainer.tasks.train, retrain_trainer.store.s3.store"),
            f"reading {EXAMPLE_ROWS:,} candles, 31 features, scaling": lambda: prepare_file(
                train_task(EXAMPLE, folder), EXAMPLE
            ),
            f"the same with {TWO_YEARS:,} candles": lambda: prepare_file(train_task(big, folder), big),
            f"a whole train command that learns nothing, {EXAMPLE_ROWS:,} candles": lambda: smallest(folder),
        }.items():
            took = seconds(action)
            print(f"{what:58s} {took:7.2f}   {took / torch:5.2f}", flush=True)
        print(f"\n{'stopping in the middle of an epoch, default model':58s} seconds   share of the goal of 2")
        for batch in (32, 128, 2048):
            took = max(stopping(big, folder, batch) for _ in range(3))
            print(f"{f'batch {batch}, the slowest of 3':58s} {took:7.2f}   {took / 2:5.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
