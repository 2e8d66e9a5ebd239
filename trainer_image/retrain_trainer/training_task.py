"""The train command: one symbol's model, from its feature file to model file, card and result in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from retrain_api.documents import DataPin, FileRef, TrainResult, TrainTask, encode
from retrain_api.errors import SoftwareError
from retrain_api.names import card_file, model_file, run_folder

from . import calibrate, checkpoint
from .card import model_card
from .credentials import environ_for
from .device import choose_device, choose_precision, precision_name, prepare
from .inference import logits
from .interruption import Stop
from .locate import open_artifacts, read_if_there
from .model import Architecture
from .model_file import ModelFile, save_model
from .narration import epoch_line, progress_line, resuming_line
from .pinning import fetch, pin_of, read_pin, write_pin
from .store import Store, split_uri
from .train import Hooks, Learner, Problem, State, Stopped, fit, new_learner
from .training_data import Material, load_material, problem_on

RESULT = "result.json"
PIN = "data.json"

TRAIN_SAMPLE = 16_384
"""Train windows, evenly spread, that the train accuracy in model file and card is measured on."""

Log = Callable[[str], None]


@dataclass(frozen=True)
class Site:
    """Where a training takes place, and what stays the same throughout."""

    task: TrainTask
    store: Store
    folder: str
    device: torch.device
    environ: Mapping[str, str]
    log: Log
    stop: Stop


@dataclass(frozen=True)
class Trained:
    """A finished training; `resumed` epochs of it were kept from an earlier start."""

    learner: Learner
    problem: Problem
    state: State
    resumed: int


def run(task: TrainTask, environ: Mapping[str, str], log: Log, stop: Stop) -> TrainResult:
    """Train what `task` says, from the last checkpoint on; a training whose result is in the store repeats it.

    Raises NoDeviceError before any data is read, Interrupted after a request to `stop` was met with a checkpoint,
    DataError and ConfigurationError for what no retry mends, and what the store raises.
    """
    store, _ = open_artifacts(task.artifacts_uri, environ)
    folder = run_folder(task.run.namespace, task.run.name, task.run.uid, task.train_key)
    known = earlier_result(task, store, folder, log)
    if known is not None:
        checkpoint.remove(store, folder, log)
        return known
    site = Site(task, store, folder, choose_device(task.device, "train"), environ, log, stop)
    pin, material = prepare_data(site)
    trained = train(site, material, pin)
    result = finish(site, material, pin, trained)
    log(f"{task.symbol} training complete in {trained.state.seconds / 60:.1f} minutes")
    return result


def earlier_result(task: TrainTask, store: Store, folder: str, log: Log) -> TrainResult | None:
    """The result in the store, if there is one and its model file is there too."""
    stored = read_if_there(store, folder + RESULT)
    if stored is None:
        return None
    try:
        result = TrainResult.model_validate_json(stored.data)
    except ValidationError:
        log(f"{store.uri_of(folder + RESULT)} is damaged; training {task.symbol} again.")
        return None
    if store.head(model_key(result.model)) is None:
        log(f"The model file {result.model.uri} is not there any more; training {task.symbol} again.")
        return None
    log(f"{task.symbol} is trained already: {result.model.uri}")
    return result


def model_key(reference: FileRef) -> str:
    """Key of a model file; it lies at the root of the artifacts store."""
    return split_uri(reference.uri)[1]


def prepare_data(site: Site) -> tuple[DataPin, Material]:
    """Download, pin, load and scale the data; nothing of it is left on the disk."""
    task, place = site.task, site.folder + PIN
    pinned = read_pin(site.store, place)
    with TemporaryDirectory(prefix="train-") as scratch:
        path, digest, version = fetch(task.data_uri, environ_for("data", site.environ), pinned, Path(scratch))
        site.stop.check()
        material = load_material(task, path)
    pin = pinned or pin_of(task.data_uri, material.dataset, digest, version)
    if pinned is None:
        write_pin(site.store, place, pin)
    for warning in material.dataset.warnings:
        site.log(f"{task.symbol}: {warning}")
    return pin, material


def train(site: Site, material: Material, pin: DataPin) -> Trained:
    """Fit, from the newest checkpoint that can be used; every epoch leaves one.

    Raises Interrupted once a request to stop was met with a checkpoint.
    """
    task, owner = site.task, checkpoint.Owner(site.task.train_key, pin.sha256)
    prepare(task.training, site.environ.get("OMP_NUM_THREADS"))
    problem = problem_on(material, task, site.device, choose_precision(task.training.precision, site.device))
    learner = new_learner(architecture_of(task, len(material.dataset.names)), task.training, site.device)

    def save(reached: State) -> None:
        checkpoint.save(site.store, site.folder, checkpoint.capture(learner, reached), owner, site.log)

    kept = checkpoint.resume(site.store, site.folder, learner, owner, site.log)
    if kept is not None:
        site.log(resuming_line(task.symbol, kept.finished, kept.step))
    begun = kept or State()
    with site.stop.deferred():
        reached = fit_or_save(site, learner, problem, begun, save)
    if reached.finished < task.training.epochs:
        site.log(f"Early stopping triggered at epoch {reached.finished}")
    return Trained(learner, problem, reached, begun.finished)


def fit_or_save(site: Site, learner: Learner, problem: Problem, begun: State, save: Callable[[State], None]) -> State:
    """Fit to the end; where a request stops it, save where it is. The request interrupts after that."""
    try:
        return fit(learner, problem, site.task.training, begun, hooks(site, save))
    except Stopped as stopped:
        if stopped.state.step:
            save(stopped.state)
        site.log(
            f"{site.task.symbol} is saved in epoch {stopped.state.finished + 1} after {stopped.state.step} batches"
        )
        return stopped.state


def architecture_of(task: TrainTask, features: int) -> Architecture:
    """The network that the task describes, for so many features."""
    model = task.model
    return Architecture(features, model.hidden_size, model.layers, model.dropout, model.bidirectional)


def hooks(site: Site, save: Callable[[State], None]) -> Hooks:
    """Checkpoint and log line after every epoch, progress for a terminal where asked for."""
    epochs = site.task.training.epochs

    def epoch(state: State) -> None:
        save(state)
        site.log(epoch_line(state.epochs[-1], epochs))

    def step(number: int, done: int, total: int, rate: float) -> None:
        site.log(progress_line(number, epochs, done, total, rate))

    asked = site.environ.get("RETRAIN_PROGRESS") == "1"
    return Hooks(epoch=epoch, step=step if asked else None, stop=site.stop)


def finish(site: Site, material: Material, pin: DataPin, trained: Trained) -> TrainResult:
    """Model file, card, result, in this order; then the checkpoints go."""
    task, state = site.task, trained.state
    model = finished_model(task, material, trained)
    reference = write_model(site.store, model)
    best = state.epochs[state.patience.best_epoch - 1]
    result = TrainResult(
        symbol=task.symbol,
        train_key=task.train_key,
        model=reference,
        data=pin,
        epochs=state.finished,
        best_epoch=best.epoch,
        duration_seconds=round(state.seconds, 1),
        resumed_epochs=trained.resumed,
        validation_loss=best.validation_loss,
        validation_accuracy=best.validation_accuracy,
        warnings=material.dataset.warnings,
    )
    card = model_card(task, material.dataset, pin, model, state, result, site.environ)
    site.store.write(card_file(model_key(reference)), card.encode())
    site.store.write(site.folder + RESULT, encode(result).encode())
    checkpoint.remove(site.store, site.folder, site.log)
    return result


def finished_model(task: TrainTask, material: Material, trained: Trained) -> ModelFile:
    """The best weights, calibrated on validation, with all that inference needs.

    Platt scaling is always fitted: an evaluation without calibration leaves it out, and needs no other file.
    """
    network, dataset = trained.learner.network, material.dataset
    network.load_state_dict(trained.learner.best)
    found = logits(network, trained.problem.features, material.validation, trained.problem.lookback)
    labels = dataset.labels.values[material.validation]
    calibration = calibrate.fit(found, labels, material.positive_weight, "Platt")
    figures = {
        "trainAccuracy": train_accuracy(material, trained, calibration),
        "validationAccuracy": accuracy(calibration, found, labels),
    }
    return ModelFile(
        network=network,
        symbol=task.symbol,
        interval=task.interval,
        features=dataset.names,
        scaling=material.scaling,
        lookback=task.model.lookback_bars,
        horizon_bars=task.label.horizon_bars,
        ties=task.label.ties,
        calibration=calibration,
        validation_end=int(dataset.candles.timestamps[dataset.split.validation.stop - 1]),
        training=figures | summary(trained),
        built_in=material.built_in,
        positive_weight=material.positive_weight,
    )


def summary(trained: Trained) -> dict[str, int | float | str]:
    """Figures of the training that its bits decide: no time and nothing of the machine but its precision."""
    patience = trained.state.patience
    return {
        "epochsTrained": trained.state.finished,
        "bestEpoch": patience.best_epoch,
        "validationLoss": patience.best_loss,
        "precisionUsed": precision_name(trained.problem.precision),
        "trainWindows": len(trained.problem.train_ends),
        "validationWindows": len(trained.problem.validation_ends),
    }


def train_accuracy(material: Material, trained: Trained, calibration: calibrate.Calibration) -> float:
    """Accuracy on train windows, at most TRAIN_SAMPLE of them, evenly spread."""
    rows = material.train[:: -(-len(material.train) // TRAIN_SAMPLE)]
    found = logits(trained.learner.network, trained.problem.features, rows, trained.problem.lookback)
    return accuracy(calibration, found, material.dataset.labels.values[rows])


def accuracy(calibration: calibrate.Calibration, found: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """Share of labels [k] that the calibrated probability has on the right side of 0.5."""
    return float(((calibrate.probability(calibration, found) > 0.5) == (labels == 1)).mean())


def write_model(store: Store, model: ModelFile) -> FileRef:
    """Write the model file under the name of its bytes."""
    data = save_model(model)
    digest = sha256(data).hexdigest()
    key = model_file(model.symbol, model.interval, digest)
    there = read_if_there(store, key)
    if there is not None and sha256(there.data).hexdigest() != digest:
        raise SoftwareError(
            "ModelFileExists",
            f"{store.uri_of(key)} is there with other bytes than its name says; move it away, then run again.",
        )
    if there is None:
        store.write(key, data)
    return FileRef(uri=store.uri_of(key), sha256=digest)
