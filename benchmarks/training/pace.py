"""Windows a second of the reference's loops and of ours, on noise, at a steady state: the arithmetic is that of any data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from retrain_api.spec.training import Training
from retrain_trainer.model.network import Architecture, DirectionLSTM
from retrain_trainer.train.step import Stepper
from retrain_trainer.train.training_data import TrainingData

from . import ours, reference

THE_PLANS = Architecture(31, 128, 3, 0.35, True)


@dataclass(frozen=True)
class Sizes:
    """Of the noise and the network. Every usual batch divides the windows, so that all steps are of one size."""

    windows: int = 18_432
    lookback: int = 60
    shape: Architecture = THE_PLANS


DEFAULT = Sizes()


def noise(sizes: Sizes, device: torch.device, precision: torch.dtype) -> TrainingData:
    """Features and targets that say nothing."""
    generator = torch.Generator().manual_seed(0)
    rows = sizes.windows + sizes.lookback
    features = torch.randn(rows, sizes.shape.features, generator=generator).to(device)
    targets = (torch.rand(rows, generator=generator) > 0.5).float().to(device)
    ends = np.arange(sizes.lookback, rows, dtype=np.int64)
    return TrainingData(features, targets, ends, ends, sizes.lookback, 1.0, precision)


def synchronise(device: torch.device) -> None:
    """What a GPU was given is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def rate(steps: Iterator[int], seconds: float, device: torch.device, warm_up: int = 3) -> float:
    """Windows a second over so many seconds; the first yields only warm up."""
    for _ in range(warm_up):
        first = next(steps)
    synchronise(device)
    began, done = time.perf_counter(), first
    while time.perf_counter() - began < seconds:
        done = next(steps)
    synchronise(device)
    return (done - first) / (time.perf_counter() - began)


def endless(epoch: Callable[[int], Iterator[int]]) -> Iterator[int]:
    """Epoch after epoch; yields the windows done in all. A GPU is through with one before the time is over."""
    before = 0
    for number in range(1_000_000):
        done = 0
        for done in epoch(number):
            yield before + done
        before += done


def train_reference(sizes: Sizes, device: torch.device, seconds: float) -> float:
    """The reference's training."""
    what, shape = noise(sizes, torch.device("cpu"), torch.float32), sizes.shape
    windows = reference.Windows(what.features, what.targets, torch.from_numpy(what.train_ends), what.lookback)
    network = reference.Network(shape.features, shape.hidden_size, shape.layers, shape.dropout).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-5)
    epochs = endless(lambda seed: reference.train(network, windows, 1.0, seed, device, optimiser))
    return rate(epochs, seconds, device)


def train_ours(
    sizes: Sizes,
    device: torch.device,
    batch: int,
    precision: torch.dtype,
    seconds: float,
    stepper: Callable[..., Stepper] = Stepper,
    warm_up: int = 3,
) -> float:
    """Our training, with a kind of stepper."""
    steps = ours.train(sizes.shape, noise(sizes, device, precision), Training(batch_size=batch), device, stepper)
    found = rate(steps, seconds, device, warm_up)
    steps.close()  # type: ignore[attr-defined]
    return found


def evaluate_reference(sizes: Sizes, device: torch.device, seconds: float) -> float:
    """The reference's evaluation."""
    what, shape = noise(sizes, torch.device("cpu"), torch.float32), sizes.shape
    windows = reference.Windows(what.features, what.targets, torch.from_numpy(what.train_ends), what.lookback)
    network = reference.Network(shape.features, shape.hidden_size, shape.layers, shape.dropout).to(device)
    return rate(endless(lambda _: reference.evaluate(network, windows, device)), seconds, device)


def evaluate_ours(sizes: Sizes, device: torch.device, seconds: float) -> float:
    """Our evaluation, in its own batches."""
    what = noise(sizes, device, torch.float32)
    network = DirectionLSTM(sizes.shape).to(device)
    return rate(ours.evaluate(network, what.features, what.train_ends, what.lookback), seconds, device)
