"""What is learnt in the comparison: real candles that can be predicted, and synthetic data whose best loss is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from retrain_api.spec_data import Label
from retrain_trainer.train import Problem
from retrain_trainer.training_data import load_material, problem_on

from .tasks import train_task

LOOKBACK, FEATURES, VALIDATED = 60, 31, 2000


@dataclass(frozen=True)
class Case:
    """A problem, and the lowest validation loss there is, in nats, where that is known."""

    problem: Problem
    bayes_loss: float | None


def synthetic(windows: int, precision: torch.dtype, seed: int = 7) -> Case:
    """Up with the probability s(z), z = 1.5 tanh(2 x0[t] x1[t-3]) + 6 m, m the mean of x2 over the last ten bars.

    A product, a lag and a mean: nothing that one bar shows. Noise features fill up to 31. The lowest loss is the mean
    entropy of s(z) over the validation windows.
    """
    generator = np.random.default_rng(seed)
    rows = windows + VALIDATED + 2 * LOOKBACK
    x = generator.normal(size=(rows, FEATURES)).astype(np.float32)
    mean = np.convolve(x[:, 2], np.full(10, 0.1), mode="full")[:rows]
    z = 1.5 * np.tanh(2 * x[:, 0] * np.roll(x[:, 1], 3)) + 6 * mean
    up = 1 / (1 + np.exp(-z))
    targets = (generator.random(rows) < up).astype(np.float32)
    ends = np.arange(LOOKBACK, rows, dtype=np.int64)
    train, validation = ends[:windows], ends[windows + LOOKBACK :]
    chance = up[validation]
    entropy = -(chance * np.log(chance) + (1 - chance) * np.log(1 - chance)).mean()
    problem = Problem(torch.from_numpy(x), torch.from_numpy(targets), train, validation, LOOKBACK, 1.0, precision)
    return Case(problem, float(entropy))


def candles(path: Path, windows: int, precision: torch.dtype, scratch: Path) -> Case:
    """One bar ahead, flat bars dropped, on the newest candles of a file; some `windows` of them to train on."""
    table = pq.read_table(path)
    part = scratch / "candles.parquet"
    # Seven tenths are trained on, and about half of the bars of a pegged pair are flat; validation gets more by it.
    rows = min(table.num_rows, windows * 4)
    pq.write_table(table.slice(table.num_rows - rows), part)
    label = Label(horizon_bars=1)
    task = train_task(part, scratch, symbol="USD1-USDT", interval="5m", label=label)
    material = load_material(task, part)
    problem = problem_on(material, task, torch.device("cpu"), precision)
    return Case(thinned(problem, windows), None)


def thinned(problem: Problem, windows: int) -> Problem:
    """At most so many train windows, the newest."""
    ends: NDArray[np.int64] = problem.train_ends[-windows:]
    return Problem(
        problem.features,
        problem.targets,
        ends,
        problem.validation_ends,
        problem.lookback,
        problem.weight,
        problem.precision,
    )
