"""One step of the optimiser. On a CPU the batch is split, and each part is computed by a thread of its own.

Parts and their order depend on the batch alone, dropout's random numbers on seed, epoch, step and part: the bits are the
same with any number of threads, and nothing has to be remembered to go on with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

import torch
from retrain_api.spec_data import Training
from torch import Tensor

from .inference import forward
from .loss import weighted_bce
from .workers import Workers

if TYPE_CHECKING:
    from .train import Learner, Problem

GRADIENT_NORM = 1.0
"""Longest gradient, as in the original plan; an LSTM's gradient explodes now and then."""

PART = 32
"""Windows computed at once on a CPU; a batch is added up from parts. One thread trains 362 windows/s in parts of 32, 291 in
parts of 128, whose gates leave the cache. It also bounds the memory of a step, and how long a request to stop waits."""

SMALLEST_PART = 16
"""A batch that fits one part is split for two threads all the same, down to this: 320 windows/s for each of them."""


@dataclass(frozen=True)
class Moment:
    """Where in a training a step is: epoch and step from 0."""

    epoch: int
    step: int


def seed_of(seed: int, at: Moment, part: int) -> int:
    """Seed of dropout's random numbers, another for each part of each step."""
    return (((seed * 1_000_003 + at.epoch) * 1_000_003 + at.step) * 1_009 + part) % 2**63


class Stepper:
    """Steps of one learner on one problem; a context manager, for its threads.

    `stepper(rows, at)` does one step on the windows that end at `rows` (int64[batch], on the device) and returns their
    mean loss, detached, a scalar on the device; or None when `stop` said so between two parts of it: weights and optimiser
    are then as they were.
    """

    def __init__(
        self, learner: Learner, problem: Problem, training: Training, stop: Callable[[], bool] = lambda: False
    ) -> None:
        self.stop = stop
        self.learner, self.problem, self.seed = learner, problem, training.seed
        self.weight = torch.tensor(problem.weight, device=problem.device)
        self.parameters = list(learner.network.parameters())
        self.on_cpu = problem.device.type == "cpu"
        # On a GPU dropout is cuDNN's own, which is faster and keeps a state that no checkpoint can hold.
        self.seeded = self.on_cpu or training.deterministic
        self.workers = Workers(self.pieces(training.batch_size))

    def __enter__(self) -> Stepper:
        self.workers.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.workers.__exit__(kind, error, trace)

    def __call__(self, rows: Tensor, at: Moment) -> Tensor | None:
        split = rows.tensor_split(self.pieces(len(rows)))
        loss = self.whole(rows, at) if len(split) == 1 else self.in_parts(split, at)
        if loss is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, GRADIENT_NORM)
            self.learner.optimiser.step()
        return loss

    def pieces(self, windows: int) -> int:
        """Into how many parts so many windows are split; on a GPU one. Not by the number of threads: it would be in the bits."""
        return max(-(-windows // PART), min(2, windows // SMALLEST_PART), 1) if self.on_cpu else 1

    def whole(self, rows: Tensor, at: Moment) -> Tensor:
        """Gradients of a batch that is not split."""
        self.learner.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(rows, at, 0)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def in_parts(self, split: Sequence[Tensor], at: Moment) -> Tensor | None:
        """Gradients of all parts, added in their order: so the bits do not depend on who is first."""
        compute = partial(self.share, at=at, windows=sum(map(len, split)))
        total, gradients = torch.zeros(()), [torch.zeros_like(parameter) for parameter in self.parameters]
        for share in self.workers.map(compute, split, range(len(split))):
            if share is None:
                return None
            total += share[0]
            for gradient, more in zip(gradients, share[1], strict=True):
                gradient += more
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        return total

    def share(self, rows: Tensor, part: int, at: Moment, windows: int) -> tuple[Tensor, tuple[Tensor, ...]] | None:
        """A part's share of the batch's mean loss, and its gradients; None when somebody asked to stop."""
        if part >= self.workers.count and self.stop():
            return None
        loss = self.loss(rows, at, part) * (len(rows) / windows)
        return loss.detach(), torch.autograd.grad(loss, self.parameters)

    def loss(self, rows: Tensor, at: Moment, part: int) -> Tensor:
        """Mean loss of the windows that end at `rows`."""
        problem = self.problem
        generator = torch.Generator(problem.device) if self.seeded else None
        if generator is not None:
            generator.manual_seed(seed_of(self.seed, at, part))
        outputs = forward(self.learner.network, problem.features, rows, problem.lookback, problem.precision, generator)
        return weighted_bce(outputs, problem.targets[rows], self.weight)
