"""Facts of a report, made up: measurements with all that stands behind them, or as little as one likes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from retrain_api.documents.references import DataPin, FileRef
from retrain_api.documents.tasks import PublishItem, PublishTask
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.measurement import METRICS, Champion, Measurement, Metrics
from retrain_api.spec.gate import Gate
from retrain_api.wire import to_wire
from retrain_trainer.measure.predictions.trades import Trade, Traded, by_month
from retrain_trainer.model.pointer import Previous, TestPeriod
from retrain_trainer.report.facts import Facts

from .publishing_case import RUN, SPEC, measured

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
DOCUMENT = {"test": {"firstBar": "2025-06-17T00:00:00Z", "lastBar": "2025-06-24T00:00:00Z"}}


def section(text: str, title: str) -> str:
    """A part of the Markdown report; empty where it has none of that title."""
    parts = text.split(f"## {title}\n")
    return parts[1].split("\n## ")[0] if len(parts) > 1 else ""


def rows(text: str, title: str, name: str) -> list[dict[str, str]]:
    """The rows that begin with a name, in all tables of a part, by their columns."""
    found, head = [], None
    for line in section(text, title).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] if line.startswith("|") else None
        if cells is None or head is None:
            head = cells
        elif cells[0] == name:
            found.append(dict(zip(head, cells, strict=True)))
    return found


def row(text: str, title: str, name: str) -> dict[str, str]:
    """All that the tables of a part say of a name."""
    return {column: cell for each in rows(text, title, name) for column, cell in each.items()}


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
            {"time": f"2025-06-{17 + n // 72:02}T{n // 3 % 24:02}:{n % 3 * 20:02}:00Z", "equity": 1 + 0.2 * math.sin(n / 20)}
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


def traded(points: Sequence[Mapping[str, Any]], months: int = 2) -> Traded:
    """What was traded behind an equity curve: a month to each trade, and an account that holds."""
    trades = tuple(
        Trade("long", f"2025-{6 + n:02}-17T00:01:00Z", 100.0, f"2025-{6 + n:02}-17T00:16:00Z", 101.0, 15, 0.008, 1.008)
        for n in range(months)
    )
    beside = tuple({**point, "hold": 1 + 0.1 * math.cos(n / 40)} for n, point in enumerate(points))
    return Traded(trades, tuple(by_month(trades)), 0.05, 0.12, beside)


def whole_document(**changes: Any) -> dict[str, Any]:
    """An evaluation.json in which nothing is missing, of a model that was not the first to be tried."""
    found = evaluation()
    found["test"] |= {"bars": 10_000, "accuracy": 0.66}
    found["validation"] = {"bars": 10_000, "accuracy": 0.7, "calibrationError": 0.02, "loss": 0.6, "baseRateLoss": 0.69}
    found["baseRate"] = 0.497
    found["against"] = {
        name: {"difference": 0.1, "low": 0.05, "high": 0.15, "pValue": 0.000999}
        for name in ("majority", "persistence", "reversal", "logistic")
    }
    found["luck"] = {
        "tries": 4,
        "pValue": 0.0002,
        "realityCheck": 0.0009,
        "luck": 0.02,
        "luckiest": 0.534,
        "deflatedSharpe": 0.83,
    }
    found["backtest"] |= {"feesPaid": 1.21, "exposure": 0.93}
    found |= {
        "trainedUntil": "2025-05-27T06:00:00Z",
        "knownUntil": "2025-06-03T12:00:00Z",
        "testedUntil": "2025-06-24T00:16:00Z",
    }
    found["predictions"] = {"uri": "s3://m/runs/default/nightly/predictions.parquet", "sha256": "e" * 64}
    return found | changes


OLD = Previous(
    uri="s3://m/promoted/old.pt",
    sha256="0" * 64,
    metrics=Metrics(accuracy=0.69, pnl=0.2),
    test=TestPeriod(first_bar="2025-05-01T00:00:00Z", last_bar="2025-05-31T00:00:00Z"),
)


def whole_spec() -> dict[str, Any]:
    """A spec with every field that a report names."""
    return {
        "data": {"uri": "s3://bucket/features/", "interval": "1m", "window": "60d"},
        "split": {"validation": "7d", "test": "7d", "validationPercent": 15, "testPercent": 15},
        "model": {"hiddenSize": 128, "layers": 3, "bidirectional": True, "lookbackBars": 60, "dropout": 0.35},
        "training": {"epochs": 50, "batchSize": 32, "learningRate": 0.001, "weightDecay": 0.00001, "seed": 0},
    }


def whole_facts(symbols: int = 3, **changes: Any) -> Facts:
    """The first models of the original plan's example with everything that can be known."""
    document = changes.pop("document", None) or whole_document()
    features = [f"feature_{n}" for n in range(31)]
    named = {"features": features, "featureSet": {"count": 31, "sentence": f"31 features: {', '.join(features)}."}}
    known: dict[str, Any] = {
        "document": document,
        "cards": dict.fromkeys(SYMBOLS, card() | named),
        "trades": dict.fromkeys(SYMBOLS[:symbols], traded(document.get("equity") or ())),
        "before": {"BTC-USD": OLD},
        "spec": whole_spec(),
        "items": {symbol: {"duration_seconds": 640.0} for symbol in SYMBOLS},
    }
    measurements = dict(list(original().items())[:symbols])
    champion = Champion(sha256="0" * 12, bars=9_000, accuracy=0.7, difference=0.012, low=0.003, high=0.021)
    first = measurements["BTC-USD"]
    assert first is not None
    measurements["BTC-USD"] = first.model_copy(update={"champion": champion, "judged_before": 3})
    return facts(measurements, **(known | changes))
