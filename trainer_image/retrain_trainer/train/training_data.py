"""Prepares a feature file for training: loads it, finds its windows, and scales it by the train rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retrain_api.documents.tasks import TrainTask
from retrain_trainer.data.dataset import Dataset, OnRows, load_dataset
from retrain_trainer.data.pinning import Span
from retrain_trainer.data.windows import Scaling, fit_scaling, window_ends

from .loss import positive_weight


@dataclass(frozen=True)
class TrainingData:
    """What a training learns from, on its device.

    features: float32[rows, f], scaled. targets: float32[rows], 1 for up and 0 for down. train_ends, validation_ends:
    int64[k], rows of the windows' last bars. weight: of the up labels in the loss.
    """

    features: Tensor
    targets: Tensor
    train_ends: NDArray[np.int64]
    validation_ends: NDArray[np.int64]
    lookback: int
    weight: float
    precision: torch.dtype = torch.float32

    @property
    def device(self) -> torch.device:
        """The device that the training runs on."""
        return self.features.device


@dataclass(frozen=True)
class PreparedData:
    """A loaded file with its windows. `dataset.values` is scaled, in place.

    train, validation: int64[k], rows of the windows' last bars. positive_weight: of the up labels in the loss. built_in:
    whether every feature is computed from candles.
    """

    dataset: Dataset
    scaling: Scaling
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    positive_weight: float
    built_in: bool


def prepare_file(
    task: TrainTask,
    path: Path,
    until: int | None = None,
    span: Span | None = None,
    on_rows: OnRows | None = None,
) -> PreparedData:
    """Load and check the file, find its windows, and scale its features with the statistics of the train rows.

    Bars that had not closed by `until`, in nanoseconds UTC, are left out; None takes the clock. `span` are the pinned rows of a
    training that started before; `on_rows` as in `load_dataset`. Raises what `load_dataset` raises.
    """
    dataset = load_dataset(
        path,
        symbol=task.symbol,
        question=task.question,
        windows=task.windows,
        features=task.features,
        built_in=task.built_in,
        until=until,
        since=span.first if span else None,
        columns=span.columns if span else None,
        on_rows=on_rows,
    )
    train, validation = (_ends(task, dataset, rows) for rows in (dataset.split.train, dataset.split.validation))
    scaling = fit_scaling(dataset.values, dataset.split.train)
    # A value too large for float32 becomes infinite, and the first epoch then fails with LossNotFinite.
    with np.errstate(over="ignore"):
        # In place: a second copy of a million rows would double the memory that the process needs.
        scaling.apply(dataset.values, out=dataset.values)
    weight = positive_weight(dataset.labels.values[train], task.training.loss)
    return PreparedData(dataset, scaling, train, validation, weight, _computed(dataset))


def _ends(task: TrainTask, dataset: Dataset, rows: slice) -> NDArray[np.int64]:
    interval, lookback = dataset.question.interval, task.model.lookback_bars
    return window_ends(dataset.candles.timestamps, interval, lookback, rows, dataset.labels.values)


def _computed(dataset: Dataset) -> bool:
    """Whether every feature is computed from candles, that is, no column of the file but the candle columns is used."""
    return not dataset.own


def training_data_on(
    prepared: PreparedData, task: TrainTask, device: torch.device, precision: torch.dtype
) -> TrainingData:
    """The training data on a device. On the CPU the features are not copied."""
    dataset = prepared.dataset
    return TrainingData(
        features=torch.from_numpy(dataset.values).to(device),
        targets=torch.from_numpy((dataset.labels.values == 1).astype(np.float32)).to(device),
        train_ends=prepared.train,
        validation_ends=prepared.validation,
        lookback=task.model.lookback_bars,
        weight=prepared.positive_weight,
        precision=precision,
    )
