"""The evaluate command: one trained model, measured on the bars it never saw."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from retrain_api.documents import EvaluateItem, EvaluateResult, EvaluateTask, FileRef
from retrain_api.errors import ConfigurationError, DataError, Interrupted, NotFoundError, RetrainError
from retrain_api.measurement import Champion, Measurement
from retrain_api.names import run_folder
from retrain_api.schema import to_wire

from .assess import Trial, assess, measurement, windows_of_test
from .champion import Bout, baseline, promoted_today
from .credentials import environ_for
from .dataset import Dataset, load_dataset
from .details import details, figures
from .device import choose_device
from .judged import count_and_leave
from .locate import Locate, open_artifacts, read_if_there
from .model_file import ModelFile, load_model
from .score import calibration_of, probabilities
from .store import Store, open_store, split_uri
from .timeline import interval_nanoseconds
from .windows import window_ends

Log = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """Where an evaluation takes place."""

    task: EvaluateTask
    item: EvaluateItem
    store: Store
    locate: Locate
    environ: Mapping[str, str]
    device: torch.device


def run(task: EvaluateTask, environ: Mapping[str, str], log: Log) -> EvaluateResult:
    """Measure the item that JOB_COMPLETION_INDEX names (the first one when it is not set).

    A measurement of the same model that is in the store already is repeated. Raises NotFoundError and DataError for
    a model or data that is gone or not what was trained, and what the store raises.
    """
    item = item_of(task, environ.get("JOB_COMPLETION_INDEX", "0"))
    store, locate = open_artifacts(task.artifacts_uri, environ)
    place = run_folder(task.run.namespace, task.run.name, task.run.uid, item.evaluate_key) + "evaluation.json"
    before = read_if_there(store, place)
    known = None if before is None else repeated(before.data, item, store.uri_of(place))
    if known is not None:
        log(f"{item.symbol} was evaluated before: {known.details.uri}")
        return known
    bench = Bench(task, item, store, locate, environ, choose_device(task.device, "evaluate"))
    document = evaluate(bench, log)
    data = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    store.write(place, data)
    return _result(item, document["measurement"], FileRef(uri=store.uri_of(place), sha256=sha256(data).hexdigest()))


def item_of(task: EvaluateTask, index: str) -> EvaluateItem:
    """The item of a completion index."""
    if not index.isdecimal() or int(index) >= len(task.items):
        raise ConfigurationError(
            "NoSuchItem", f"JOB_COMPLETION_INDEX is {index!r}, and the task has items 0 to {len(task.items) - 1}."
        )
    return task.items[int(index)]


def repeated(data: bytes, item: EvaluateItem, uri: str) -> EvaluateResult | None:
    """The result of an evaluation.json, or None where it is of another model or can't be read."""
    try:
        document = json.loads(data)
        if document["model"]["sha256"] != item.model.sha256:
            return None
        return _result(item, document["measurement"], FileRef(uri=uri, sha256=sha256(data).hexdigest()))
    except (ValueError, KeyError, TypeError):
        return None


def evaluate(bench: Bench, log: Log) -> dict[str, Any]:
    """The whole of evaluation.json."""
    task, item = bench.task, bench.item
    model = read_model(bench)
    with TemporaryDirectory(prefix="evaluate-") as folder:
        path = Path(folder) / "features.parquet"
        fetch_data(bench, path)
        tested = predict(bench, model, load(bench, model, path))
        log(f"{item.symbol}: {len(tested.judged):,} test bars to judge")
        assessment = assess(tested, task.evaluation)
        bout = Bout(path, item.symbol, task.label, task.evaluation, tested, bench.device)
        champion = promoted_today(bench.store, bench.locate, bout, item.model.sha256)
        other = baseline(task.baseline, model, bench.locate, bout) if task.baseline else None
        validation = on_validation(bench, model, tested)
    document = details(tested, assessment, task.evaluation)
    before = judged_before(bench, document["test"], log)
    measured = measurement(tested, assessment, champion, before)
    log(summary(item.symbol, measured))
    return document | {
        "schemaVersion": 1,
        "symbol": item.symbol,
        "trainKey": item.train_key,
        "evaluateKey": item.evaluate_key,
        "model": to_wire(item.model),
        "data": to_wire(item.data),
        "measurement": to_wire(measured),
        "validation": validation,
        "champion": _wire(champion),
        "baseline": _wire(other),
        "calibration": vars(calibration_of(model, task.evaluation.calibration)),
        "training": dict(model.training),
        "versions": versions(),
    }


def judged_before(bench: Bench, test: Mapping[str, Any], log: Log) -> int | None:
    """How many other models the test bars have judged; None, and a line in the log, where the store does not tell."""
    item = bench.item
    try:
        return count_and_leave(
            bench.store, item.symbol, test["firstBar"], test["lastBar"], item.model.sha256, bench.task.run
        )
    except Interrupted:
        raise
    except RetrainError as error:
        log(f"{item.symbol}: how often its test bars have been judged is not known ({error.message})")
        return None


def on_validation(bench: Bench, model: ModelFile, tested: Trial) -> dict[str, Any] | None:
    """The figures of validation beside those of test; the calibration was fitted there, so it reads better than it is."""
    dataset, labels = tested.dataset, tested.dataset.labels.values
    times, interval = dataset.candles.timestamps, interval_nanoseconds(dataset.interval)
    ends = window_ends(times, interval, model.lookback, dataset.split.validation, labels)
    if not ends.size:
        return None
    evaluation = bench.task.evaluation
    return figures(
        probabilities(model, tested.scaled, ends, evaluation.calibration, bench.device), labels[ends], evaluation
    )


def read_model(bench: Bench) -> ModelFile:
    """The model that was trained, to the byte."""
    model = bench.item.model
    source = bench.locate(model.uri)
    advice = "restore that file, or train again with a new retrain.crpbot.dev/rerun token."
    stored = read_if_there(source.store, source.key)
    if stored is None:
        raise NotFoundError("ModelNotFound", f"The trained model {model.uri} is not there any more; {advice}")
    if sha256(stored.data).hexdigest() != model.sha256:
        raise DataError("ModelChanged", f"{model.uri} has other bytes than were trained; {advice}")
    return load_model(stored.data)


def fetch_data(bench: Bench, path: Path) -> None:
    """Download exactly the bytes that the model was trained on."""
    pin = bench.item.data
    place, key = split_uri(pin.uri)
    found = open_store(place, environ_for("data", bench.environ)).download(key, path, pin.version_id)
    # A status has room for the first 32 digits alone.
    if len(pin.sha256) < 32 or not found.startswith(pin.sha256):
        raise DataError(
            "DataChanged",
            f"{pin.uri} is not the file any more that {bench.item.symbol} was trained on (sha256 {found[:12]} instead of "
            f"{pin.sha256[:12]}), and a shifted split would test on trained bars; train again with a new "
            "retrain.crpbot.dev/rerun token, restore the file, or turn on versions in the bucket.",
        )


def load(bench: Bench, model: ModelFile, path: Path) -> Dataset:
    """The data as it was trained on: the same rows, features and split."""
    task = bench.task
    dataset = load_dataset(
        path,
        symbol=bench.item.symbol,
        interval=task.interval,
        features=model.features,
        horizon_bars=task.label.horizon_bars,
        ties=task.label.ties,
        validation_percent=task.split.validation_percent,
        test_percent=task.split.test_percent,
        lookback=model.lookback,
    )
    if dataset.names != tuple(model.features):
        raise DataError(
            "FeaturesDiffer",
            f"{bench.item.model.uri} was not trained on the features of {bench.item.data.uri}; train again.",
        )
    return dataset


def predict(bench: Bench, model: ModelFile, dataset: Dataset) -> Trial:
    """Probabilities on every test bar with a whole window, flat ones too."""
    scaled = model.scaling.apply(dataset.values, out=dataset.values)
    ends, judged = windows_of_test(dataset, model.lookback)
    found = np.full(dataset.split.test.stop - dataset.split.test.start, np.nan)
    found[ends - dataset.split.test.start] = probabilities(
        model, scaled, ends, bench.task.evaluation.calibration, bench.device
    )
    return Trial(dataset, scaled, model.lookback, bench.task.label.horizon_bars, ends, judged, found)


def summary(symbol: str, measured: Measurement) -> str:
    """One line for the log."""
    values, rules = measured.metrics, measured.baselines
    return (
        f"{symbol} evaluation: Accuracy={values.accuracy or 0:.3f} (majority {rules.majority or 0:.3f}), "
        f"Calibration error={values.calibration_error or 0:.3f}, PnL={values.pnl or 0:.3f}, Trades={measured.trades}"
    )


def versions() -> dict[str, str]:
    """Versions of what computed the figures."""
    found = {"torch": torch.__version__, "numpy": np.__version__}
    try:
        return {"retrain": version("retrain-operator")} | found
    except PackageNotFoundError:
        return found


def _wire(champion: Champion | None) -> dict[str, Any] | None:
    return None if champion is None else to_wire(champion)


def _result(item: EvaluateItem, measured: Any, where: FileRef) -> EvaluateResult:
    return EvaluateResult(
        symbol=item.symbol,
        evaluate_key=item.evaluate_key,
        model_sha256=item.model.sha256,
        measurement=Measurement.model_validate(measured),
        details=where,
    )
