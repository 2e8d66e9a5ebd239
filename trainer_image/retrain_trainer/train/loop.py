"""The training loop: from training data and settings to the best weights. It knows neither stores nor tasks.

All randomness comes from the seed, the epoch and the generator state, which checkpoints keep. On a CPU, a training that was
stopped anywhere and resumed therefore gives the same bits as an uninterrupted one.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.spec.training import Training
from retrain_trainer.model.inference import batch_on, logits
from retrain_trainer.model.network import DirectionLSTM

from .learner import Learner
from .loss import weighted_bce
from .schedule import Patience, exhausted, learning_rate, observe
from .step import StepIndex, Stepper, StepSettings
from .training_data import TrainingData


@dataclass(frozen=True)
class Epoch:
    """One finished epoch, with the learning rate that it used."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float


@dataclass(frozen=True)
class State:
    """The progress of a training.

    epochs: those finished. step, loss_sum: steps done in the current epoch, and the sum of its windows' losses. patience:
    the best epoch so far. seconds: time spent training.
    """

    epochs: tuple[Epoch, ...] = ()
    step: int = 0
    loss_sum: float = 0.0
    patience: Patience = field(default_factory=Patience)
    seconds: float = 0.0

    @property
    def finished(self) -> int:
        """Finished epochs."""
        return len(self.epochs)


class Stopped(Exception):
    """The training stopped on request, in this state."""

    def __init__(self, state: State) -> None:
        super().__init__("stopped")
        self.state = state


@dataclass(frozen=True)
class Hooks:
    """Callbacks of the loop. `step` gets epoch, windows done, windows in the epoch, and windows per second."""

    epoch: Callable[[State], None] = lambda state: None
    step: Callable[[int, int, int, float], None] | None = None
    stop: Callable[[], bool] = lambda: False


def fit(
    learner: Learner,
    data: TrainingData,
    training: Training,
    state: State,
    hooks: Hooks,
    settings: StepSettings | None = None,
) -> State:
    """Train from `state` until all epochs are done or early stopping ends it. `learner.best` then holds the best weights.

    Raises Stopped between two steps when `hooks.stop` requests it, ConfigurationError("LossNotFinite") for a loss that is
    not a finite number. `settings` are for benchmarks: without them the device decides.
    """
    stepper = Stepper(learner, data, training, hooks.stop, settings)
    while state.finished < training.epochs and not exhausted(state.patience, training.early_stopping):
        began = time.monotonic() - state.seconds
        rate = learning_rate(training.scheduler, training.learning_rate, state.finished)
        loss_sum = train_epoch(stepper, state, rate, hooks, began)
        loss = loss_sum / len(data.train_ends)
        epoch = validate(learner.network, data, state.finished + 1, loss, rate, hooks.stop)
        if epoch is None:
            steps = math.ceil(len(data.train_ends) / training.batch_size)
            raise Stopped(replace(state, step=steps, loss_sum=loss_sum, seconds=time.monotonic() - began))
        patience = observe(state.patience, epoch.epoch, epoch.validation_loss, training.early_stopping.min_delta)
        if patience.best_epoch == epoch.epoch:
            learner.best = copy.deepcopy(learner.network.state_dict())
        state = State((*state.epochs, epoch), patience=patience, seconds=time.monotonic() - began)
        hooks.epoch(state)
    return state


def order_of(training: Training, epoch: int, windows: int) -> Tensor:
    """The order of the windows in an epoch (from 0), int64[windows] on the CPU; it depends on seed and epoch alone."""
    generator = torch.Generator().manual_seed(training.seed * 1_000_003 + epoch)
    return torch.randperm(windows, generator=generator)


def train_epoch(stepper: Stepper, state: State, rate: float, hooks: Hooks, began: float) -> float:
    """Do the remaining steps of an epoch. Returns the sum of the losses of all its windows."""
    learner, data, training = stepper.learner, stepper.data, stepper.training
    learner.network.train()
    for group in learner.optimiser.param_groups:
        group["lr"] = rate
    windows, size = len(data.train_ends), training.batch_size
    ends = torch.from_numpy(data.train_ends)[order_of(training, state.finished, windows)].to(data.device)
    total = torch.tensor(state.loss_sum, dtype=torch.float64, device=data.device)
    reported, first, began_here = time.monotonic(), state.step * size, time.monotonic()
    with stepper:
        for step in range(state.step, math.ceil(windows / size)):
            batch = ends[step * size : (step + 1) * size]
            loss = None if hooks.stop() else stepper(batch, StepIndex(state.finished, step))
            if loss is None:
                raise Stopped(replace(state, step=step, loss_sum=float(total), seconds=time.monotonic() - began))
            total += loss.double() * len(batch)
            if hooks.step is not None and time.monotonic() - reported >= 1:
                reported, done = time.monotonic(), min((step + 1) * size, windows)
                hooks.step(state.finished + 1, done, windows, (done - first) / (reported - began_here))
    return float(total)


def validate(
    network: DirectionLSTM, data: TrainingData, epoch: int, train_loss: float, rate: float, stop: Callable[[], bool]
) -> Epoch | None:
    """Loss and accuracy on validation after an epoch; None where `stop` requested it, as this takes minutes on a CPU.

    The accuracy is that of the probability: the logarithm of the weight is subtracted from the logits first.
    """
    found = validation_logits(network, data, stop)
    if found is None:
        return None
    targets = data.targets[torch.from_numpy(data.validation_ends).to(data.device)].cpu()
    loss = float(weighted_bce(torch.from_numpy(found), targets.double(), torch.tensor(data.weight).double()))
    if not (math.isfinite(train_loss) and math.isfinite(loss)):
        raise ConfigurationError(
            reasons.LOSS_NOT_FINITE,
            f"The loss of epoch {epoch} is not a finite number (train {train_loss}, validation {loss}); "
            "lower spec.training.learningRate, or look for extreme values in the features.",
        )
    right = (found > math.log(data.weight)) == (targets.numpy() == 1)
    return Epoch(epoch, train_loss, loss, float(right.mean()), rate)


def validation_logits(
    network: DirectionLSTM, data: TrainingData, stop: Callable[[], bool]
) -> NDArray[np.float64] | None:
    """Logits of the validation windows, float64[k], or None where `stop` requested it.

    Each part is a few of inference's batches, two per thread, so the bits are the same as for all windows at once.
    """
    parts, size = [], batch_on(data.device) * 2 * torch.get_num_threads()
    for first in range(0, len(data.validation_ends), size):
        if stop():
            return None
        parts.append(logits(network, data.features, data.validation_ends[first : first + size], data.lookback))
    return np.concatenate(parts)
