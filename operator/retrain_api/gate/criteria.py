"""One metric against its bar, and how far it misses it."""

from __future__ import annotations

from retrain_api.formatting import bar, points, quoted
from retrain_api.measurement import Measurement
from retrain_api.spec.gate import Criterion

from .judgement import JudgedCriterion


def judge_criterion(criterion: Criterion, measurement: Measurement) -> JudgedCriterion:
    """One metric against its bar; a metric that was not measured does not meet it."""
    value = measurement.value(criterion.metric)
    if value is None:
        return JudgedCriterion(metric=criterion.metric, bound=criterion.bound, met=False)
    margin = value - criterion.bound if criterion.at_most is None else criterion.bound - value
    return JudgedCriterion(metric=criterion.metric, bound=criterion.bound, value=value, margin=margin, met=margin >= 0)


def describe(criterion: Criterion) -> str:
    """A criterion in a few words: accuracy >= 68 %."""
    sign = ">=" if criterion.at_most is None else "<="
    return f"{criterion.metric} {sign} {bar(criterion.metric, criterion.bound)}"


def clears(criterion: Criterion, value: float) -> bool:
    """Whether a value is on the passing side of the bar, or at it."""
    return value >= criterion.bound if criterion.at_most is None else value <= criterion.bound


def shortfall(judged: JudgedCriterion, decimals: int | None = None) -> str:
    """Why a criterion is not met, with the distance to its bar; `decimals` as in `points`."""
    if judged.value is None or judged.margin is None:
        return f"{quoted(judged.metric)} could not be measured"
    side = "above" if judged.value > judged.bound else "below"
    distance, value = points(judged.metric, judged.value, judged.bound, decimals)
    return f"{quoted(judged.metric)} {value} is {distance} {side} {bar(judged.metric, judged.bound)}"
