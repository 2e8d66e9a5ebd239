"""The data of the comparison: real candles that can be predicted, and synthetic data whose lowest loss is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from retrain_api.spec.data import Label
from retrain_trainer.train.training_data import TrainingData, prepare_file, training_data_on

from .tasks import train_task

LOOKBACK, FEATURES, VALIDATED = 60, 31, 2000


@dataclass(frozen=True)
class Case:
    """Training data, and the lowest validation loss there is, in nats, where that is known; and the network's size."""

    training_data: TrainingData
    bayes_loss: float | None
    hidden_size: int = 128
    layers: int = 3


def synthetic(windows: int, precision: torch.dtype, seed: int = 7) -> Case:
    """Up with the probability s(z), z = 1.5 tanh(2 x0[t] x1[t-3]) + 6 m, m the mean of x2 over the last ten bars.

    A product, a lag and a mean: no single bar shows any of it. The rest of the 31 features is noise. The lowest loss is
    the mean entropy of s(z) over the validation windows.
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
    training_data = TrainingData(
        torch.from_numpy(x), torch.from_numpy(targets), train, validation, LOOKBACK, 1.0, precision
    )
    return Case(training_data, float(entropy))


def candles(
    path: Path, windows: int, precision: torch.dtype, scratch: Path, symbol: str = "USD1-USDT", interval: str = "5m"
) -> Case:
    """One bar ahead, flat bars dropped, on the newest candles of a file; some `windows` of them to train on."""
    table = pq.read_table(path)
    part = scratch / "candles.parquet"
    # Seven tenths are trained on, and about half of the bars of a pegged pair are flat, so four times as many are read.
    rows = min(table.num_rows, windows * 4)
    pq.write_table(table.slice(table.num_rows - rows), part)
    label = Label(horizon_bars=1)
    task = train_task(part, scratch, symbol=symbol, interval=interval, label=label)
    prepared = prepare_file(task, part)
    training_data = training_data_on(prepared, task, torch.device("cpu"), precision)
    return Case(thinned(training_data, windows), None)


def moved(case: Case, device: torch.device) -> Case:
    """The case on a device."""
    what = case.training_data
    return replace(
        case, training_data=replace(what, features=what.features.to(device), targets=what.targets.to(device))
    )


def thinned(training_data: TrainingData, windows: int) -> TrainingData:
    """The same with only the newest `windows` train windows."""
    ends: NDArray[np.int64] = training_data.train_ends[-windows:]
    return TrainingData(
        training_data.features,
        training_data.targets,
        ends,
        training_data.validation_ends,
        training_data.lookback,
        training_data.weight,
        training_data.precision,
    )
