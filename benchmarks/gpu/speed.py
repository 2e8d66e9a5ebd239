"""The reference's loops and ours, at each batch and precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from training.pace import evaluate_ours, evaluate_reference, noise, rate, train_ours, train_reference

from retrain_trainer.model.inference import forward, logits
from retrain_trainer.model.network import DirectionLSTM
from retrain_trainer.train.training_data import TrainingData

from .notes import Figures
from .step_setup import PRECISIONS, StepSetup

COMPARED = 512
"""Windows whose logits are compared with those of a CPU."""


def measure(setup: StepSetup) -> None:
    """Training, evaluation, and how far the logits of a GPU are from those of a CPU."""
    training = partial(beside, setup, "training", train_reference)
    training({
        f"batch {batch}, {name}": partial(train_ours, setup.sizes, setup.device, batch, precision)
        for batch in setup.batches
        for name, precision in PRECISIONS.items()
    })  # fmt: skip
    evaluation = partial(beside, setup, "evaluation", evaluate_reference)
    evaluation({"as the trainer does it": partial(evaluate_ours, setup.sizes, setup.device)} | {
        f"batch {batch}, {name}": partial(evaluate, setup, batch, precision)
        for batch in setup.batches
        for name, precision in PRECISIONS.items()
    })  # fmt: skip
    setup.notes.cell("logits, largest difference from a CPU", lambda: differences(setup))


def beside(
    setup: StepSetup, what: str, reference: Callable[..., float], ours: dict[str, Callable[[float], float]]
) -> None:
    """Windows/s of the reference, then ours with their ratio to it."""
    first = setup.notes.cell(
        f"{what}, reference", lambda: {"windows_per_second": reference(setup.sizes, setup.device, setup.seconds)}
    )
    base = first.get("windows_per_second")
    for name, pace in ours.items():
        setup.notes.cell(f"{what}, {name}", partial(with_ratio, pace, setup.seconds, base))


def with_ratio(pace: Callable[[float], float], seconds: float, base: float | None) -> Figures:
    """Windows/s, and how many times the reference's that is."""
    found = pace(seconds)
    return {"windows_per_second": found} | ({"ratio": found / base} if base else {})


def evaluate(setup: StepSetup, batch: int, precision: torch.dtype, seconds: float) -> float:
    """Windows/s evaluated in batches of that size."""
    what = noise(setup.sizes, setup.device, precision)
    network = DirectionLSTM(setup.sizes.shape).to(setup.device).eval()
    return rate(evaluated(network, what, batch), seconds, setup.device)


def evaluated(network: DirectionLSTM, what: TrainingData, batch: int) -> Iterator[int]:
    """Windows done, after each call: in float32 the trainer's own, of eight batches, as many as there are otherwise."""
    done, ends = 0, torch.from_numpy(what.train_ends).to(what.device)
    while True:
        for first in range(0, len(ends), 8 * batch):
            rows = slice(first, first + 8 * batch)
            if what.precision is torch.float32:
                logits(network, what.features, what.train_ends[rows], what.lookback, batch)
            else:
                lower_precision(network, what, ends[rows], batch)
            done += len(ends[rows])
            yield done


@torch.inference_mode()
def lower_precision(network: DirectionLSTM, what: TrainingData, ends: torch.Tensor, batch: int) -> torch.Tensor:
    """Logits as no evaluation of ours computes them, for comparison."""
    parts = [forward(network, what.features, part, what.lookback, what.precision) for part in ends.split(batch)]
    return torch.cat(parts).cpu()


def differences(setup: StepSetup) -> Figures:
    """In float32, in what torch's default makes of it on a GPU (TF32), and in bfloat16; and the size of the logits."""
    torch.manual_seed(0)
    network, what = DirectionLSTM(setup.sizes.shape).eval(), noise(setup.sizes, torch.device("cpu"), torch.float32)
    ends = what.train_ends[:COMPARED]
    expected = torch.from_numpy(logits(network, what.features, ends, what.lookback))
    network, there = network.to(setup.device), noise(setup.sizes, setup.device, torch.float32)
    found = {"float32": torch.from_numpy(logits(network, there.features, ends, there.lookback))}
    for name, precision in (("torchs_default", torch.float32), ("bfloat16", torch.bfloat16)):
        lower = noise(setup.sizes, setup.device, precision)
        found[name] = lower_precision(network, lower, torch.from_numpy(ends).to(setup.device), COMPARED).double()
    return {name: float((value - expected).abs().max()) for name, value in found.items()} | {
        "logits_up_to": float(expected.abs().max())
    }
