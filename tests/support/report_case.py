"""Facts of a report, made up: measurements with all that stands behind them, or as little as one likes."""

from __future__ import annotations

import math
from typing import Any

from retrain_api.documents.references import DataPin, FileRef
from retrain_api.documents.tasks import PublishItem, PublishTask
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.measurement import METRICS, Measurement
from retrain_api.spec.gate import Gate
from retrain_api.wire import to_wire
from retrain_trainer.report.facts import Facts

from .publishing_case import RUN, SPEC, measured

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
DOCUMENT = {"test": {"firstBar": "2025-06-17T00:00:00Z", "lastBar": "2025-06-24T00:00:00Z"}}


def item(symbol: str, measurement: Measurement | None, **changes: Any) -> PublishItem:
    pin = DataPin(uri="s3://d/x.parquet", sha256="d" * 64, first_bar="2025-05-04", last_bar="2025-06-24", rows=73_139)
    trained = PublishItem(
        symbol=symbol,
        verdict="",
        train_key="a" * 16,
        evaluate_key="b" * 16,
        model=FileRef(uri=f"s3://m/lstm_{symbol}.pt", sha256="e" * 64),
        data=pin,
        measurement=measurement,
        best_epoch=9,
        epochs=16,
    )
    if measurement is None:
        trained = PublishItem(symbol=symbol, verdict="Error")
    return trained.model_copy(update=changes)


def facts(
    measurements: dict[str, Measurement | None],
    *,
    gate: Gate | None = None,
    spec: dict[str, Any] | None = None,
    document: dict[str, Any] | None = None,
    items: dict[str, dict[str, Any]] | None = None,
    **changes: Any,
) -> Facts:
    gate = gate or Gate()
    judgement = judge(
        gate, 2, [Candidate(s, m, "its training failed: the loss is not finite") for s, m in measurements.items()]
    )
    task = PublishTask(
        run=RUN,
        artifacts_uri="s3://m/",
        number=3,
        publish_key="c" * 16,
        judgement=to_wire(judgement),
        items=tuple(item(symbol, m, **(items or {}).get(symbol, {})) for symbol, m in measurements.items()),
        spec=SPEC | {"gate": to_wire(gate)} | (spec or {}),
    )
    shared = DOCUMENT | (document or {})
    facts = {"written_at": "2025-06-24T02:00:00Z", "evaluations": dict.fromkeys(measurements, shared)}
    return Facts(task=task, judgement=judgement, **(facts | changes))


def original() -> dict[str, Measurement | None]:
    """The original plan's own example."""
    return dict(zip(SYMBOLS, (measured(0.712, 0.038), measured(0.694, 0.042), measured(0.668, 0.049)), strict=True))


def evaluation(days: int = 8, points: int = 500) -> dict[str, Any]:
    """An evaluation.json with all that a plot is drawn from."""
    bins = 15
    return {
        "test": {"firstBar": "2025-06-17T00:00:00Z", "lastBar": "2025-06-24T00:00:00Z"},
        "intervals": {metric: {"90": [0.61, 0.64], "95": [0.6, 0.65], "99": [0.59, 0.66]} for metric in METRICS},
        "confusion": {"tp": 3_000, "fp": 2_000, "tn": 3_500, "fn": 1_500},
        "reliability": [
            {"low": n / bins, "high": (n + 1) / bins, "count": 100 * n, "meanProbability": (n + 0.5) / bins, "observedShare": (n + 0.4) / bins}
            for n in range(bins)
        ],
        "accuracyByDay": [{"period": f"2025-{6 + n // 28:02}-{1 + n % 28:02}", "bars": 1_000 + n, "accuracy": 0.5 + 0.01 * (n % 7)} for n in range(days)],
        "accuracyByMonth": [{"period": f"2025-{n:02}", "bars": 30_000, "accuracy": 0.52} for n in (6, 7)],
        "backtest": {"threshold": 0.5, "feeBps": 10.0},
        "equity": [
            {"time": f"2025-06-{17 + n // 100:02}T{n % 24:02}:{n % 60:02}:00Z", "equity": 1 + 0.2 * math.sin(n / 20)}
            for n in range(points)
        ],
        "training": {"trainAccuracy": 0.72, "validationAccuracy": 0.7},
        "majorityPValue": 0.0002,
        "doubleBlock": {"blockBars": 75, "doubleBlockBars": 150, "intervals": {"accuracy": [0.58, 0.67]}},
        "warnings": ["2 gaps in time"],
        "versions": {"torch": "2.15.0"},
    }  # fmt: skip


def card(epochs: int = 16) -> dict[str, Any]:
    """A model card with the training's curves."""
    return {
        "epochs": [
            {
                "epoch": n,
                "train_loss": 0.69 / n,
                "validation_loss": 0.69 - 0.002 * n,
                "validation_accuracy": 0.5 + 0.01 * n,
                "learning_rate": 0.001 / n**2,
            }
            for n in range(1, epochs + 1)
        ]
    }


def whole_facts(symbols: int = 3, **changes: Any) -> Facts:
    """The first models of the original plan's example with everything that can be known."""
    known = {"document": evaluation(), "cards": dict.fromkeys(SYMBOLS, card())}
    return facts(dict(list(original().items())[:symbols]), **(known | changes))
