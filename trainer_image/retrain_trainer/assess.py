"""From probabilities on the test bars to a measurement and the details behind it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from retrain_api.measurement import CONFIDENCES, METRICS, Baselines, Champion, Measurement, Metrics
from retrain_api.schema import significant
from retrain_api.spec_data import Evaluation
from retrain_api.spec_gate import LOWER_IS_BETTER

from . import backtest, baselines, bootstrap
from .dataset import Dataset
from .metrics import Classification, classify
from .suspicion import suspicions
from .timeline import interval_nanoseconds, iso_time
from .windows import window_ends

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Bounds: TypeAlias = tuple[float | None, float | None, float | None]
Intervals: TypeAlias = Mapping[str, Mapping[int, tuple[float, float]] | None]

EQUITY_POINTS = 500
SUSPICIONS = 4
"""Suspicions that travel in the measurement; all of them are in the details."""


@dataclass(frozen=True)
class Trial:
    """A model's probabilities on the test bars of a dataset.

    `probabilities` [test bars] is NaN where no whole window ends; `ends` are the rows of the dataset where one
    does, `judged` those of them that have a label. `scaled` is float32[rows, features] as the model saw it.
    """

    dataset: Dataset
    scaled: NDArray[np.float32]
    lookback: int
    horizon: int
    ends: Integers
    judged: Integers
    probabilities: Floats

    @property
    def test(self) -> slice:
        """Rows of the test bars."""
        return self.dataset.split.test

    def at(self, rows: Integers) -> Floats:
        """Probabilities [k] at rows of the dataset."""
        found: Floats = self.probabilities[rows - self.test.start]
        return found


@dataclass(frozen=True)
class Assessment:
    """All that was measured; the measurement is what the gate reads."""

    classification: Classification
    backtest: backtest.Backtest
    baselines: baselines.Baselines
    intervals: Intervals
    suspicions: tuple[str, ...]


def windows_of_test(dataset: Dataset, lookback: int) -> tuple[Integers, Integers]:
    """Rows where a whole, gap-free window of test bars ends, and those of them that have a label."""
    timestamps, interval = dataset.candles.timestamps, interval_nanoseconds(dataset.interval)
    ends = window_ends(timestamps, interval, lookback, dataset.split.test)
    return ends, ends[dataset.labels.values[ends] >= 0]


def assess(tested: Trial, evaluation: Evaluation) -> Assessment:
    """Measure everything but the champion. Raises DataError when no test bar has a label."""
    dataset, test, rules = tested.dataset, tested.test, evaluation.backtest
    interval, labels = interval_nanoseconds(dataset.interval), dataset.labels.values
    candles, bins = dataset.candles, evaluation.calibration_bins
    classification = classify(tested.at(tested.judged), labels[tested.judged], bins)
    traded = backtest.run(
        tested.probabilities,
        candles.close[test],
        candles.timestamps[test],
        interval,
        tested.horizon,
        rules.threshold,
        rules.fee_bps,
    )
    train = window_ends(candles.timestamps, interval, tested.lookback, dataset.split.train, labels)
    compared = baselines.measure(
        candles.close, tested.scaled, train, labels[train], tested.judged, labels[tested.judged]
    )
    intervals = bootstrap.intervals(
        tested.probabilities, labels[test], traded, interval, tested.lookback + tested.horizon, bins
    )
    suspected = suspicions(
        classification.accuracy,
        classification.auc,
        traded.win_rate,
        traded.trades,
        dataset.names,
        tested.scaled,
        dataset.labels.future_return,
    )
    return Assessment(classification, traded, compared, intervals, tuple(suspected))


def measurement(tested: Trial, assessment: Assessment, champion: Champion | None) -> Measurement:
    """What the gate reads."""
    classification = assessment.classification
    return Measurement(
        metrics=point_values(assessment),
        near_bounds=near_bounds(assessment.intervals),
        baselines=Baselines(**asdict(assessment.baselines)),
        champion=champion,
        bars=classification.bars,
        flat_bars=flat_bars(tested),
        trades=assessment.backtest.trades,
        calibration_error_expected=classification.calibration_error_expected,
        suspicions=shortened(assessment.suspicions),
    )


def point_values(assessment: Assessment) -> Metrics:
    """The metrics themselves."""
    measured, traded = assessment.classification, assessment.backtest
    return Metrics(
        accuracy=measured.accuracy,
        calibration_error=measured.calibration_error,
        f1=measured.f1,
        auc=measured.auc,
        brier=measured.brier,
        win_rate=traded.win_rate,
        pnl=traded.pnl,
        sharpe=traded.sharpe,
        max_drawdown=traded.max_drawdown,
    )


def near_bounds(intervals: Intervals) -> tuple[Bounds, ...]:
    """For each metric the bounds of its intervals on the side of failing, at 90, 95 and 99 %; None where unmeasured."""
    return tuple(_near(metric, intervals.get(metric)) for metric in METRICS)


def _near(metric: str, levels: Mapping[int, tuple[float, float]] | None) -> Bounds:
    if levels is None:
        return None, None, None
    side = 1 if metric in LOWER_IS_BETTER else 0
    low, middle, high = (levels[confidence][side] for confidence in CONFIDENCES)
    return low, middle, high


def flat_bars(tested: Trial) -> int:
    """Test bars with a whole window whose close is unchanged after the horizon."""
    return int(tested.dataset.labels.flat[tested.ends].sum())


def shortened(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """The first few, each of bounded length, and how many more there are."""
    few = tuple(sentence[:240] for sentence in sentences[:SUSPICIONS])
    more = len(sentences) - len(few)
    return (*few, f"{more} more, listed in the details of the evaluation.") if more > 0 else few


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
        },
        "flatShare": significant(flat / known) if known else None,
        "gaps": dataset.gaps,
        "baseRate": significant(measured.base_rate),
        "confusion": asdict(measured.confusion),
        "reliability": [_numbers(asdict(part)) for part in measured.reliability],
        "intervals": _intervals(assessment.intervals),
        "accuracyByDay": accuracy_by(tested, "D"),
        "accuracyByMonth": accuracy_by(tested, "M"),
        "backtest": _backtest(assessment.backtest, evaluation),
        "equity": equity_curve(times, assessment.backtest.equity),
        "suspicions": list(assessment.suspicions),
        "warnings": list(dataset.warnings),
    }


def accuracy_by(tested: Trial, unit: str) -> list[dict[str, Any]]:
    """Bars and accuracy of each day ("D") or month ("M"), UTC, in time order; periods without a bar are left out."""
    rows = tested.judged
    right = (tested.at(rows) > 0.5) == (tested.dataset.labels.values[rows] == 1)
    periods = tested.dataset.candles.timestamps[rows].astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    names, index, counts = np.unique(periods, return_inverse=True, return_counts=True)
    shares = np.bincount(index, weights=right) / counts
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


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields in camelCase, floats with six significant digits."""
    return {_camel(name): significant(value) if isinstance(value, float) else value for name, value in values.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
