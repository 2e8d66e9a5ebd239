"""Builds evaluation.json: the curves, intervals, shares and checks behind a measurement.

A status has no room for them, but the report is drawn from them and anyone who doubts a verdict needs them. All values are
ready for JSON, so NaN never appears. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.spec.evaluation import Evaluation
from retrain_api.wire import down, significant, up
from retrain_trainer.data.columns.timeline import iso_time

from .assess import Assessment, Intervals, Predictions, block_bars, flat_bars
from .figures import backtest
from .figures.metrics import calibration_error, log_loss
from .intervals.paired import CONFIDENCE, Paired
from .jumps import LISTED, tested_jumps, traded_through

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

EQUITY_POINTS = 500
"""Points of the equity curve that are kept: enough for a plot, and a year of minutes stays small."""


def evaluation_document(predictions: Predictions, assessment: Assessment, evaluation: Evaluation) -> dict[str, Any]:
    """The part of evaluation.json that follows from predictions and assessment alone; ready for JSON, without NaN."""
    measured, dataset = assessment.classification, predictions.dataset
    times = dataset.candles.timestamps[predictions.test]
    # A stray last row, which no window reaches, would keep later models out until its time has come.
    last = dataset.candles.timestamps[predictions.ends[-1]]
    flat, jumps = flat_bars(predictions), tested_jumps(predictions, assessment.backtest)
    known = int(np.isfinite(dataset.labels.future_return[predictions.ends]).sum())
    return {
        "test": {
            "firstBar": iso_time(times[0]),
            "lastBar": iso_time(last),
            "rows": len(times),
            "windows": len(predictions.ends),
            **figures(predictions.at(predictions.labelled), dataset.labels.values[predictions.labelled], evaluation),
        },
        "flatShare": significant(flat / known) if known else None,
        "gaps": dataset.gaps,
        "baseRate": significant(measured.base_rate),
        "confusion": asdict(measured.confusion),
        "reliability": [_numbers(asdict(part)) for part in measured.reliability],
        "intervals": _intervals(assessment.intervals),
        "doubleBlock": _double_block(block_bars(predictions), assessment.longer),
        "majorityPValue": _p_value(assessment.against["majority"]),
        "against": {name: found and _compared(found) for name, found in assessment.against.items()},
        "accuracyByDay": accuracy_by(predictions, "D"),
        "accuracyByMonth": accuracy_by(predictions, "M"),
        "backtest": _backtest(assessment.backtest, evaluation),
        "equity": equity_curve(times, assessment.backtest.equity),
        "suspicions": list(assessment.suspicions),
        **(assessment.leaks.as_document() if assessment.leaks else {}),
        "jumps": [jump.as_document() for jump in jumps[:LISTED]],
        "warnings": [
            *dataset.warnings,
            *(assessment.leaks.warnings if assessment.leaks else ()),
            *traded_through(jumps, assessment.backtest),
        ],
    }


def figures(probabilities: Floats, labels: NDArray[np.int8], evaluation: Evaluation) -> dict[str, Any]:
    """The figures that validation and test share, so that they can be compared; of labelled bars [k], k > 0.

    Cut as a measurement stores them, so that a figure reads the same in both places.
    """
    return {
        "bars": len(labels),
        "accuracy": down(float(np.mean((probabilities > 0.5) == (labels == 1)))),
        "calibrationError": up(calibration_error(probabilities, labels, evaluation.calibration_bins)),
        "loss": significant(log_loss(probabilities, labels)),
    }


def accuracy_by(predictions: Predictions, unit: str) -> list[dict[str, Any]]:
    """Bars and accuracy of each day ("D") or month ("M") in UTC, in time order; periods without a bar are left out."""
    rows = predictions.labelled
    periods = predictions.dataset.candles.timestamps[rows].astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    names, index, counts = np.unique(periods, return_inverse=True, return_counts=True)
    shares = np.bincount(index, weights=predictions.right(rows)) / counts
    return [
        {"period": str(name), "bars": int(bars), "accuracy": significant(float(accuracy))}
        for name, bars, accuracy in zip(names, counts, shares, strict=True)
    ]


def equity_curve(times: Integers, equity: Floats) -> list[dict[str, Any]]:
    """At most EQUITY_POINTS points of the account, evenly spaced, including the first and the last."""
    picked = np.unique(np.linspace(0, len(equity) - 1, min(len(equity), EQUITY_POINTS)).round().astype(np.int64))
    return [{"time": iso_time(times[i]), "equity": significant(float(equity[i]))} for i in picked]


def _backtest(traded: backtest.Backtest, evaluation: Evaluation) -> dict[str, Any]:
    figures = {
        "threshold": evaluation.backtest.threshold,
        "feeBps": evaluation.backtest.fee_bps,
        "feesPaid": traded.fees_paid,
        "exposure": traded.exposure,
    }
    return _numbers(figures) | {"trades": traded.trades, "longs": traded.longs, "shorts": traded.shorts}


def _intervals(intervals: Intervals) -> dict[str, Any]:
    return {
        metric: None
        if levels is None
        else {str(level): [significant(bound) for bound in bounds] for level, bounds in levels.items()}
        for metric, levels in intervals.items()
    }


def _double_block(block: int, longer: Intervals) -> dict[str, Any]:
    """The check on block length: 95 % intervals from blocks twice as long; None where there are too few such blocks."""
    known = {
        metric: levels and [significant(bound) for bound in levels[CONFIDENCE]] for metric, levels in longer.items()
    }
    return {"blockBars": block, "doubleBlockBars": 2 * block, "intervals": known if any(known.values()) else None}


def _compared(found: Paired) -> dict[str, Any]:
    """The interval of the lead over the logistic regression is among the criteria's, at all confidences."""
    return _numbers({name: value for name, value in asdict(found).items() if name != "levels"})


def _p_value(found: Paired | None) -> float | None:
    return significant(found.p_value) if found else None


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Field names in camelCase and floats with six significant digits."""
    return {_camel(name): significant(value) if isinstance(value, float) else value for name, value in values.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
