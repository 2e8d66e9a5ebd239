"""Windows trained and evaluated a second, with what people have today beside it in the same run; ratios.

The reference: a Dataset of one window an item, a DataLoader with batches of 32, float32, nn.LSTM, `.item()` at every step;
evaluation one window at a time. 31 features x 60 bars, 128 hidden, 3 layers, both directions, dropout 0.35. The variants take turns,
so that a slow minute of a shared machine meets all of them; the ratio is the median of the rounds' ratios.

    python benchmarks/training_speed.py [--rounds 3] [--seconds 6] [--device cuda]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from retrain_api.spec_data import Training
from retrain_trainer.model import Architecture, DirectionLSTM
from retrain_trainer.train import Problem
from training import ours, reference

ROWS, FEATURES, LOOKBACK = 20_000, 31, 60
SHAPE = Architecture(FEATURES, 128, 3, 0.35, True)
Measure = Callable[[float], float]


def problem(device: torch.device, precision: torch.dtype) -> Problem:
    """Noise: the arithmetic is that of any data."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(ROWS, FEATURES, generator=generator).to(device)
    targets = (torch.rand(ROWS, generator=generator) > 0.5).float().to(device)
    ends = np.arange(LOOKBACK, ROWS, dtype=np.int64)
    return Problem(features, targets, ends, ends, LOOKBACK, 1.0, precision)


def rate(steps: Iterator[int], seconds: float, device: torch.device) -> float:
    """Windows a second over so many seconds; the first three yields only warm up."""
    for _ in range(3):
        first = next(steps)
    synchronise(device)
    began, done = time.perf_counter(), first
    while time.perf_counter() - began < seconds:
        done = next(steps)
    synchronise(device)
    return (done - first) / (time.perf_counter() - began)


def synchronise(device: torch.device) -> None:
    """What a GPU was given is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def train_reference(device: torch.device, seconds: float) -> float:
    what = problem(torch.device("cpu"), torch.float32)
    windows = reference.Windows(what.features, what.targets, torch.from_numpy(what.train_ends), LOOKBACK)
    network = reference.Network(FEATURES, 128, 3, 0.35).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-5)
    return rate(reference.train(network, windows, 1.0, 0, device, optimiser), seconds, device)


def train_ours(device: torch.device, batch: int, precision: torch.dtype, seconds: float) -> float:
    steps = ours.train(SHAPE, problem(device, precision), Training(batch_size=batch), device)
    found = rate(steps, seconds, device)
    steps.close()  # type: ignore[attr-defined]
    return found


def evaluate_reference(device: torch.device, seconds: float) -> float:
    what = problem(torch.device("cpu"), torch.float32)
    windows = reference.Windows(what.features, what.targets, torch.from_numpy(what.train_ends), LOOKBACK)
    network = reference.Network(FEATURES, 128, 3, 0.35).to(device)
    return rate(reference.evaluate(network, windows, device), seconds, device)


def evaluate_ours(device: torch.device, seconds: float) -> float:
    what = problem(device, torch.float32)
    network = DirectionLSTM(SHAPE).to(device)
    return rate(ours.evaluate(network, what.features, what.train_ends, LOOKBACK), seconds, device)


def two_symbols(batch: int, precision: str, seconds: float) -> float:
    """Two trainings side by side, each in a process with half of the processors, as `retrain run` does it."""
    threads = str(max(1, (os.cpu_count() or 2) // 2))
    command = [sys.executable, __file__, "--one", f"{batch},{precision},{seconds}"]
    environ = {**os.environ, "OMP_NUM_THREADS": threads}
    both = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return sum(float(process.communicate()[0]) for process in both)


def variants(device: torch.device) -> dict[str, dict[str, Measure]]:
    """What is compared, the reference first."""
    training: dict[str, Measure] = {"reference: one window an item, 32, float32": partial(train_reference, device)}
    for batch in (32, 64, 128, 256) if device.type == "cpu" else (32, 128, 512, 2048):
        for name, precision in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
            training[f"batch {batch}, {name}"] = partial(train_ours, device, batch, precision)
    evaluation: dict[str, Measure] = {
        "reference: one window at a time": partial(evaluate_reference, device),
        "batches of 256": partial(evaluate_ours, device),
    }
    found = {"training": training, "evaluation": evaluation}
    if device.type == "cpu":
        found["two symbols"] = {
            "reference, one after the other": partial(train_reference, device),
            "side by side, 32, float32": partial(two_symbols, 32, "float32"),
            "side by side, 32, bfloat16": partial(two_symbols, 32, "bfloat16"),
            "side by side, 128, bfloat16": partial(two_symbols, 128, "bfloat16"),
        }
    return found


def chip(device: torch.device) -> str:
    """What it was measured on."""
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
        print(train_ours(device, int(batch), getattr(torch, precision), float(seconds)))
        return 0
    print(
        f"{chip(device)}; torch {torch.__version__}, {torch.get_num_threads()} threads; medians of {options.rounds} rounds\n"
    )
    for group, measures in variants(device).items():
        if options.only in (None, group):
            table(group, measures, options.rounds, options.seconds)
    return 0


def table(group: str, measures: dict[str, Measure], rounds: int, seconds: float) -> None:
    """Windows a second, and their ratio to the first."""
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
