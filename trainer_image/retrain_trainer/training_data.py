"""From a feature file to what is learnt: loaded, windows found, scaled by the train rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from retrain_api.documents import TrainTask

from .candles import CANDLE_COLUMNS
from .dataset import Dataset, load_dataset
from .loss import positive_weight
from .parquet import open_parquet
from .timeline import interval_nanoseconds
from .train import Problem
from .windows import Scaling, fit_scaling, window_ends


@dataclass(frozen=True)
class Material:
    """A loaded file, ready to learn from. `dataset.values` are scaled, in place."""

    dataset: Dataset
    scaling: Scaling
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    positive_weight: float
    built_in: bool


def load_material(task: TrainTask, path: Path) -> Material:
    """Load and check the file, find its windows, and scale its features by the statistics of the train rows."""
    dataset = load_dataset(
        path,
        symbol=task.symbol,
        interval=task.interval,
        features=task.features,
        horizon_bars=task.label.horizon_bars,
        ties=task.label.ties,
        validation_percent=task.split.validation_percent,
        test_percent=task.split.test_percent,
        lookback=task.model.lookback_bars,
    )
    train, validation = (_ends(task, dataset, rows) for rows in (dataset.split.train, dataset.split.validation))
    scaling = fit_scaling(dataset.values, dataset.split.train)
    # What no float32 holds becomes infinite, and the loss of the first epoch says so.
    with np.errstate(over="ignore"):
        # In place: a second copy of a million rows would double what the process needs.
        scaling.apply(dataset.values, out=dataset.values)
    weight = positive_weight(dataset.labels.values[train], task.training.loss)
    return Material(dataset, scaling, train, validation, weight, _computed(path, dataset.names))


def _ends(task: TrainTask, dataset: Dataset, rows: slice) -> NDArray[np.int64]:
    interval = interval_nanoseconds(dataset.interval)
    return window_ends(dataset.candles.timestamps, interval, task.model.lookback_bars, rows, dataset.labels.values)


def _computed(path: Path, names: tuple[str, ...]) -> bool:
    """Whether every feature comes from candles: none is a column of the file, except candle columns."""
    there = open_parquet(path).types
    return all(name in CANDLE_COLUMNS or name not in there for name in names)


def problem_on(material: Material, task: TrainTask, device: torch.device, precision: torch.dtype) -> Problem:
    """What is learnt, on the device; on the CPU the features are not copied."""
    dataset = material.dataset
    return Problem(
        features=torch.from_numpy(dataset.values).to(device),
        targets=torch.from_numpy((dataset.labels.values == 1).astype(np.float32)).to(device),
        train_ends=material.train,
        validation_ends=material.validation,
        lookback=task.model.lookback_bars,
        weight=material.positive_weight,
        precision=precision,
    )
