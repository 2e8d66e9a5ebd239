"""The trainer's own loops in a steady state, to measure windows per second."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from retrain_api.spec.training import Training
from retrain_trainer.model.inference import batch_on, logits
from retrain_trainer.model.network import Architecture, DirectionLSTM
from retrain_trainer.train.learner import new_learner
from retrain_trainer.train.loop import order_of
from retrain_trainer.train.step import StepIndex, Stepper
from retrain_trainer.train.training_data import TrainingData


def train(
    architecture: Architecture,
    training_data: TrainingData,
    training: Training,
    device: torch.device,
    stepper: Callable[..., Stepper] = Stepper,
) -> Iterator[int]:
    """Steps without end, epoch after epoch; yields the windows done. The rows are where the features are."""
    learner = new_learner(architecture, training, device)
    learner.network.train()
    ends, size, done = torch.from_numpy(training_data.train_ends), training.batch_size, 0
    with stepper(learner, training_data, training) as step_on:
        for epoch in range(1_000_000):
            order = ends[order_of(training, epoch, len(ends))].to(training_data.device)
            for step, rows in enumerate(order.split(size)):
                step_on(rows, StepIndex(epoch, step))
                done += len(rows)
                yield done


def evaluate(network: DirectionLSTM, features: torch.Tensor, ends: NDArray[np.int64], lookback: int) -> Iterator[int]:
    """Logits in the batches of the evaluation, sixteen at a time; yields the windows done."""
    done, size = 0, 16 * batch_on(features.device)
    while True:
        for first in range(0, len(ends), size):
            done += len(logits(network, features, ends[first : first + size], lookback))
            yield done
