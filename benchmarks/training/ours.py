"""The trainer's own loops, at a steady state: windows a second."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from retrain_api.spec_data import Training
from retrain_trainer.inference import BATCH, logits
from retrain_trainer.model import Architecture, DirectionLSTM
from retrain_trainer.step import Moment, Stepper
from retrain_trainer.train import Problem, new_learner, order_of


def train(architecture: Architecture, problem: Problem, training: Training, device: torch.device) -> Iterator[int]:
    """Steps without end, epoch after epoch; yields the windows done."""
    learner = new_learner(architecture, training, device)
    learner.network.train()
    ends, size, done = torch.from_numpy(problem.train_ends), training.batch_size, 0
    with Stepper(learner, problem, training) as stepper:
        for epoch in range(1_000_000):
            order = ends[order_of(training, epoch, len(ends))].to(device)
            for step, rows in enumerate(order.split(size)):
                stepper(rows, Moment(epoch, step))
                done += len(rows)
                yield done


def evaluate(network: DirectionLSTM, features: torch.Tensor, ends: NDArray[np.int64], lookback: int) -> Iterator[int]:
    """Logits in the batches of the evaluation; yields the windows done."""
    done = 0
    while True:
        for first in range(0, len(ends) - 16 * BATCH, 16 * BATCH):
            done += len(logits(network, features, ends[first : first + 16 * BATCH], lookback))
            yield done
