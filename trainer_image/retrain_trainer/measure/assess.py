"""Turns a model's probabilities on the test bars into the measurement that the gate reads.

Challenger, champion and baselines must be measured on the same bars and by the same rules; if each caller picked its own
bars, their figures could not be compared. Pure: the tasks do the reading and writing, and `document` holds everything
behind the measurement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.measurement import (
    CHAMPION_DIGITS,
    CONFIDENCES,
    CRITERIA,
    LEAD,
    LOWER_IS_BETTER,
    METRICS,
    RULES,
    Baselines,
    Champion,
    Measurement,
    Metrics,
)
from retrain_api.spec.evaluation import Evaluation
from retrain_trainer.data.dataset import Dataset
from retrain_trainer.data.windows import window_ends

from .figures import backtest, baselines
from .figures.market import market_of
from .figures.metrics import Classification, classify
from .intervals import bootstrap
from .intervals.dependence import dependent_block
from .intervals.paired import Paired, paired
from .intervals.resampling import FEWEST_BLOCKS
from .intervals.sharpe import daily_returns, daily_sharpe, sharpe_interval
from .intervals.shifted import shifted_p_value
from .leaks.find import Leaks, find_leaks
from .leaks.suspicion import suspicions

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Bounds: TypeAlias = tuple[float | None, float | None, float | None]
Intervals: TypeAlias = Mapping[str, Mapping[int, tuple[float, float]] | None]
Rules: TypeAlias = Mapping[str, Floats | None]

SUSPICIONS = 4
"""Suspicions kept in the measurement, which a status has to hold; evaluation.json lists all of them."""


@dataclass(frozen=True)
class Predictions:
    """A model's probabilities on the test bars of a dataset.

    `probabilities` [test bars] is NaN where no complete window ends. `ends` holds the dataset rows where one does, and
    `labelled` those of them that have a label. `scaled` is float32[rows, features], as the model saw it. `logits`
    [test bars] are the network's outputs behind the probabilities, kept for predictions.parquet.
    """

    dataset: Dataset
    scaled: NDArray[np.float32]
    lookback: int
    ends: Integers
    labelled: Integers
    probabilities: Floats
    logits: Floats | None = None

    @property
    def horizon(self) -> int:
        """Bars between a prediction and its outcome."""
        return self.dataset.question.horizon

    @cached_property
    def block(self) -> int:
        """Bars of a bootstrap block; see `block_bars`."""
        labels = self.dataset.labels.values[self.test]
        return dependent_block(self.probabilities, labels, self.lookback + self.horizon)

    @property
    def test(self) -> slice:
        """Dataset rows of the test bars."""
        return self.dataset.split.test

    def at(self, rows: Integers) -> Floats:
        """Probabilities [k] at dataset rows."""
        found: Floats = self.probabilities[rows - self.test.start]
        return found

    def right(self, rows: Integers) -> Floats:
        """1 where the model is right and 0 where it is wrong [k], at labelled dataset rows."""
        right: Floats = ((self.at(rows) > 0.5) == (self.dataset.labels.values[rows] == 1)).astype(np.float64)
        return right


@dataclass(frozen=True)
class Assessment:
    """Everything that was measured; `measurement` reduces it to what the gate reads.

    `rules` holds the answers of the baselines [labelled test bars], `accuracies` their means, and `against` compares the
    model with each of them on the same bars. `longer` holds the intervals from blocks twice as long. `leaks` is None where an
    earlier assessment is repeated without the train part.
    """

    classification: Classification
    backtest: backtest.Backtest
    accuracies: Baselines
    against: Mapping[str, Paired | None]
    intervals: Intervals
    longer: Intervals
    suspicions: tuple[str, ...]
    rules: Rules
    leaks: Leaks | None


def windows_of_test(dataset: Dataset, lookback: int) -> tuple[Integers, Integers]:
    """Rows where a complete window of test bars without a gap ends, and those of them that have a label."""
    timestamps, interval = dataset.candles.timestamps, dataset.question.interval
    ends = window_ends(timestamps, interval, lookback, dataset.split.test)
    return ends, ends[dataset.labels.values[ends] >= 0]


def assess(predictions: Predictions, evaluation: Evaluation, rules: Rules | None = None) -> Assessment:
    """Measure everything except the champion. Raises DataError when no test bar has a label.

    `rules`: the baselines' answers as an earlier assessment has kept them; None computes them from the train part, and looks for leaks in it.
    """
    dataset, labels = predictions.dataset, predictions.dataset.labels.values
    classification = classify(
        predictions.at(predictions.labelled), labels[predictions.labelled], evaluation.calibration_bins
    )
    traded = trade(predictions, evaluation)
    leaks = find_leaks(dataset, predictions.scaled) if rules is None else None
    rules = rules_without_the_model(predictions).by_name() if rules is None else rules
    suspected = suspicions(
        classification.accuracy,
        classification.auc,
        traded.win_rate,
        traded.trades,
        dataset.names,
        predictions.scaled,
        dataset.labels.future_return,
    )
    against = against_rules(predictions, rules)
    return Assessment(
        classification,
        traded,
        _accuracies(rules, against),
        against,
        {**resampled(predictions, traded, evaluation, block_bars(predictions)), LEAD: _lead(against)},
        resampled(predictions, traded, evaluation, 2 * block_bars(predictions)),
        (*(leaks.suspicions if leaks else ()), *suspected),
        rules,
        leaks,
    )


def _accuracies(rules: Mapping[str, Floats | None], against: Mapping[str, Paired | None]) -> Baselines:
    """Their accuracies, and how likely it is that luck alone lifts a model this far above the majority."""
    found, majority = (
        {name: None if right is None else right.mean() for name, right in rules.items()},
        against["majority"],
    )
    return Baselines.model_validate({**found, "p": majority.p_value if majority else None})


def _lead(against: Mapping[str, Paired | None]) -> Mapping[int, tuple[float, float]] | None:
    """The intervals of the lead over the logistic regression."""
    found = against["logistic"]
    return found.levels if found else None


def trade(predictions: Predictions, evaluation: Evaluation) -> backtest.Backtest:
    """Run the backtest on all test bars, including flat ones."""
    candles, test, rules = predictions.dataset.candles, predictions.test, evaluation.backtest
    return backtest.run(
        predictions.probabilities,
        candles.close[test],
        candles.timestamps[test],
        predictions.dataset.question.interval.nanoseconds,
        predictions.horizon,
        rules.threshold,
        rules.fee_bps,
    )


def rules_without_the_model(predictions: Predictions) -> baselines.Baselines:
    """The baselines' answers on the labelled test bars."""
    dataset, labels = predictions.dataset, predictions.dataset.labels.values
    interval = dataset.question.interval
    train = window_ends(dataset.candles.timestamps, interval, predictions.lookback, dataset.split.train, labels)
    return baselines.measure(
        dataset.candles.close,
        predictions.scaled,
        train,
        labels[train],
        predictions.labelled,
        labels[predictions.labelled],
    )


def against_rules(predictions: Predictions, rules: Mapping[str, Floats | None]) -> dict[str, Paired | None]:
    """Compare the model with each rule's answers. The p-value of the majority is that of shifted calls (`shifted`)."""
    found = {name: None if right is None else versus(predictions, right) for name, right in rules.items()}
    majority = found["majority"]
    if majority is not None:
        labels = predictions.dataset.labels.values[predictions.test]
        p_value = shifted_p_value(predictions.probabilities, labels, predictions.block)
        found["majority"] = replace(majority, p_value=p_value)
    return found


def versus(predictions: Predictions, theirs: Floats) -> Paired:
    """Compare the model with other answers [labelled test bars] on the same bars."""
    return paired(predictions.right(predictions.labelled), theirs, predictions.labelled, block_bars(predictions))


def block_bars(predictions: Predictions) -> int:
    """Length of a bootstrap block: a lookback plus a horizon, or longer where bars depend on each other for longer.

    Two bars a lookback and a horizon apart share neither a window nor an outcome. In a test too short for ten such blocks,
    this is still the length that would have been used. What the data ask for never leaves fewer than ten.
    """
    return predictions.block


def resampled(predictions: Predictions, traded: backtest.Backtest, evaluation: Evaluation, block: int) -> Intervals:
    """Confidence intervals from blocks of `block` bars."""
    labels = predictions.dataset.labels.values[predictions.test]
    found = bootstrap.intervals(predictions.probabilities, labels, traded, block, evaluation.calibration_bins)
    of_days = {"sharpe": sharpe_interval(days_of(predictions, traded), labels.size, block)}
    return {metric: {**found, **of_days}[metric] for metric in METRICS}


def days_of(predictions: Predictions, traded: backtest.Backtest) -> Floats | None:
    """Daily returns of the account on the test bars; None where they are too few days."""
    return daily_returns(traded, predictions.dataset.candles.timestamps[predictions.test])


def measurement(
    predictions: Predictions,
    assessment: Assessment,
    champion: Champion | None,
    judged_before: int | None = None,
    luck: float | None = None,
) -> Measurement:
    """The measurement that the gate reads.

    The digest of the champion is cut to 12 digits, because a status has to hold the measurement of every symbol.
    """
    classification, blocks = assessment.classification, len(predictions.probabilities) // block_bars(predictions)
    return Measurement(
        metrics=point_values(assessment, daily_sharpe(days_of(predictions, assessment.backtest))),
        near_bounds=near_bounds(assessment.intervals),
        baselines=assessment.accuracies,
        champion=champion and champion.model_copy(update={"sha256": champion.sha256[:CHAMPION_DIGITS]}),
        bars=classification.bars,
        flat_bars=flat_bars(predictions),
        trades=assessment.backtest.trades,
        calibration_error_expected=classification.calibration_error_expected,
        judged_before=judged_before,
        luck=luck,
        market=market_of(predictions.dataset),
        suspicions=shortened(assessment.suspicions),
        few_blocks=blocks if blocks < FEWEST_BLOCKS else None,
        rules=RULES,
    )


def point_values(assessment: Assessment, sharpe: float | None) -> Metrics:
    """The measured value of each metric; the Sharpe ratio is that of daily returns."""
    measured, traded = assessment.classification, assessment.backtest
    return Metrics(
        accuracy=measured.accuracy,
        calibration_error=measured.calibration_error,
        f1=measured.f1,
        auc=measured.auc,
        brier=measured.brier,
        win_rate=traded.win_rate,
        pnl=traded.pnl,
        sharpe=sharpe,
        max_drawdown=traded.max_drawdown,
    )


def near_bounds(intervals: Intervals) -> tuple[Bounds, ...]:
    """Each metric's interval bound on the failing side at 90, 95 and 99 %; None where there is no interval."""
    return tuple(_near(metric, intervals.get(metric)) for metric in CRITERIA)


def _near(metric: str, levels: Mapping[int, tuple[float, float]] | None) -> Bounds:
    if levels is None:
        return None, None, None
    side = 1 if metric in LOWER_IS_BETTER else 0
    low, middle, high = (_outward(levels[confidence][side], side) for confidence in CONFIDENCES)
    return low, middle, high


def _outward(bound: float, side: int) -> float:
    """Round a bound to the three digits a status has room for, away from the value, so that rounding never clears a bar."""
    if bound == 0 or not math.isfinite(bound):
        return bound
    step = 10.0 ** (math.floor(math.log10(abs(bound))) - 2)
    return float((math.ceil if side else math.floor)(round(bound / step, 6)) * step)


def flat_bars(predictions: Predictions) -> int:
    """Number of test bars with a complete window whose close is unchanged after the horizon."""
    return int(predictions.dataset.labels.flat[predictions.ends].sum())


def shortened(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """The first few sentences, each cut to 240 characters, and how many more there are."""
    few = tuple(sentence[:240] for sentence in sentences[:SUSPICIONS])
    more = len(sentences) - len(few)
    return (*few, f"{more} more, listed in evaluation.json.") if more > 0 else few
