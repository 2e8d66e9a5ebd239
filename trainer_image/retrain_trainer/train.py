"""The training loop: from windows, labels and a spec to the best weights. Knows no store and no task.

Everything random comes from the seed, the epoch and the generator state that a checkpoint keeps, so a training that
was stopped anywhere and went on gives the same bits on a CPU as one that was not.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from retrain_api.errors import ConfigurationError
from retrain_api.spec_data import Training
from torch import Tensor

from .inference import batch_on, logits
from .loss import weighted_bce
from .model import Architecture, DirectionLSTM
from .schedule import Patience, exhausted, learning_rate, observe
from .step import Moment, Stepper

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Problem:
    """What is learnt. features: float32[rows, f], scaled, on the device; targets: float32[rows], 1 up and 0 down, on
    the device; train_ends, validation_ends: int64 rows of the windows' last bars; weight: of the up labels."""

    features: Tensor
    targets: Tensor
    train_ends: NDArray[np.int64]
    validation_ends: NDArray[np.int64]
    lookback: int
    weight: float
    precision: torch.dtype = torch.float32

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.features.device


@dataclass(frozen=True)
class Epoch:
    """One finished epoch; learning_rate is the one that was used in it."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float


@dataclass(frozen=True)
class State:
    """How far a training is: finished epochs, steps done of the one begun, its summed loss, and the best so far."""

    epochs: tuple[Epoch, ...] = ()
    step: int = 0
    loss_sum: float = 0.0
    patience: Patience = field(default_factory=Patience)
    seconds: float = 0.0

    @property
    def finished(self) -> int:
        """Finished epochs."""
        return len(self.epochs)


@dataclass
class Learner:
    """Network and optimiser, which a step changes in place, and the best weights so far."""

    network: DirectionLSTM
    optimiser: torch.optim.Adam
    best: Weights


class Stopped(Exception):
    """Asked to stop; the state says where."""

    def __init__(self, state: State) -> None:
        super().__init__("stopped")
        self.state = state


@dataclass(frozen=True)
class Hooks:
    """What the loop tells and asks. `step` gets epoch, windows done, windows in the epoch, windows a second."""

    epoch: Callable[[State], None] = lambda state: None
    step: Callable[[int, int, int, float], None] | None = None
    stop: Callable[[], bool] = lambda: False


def new_learner(architecture: Architecture, training: Training, device: torch.device) -> Learner:
    """Fresh weights from the seed, and Adam."""
    torch.manual_seed(training.seed)
    network = DirectionLSTM(architecture).to(device)
    optimiser = torch.optim.Adam(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=device.type == "cuda"
    )
    return Learner(network, optimiser, copy.deepcopy(network.state_dict()))


def fit(learner: Learner, problem: Problem, training: Training, state: State, hooks: Hooks) -> State:
    """Train from `state` to the end: all epochs, or early stopping. `learner.best` then holds the best weights.

    Raises Stopped between two steps when `hooks.stop` says so, ConfigurationError("LossNotFinite") for a loss that is
    not a finite number.
    """
    while state.finished < training.epochs and not exhausted(state.patience, training.early_stopping):
        began = time.monotonic() - state.seconds
        rate = learning_rate(training.scheduler, training.learning_rate, state.finished)
        loss_sum = train_epoch(learner, problem, training, state, rate, hooks, began)
        loss = loss_sum / len(problem.train_ends)
        epoch = validate(learner.network, problem, state.finished + 1, loss, rate, hooks.stop)
        if epoch is None:
            steps = math.ceil(len(problem.train_ends) / training.batch_size)
            raise Stopped(replace(state, step=steps, loss_sum=loss_sum, seconds=time.monotonic() - began))
        patience = observe(state.patience, epoch.epoch, epoch.validation_loss, training.early_stopping.min_delta)
        if patience.best_epoch == epoch.epoch:
            learner.best = copy.deepcopy(learner.network.state_dict())
        state = State((*state.epochs, epoch), patience=patience, seconds=time.monotonic() - began)
        hooks.epoch(state)
    return state


def order_of(training: Training, epoch: int, windows: int) -> Tensor:
    """The order of the windows in an epoch (from 0), from seed and epoch alone; int64[windows] on the CPU."""
    generator = torch.Generator().manual_seed(training.seed * 1_000_003 + epoch)
    return torch.randperm(windows, generator=generator)


def train_epoch(
    learner: Learner, problem: Problem, training: Training, state: State, rate: float, hooks: Hooks, began: float
) -> float:
    """The steps of an epoch that are still to be done; the sum of the losses of all its windows."""
    learner.network.train()
    for group in learner.optimiser.param_groups:
        group["lr"] = rate
    windows, size = len(problem.train_ends), training.batch_size
    ends = torch.from_numpy(problem.train_ends)[order_of(training, state.finished, windows)].to(problem.device)
    total = torch.tensor(state.loss_sum, dtype=torch.float64, device=problem.device)
    told, first, began_here = time.monotonic(), state.step * size, time.monotonic()
    with Stepper(learner, problem, training, hooks.stop) as stepper:
        for step in range(state.step, math.ceil(windows / size)):
            batch = ends[step * size : (step + 1) * size]
            loss = None if hooks.stop() else stepper(batch, Moment(state.finished, step))
            if loss is None:
                raise Stopped(replace(state, step=step, loss_sum=float(total), seconds=time.monotonic() - began))
            total += loss.double() * len(batch)
            if hooks.step is not None and time.monotonic() - told >= 1:
                told, done = time.monotonic(), min((step + 1) * size, windows)
                hooks.step(state.finished + 1, done, windows, (done - first) / (told - began_here))
    return float(total)


def validate(
    network: DirectionLSTM, problem: Problem, epoch: int, train_loss: float, rate: float, stop: Callable[[], bool]
) -> Epoch | None:
    """Loss and accuracy on validation after an epoch; None where `stop` said so, for on a CPU this takes minutes.

    The accuracy is that of the probability: the logarithm of the weight is taken off the logits first.
    """
    found = validation_logits(network, problem, stop)
    if found is None:
        return None
    targets = problem.targets[torch.from_numpy(problem.validation_ends).to(problem.device)].cpu()
    loss = float(weighted_bce(torch.from_numpy(found), targets.double(), torch.tensor(problem.weight).double()))
    if not (math.isfinite(train_loss) and math.isfinite(loss)):
        raise ConfigurationError(
            "LossNotFinite",
            f"The loss of epoch {epoch} is not a finite number (train {train_loss}, validation {loss}); "
            "lower spec.training.learningRate, or look for extreme values in the features.",
        )
    right = (found > math.log(problem.weight)) == (targets.numpy() == 1)
    return Epoch(epoch, train_loss, loss, float(right.mean()), rate)


def validation_logits(network: DirectionLSTM, problem: Problem, stop: Callable[[], bool]) -> NDArray[np.float64] | None:
    """Logits of the validation windows, float64[k], or None where `stop` said so.

    A part is some of inference's batches, two for each thread, so the bits are those of all windows at once.
    """
    parts, size = [], batch_on(problem.device) * 2 * torch.get_num_threads()
    for first in range(0, len(problem.validation_ends), size):
        if stop():
            return None
        parts.append(logits(network, problem.features, problem.validation_ends[first : first + size], problem.lookback))
    return np.concatenate(parts)


def random_state(device: torch.device) -> dict[str, Any]:
    """Where dropout's random numbers are."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Go on with the random numbers that were next."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
