"""What the tasks of a run find, as a trainer would report it: for every fake that has pods succeed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retrain_api.documents.encoding import decode_task, encode_message
from retrain_api.documents.references import DataPin, FeatureSet, FileRef
from retrain_api.documents.results import (
    Delivered,
    DeliverResult,
    EvaluateResult,
    Looked,
    NotifyResult,
    ObserveResult,
    PreflightResult,
    Promoted,
    PublishResult,
    Result,
    TaskFailure,
    TrainResult,
)
from retrain_api.documents.tasks import (
    DeliverTask,
    EvaluateItem,
    EvaluateTask,
    NotifyTask,
    ObserveItem,
    ObserveTask,
    PreflightTask,
    PublishTask,
    TrainTask,
)
from retrain_api.measurement import RULES, Baselines, Measurement, Metrics
from retrain_api.names import file_name

Task = PreflightTask | TrainTask | EvaluateTask | PublishTask | DeliverTask | ObserveTask | NotifyTask
INTERRUPTED = encode_message(TaskFailure(reason="Interrupted", message="Stopped on request."))
"""What a task says that stops because it was asked to."""
TIMES = {
    "trained_until": "2025-06-08T12:16:00Z",
    "known_until": "2025-06-16T06:16:00Z",
    "tested_until": "2025-06-24T00:00:00Z",
}
"""Of every model here, whose data end on the 24th of June."""
REPORTS = "s3://bucket/models/reports/team/improved-lstm/uid-1/"


def task_of(body: Mapping[str, Any]) -> Task:
    """The task of a Job or pod."""
    spec = body["spec"]
    (container,) = (spec["template"]["spec"] if "template" in spec else spec)["containers"]
    return decode_task(next(entry["value"] for entry in container["env"] if entry["name"] == "RETRAIN_TASK"))


def parts_of(task: Task) -> list[Any]:
    """What each pod of the task's Job works on."""
    if isinstance(task, PreflightTask):
        return [task] * task.indexes
    if isinstance(task, ObserveTask):
        return [task.model_copy(update={"items": task.items_of(index)}) for index in range(task.indexes)]
    return list(task.items) if isinstance(task, EvaluateTask) else [task]


def result_of(part: Any) -> Result:
    """The good result of a task, or of an item of an evaluation."""
    match part:
        case PreflightTask():
            return PreflightResult(preflight_key=part.preflight_key)
        case TrainTask():
            return trained(part)
        case EvaluateItem():
            return measured(part)
        case PublishTask():
            return published(part)
        case DeliverTask():
            return delivered(part)
        case ObserveTask():
            return observed(part)
        case NotifyTask():
            return NotifyResult(key=part.key, scheme="json")
    raise AssertionError(f"no such task: {part}")


def passing(accuracy: float = 0.71, error: float = 0.04) -> Measurement:
    """Figures of an honest model; passing by default."""
    return Measurement(
        metrics=Metrics(accuracy=accuracy, calibration_error=error, f1=0.7, auc=0.75, brier=0.2, win_rate=0.5, pnl=0.1),
        baselines=Baselines(majority=0.52, persistence=0.5, reversal=0.55, logistic=0.6, p=0.001),
        bars=9000,
        flat_bars=100,
        trades=600,
        rules=RULES,
    )


def trained(task: TrainTask) -> TrainResult:
    return TrainResult(
        symbol=task.symbol,
        train_key=task.train_key,
        model=FileRef(uri=f"s3://bucket/models/lstm_{task.train_key[:8]}.pt", sha256=(task.train_key * 4)[:64]),
        data=DataPin(
            uri=task.data_uri,
            sha256="d" * 64,
            first_bar="2025-05-04T00:00:00Z",
            last_bar="2025-06-24T00:00:00Z",
            rows=73139,
        ),
        epochs=34,
        best_epoch=27,
        duration_seconds=671.5,
        validation_loss=0.6123,
        validation_accuracy=0.701,
        features=FeatureSet(count=32, own=1, digest="f" * 16),
        **TIMES,
    )


def measured(item: EvaluateItem, measurement: Measurement | None = None, **figures: float) -> EvaluateResult:
    """The measurement of a model; figures as in `passing`."""
    return EvaluateResult(
        symbol=item.symbol,
        evaluate_key=item.evaluate_key,
        model_sha256=item.model.sha256,
        measurement=measurement or passing(**figures),
        details=FileRef(uri=f"s3://bucket/models/runs/{item.evaluate_key}/evaluation.json", sha256="e" * 64),
    )


def published(task: PublishTask, reports: str = REPORTS) -> PublishResult:
    """The report, and every model that the task promotes."""
    models = [(item.symbol, item.model) for item in task.items if item.promote and item.model]
    places = [(symbol, "s3://bucket/models/promoted/" + file_name(model.uri), model.sha256) for symbol, model in models]
    folder = f"{reports}{task.number}/"
    return PublishResult(
        publish_key=task.publish_key,
        markdown=folder + "report.md",
        html=folder + "report.html",
        results=folder + "results.json",
        promoted=tuple(Promoted(symbol=symbol, uri=uri, sha256=sha256) for symbol, uri, sha256 in places),
    )


def delivered(task: DeliverTask) -> DeliverResult:
    """Every copy went well."""
    return DeliverResult(targets=tuple(Delivered(name=backup.name, ok=True) for backup in task.backups))


def observed(task: ObserveTask, **numbers: Any) -> ObserveResult:
    """A look at all symbols of an index; numbers as in `looked`."""
    symbols = tuple(looked(task, item, **numbers) for item in task.items)
    return ObserveResult(observe_key=task.observe_key, symbols=symbols)


def looked(task: ObserveTask, item: ObserveItem, **numbers: Any) -> Looked:
    """The model that the run promoted, which holds by default."""
    holds: dict[str, Any] = {
        "symbol": item.symbol,
        "model": item.model,
        "run": task.run.uid,
        "newest": task.as_of,
        "blocks": 100,
        "bars": 600,
        "right": 420,
        "accuracy": 0.7,
        "calibration_error": 0.04,
        "pnl": 0.05,
        "promised": 0.71,
        "wealth": -1.0,
        "peak": 0.2,
        "promise": -0.5,
        "days_to_see": 2.0,
    }
    return Looked(**(holds | numbers))


DECAYED = {"right": 280, "accuracy": 0.4667, "wealth": 20.0, "peak": 20.0, "promise": 30.0}
"""Numbers of a model that is far below the gate's bar."""
