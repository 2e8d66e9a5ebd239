"""evaluation.json: curves, intervals, shares and checks behind a measurement, JSON-ready and without NaN. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from retrain_api.schema import significant
from retrain_api.spec_data import Evaluation

from . import backtest
from .assess import Assessment, Intervals, Trial, block_bars, flat_bars
from .metrics import calibration_error, log_loss
from .paired import CONFIDENCE, Paired
from .timeline import iso_time

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

EQUITY_POINTS = 500


def details(tested: Trial, assessment: Assessment, evaluation: Evaluation) -> dict[str, Any]:
    """Curves, intervals and shares for the report and for whoever looks closer; JSON-ready, no NaN."""
    measured, dataset = assessment.classification, tested.dataset
    times = dataset.candles.timestamps[tested.test]
    flat = flat_bars(tested)
    known = int(np.isfinite(dataset.labels.future_return[tested.ends]).sum())
    return {
        "test": {
            "firstBar": iso_time(times[0]),
            "lastBar": iso_time(times[-1]),
            "rows": len(times),
            "windows": len(tested.ends),
            **figures(tested.at(tested.judged), dataset.labels.values[tested.judged], evaluation),
        },
        "flatShare": significant(flat / known) if known else None,
        "gaps": dataset.gaps,
        "baseRate": significant(measured.base_rate),
        "confusion": asdict(measured.confusion),
        "reliability": [_numbers(asdict(part)) for part in measured.reliability],
        "intervals": _intervals(assessment.intervals),
        "doubleBlock": _double_block(block_bars(tested), assessment.longer),
        "majorityPValue": _p_value(assessment.against["majority"]),
        "against": {name: found and _numbers(asdict(found)) for name, found in assessment.against.items()},
        "accuracyByDay": accuracy_by(tested, "D"),
        "accuracyByMonth": accuracy_by(tested, "M"),
        "backtest": _backtest(assessment.backtest, evaluation),
        "equity": equity_curve(times, assessment.backtest.equity),
        "suspicions": list(assessment.suspicions),
        "warnings": list(dataset.warnings),
    }


def figures(probabilities: Floats, labels: NDArray[np.int8], evaluation: Evaluation) -> dict[str, Any]:
    """What validation and test have in common, so that they can be compared, for labelled bars (k > 0)."""
    return {
        "bars": len(labels),
        "accuracy": significant(float(np.mean((probabilities > 0.5) == (labels == 1)))),
        "calibrationError": significant(calibration_error(probabilities, labels, evaluation.calibration_bins)),
        "loss": significant(log_loss(probabilities, labels)),
    }


def accuracy_by(tested: Trial, unit: str) -> list[dict[str, Any]]:
    """Bars and accuracy of each day ("D") or month ("M"), UTC, in time order; periods without a bar are left out."""
    rows = tested.judged
    periods = tested.dataset.candles.timestamps[rows].astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    names, index, counts = np.unique(periods, return_inverse=True, return_counts=True)
    shares = np.bincount(index, weights=tested.right(rows)) / counts
    return [
        {"period": str(name), "bars": int(bars), "accuracy": significant(float(accuracy))}
        for name, bars, accuracy in zip(names, counts, shares, strict=True)
    ]


def equity_curve(times: Integers, equity: Floats) -> list[dict[str, Any]]:
    """At most 500 points of the account, evenly spaced, the first and the last among them."""
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
    """The check on the length of the blocks: 95 % intervals from blocks twice as long, None where those are too few."""
    known = {
        metric: levels and [significant(bound) for bound in levels[CONFIDENCE]] for metric, levels in longer.items()
    }
    return {"blockBars": block, "doubleBlockBars": 2 * block, "intervals": known if any(known.values()) else None}


def _p_value(found: Paired | None) -> float | None:
    return significant(found.p_value) if found else None


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields in camelCase, floats with six significant digits."""
    return {_camel(name): significant(value) if isinstance(value, float) else value for name, value in values.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
