"""From probabilities on the test bars to a measurement; `details` has what lies behind it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from retrain_api.measurement import CONFIDENCES, METRICS, Baselines, Champion, Measurement, Metrics
from retrain_api.spec_data import Evaluation
from retrain_api.spec_gate import LOWER_IS_BETTER

from . import backtest, baselines, bootstrap
from .dataset import Dataset
from .metrics import Classification, classify
from .paired import Paired, paired
from .resampling import block_length
from .suspicion import suspicions
from .timeline import interval_nanoseconds
from .windows import window_ends

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Bounds: TypeAlias = tuple[float | None, float | None, float | None]
Intervals: TypeAlias = Mapping[str, Mapping[int, tuple[float, float]] | None]

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

    def right(self, rows: Integers) -> Floats:
        """Whether the model is right [k] at labelled rows of the dataset: 1 or 0."""
        right: Floats = ((self.at(rows) > 0.5) == (self.dataset.labels.values[rows] == 1)).astype(np.float64)
        return right


@dataclass(frozen=True)
class Assessment:
    """All that was measured; the measurement is what the gate reads.

    `accuracies` are those of the baselines, `against` compares the model with each on the same bars; `longer` are the
    intervals from blocks twice as long.
    """

    classification: Classification
    backtest: backtest.Backtest
    accuracies: Baselines
    against: Mapping[str, Paired | None]
    intervals: Intervals
    longer: Intervals
    suspicions: tuple[str, ...]


def windows_of_test(dataset: Dataset, lookback: int) -> tuple[Integers, Integers]:
    """Rows where a whole, gap-free window of test bars ends, and those of them that have a label."""
    timestamps, interval = dataset.candles.timestamps, interval_nanoseconds(dataset.interval)
    ends = window_ends(timestamps, interval, lookback, dataset.split.test)
    return ends, ends[dataset.labels.values[ends] >= 0]


def assess(tested: Trial, evaluation: Evaluation) -> Assessment:
    """Measure everything but the champion. Raises DataError when no test bar has a label."""
    dataset, labels = tested.dataset, tested.dataset.labels.values
    classification = classify(tested.at(tested.judged), labels[tested.judged], evaluation.calibration_bins)
    traded = trade(tested, evaluation)
    rules = rules_without_the_model(tested).by_name()
    suspected = suspicions(
        classification.accuracy,
        classification.auc,
        traded.win_rate,
        traded.trades,
        dataset.names,
        tested.scaled,
        dataset.labels.future_return,
    )
    return Assessment(
        classification,
        traded,
        Baselines.model_validate({name: None if right is None else right.mean() for name, right in rules.items()}),
        {name: None if right is None else versus(tested, right) for name, right in rules.items()},
        resampled(tested, traded, evaluation, block_bars(tested)),
        resampled(tested, traded, evaluation, 2 * block_bars(tested)),
        tuple(suspected),
    )


def trade(tested: Trial, evaluation: Evaluation) -> backtest.Backtest:
    """The backtest on the test bars, flat ones too."""
    candles, test, rules = tested.dataset.candles, tested.test, evaluation.backtest
    return backtest.run(
        tested.probabilities,
        candles.close[test],
        candles.timestamps[test],
        interval_nanoseconds(tested.dataset.interval),
        tested.horizon,
        rules.threshold,
        rules.fee_bps,
    )


def rules_without_the_model(tested: Trial) -> baselines.Baselines:
    """What the baselines answer on the judged bars."""
    dataset, labels = tested.dataset, tested.dataset.labels.values
    interval = interval_nanoseconds(dataset.interval)
    train = window_ends(dataset.candles.timestamps, interval, tested.lookback, dataset.split.train, labels)
    return baselines.measure(
        dataset.candles.close, tested.scaled, train, labels[train], tested.judged, labels[tested.judged]
    )


def versus(tested: Trial, theirs: Floats) -> Paired:
    """The model against other answers [judged bars] to the same bars."""
    return paired(tested.right(tested.judged), theirs, tested.judged, block_bars(tested))


def block_bars(tested: Trial) -> int:
    """Bars of a bootstrap block: a lookback and a horizon, longer in a long test; what is wanted where there is no room."""
    wanted = tested.lookback + tested.horizon
    return block_length(len(tested.probabilities), wanted) or wanted


def resampled(tested: Trial, traded: backtest.Backtest, evaluation: Evaluation, block: int) -> Intervals:
    """Intervals from blocks of that many bars."""
    labels, interval = tested.dataset.labels.values[tested.test], interval_nanoseconds(tested.dataset.interval)
    return bootstrap.intervals(tested.probabilities, labels, traded, interval, block, evaluation.calibration_bins)


def measurement(
    tested: Trial, assessment: Assessment, champion: Champion | None, judged_before: int | None = None
) -> Measurement:
    """What the gate reads."""
    classification = assessment.classification
    return Measurement(
        metrics=point_values(assessment),
        near_bounds=near_bounds(assessment.intervals),
        baselines=assessment.accuracies,
        champion=champion and champion.model_copy(update={"sha256": champion.sha256[:12]}),
        bars=classification.bars,
        flat_bars=flat_bars(tested),
        trades=assessment.backtest.trades,
        calibration_error_expected=classification.calibration_error_expected,
        judged_before=judged_before,
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
    low, middle, high = (_outward(levels[confidence][side], side) for confidence in CONFIDENCES)
    return low, middle, high


def _outward(bound: float, side: int) -> float:
    """A bound with the three digits that a status has room for, away from the measured value: it clears no bar by rounding."""
    if bound == 0 or not math.isfinite(bound):
        return bound
    step = 10.0 ** (math.floor(math.log10(abs(bound))) - 2)
    return float((math.ceil if side else math.floor)(round(bound / step, 6)) * step)


def flat_bars(tested: Trial) -> int:
    """Test bars with a whole window whose close is unchanged after the horizon."""
    return int(tested.dataset.labels.flat[tested.ends].sum())


def shortened(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """The first few, each of bounded length, and how many more there are."""
    few = tuple(sentence[:240] for sentence in sentences[:SUSPICIONS])
    more = len(sentences) - len(few)
    return (*few, f"{more} more, listed in the details of the evaluation.") if more > 0 else few
