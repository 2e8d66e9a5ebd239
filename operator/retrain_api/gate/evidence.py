"""How much a measurement proves: what fails a model, and what is too little to let it pass.

Two trades won give a win rate of 100 %, and one bar more than the majority beats it. Points alone let both through. These are
rules 2 (`measurement.RULES`): they ask for evidence, and without it a model is Inconclusive, whatever its points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrain_api.formatting import counted, measured, points, quoted
from retrain_api.measurement import Measurement
from retrain_api.spec.gate import Criterion, Gate

from .comparisons import champion_doubt, champion_failure, majority_failure
from .confidence import confidence_doubts
from .criteria import shortfall
from .judgement import JudgedCriterion

FEWEST_TRADES = 30
"""What rests on fewer trades than these shows nothing: at 30, a win rate of 50 % still reads from 33 to 67 % in 19 of 20 tests."""
FEWEST_BLOCKS = 10
"""Bars depend on each other within a block, so a test of fewer blocks is a test of fewer answers than that."""
FEWEST_DAYS = 20
"""Days of returns that a Sharpe ratio takes."""
LUCK = 0.05
"""A lead that a model without skill reaches this often, or more often, is no lead."""

_DECIMALS = {"sharpe": 2}
"""A Sharpe ratio is measured to two digits, and three decimals would claim more."""

OF_TRADES = frozenset({"winRate", "pnl", "sharpe", "maxDrawdown"})


@dataclass(frozen=True)
class Findings:
    """Why a model fails, and why it can't be told yet whether it passes."""

    failures: tuple[str, ...]
    doubts: tuple[str, ...]


def findings(
    gate: Gate, measurement: Measurement, judged: Sequence[JudgedCriterion], require_improvement: bool
) -> Findings:
    """Judge by rules 2. `judged` holds the gate's criteria in their order."""
    thin = {one.metric for one in gate.criteria if is_thin(one.metric, measurement)}
    proven = gate.model_copy(update={"criteria": tuple(one for one in gate.criteria if one.metric not in thin)})
    failures = [
        *(shortfall(one, _DECIMALS.get(one.metric)) for one in judged if one.metric not in thin and not one.met),
        *majority_failure(measurement),
        *(champion_failure(measurement) if require_improvement else ()),
    ]
    doubts = [
        *missing_evidence(gate.criteria, measurement),
        *confidence_doubts(proven, measurement),
        *majority_doubt(measurement),
        *(improvement_doubt(measurement) if require_improvement else ()),
    ]
    return Findings(tuple(failures), tuple(doubts))


def is_thin(metric: str, measurement: Measurement) -> bool:
    """Whether the measurement holds too little to judge a metric by."""
    few_trades = metric in OF_TRADES and measurement.trades < FEWEST_TRADES
    return measurement.few_blocks is not None or few_trades or measurement.value(metric) is None


def missing_evidence(criteria: Sequence[Criterion], measurement: Measurement) -> list[str]:
    """One reason for each thing there is too little of."""
    metrics = [one.metric for one in criteria]
    traded = [metric for metric in metrics if metric in OF_TRADES] if measurement.trades < FEWEST_TRADES else []
    unmeasured = [metric for metric in metrics if measurement.value(metric) is None and metric not in traded]
    return [*_few_blocks(measurement), *_few_trades(traded, measurement), *map(_unmeasured, unmeasured)]


def _few_blocks(measurement: Measurement) -> list[str]:
    if measurement.few_blocks is None:
        return []
    return [
        f"the {measurement.bars:,} test bars are only {counted(measurement.few_blocks, 'block')} of bars that depend on each "
        f"other, and a criterion takes {FEWEST_BLOCKS}"
    ]


def _few_trades(metrics: Sequence[str], measurement: Measurement) -> list[str]:
    if not metrics:
        return []
    trades = counted(measurement.trades, "trade") if measurement.trades else "no trade"
    names = " and ".join(filter(None, [", ".join(map(quoted, metrics[:-1])), quoted(metrics[-1])]))
    return [
        f"{trades} {'is' if measurement.trades < 2 else 'are'} too few to judge {names} by ({FEWEST_TRADES} needed)"
    ]


def _unmeasured(metric: str) -> str:
    if metric == "sharpe":
        return f"Sharpe ratio is n/a: it takes {FEWEST_DAYS} days of test bars, and returns that vary"
    return f"{quoted(metric)} could not be measured"


def majority_doubt(measurement: Measurement) -> list[str]:
    """The reason why a lead over the majority may be luck; empty where it is none, or there is no lead."""
    accuracy, majority, p = measurement.metrics.accuracy, measurement.baselines.majority, measurement.baselines.p
    if accuracy is None or majority is None or accuracy <= majority or measurement.few_blocks is not None:
        return []
    if p is None and not measurement.bars:
        return []  # figures of no test, as in an example: there is nothing that a p-value could be of
    distance, shown = points("accuracy", accuracy, majority)
    lead = f"accuracy {shown} is {distance} above the majority baseline, {measured('accuracy', majority)}"
    return _may_be_luck(lead, p)


def improvement_doubt(measurement: Measurement) -> list[str]:
    """The reason why an improvement on the champion is not shown; empty where it is, or there is no champion."""
    champion = measurement.champion
    if champion is None or champion.difference is None:
        return champion_doubt(measurement)
    if champion.difference <= 0:
        return []
    distance, _ = points("accuracy", champion.difference, 0)
    lead = f"it is {distance} more accurate than the model promoted today on {champion.bars:,} common bars"
    return _may_be_luck(lead, champion.p)


def _may_be_luck(lead: str, p: float | None) -> list[str]:
    if p is None:
        return [f"{lead}, and there are too few bars to tell that from luck"]
    return [f"{lead}, which may be luck (p = {p:.2g}, and less than {LUCK:g} is asked for)"] if p >= LUCK else []
