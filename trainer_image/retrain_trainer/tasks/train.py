"""The train command: one symbol's model, from its feature file to model file, card and result in the store.

Nodes are drained and pods are killed, so every step can be repeated: a finished training returns its result, an interrupted
one continues from its checkpoint, and both give the same bytes as a training that nothing interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.documents.encoding import encode
from retrain_api.documents.references import DataPin, FeatureSet, FileRef
from retrain_api.documents.results import TrainResult
from retrain_api.documents.tasks import TrainTask
from retrain_api.errors import SoftwareError
from retrain_api.keys import digest as digest_of
from retrain_api.names import PIN_FILE, card_file, file_name, model_file, run_folder
from retrain_api.time import duration, nanoseconds_of
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.dataset import Dataset
from retrain_trainer.data.files.candles import FeatureFile
from retrain_trainer.data.freshness import require_fresh, require_new
from retrain_trainer.data.pinning import (
    Span,
    StoredPin,
    fetch,
    pin_of,
    read_pin,
    require_pinned_rows,
    until_of,
    write_pin,
)
from retrain_trainer.data.times import times_of
from retrain_trainer.measure.leaks.find import Leaks, find_leaks
from retrain_trainer.measure.tries.last_used import last_used
from retrain_trainer.model.calibration import Calibration, probability
from retrain_trainer.model.calibration import fit as fit_calibration
from retrain_trainer.model.device import choose_device, choose_precision, precision_name, prepare
from retrain_trainer.model.file import ModelFile, save_model
from retrain_trainer.model.inference import logits
from retrain_trainer.model.network import Architecture
from retrain_trainer.store.base import Store
from retrain_trainer.store.credentials import environ_for
from retrain_trainer.store.locate import open_artifacts, read_if_there
from retrain_trainer.train import checkpoint, validation_logits
from retrain_trainer.train.card import model_card
from retrain_trainer.train.learner import Learner, new_learner
from retrain_trainer.train.loop import Hooks, State, Stopped, fit
from retrain_trainer.train.training_data import PreparedData, TrainingData, prepare_file, training_data_on

from . import kept_rows
from .interruption import Stop
from .kept_rows import Rows
from .known import RESULT, earlier_result, model_key, result_of_another_uid
from .log_format import epoch_line, progress_line, resuming_line

TRAIN_SAMPLE = 16_384
"""Number of evenly spread train windows that the train accuracy in model file and card is measured on."""

Log = Callable[[str], None]


@dataclass(frozen=True)
class TrainContext:
    """What a training needs and what stays the same throughout: task, store, device, log and stop."""

    task: TrainTask
    store: Store
    folder: str
    device: torch.device
    environ: Mapping[str, str]
    log: Log
    stop: Stop


@dataclass(frozen=True)
class Trained:
    """A finished training; `resumed` is the number of epochs kept from an earlier start."""

    learner: Learner
    data: TrainingData
    state: State
    resumed: int


def run(task: TrainTask, environ: Mapping[str, str], log: Log, stop: Stop) -> TrainResult:
    """Train `task`, starting from the last checkpoint; a result that is already in the store is returned, also one that the
    run left there under another UID.

    Raises NoDeviceError before any data is read, Interrupted once a request to `stop` has been answered with a checkpoint,
    DataError and ConfigurationError for what no retry can cure, and what the store raises.
    """
    store, _ = open_artifacts(task.artifacts_uri, environ)
    folder = run_folder(task.run.namespace, task.run.name, task.run.uid, task.train_key)
    known = earlier_result(task, store, folder, log)
    if known is not None:
        checkpoint.remove(store, folder, log)
        return known
    context = TrainContext(task, store, folder, choose_device(task.device, "train"), environ, log, stop)
    pin, prepared = prepare_data(context)
    restored = result_of_another_uid(task, store, pin.reference, log)
    if restored is not None:
        store.write(folder + RESULT, encode(restored).encode())
        return restored
    leaks = look_for_leaks(context, prepared.dataset)
    trained = train(context, prepared, pin)
    result = finish(context, prepared, pin, trained, leaks)
    log(f"{task.symbol} training complete in {trained.state.seconds / 60:.1f} minutes")
    return result


def prepare_data(context: TrainContext) -> tuple[StoredPin, PreparedData]:
    """Download, pin, load and scale the data; none of it is left on the disk."""
    task, place = context.task, context.folder + PIN_FILE
    pinned = read_pin(context.store, place)
    with TemporaryDirectory(prefix="train-") as scratch:
        own = environ_for("data", context.environ)
        path, digest, version = fetch(task.data_uri, own, pinned, Path(scratch), task.symbol, task.interval)
        if pinned is None:
            pin, prepared = first_start(context, path, digest, version)
        else:
            lookup = partial(kept_rows.kept, context.store, task.symbol, pinned)
            require_pinned_rows(path, digest, pinned, task.question.interval, lookup)
            pin, prepared = pinned, prepare_file(task, path, until(task, pinned), Span.of(pinned))
    dataset, told = prepared.dataset, pin.restated.sentence if pin.restated else ""
    for line in filter(None, (dataset.left_open, dataset.feature_line, *dataset.warnings, told)):
        context.log(f"{task.symbol}: {line}")
    return pin, prepared


def first_start(context: TrainContext, path: Path, digest: str, version: str | None) -> tuple[StoredPin, PreparedData]:
    """Load a file that nothing pins yet, and pin its rows. The pin of another pod that did so at this moment wins."""
    task, rows, moment = context.task, list[Rows](), until(context.task, None)

    def look(file: FeatureFile) -> None:
        as_of = iso_time(moment)
        rows.append(kept_rows.look_at(file, task.question.interval, context.store, task.symbol, as_of, context.log))

    prepared = prepare_file(task, path, moment, on_rows=look)
    (found,) = rows
    pin = pin_of(task.data_uri, prepared.dataset, digest, version, found.pin)
    require_newer(context, prepared.dataset, pin.reference)
    kept_rows.keep(context.store, task.symbol, found, context.log)
    named = pin.model_copy(update={"restated": found.restated})
    return write_pin(context.store, context.folder + PIN_FILE, named), prepared


def require_newer(context: TrainContext, dataset: Dataset, pin: DataPin) -> None:
    """The preflight's questions again, of the very bytes that are to be learnt from. Raises DataError: DataStale, NoNewBars.

    Asked before the bytes are pinned, so that a retry reads what has come since. What was trained already, by this run under
    another UID, is not asked again.
    """
    task, times = context.task, dataset.candles.timestamps
    if task.max_age is None and task.min_new_bars == 0:
        return
    if result_of_another_uid(task, context.store, pin, lambda _: None) is not None:
        return
    name = file_name(task.data_uri)
    require_fresh(times, dataset.question.interval, dataset.until, duration(task.max_age), name)
    used = last_used(context.store, task.symbol, task.recipe) if task.min_new_bars else None
    require_new(times, task.min_new_bars, used, name)


def until(task: TrainTask, pinned: StoredPin | None) -> int:
    """The time by which bars must have closed, in nanoseconds UTC; the clock, where neither task nor pin says one.

    A training that started before goes on with its own bars, as of whatever time its run is by now.
    """
    if pinned is not None:
        span = Span.of(pinned)
        return span.until(task.question.interval) if span else until_of(pinned, task.question.interval)
    return time.time_ns() if task.as_of is None else nanoseconds_of(task.as_of)


def look_for_leaks(context: TrainContext, dataset: Dataset) -> Leaks:
    """Say before the first epoch what the evaluation would find: a column that knows later bars, bars that stand there twice."""
    leaks = find_leaks(dataset, dataset.values)
    for sentence in (*leaks.suspicions, *leaks.warnings):
        context.log(f"{context.task.symbol}: {sentence}")
    return leaks


def train(context: TrainContext, prepared: PreparedData, pin: StoredPin) -> Trained:
    """Fit, starting from the newest usable checkpoint; every epoch leaves one.

    Raises Interrupted once a request to stop has been answered with a checkpoint.
    """
    task, owner = context.task, checkpoint.Owner(context.task.train_key, pin.sha256)
    prepare(task.training, context.environ.get("OMP_NUM_THREADS"))
    data = training_data_on(prepared, task, context.device, choose_precision(task.training.precision, context.device))
    learner = new_learner(architecture_of(task, len(prepared.dataset.names)), task.training, context.device)

    def save(reached: State) -> None:
        checkpoint.save(context.store, context.folder, checkpoint.capture(learner, reached), owner, context.log)

    kept = checkpoint.resume(context.store, context.folder, learner, owner, context.log)
    if kept is not None:
        context.log(resuming_line(task.symbol, kept.finished, kept.step))
    start = kept or State()
    with context.stop.deferred():
        reached = fit_or_save(context, learner, data, start, save)
    if reached.finished < task.training.epochs:
        context.log(f"Early stopping triggered at epoch {reached.finished}")
    return Trained(learner, data, reached, start.finished)


def fit_or_save(
    context: TrainContext, learner: Learner, data: TrainingData, start: State, save: Callable[[State], None]
) -> State:
    """Fit to the end, or save a checkpoint where a request stops it. The request interrupts after that."""
    try:
        return fit(learner, data, context.task.training, start, hooks(context, save))
    except Stopped as stopped:
        if stopped.state.step:
            save(stopped.state)
        context.log(
            f"{context.task.symbol} is saved in epoch {stopped.state.finished + 1} after {stopped.state.step} batches"
        )
        return stopped.state


def architecture_of(task: TrainTask, features: int) -> Architecture:
    """The network that the task describes, for that number of features."""
    model = task.model
    return Architecture(features, model.hidden_size, model.layers, model.dropout, model.bidirectional)


def hooks(context: TrainContext, save: Callable[[State], None]) -> Hooks:
    """Checkpoint and log line after every epoch, and progress lines where RETRAIN_PROGRESS asks for them."""
    epochs = context.task.training.epochs

    def epoch(state: State) -> None:
        save(state)
        context.log(epoch_line(state.epochs[-1], epochs))

    def step(number: int, done: int, total: int, rate: float) -> None:
        context.log(progress_line(number, epochs, done, total, rate))

    asked = context.environ.get("RETRAIN_PROGRESS") == "1"
    return Hooks(epoch=epoch, step=step if asked else None, stop=context.stop)


def finish(
    context: TrainContext, prepared: PreparedData, pin: StoredPin, trained: Trained, leaks: Leaks
) -> TrainResult:
    """Write model file, its answers on validation, card and result, in this order, and then remove the checkpoints.

    The result is written last, because a training with a result counts as finished.
    """
    task, state = context.task, trained.state
    answers = best_answers(prepared, trained)
    model = finished_model(task, prepared, trained, answers)
    reference = write_model(context.store, model)
    validation_logits.keep(context.store, context.folder, reference.sha256, answers)
    best = state.epochs[state.patience.best_epoch - 1]
    result = TrainResult(
        symbol=task.symbol,
        train_key=task.train_key,
        model=reference,
        data=pin.reference,
        epochs=state.finished,
        best_epoch=best.epoch,
        duration_seconds=round(state.seconds, 1),
        resumed_epochs=trained.resumed,
        validation_loss=best.validation_loss,
        validation_accuracy=best.validation_accuracy,
        warnings=(
            *prepared.dataset.warnings,
            *((pin.restated.sentence,) if pin.restated else ()),
            *leaks.suspicions,
            *leaks.warnings,
        ),
        features=feature_set(prepared.dataset),
        look_ahead=leaks.reference(),
        restated=pin.restated,
        **dict(times_of(prepared.dataset, task.model.lookback_bars)),
    )
    card = model_card(task, prepared.dataset, pin.reference, model, state, result, context.environ, leaks.as_document())
    context.store.write(card_file(model_key(reference)), card.encode())
    context.store.write(context.folder + RESULT, encode(result).encode())
    checkpoint.remove(context.store, context.folder, context.log)
    return result


def feature_set(dataset: Dataset) -> FeatureSet:
    """What was learnt from, in short."""
    described = {"features": dataset.names, "builtIn": dataset.computed}
    return FeatureSet(count=len(dataset.names), own=len(dataset.own), digest=digest_of(described))


def best_answers(prepared: PreparedData, trained: Trained) -> NDArray[np.float64]:
    """Logits [k] of the best weights on the validation windows; the network has these weights from then on."""
    network = trained.learner.network
    network.load_state_dict(trained.learner.best)
    return logits(network, trained.data.features, prepared.validation, trained.data.lookback)


def finished_model(
    task: TrainTask, prepared: PreparedData, trained: Trained, answers: NDArray[np.float64]
) -> ModelFile:
    """The best weights, calibrated by their `answers` on validation, with everything that inference needs.

    Platt scaling is always fitted: an evaluation without calibration ignores it and needs no other file.
    """
    network, dataset = trained.learner.network, prepared.dataset
    labels = dataset.labels.values[prepared.validation]
    calibration = fit_calibration(answers, labels, prepared.positive_weight, "Platt")
    figures = {
        "trainAccuracy": train_accuracy(prepared, trained, calibration),
        "validationAccuracy": accuracy(calibration, answers, labels),
    }
    return ModelFile(
        network=network,
        symbol=task.symbol,
        question=dataset.question,
        features=dataset.names,
        scaling=prepared.scaling,
        lookback=task.model.lookback_bars,
        calibration=calibration,
        validation_end=int(dataset.candles.timestamps[dataset.split.validation.stop - 1]),
        training=figures | summary(trained),
        built_in=prepared.built_in,
        positive_weight=prepared.positive_weight,
        computed=dataset.computed if dataset.own and dataset.computed else None,
    )


def summary(trained: Trained) -> dict[str, int | float | str]:
    """Figures that depend only on the training's bits: no times, and nothing about the machine except its precision."""
    patience = trained.state.patience
    return {
        "epochsTrained": trained.state.finished,
        "bestEpoch": patience.best_epoch,
        "validationLoss": patience.best_loss,
        "precisionUsed": precision_name(trained.data.precision),
        "trainWindows": len(trained.data.train_ends),
        "validationWindows": len(trained.data.validation_ends),
    }


def train_accuracy(prepared: PreparedData, trained: Trained, calibration: Calibration) -> float:
    """Accuracy on at most TRAIN_SAMPLE evenly spread train windows."""
    rows = prepared.train[:: -(-len(prepared.train) // TRAIN_SAMPLE)]
    found = logits(trained.learner.network, trained.data.features, rows, trained.data.lookback)
    return accuracy(calibration, found, prepared.dataset.labels.values[rows])


def accuracy(calibration: Calibration, found: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """Share of labels [k] that the calibrated probability has on the right side of 0.5."""
    return float(((probability(calibration, found) > 0.5) == (labels == 1)).mean())


def write_model(store: Store, model: ModelFile) -> FileRef:
    """Write the model file under a name that contains the digest of its bytes.

    Raises SoftwareError("ModelFileExists") where other bytes have that name.
    """
    data = save_model(model)
    digest = sha256(data).hexdigest()
    key = model_file(model.symbol, model.interval, digest)
    there = read_if_there(store, key)
    if there is not None and sha256(there.data).hexdigest() != digest:
        raise SoftwareError(
            reasons.MODEL_FILE_EXISTS,
            f"{store.uri_of(key)} exists, but its bytes are not those that its name says; move it away, then use `retrain retry`.",
        )
    if there is None:
        store.write(key, data)
    return FileRef(uri=store.uri_of(key), sha256=digest)
