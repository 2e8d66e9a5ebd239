"""The comparison of several runs as a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retrain_api.wire import to_wire
from retrain_cli.display.document import document

from .table import ComparedRun, Difference, differences, interval_of, metrics_of


def comparison_document(runs: Sequence[ComparedRun]) -> str:
    """For each symbol its models, and how the first measured one compares with each of the others."""
    symbols = dict.fromkeys(item.symbol for run in runs for item in run.items)
    return document(
        "Comparison",
        symbols=[
            {
                "symbol": symbol,
                "models": [_model(run, symbol) for run in runs if run.item(symbol)],
                "differences": [_difference(each) for each in differences(symbol, runs)],
            }
            for symbol in symbols
        ],
    )


def _model(run: ComparedRun, symbol: str) -> dict[str, Any]:
    item, metrics, period = run.item(symbol), metrics_of(run, symbol), run.period(symbol)
    assert item is not None
    return {
        "run": run.name,
        "architecture": run.spec.get("model"),
        "verdict": item.verdict,
        "model": item.model.uri if item.model else None,
        "metrics": to_wire(metrics) if metrics else None,
        "accuracyInterval95": interval_of(run.evaluations.get(symbol, {})),
        "bars": item.measurement.bars if item.measurement else None,
        "firstBar": period[0] if period else None,
        "lastBar": period[1] if period else None,
    }


def _difference(found: Difference) -> dict[str, Any]:
    interval = None if found.low is None or found.high is None else [found.low, found.high]
    return {
        "model": found.model,
        "against": found.against,
        "accuracyDifference": found.gap,
        "interval95": interval,
        "bars": found.bars,
        "message": found.sentence,
    }
