"""Windows trained and evaluated per second, with the usual way of training beside ours in the same run; ratios.

The reference: a Dataset of one window per item, a DataLoader with batches of 32, float32, nn.LSTM, `.item()` at every step;
evaluation one window at a time. 31 features x 60 bars, 128 hidden units, 3 layers, both directions, dropout 0.35. The
variants take turns, so that a slow minute of a shared machine affects all of them; the ratio is the median of the rounds'.

    python benchmarks/training_speed.py [--rounds 3] [--seconds 6] [--device cuda]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from training.pace import DEFAULT, evaluate_ours, evaluate_reference, train_ours, train_reference

Measure = Callable[[float], float]


def two_symbols(batch: int, precision: str, seconds: float) -> float:
    """Two trainings side by side, each in a process with half of the processors, as `retrain run` does."""
    threads = str(max(1, (os.cpu_count() or 2) // 2))
    command = [sys.executable, __file__, "--one", f"{batch},{precision},{seconds}"]
    environ = {**os.environ, "OMP_NUM_THREADS": threads}
    both = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return sum(float(process.communicate()[0]) for process in both)


def variants(device: torch.device) -> dict[str, dict[str, Measure]]:
    """What is compared, the reference first."""
    training: dict[str, Measure] = {
        "reference: one window an item, 32, float32": partial(train_reference, DEFAULT, device)
    }
    for batch in (32, 64, 128, 256) if device.type == "cpu" else (32, 128, 512, 2048):
        for name, precision in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
            training[f"batch {batch}, {name}"] = partial(train_ours, DEFAULT, device, batch, precision)
    evaluation: dict[str, Measure] = {
        "reference: one window at a time": partial(evaluate_reference, DEFAULT, device),
        "batches of 256": partial(evaluate_ours, DEFAULT, device),
    }
    found = {"training": training, "evaluation": evaluation}
    if device.type == "cpu":
        found["two symbols"] = {
            "reference, one after the other": partial(train_reference, DEFAULT, device),
            "side by side, 32, float32": partial(two_symbols, 32, "float32"),
            "side by side, 32, bfloat16": partial(two_symbols, 32, "bfloat16"),
            "side by side, 128, bfloat16": partial(two_symbols, 128, "bfloat16"),
        }
    return found


def chip(device: torch.device) -> str:
    """The machine that is measured."""
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    capable = [name for name in ("avx512_bf16", "amx_bf16") if torch.cpu.get_capabilities().get(name)]
    return f"{model}, {os.cpu_count()} cores, {' '.join(capable) or 'no bfloat16'}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6, help="for each variant in each round")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--only", help="training, evaluation or 'two symbols'")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    device = torch.device(options.device)
    if options.one:
        batch, precision, seconds = options.one.split(",")
        print(train_ours(DEFAULT, device, int(batch), getattr(torch, precision), float(seconds)))
        return 0
    print(
        f"{chip(device)}; torch {torch.__version__}, {torch.get_num_threads()} threads; medians of {options.rounds} rounds\n"
    )
    for group, measures in variants(device).items():
        if options.only in (None, group):
            table(group, measures, options.rounds, options.seconds)
    return 0


def table(group: str, measures: dict[str, Measure], rounds: int, seconds: float) -> None:
    """Prints windows per second, and their ratio to the first variant's."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure(seconds))
    first = next(iter(found.values()))
    print(f"{group:45s} windows/s   ratio")
    for name, values in found.items():
        ratios = [value / base for value, base in zip(values, first, strict=True)]
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:45s} {statistics.median(values):9,.0f}   {statistics.median(ratios):5.2f} {spread}")
    print()


if __name__ == "__main__":
    sys.exit(main())
