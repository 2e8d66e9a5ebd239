"""A judgement to publish, made up: two models that were trained and measured, one that broke."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256

from retrain_api.documents.references import DataPin, FileRef, RunRef
from retrain_api.documents.tasks import PublishItem, PublishTask
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.measurement import RULES, Baselines, Measurement, Metrics
from retrain_api.spec.gate import Gate
from retrain_api.wire import to_wire
from retrain_trainer.store.base import Store

RUN = RunRef(namespace="default", name="nightly", uid="11111111-2222-3333-4444-555555555555")
NOW = datetime(2025, 6, 24, 2, 0, tzinfo=UTC)
SPEC = {
    "symbols": ["BTC-USD", "ETH-USD", "SOL-USD"],
    "label": {"horizonBars": 15, "ties": "Drop"},
    "split": {"validationPercent": 15, "testPercent": 15},
    "model": {"hiddenSize": 128, "lookbackBars": 60, "dropout": 0.35},
    "training": {"epochs": 50, "weightDecay": 0.00001},
    "evaluation": {"calibration": "Platt", "backtest": {"threshold": 0.5, "feeBps": 10}},
    "gate": to_wire(Gate()),
    "promotion": {"policy": "Automatic"},
}


def measured(accuracy: float, calibration_error: float = 0.04, **changes: object) -> Measurement:
    """A measurement around an accuracy; `changes` replace whole parts of it."""
    parts: dict[str, object] = {
        "metrics": Metrics(
            accuracy=accuracy,
            calibration_error=calibration_error,
            f1=0.6,
            auc=0.7,
            brier=0.2,
            win_rate=0.5,
            pnl=0.1,
            sharpe=1.0,
            max_drawdown=0.2,
        ),
        "baselines": Baselines(majority=0.51, persistence=0.5, reversal=0.55, logistic=0.56, p=0.001),
        "near_bounds": ((accuracy - 0.005, accuracy - 0.01, accuracy - 0.015),),
        "bars": 10_000,
        "flat_bars": 500,
        "trades": 600,
        "calibration_error_expected": 0.01,
        "rules": RULES,
    }
    return Measurement.model_validate(parts | changes)


def model_bytes(symbol: str, version: int = 1) -> bytes:
    """Bytes that stand for a model file."""
    return f"weights of {symbol}, version {version}".encode()


def put_model(store: Store, symbol: str, version: int = 1) -> FileRef:
    """A model and its card in the store, as training leaves them."""
    data = model_bytes(symbol, version)
    digest = sha256(data).hexdigest()
    name = f"lstm_{symbol.replace('-', '_')}_1m_{digest[:8]}"
    store.write(f"{name}.pt", data)
    card = {
        "symbol": symbol,
        "version": version,
        "model": {"uri": store.uri_of(f"{name}.pt"), "sha256": digest},
        "run": to_wire(RUN),
        "trainKey": "a" * 16,
        "calibration": {"method": "Platt"},
    }
    store.write(f"{name}.json", json.dumps(card).encode())
    return FileRef(uri=store.uri_of(f"{name}.pt"), sha256=digest)


def put_evaluation(store: Store, symbol: str, last_bar: str, **details: object) -> FileRef:
    """An evaluation.json in the store."""
    document = {
        "test": {"firstBar": "2025-06-17T00:00:00Z", "lastBar": last_bar, "rows": 10_560, "windows": 10_500},
        "calibration": {"method": "Platt"},
        "flatShare": 0.0476,
        "training": {"trainAccuracy": 0.72, "validationAccuracy": 0.7},
    }
    data = json.dumps(document | details).encode()
    store.write(f"runs/{symbol}/evaluation.json", data)
    return FileRef(uri=store.uri_of(f"runs/{symbol}/evaluation.json"), sha256=sha256(data).hexdigest())


def publish_item(
    store: Store,
    symbol: str,
    measurement: Measurement,
    *,
    promote: bool = True,
    version: int = 1,
    last_bar: str = "2025-06-24T00:00:00Z",
) -> PublishItem:
    """An item of a publish task whose model and evaluation are in the store."""
    return PublishItem(
        symbol=symbol,
        verdict="Pass",
        train_key="a" * 16,
        evaluate_key="b" * 16,
        model=put_model(store, symbol, version),
        data=DataPin(
            uri=f"s3://data/{symbol}.parquet",
            sha256="d" * 64,
            first_bar="2025-05-04T00:00:00Z",
            last_bar=last_bar,
            rows=70_000,
        ),
        evaluation=put_evaluation(store, symbol, last_bar),
        measurement=measurement,
        best_epoch=9,
        epochs=16,
        duration_seconds=640.0,
        promote=promote,
    )


def publish_task(store: Store, items: list[PublishItem], **changes: object) -> PublishTask:
    """A task whose judgement is the gate's own on the items' measurements."""
    candidates = [Candidate(item.symbol, item.measurement, "its training failed") for item in items]
    judgement = judge(Gate(), 2, candidates)
    task = PublishTask(
        run=RUN,
        artifacts_uri=store.uri_of(""),
        number=1,
        publish_key="c" * 16,
        judgement=to_wire(judgement),
        items=tuple(items),
        spec=SPEC,
        started="2025-06-24T01:00:00Z",
    )
    return task.model_copy(update=changes)
