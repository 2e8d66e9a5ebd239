"""The evaluate command: measures one trained model on bars that it has never seen.

It must read exactly what was trained: the bytes of the model, and the rows of the data. If other rows were read, the split would move
with them, and the model would be tested on bars that it was trained on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from retrain_api import reasons
from retrain_api.documents.references import FileRef
from retrain_api.documents.results import EvaluateResult
from retrain_api.documents.tasks import EvaluateItem, EvaluateTask
from retrain_api.errors import ConfigurationError, DataError, NotFoundError, RetrainError
from retrain_api.measurement import Measurement
from retrain_api.model_times import times_in
from retrain_api.names import EVALUATION_FILE, PIN_FILE, PREDICTIONS_FILE, run_folder
from retrain_api.time import Windows, duration, nanoseconds_of
from retrain_api.wire import significant, to_wire
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.data.pinning import Span, StoredPin, download, read_pin, require_pinned_rows, until_of
from retrain_trainer.data.times import times_of
from retrain_trainer.data.windows import window_ends
from retrain_trainer.measure.assess import Predictions, assess, measurement, windows_of_test
from retrain_trainer.measure.champion import Comparison, baseline, promoted_today
from retrain_trainer.measure.document import evaluation_document, figures
from retrain_trainer.measure.figures.metrics import base_rate_loss
from retrain_trainer.measure.figures.score import calibration_of, finite_logits
from retrain_trainer.measure.judged_blocks import rule_of
from retrain_trainer.measure.predictions.prediction_file import encode
from retrain_trainer.measure.tries.counting import luck_among, luck_document, record_of
from retrain_trainer.measure.tries.test_reuse import OtherTries, find_and_record
from retrain_trainer.measure.tries.try_record import TryRecord
from retrain_trainer.model.calibration import probability
from retrain_trainer.model.device import choose_device
from retrain_trainer.model.file import ModelFile, load_model
from retrain_trainer.store.base import Store
from retrain_trainer.store.credentials import environ_for
from retrain_trainer.store.locate import Locate, open_artifacts, read_if_there
from retrain_trainer.store.open import open_store, split_uri
from retrain_trainer.train import validation_logits

from .kept_rows import kept

Log = Callable[[str], None]


@dataclass(frozen=True)
class EvaluateContext:
    """What an evaluation needs and what stays the same throughout: task, item, stores and device."""

    task: EvaluateTask
    item: EvaluateItem
    store: Store
    locate: Locate
    environ: Mapping[str, str]
    device: torch.device


def run(task: EvaluateTask, environ: Mapping[str, str], log: Log) -> EvaluateResult:
    """Measure the item that JOB_COMPLETION_INDEX names (the first one when it is not set).

    A measurement of the same model that is already in the store is returned as it is. Raises NotFoundError and DataError
    for a model or data that is gone or not what was trained, and what the store raises.
    """
    item = item_of(task, environ.get("JOB_COMPLETION_INDEX", "0"))
    store, locate = open_artifacts(task.artifacts_uri, environ)
    folder = run_folder(task.run.namespace, task.run.name, task.run.uid, item.evaluate_key)
    place = folder + EVALUATION_FILE
    before = read_if_there(store, place)
    known = None if before is None else stored_result(before.data, item, store.uri_of(place))
    if known is not None:
        log(f"{item.symbol} was already evaluated: {known.details.uri}")
        return known
    context = EvaluateContext(task, item, store, locate, environ, choose_device(task.device, "evaluate"))
    document, behind = evaluate(context, log)
    # First: whoever reads the evaluation finds the predictions that it names.
    store.write(folder + PREDICTIONS_FILE, behind)
    named = FileRef(uri=store.uri_of(folder + PREDICTIONS_FILE), sha256=sha256(behind).hexdigest())
    data = json.dumps(document | {"predictions": to_wire(named)}, allow_nan=False, separators=(",", ":")).encode()
    store.write(place, data)
    return _result(item, document, FileRef(uri=store.uri_of(place), sha256=sha256(data).hexdigest()))


def item_of(task: EvaluateTask, index: str) -> EvaluateItem:
    """The item at a completion index. Raises ConfigurationError("NoSuchItem")."""
    if not index.isdecimal() or int(index) >= len(task.items):
        raise ConfigurationError(
            reasons.NO_SUCH_ITEM,
            f"JOB_COMPLETION_INDEX is {index!r}, but the task has items 0 to {len(task.items) - 1}.",
        )
    return task.items[int(index)]


def stored_result(data: bytes, item: EvaluateItem, uri: str) -> EvaluateResult | None:
    """The result in an evaluation.json; None where it is of another model or can't be read."""
    try:
        document = json.loads(data)
        if document["model"]["sha256"] != item.model.sha256:
            return None
        return _result(item, document, FileRef(uri=uri, sha256=sha256(data).hexdigest()))
    except (ValueError, KeyError, TypeError):
        return None


def evaluate(context: EvaluateContext, log: Log) -> tuple[dict[str, Any], bytes]:
    """Measure the model, and return evaluation.json, which still has to name its predictions, and predictions.parquet."""
    task, item = context.task, context.item
    model, pin = read_model(context), pin_of_training(context)
    with TemporaryDirectory(prefix="evaluate-") as folder:
        path = Path(folder) / "features.parquet"
        fetch_data(context, path, pin)
        predictions = predict(context, model, load(context, model, path, Span.of(pin)))
        log(f"{item.symbol}: {len(predictions.labelled):,} test bars to judge")
        assessment = assess(predictions, task.evaluation)
        comparison = Comparison(path, item.symbol, task.evaluation, predictions, context.device)
        champion = promoted_today(context.store, context.locate, comparison, item.model.sha256, item.champion)
        other = baseline(task.baseline, model, context.locate, comparison) if task.baseline else None
        validation = validation_figures(context, model, predictions)
    document = evaluation_document(predictions, assessment, task.evaluation)
    tries = other_tries(context, record_of(predictions, assessment, item.model.sha256, item.recipe), log)
    luck = None if tries is None else luck_among(predictions, assessment, tries)
    before, explained = None if tries is None else tries.count, None if luck is None else luck.luck
    measured = measurement(predictions, assessment, champion.champion if champion else None, before, explained)
    log(summary(item.symbol, measured))
    others = {"champion": champion, "baseline": other}
    subject = _subject(context, model)
    whole = (
        document
        | subject
        | {
            "schemaVersion": 1,
            "symbol": item.symbol,
            "measurement": to_wire(measured),
            "restated": to_wire(pin.restated) if pin and pin.restated else None,
            **to_wire(times_of(predictions.dataset, model.lookback)),
            **to_wire(rule_of(predictions)),
            "luck": None if tries is None else luck_document(predictions, assessment, luck, tries),
            "validation": validation,
            **{name: None if compared is None else to_wire(compared.champion) for name, compared in others.items()},
            "training": dict(model.training),
            "versions": versions(),
        }
    )
    return whole, encode(predictions, assessment, task.evaluation, others, subject)


def _subject(context: EvaluateContext, model: ModelFile) -> dict[str, Any]:
    """What was measured, for both files."""
    item = context.item
    return {
        "trainKey": item.train_key,
        "evaluateKey": item.evaluate_key,
        "model": to_wire(item.model),
        "data": to_wire(item.data),
        "calibration": vars(calibration_of(model, context.task.evaluation.calibration)),
    }


def other_tries(context: EvaluateContext, own: TryRecord, log: Log) -> OtherTries | None:
    """The other models that were measured on the test bars; None, with a line in the log, where the store never tells.

    Raises errors that a retry may cure.
    """
    try:
        others = find_and_record(context.store, own, context.task.run)
    except RetrainError as error:
        if error.retryable:
            raise
        log(f"{own.symbol}: it is not known how often its test bars were used before ({error.message})")
        return None
    for note in others.notes:
        log(f"{own.symbol}: {note}")
    return others


def validation_figures(context: EvaluateContext, model: ModelFile, predictions: Predictions) -> dict[str, Any] | None:
    """The figures on the validation bars, to compare with those on the test bars; None where no window ends there.

    The calibration was fitted on these bars, so their calibration error looks better than it is. `baseRateLoss` is what a model
    that has learnt nothing reads in place of the training's validation loss.
    """
    dataset, labels = predictions.dataset, predictions.dataset.labels.values
    times, interval = dataset.candles.timestamps, dataset.question.interval
    ends = window_ends(times, interval, model.lookback, dataset.split.validation, labels)
    if not ends.size:
        return None
    evaluation = context.task.evaluation
    answers = validation_logits.kept(context.store, training_folder(context), context.item.model.sha256, len(ends))
    if answers is None:
        answers = finite_logits(model, predictions.scaled, ends, context.device)
    found = probability(calibration_of(model, evaluation.calibration), answers)
    train = window_ends(times, interval, model.lookback, dataset.split.train, labels)
    nothing = base_rate_loss(labels[train], labels[ends], model.positive_weight) if train.size else None
    return figures(found, labels[ends], evaluation) | {"baseRateLoss": significant(nothing)}


def read_model(context: EvaluateContext) -> ModelFile:
    """The model that was trained. Raises NotFoundError and DataError unless every byte is the same."""
    model = context.item.model
    source = context.locate(model.uri)
    advice = "restore that file and use `retrain retry`, or train again with a new retrain.crpbot.dev/rerun token."
    stored = read_if_there(source.store, source.key)
    if stored is None:
        raise NotFoundError(reasons.MODEL_NOT_FOUND, f"The trained model {model.uri} no longer exists; {advice}")
    if sha256(stored.data).hexdigest() != model.sha256:
        raise DataError(reasons.MODEL_CHANGED, f"{model.uri} has other bytes than were trained; {advice}")
    return load_model(stored.data)


def fetch_data(context: EvaluateContext, path: Path, pin: StoredPin | None = None) -> None:
    """Download the data that the model was trained on. Raises DataError("DataChanged").

    Where the training pinned its rows, in `pin`, the file may have grown since; otherwise its bytes must be the same.
    """
    known = context.item.data
    place, key = split_uri(known.uri)
    store = open_store(place, environ_for("data", context.environ))
    found = download(store, key, path, pin, known.version_id)
    # A status has room only for the first 32 digits.
    same = len(known.sha256) >= 32 and found.startswith(known.sha256)
    if not same and pin is not None and pin.rows_sha256 is not None:
        lookup = partial(kept, context.store, context.item.symbol, pin)
        require_pinned_rows(path, found, pin, context.task.question.interval, lookup)
    elif not same:
        raise DataError(
            reasons.DATA_CHANGED,
            f"{known.uri} is no longer the file that {context.item.symbol} was trained on (sha256 {found[:12]} instead of "
            f"{known.sha256[:12]}), and a shifted split would test on trained bars. Train again with a new "
            "retrain.crpbot.dev/rerun token, or restore the file and use `retrain retry`; versioning in the bucket avoids this.",
        )


def training_folder(context: EvaluateContext) -> str:
    """Where the training left what it knew beside its model."""
    run = context.task.run
    return run_folder(run.namespace, run.name, run.uid, context.item.train_key)


def pin_of_training(context: EvaluateContext) -> StoredPin | None:
    """What the training pinned; None where nothing readable says it, or of another file than the item's."""
    item = context.item
    try:
        pin = read_pin(context.store, training_folder(context) + PIN_FILE)
    except DataError:
        return None
    return pin if pin is not None and pin.sha256.startswith(item.data.sha256) else None


def load(context: EvaluateContext, model: ModelFile, path: Path, span: Span | None = None) -> Dataset:
    """The data as in training: the same rows, features and split. Raises DataError("FeaturesDiffer")."""
    task = context.task
    dataset = load_dataset(
        path,
        symbol=context.item.symbol,
        question=task.question,
        windows=Windows(model.lookback, task.split, duration(task.window)),
        features=model.features,
        now=max(time.time_ns(), nanoseconds_of(task.as_of) if task.as_of else 0),
        until=span.until(task.question.interval) if span else until_of(context.item.data, task.question.interval),
        since=span.first if span else None,
        columns=span.columns if span else None,
    )
    if dataset.names != tuple(model.features):
        raise DataError(
            reasons.FEATURES_DIFFER,
            f"{context.item.model.uri} was not trained on the features of {context.item.data.uri}; train again.",
        )
    return dataset


def predict(context: EvaluateContext, model: ModelFile, dataset: Dataset) -> Predictions:
    """Probabilities on every test bar with a complete window, including flat ones."""
    scaled = model.scaling.apply(dataset.values, out=dataset.values)
    ends, labelled = windows_of_test(dataset, model.lookback)
    logits = np.full(dataset.split.test.stop - dataset.split.test.start, np.nan)
    logits[ends - dataset.split.test.start] = finite_logits(model, scaled, ends, context.device)
    found = probability(calibration_of(model, context.task.evaluation.calibration), logits)
    return Predictions(dataset, scaled, model.lookback, ends, labelled, found, logits)


def summary(symbol: str, measured: Measurement) -> str:
    """A line for the log."""
    values, rules = measured.metrics, measured.baselines
    return (
        f"{symbol} evaluation: Accuracy={values.accuracy or 0:.3f} (majority {rules.majority or 0:.3f}), "
        f"Calibration error={values.calibration_error or 0:.3f}, PnL={values.pnl or 0:.3f}, Trades={measured.trades}"
    )


def versions() -> dict[str, str]:
    """Versions of the software that computed the figures."""
    found = {"torch": torch.__version__, "numpy": np.__version__}
    try:
        return {"retrain": version("retrain-operator")} | found
    except PackageNotFoundError:
        return found


def _result(item: EvaluateItem, document: Mapping[str, Any], where: FileRef) -> EvaluateResult:
    return EvaluateResult(
        symbol=item.symbol,
        evaluate_key=item.evaluate_key,
        model_sha256=item.model.sha256,
        measurement=Measurement.model_validate(document["measurement"]),
        details=where,
        **dict(times_in(document)),
    )
