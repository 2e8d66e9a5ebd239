"""One step of the optimiser. On a CPU the batch is split, and each part is computed by its own thread; on a GPU the step may
be a CUDA graph.

Parts and their order depend only on the batch, and dropout's random numbers only on seed, epoch, step and part. The bits are
therefore the same with any number of threads, and a checkpoint needs no further state to continue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType

import torch
from torch import Tensor

from retrain_api.spec.training import Training
from retrain_trainer.model.inference import forward
from retrain_trainer.model.workers import Workers

from .graph import GraphedStep
from .learner import Learner
from .loss import weighted_bce
from .training_data import TrainingData

GRADIENT_NORM = 1.0
"""Longest gradient, as in the original plan; an LSTM's gradient explodes occasionally."""

PART = 32
"""Windows per part on a CPU. One thread trains 362 windows/s in parts of 32, and 291 in parts of 128, whose gates no longer
fit the cache. It also limits the memory of a step, and how long a request to stop waits."""

SMALLEST_PART = 16
"""A batch that fits one part is still split for two threads, down to parts of this size: 320 windows/s for each."""


@dataclass(frozen=True)
class StepIndex:
    """The position of a step in a training: epoch and step, both from 0."""

    epoch: int
    step: int


def seed_of(seed: int, at: StepIndex, part: int) -> int:
    """The seed of dropout's random numbers, different for each part of each step."""
    return (((seed * 1_000_003 + at.epoch) * 1_000_003 + at.step) * 1_009 + part) % 2**63


@dataclass(frozen=True)
class StepSettings:
    """How steps are executed on a GPU. Not in the spec, because it changes only the speed of a training.

    graph: as a CUDA graph. own_dropout: dropout's numbers come from seed, epoch and step, as on a CPU and in deterministic
    trainings; cuDNN's own dropout is faster, but no checkpoint can hold its state.
    """

    graph: bool = False
    own_dropout: bool = False


def choose_settings(device: torch.device) -> StepSettings:
    """The settings that pay off on a device. Nothing counts as paying off until it has been measured: `benchmarks/gpu_sitting.py`."""
    return StepSettings()


class Stepper:
    """Steps of one learner on one set of training data; a context manager that owns its threads, and can be entered again in
    each epoch.

    `stepper(rows, at)` does one step on the windows that end at `rows` (int64[batch], on the device) and returns their
    mean loss, a detached scalar on the device. It returns None, with weights and optimiser unchanged, where `stop`
    requested it between two parts.
    """

    def __init__(
        self,
        learner: Learner,
        data: TrainingData,
        training: Training,
        stop: Callable[[], bool] = lambda: False,
        settings: StepSettings | None = None,
    ) -> None:
        self.stop, settings = stop, settings or choose_settings(data.device)
        self.learner, self.data, self.training = learner, data, training
        self.weight = torch.tensor(data.weight, device=data.device)
        self.parameters = list(learner.network.parameters())
        self.on_cpu = data.device.type == "cpu"
        own = training.deterministic or settings.own_dropout
        # Seeded before each step: a graph draws only from the generator that it was recorded with.
        self.generator = torch.Generator(data.device) if own and not self.on_cpu else None
        size = training.batch_size
        self.graphed = GraphedStep(learner.optimiser, size, self.generator) if settings.graph else None
        self.workers = Workers(self.pieces(training.batch_size))

    def __enter__(self) -> Stepper:
        self.workers.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.workers.__exit__(kind, error, trace)

    def __call__(self, rows: Tensor, at: StepIndex) -> Tensor | None:
        if self.generator is not None:
            self.generator.manual_seed(seed_of(self.training.seed, at, 0))
        split = rows.tensor_split(self.pieces(len(rows)))
        if len(split) > 1:
            return self.in_parts(split, at)
        whole = partial(self.whole, at=at)
        return self.graphed(rows, whole) if self.graphed else whole(rows)

    def pieces(self, windows: int) -> int:
        """The number of parts that a batch of that many windows is split into; on a GPU one.

        It does not depend on the number of threads, which would otherwise change the bits.
        """
        return max(-(-windows // PART), min(2, windows // SMALLEST_PART), 1) if self.on_cpu else 1

    def whole(self, rows: Tensor, at: StepIndex) -> Tensor:
        """A step on a batch that is not split."""
        loss = self.loss(rows, at, 0)
        self.update(torch.autograd.grad(loss, self.parameters))
        return loss.detach()

    def in_parts(self, split: Sequence[Tensor], at: StepIndex) -> Tensor | None:
        """A step on all parts. Gradients are added in order, so the bits do not depend on which part finishes first."""
        compute = partial(self.share, at=at, windows=sum(map(len, split)))
        total, gradients = torch.zeros(()), [torch.zeros_like(parameter) for parameter in self.parameters]
        for share in self.workers.map(compute, split, range(len(split))):
            if share is None:
                return None
            total += share[0]
            for gradient, more in zip(gradients, share[1], strict=True):
                gradient += more
        self.update(gradients)
        return total

    def update(self, gradients: Sequence[Tensor]) -> None:
        """Update the weights with these gradients, clipped to GRADIENT_NORM."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(self.parameters, GRADIENT_NORM)
        self.learner.optimiser.step()

    def share(self, rows: Tensor, part: int, at: StepIndex, windows: int) -> tuple[Tensor, tuple[Tensor, ...]] | None:
        """A part's share of the batch's mean loss, and its gradients; None after a request to stop."""
        if part >= self.workers.count and self.stop():
            return None
        loss = self.loss(rows, at, part) * (len(rows) / windows)
        return loss.detach(), torch.autograd.grad(loss, self.parameters)

    def loss(self, rows: Tensor, at: StepIndex, part: int) -> Tensor:
        """Mean loss of the windows that end at `rows`."""
        data, generator = self.data, self.generator_of(at, part)
        outputs = forward(self.learner.network, data.features, rows, data.lookback, data.precision, generator)
        return weighted_bce(outputs, data.targets[rows], self.weight)

    def generator_of(self, at: StepIndex, part: int) -> torch.Generator | None:
        """The generator that dropout draws from. On a CPU each part has its own, because parts run in parallel."""
        if not self.on_cpu:
            return self.generator
        return torch.Generator().manual_seed(seed_of(self.training.seed, at, part))
