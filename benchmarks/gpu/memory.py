"""Peak memory of the GPU and of the process with two years of 1-minute bars: loaded, trained at three batches, evaluated."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from training.tasks import train_task
from training_memory import ROWS, feature_file, resident_mb

from retrain_api.spec.training import Training
from retrain_trainer.model.device import choose_precision
from retrain_trainer.model.inference import batch_on, logits
from retrain_trainer.model.network import Architecture
from retrain_trainer.train.learner import new_learner
from retrain_trainer.train.step import StepIndex, Stepper
from retrain_trainer.train.training_data import TrainingData, prepare_file, training_data_on

from .notes import Figures
from .step_setup import StepSetup

ROWS_SMALL = 4_000
STEPS = 20
PROCESS = "self"


def measure(setup: StepSetup) -> None:
    """Each cell with its own peak on the GPU; the peak of the process grows over all of them."""
    torch.zeros(1, device=setup.device)
    setup.notes.cell("torch and an empty device", lambda: peaks(setup.device))
    found: list[TrainingData] = []
    setup.notes.cell("loaded", lambda: loaded(setup, found))
    for what in found:
        for batch in (*setup.two_batches, setup.batches[-1]):
            setup.notes.cell(f"{STEPS} steps of batch {batch}", partial(trained, setup, what, batch))
        setup.notes.cell("evaluated", partial(evaluated, setup, what))


def peaks(device: torch.device) -> Figures:
    """MB, of the GPU since the last time it was asked: in use by tensors, and reserved by torch."""
    figures = {"resident_mb": resident_mb(PROCESS, "VmHWM")}
    if device.type == "cpu":
        return figures
    torch.cuda.synchronize()
    figures |= {
        "gpu_mb": torch.cuda.max_memory_allocated() / 2**20,
        "gpu_reserved_mb": torch.cuda.max_memory_reserved() / 2**20,
    }
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return figures


def file_of(setup: StepSetup) -> Path:
    """Two years of features; written once for this step and the one that stops a training."""
    path = setup.scratch / "features.parquet"
    if not path.exists():
        feature_file(path, ROWS_SMALL if setup.small else ROWS)
    return path


def loaded(setup: StepSetup, found: list[TrainingData]) -> Figures:
    """Read, scaled and on the device."""
    path = file_of(setup)
    began = time.perf_counter()
    kind: Literal["GPU", "CPU"] = "GPU" if setup.device.type == "cuda" else "CPU"
    task = train_task(path, setup.scratch, device=kind)
    precision = choose_precision("Auto", setup.device)
    found.append(training_data_on(prepare_file(task, path), task, setup.device, precision))
    return {**peaks(setup.device), "seconds": time.perf_counter() - began}


def trained(setup: StepSetup, what: TrainingData, batch: int) -> Figures:
    """Some steps; their memory does not grow after the first."""
    how = Training(batch_size=batch)
    learner = new_learner(shape_for(setup, what), how, setup.device)
    learner.network.train()
    rows = torch.from_numpy(what.train_ends[:batch]).to(setup.device)
    with Stepper(learner, what, how) as stepper:
        for step in range(2 if setup.small else STEPS):
            stepper(rows, StepIndex(0, step))
    return peaks(setup.device)


def evaluated(setup: StepSetup, what: TrainingData) -> Figures:
    """A few batches of the evaluation."""
    network = new_learner(shape_for(setup, what), Training(), setup.device).network
    logits(network, what.features, what.validation_ends[: 3 * batch_on(setup.device)], what.lookback)
    return peaks(setup.device)


def shape_for(setup: StepSetup, what: TrainingData) -> Architecture:
    """The network for that many features."""
    return replace(setup.sizes.shape, features=what.features.shape[1])
