"""Is a criterion met at the confidence that the spec asks for, and if not, how many more bars would settle it?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from retrain_api.formatting import bar, points, quoted
from retrain_api.measurement import Measurement
from retrain_api.spec.gate import Criterion, Gate

from .criteria import clears

Confidence: TypeAlias = Literal[90, 95, 99]


def confidence_doubts(gate: Gate, measurement: Measurement) -> list[str]:
    """A reason for each criterion that the interval does not clear, then how many more bars would settle them."""
    confidence = gate.confidence_percent
    if confidence is None:
        return []
    undecided = [
        criterion
        for criterion in gate.criteria
        if not _sure(criterion, measurement.near_bound(criterion.metric, confidence))
    ]
    doubts = [_doubt(criterion, measurement, confidence) for criterion in undecided]
    return doubts + _bars_needed(undecided, measurement, confidence)


def _sure(criterion: Criterion, bound: float | None) -> bool:
    return bound is not None and clears(criterion, bound)


def _doubt(criterion: Criterion, measurement: Measurement, confidence: Confidence) -> str:
    bound = measurement.near_bound(criterion.metric, confidence)
    interval = f"{confidence} % interval of {quoted(criterion.metric)}"
    if bound is None:
        return f"{interval} was not measured"
    reached, side = (
        points(criterion.metric, bound, criterion.bound)[1],
        "below" if criterion.at_most is None else "above",
    )
    return f"{interval} reaches {reached}, {side} {bar(criterion.metric, criterion.bound)}"


def _bars_needed(criteria: Sequence[Criterion], measurement: Measurement, confidence: Confidence) -> list[str]:
    """How many more test bars would decide every open criterion; the last reason of an inconclusive model."""
    needed = []
    for criterion in criteria:
        value, near = measurement.value(criterion.metric), measurement.near_bound(criterion.metric, confidence)
        if value is None or near is None or not measurement.bars or criterion.metric in _PATH_METRICS:
            return []
        needed.append(bars_to_settle(value, near, criterion.bound, measurement.bars))
    if None in needed:
        return ["it is too close to the bar for any number of test bars to settle"]
    return [f"about {max(filter(None, needed)):,} more test bars would settle it"] if needed else []


_PATH_METRICS = frozenset({"pnl", "maxDrawdown"})
"""Metrics that depend on the whole path: more bars give another figure, rather than a surer one."""


_MOST_BARS = 10**8
"""Nearly two centuries of minutes."""


def bars_to_settle(value: float, near: float, bar: float, bars: int) -> int | None:
    """Test bars to add so that an interval from `value` to `near` would end at the bar, rounded up to two digits.

    Its half-width shrinks with the square root of the bars: |value - near| * sqrt(bars / n) = |value - bar| gives n. None where
    the value is at the bar, or so close that no history is long enough.
    """
    half, margin = abs(value - near), abs(value - bar)
    if margin * math.sqrt(_MOST_BARS) <= half * math.sqrt(bars):
        return None
    more = bars * ((half / margin) ** 2 - 1)
    step: int = 10 ** max(math.floor(math.log10(max(more, 1))) - 1, 0)
    return max(math.ceil(round(more / step, 9)) * step, 1)
