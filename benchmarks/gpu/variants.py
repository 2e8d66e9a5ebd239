"""Ways to take a step: plain, as a CUDA graph, compiled; and where the rows of its windows are gathered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from training import ours
from training.pace import noise, rate, train_ours

from retrain_api.spec.training import Training
from retrain_trainer.model.inference import forward
from retrain_trainer.train.loss import weighted_bce
from retrain_trainer.train.step import StepIndex, Stepper, StepSettings

from .step_setup import StepSetup

WARM_UP = 6
"""Steps before the time is taken: three plain ones, the recording, and some replays."""

SHARE = 0.5
"""Of the seconds of a cell: there are many."""

PLAIN = StepSettings()
SETTINGS = {
    "plain": PLAIN,
    "graph": StepSettings(graph=True),
    "plain, own dropout": StepSettings(own_dropout=True),
    "graph, own dropout": StepSettings(graph=True, own_dropout=True),
}


class Strided(Stepper):
    """Windows copied out of a view in which each row begins one, in place of an index for each element."""

    def loss(self, rows: Tensor, at: StepIndex, part: int) -> Tensor:
        """Mean loss, as `Stepper.loss`."""
        training_data = self.data
        windows = training_data.features.unfold(0, training_data.lookback, 1)[
            rows - (training_data.lookback - 1)
        ].transpose(1, 2)
        return loss_of(self, windows, training_data.targets[rows])


class FromTheHost(Stepper):
    """Windows gathered by the processor and sent to the card at each step. Its training data is on the CPU, its network is not."""

    def __init__(self, device: torch.device, learner: Any, training_data: Any, training: Training) -> None:
        super().__init__(learner, training_data, training, settings=PLAIN)
        self.device, self.on_cpu = device, False  # one part, as on a GPU
        self.weight = self.weight.to(device)

    def loss(self, rows: Tensor, at: StepIndex, part: int) -> Tensor:
        """Mean loss, as `Stepper.loss`."""
        training_data = self.data
        windows = training_data.features[
            (rows - (training_data.lookback - 1)).unsqueeze(1) + torch.arange(training_data.lookback)
        ]
        return loss_of(self, self.sent(windows), self.sent(training_data.targets[rows]))

    def sent(self, values: Tensor) -> Tensor:
        """On the card, without waiting for it."""
        pinned = values.pin_memory() if self.device.type == "cuda" else values
        return pinned.to(self.device, non_blocking=True)


class Compiled(Stepper):
    """Loss and gradients by torch.compile, which leaves an nn.LSTM as it is."""

    def __init__(self, learner: Any, training_data: Any, training: Training) -> None:
        super().__init__(learner, training_data, training, settings=PLAIN)
        # On a CPU, where this is only tried, nothing is compiled after the tracing: a compiler would take half a minute.
        backend = "inductor" if self.data.device.type == "cuda" else "eager"
        self.compiled: Callable[[Tensor], Tensor] = torch.compile(self.plain_loss, dynamic=False, backend=backend)

    def loss(self, rows: Tensor, at: StepIndex, part: int) -> Tensor:
        """Mean loss, as `Stepper.loss`."""
        return self.compiled(rows)

    def plain_loss(self, rows: Tensor) -> Tensor:
        """What is compiled."""
        what = self.data
        outputs = forward(self.learner.network, what.features, rows, what.lookback, what.precision)
        return weighted_bce(outputs, what.targets[rows], self.weight)


def loss_of(stepper: Stepper, windows: Tensor, targets: Tensor) -> Tensor:
    """Mean loss of windows that are gathered."""
    low = stepper.data.precision is torch.bfloat16
    with torch.autocast(windows.device.type, torch.bfloat16, enabled=low):
        outputs = stepper.learner.network(windows)
    return weighted_bce(outputs, targets, stepper.weight)


def measure(setup: StepSetup) -> None:
    """All in bfloat16. Compiled ones come last: how long a compiler takes is not ours to bound but by the step's limit."""
    for batch in setup.two_batches:
        for name, settings in SETTINGS.items():
            cell(setup, batch, name, partial(Stepper, settings=usable(settings, setup)))
        cell(setup, batch, "rows from a strided view", partial(Strided, settings=PLAIN))
        setup.notes.cell(f"batch {batch}, rows from the host", partial(from_the_host, setup, batch))
    for batch in setup.two_batches:
        cell(setup, batch, "compiled", Compiled)


def usable(settings: StepSettings, setup: StepSetup) -> StepSettings:
    """On a CPU, where this step is only tried, there are no graphs."""
    return settings if setup.device.type == "cuda" else replace(settings, graph=False)


def cell(setup: StepSetup, batch: int, name: str, stepper: Callable[..., Stepper]) -> None:
    """Windows/s of a kind of stepper."""
    pace = partial(
        train_ours, setup.sizes, setup.device, batch, torch.bfloat16, SHARE * setup.seconds, stepper, WARM_UP
    )
    setup.notes.cell(f"batch {batch}, {name}", lambda: {"windows_per_second": pace()})


def from_the_host(setup: StepSetup, batch: int) -> dict[str, float]:
    """Windows/s where the features stay in the computer's memory."""
    what = noise(setup.sizes, torch.device("cpu"), torch.bfloat16)
    stepper = partial(FromTheHost, setup.device)
    steps = ours.train(setup.sizes.shape, what, Training(batch_size=batch), setup.device, stepper)
    return {"windows_per_second": rate(steps, SHARE * setup.seconds, setup.device, WARM_UP)}
