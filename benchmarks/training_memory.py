"""Memory of a training on 1,030,512 rows x 31 features, the size of two years of 1-minute bars.

Prints the peak resident set of the training process beside that of a process that only imports torch, and what
materialised windows alone would take. The goal is at most 700 MB above `import torch`. A whole epoch of the default
model takes 25 minutes on 2 cores, so the training is stopped after some steps. By then its memory has stopped growing, as
the second half of the steps shows.

    python benchmarks/training_memory.py [--seconds 30]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from training.tasks import train_task

from retrain_api.documents.encoding import encode

ROWS, FEATURES, LOOKBACK = 1_030_512, 31, 60
GOAL_MB = 700


def feature_file(path: Path, rows: int = ROWS) -> None:
    """Seeded random features with a price that walks."""
    generator = np.random.default_rng(0)
    start = np.datetime64("2024-01-01T00:00:00", "ns")
    columns = {
        "timestamp": start + np.arange(rows) * np.timedelta64(60, "s"),
        "close": 100 * np.exp(np.cumsum(generator.normal(0, 1e-4, rows))),
    }
    columns |= {f"feature_{i}": generator.normal(size=rows).astype(np.float32) for i in range(FEATURES)}
    pq.write_table(pa.table(columns), path)


def resident_mb(pid: int, field: str) -> float:
    """VmRSS or VmHWM of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no {field} of process {pid}")


def torch_alone() -> float:
    """Peak resident set of a process that imports torch and does nothing."""
    script = "import torch; print(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])"
    return int(subprocess.check_output([sys.executable, "-c", script])) / 1024


def samples(process: subprocess.Popen[str], seconds: float) -> Iterator[tuple[int, float]]:
    """Windows trained so far and resident MB at that moment, for some time from the first step on."""
    end = float("inf")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Progress:"):
            end = min(end, time.monotonic() + seconds)
            windows = int(line.split("windows=")[1].split("/")[0])
            yield windows, resident_mb(process.pid, "VmRSS")
        else:
            print(f"  {line.rstrip()}")
        if time.monotonic() > end:
            return


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="how long to train (default: %(default)s)")
    seconds = parser.parse_args().seconds
    base = torch_alone()
    with tempfile.TemporaryDirectory(prefix="memory-") as name:
        folder = Path(name)
        print(f"Writing {ROWS:,} rows x {FEATURES} features ...")
        feature_file(folder / "features.parquet")
        environ = {
            "RETRAIN_TASK": encode(train_task(folder / "features.parquet", folder)),
            "RETRAIN_TERMINATION_LOG": f"{folder}/message",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "retrain_trainer", "train"],
            env={**os.environ, **environ, "RETRAIN_PROGRESS": "1", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        seen = list(samples(process, seconds))
        peak = resident_mb(process.pid, "VmHWM")
        process.send_signal(signal.SIGTERM)
        process.communicate()
    report(base, peak, seen)
    return 0 if peak - base <= GOAL_MB else 1


def report(base: float, peak: float, seen: list[tuple[int, float]]) -> None:
    """Prints the figures, with ratios where there is something to compare with."""
    windows = ROWS * LOOKBACK * FEATURES * 4 / 2**20
    half = seen[len(seen) // 2 :]
    print(f"import torch alone                 {base:8.0f} MB")
    print(f"training, peak                     {peak:8.0f} MB   {peak / base:.2f} x import torch")
    print(
        f"above import torch                 {peak - base:8.0f} MB   {(peak - base) / GOAL_MB:.2f} of the goal of {GOAL_MB} MB"
    )
    print(f"windows materialised would be      {windows:8.0f} MB   {windows / (peak - base):.0f} x what it takes")
    if half:
        print(f"growth over the last {half[-1][0] - half[0][0]:6,} windows {half[-1][1] - half[0][1]:8.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
