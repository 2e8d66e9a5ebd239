"""Each criterion with its interval, and whether the test was long enough to settle it.

A figure without its interval invites a decision that luck has made.
"""

from __future__ import annotations

from collections.abc import Iterable

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import bar, points, quoted
from retrain_api.gate.judgement import JudgedCriterion
from retrain_api.measurement import CONFIDENCES, CRITERIA, LOWER_IS_BETTER

from .facts import Document
from .text import NOTHING, Table, plain, shown, table

CRITERION_HEAD = ("Criterion", "Measured", "Distance", "95 % interval", "How certain")


def criteria_rows(criteria: Iterable[JudgedCriterion], document: Document) -> list[list[str]]:
    """One model's rows for the columns CRITERION_HEAD; a value that misses its bar is bold."""
    rows = []
    for one in criteria:
        bounds = interval(document, one.metric)
        sign = "<=" if one.metric in LOWER_IS_BETTER else ">="
        value = _value(one)
        rows.append(
            [
                f"{capital(one.metric)} {plain(sign)} {bar(one.metric, one.bound)}",
                value if one.met else f"**{value}**",
                _distance(one),
                between(one.metric, bounds),
                _settled(one, bounds),
            ]
        )
    return rows


def _value(one: JudgedCriterion) -> str:
    """The value with the digits of its distance; the gate judges a Sharpe ratio that the account calls n/a."""
    if one.value is None:
        return "n/a" if one.metric == "sharpe" else "not measured"
    return f"{one.value:.2f}" if one.metric == "sharpe" else points(one.metric, one.value, one.bound)[1]


def _distance(one: JudgedCriterion) -> str:
    if one.value is None:
        return NOTHING
    if one.value == one.bound:
        return "exactly met"
    return f"{points(one.metric, one.value, one.bound)[0]} {'clear' if one.met else 'short'}"


def _settled(one: JudgedCriterion, bounds: tuple[float, float] | None) -> str:
    if bounds is None or one.value is None:
        return "not known"
    low, high = bounds
    if low <= one.bound <= high:
        return "not settled: the bar lies in it"
    return f"settled: all of it {'clears' if one.met else 'misses'} the bar"


def interval_table(item: PublishItem, document: Document) -> Table:
    """All metrics of one model with their intervals at 90, 95 and 99 %."""
    known = item.measurement
    rows = [
        [capital(metric), shown(metric, known.value(metric) if known else None), *_intervals(document, metric)]
        for metric in CRITERIA
    ]
    return table(["Metric", "Measured", *(f"{level} % interval" for level in CONFIDENCES)], rows)


def interval(document: Document, metric: str, level: int = 95) -> tuple[float, float] | None:
    """Both bounds of a metric's interval, or None where it was not measured."""
    bounds = ((document.get("intervals") or {}).get(metric) or {}).get(str(level))
    if not bounds or len(bounds) != 2 or any(bound is None for bound in bounds):
        return None
    return float(bounds[0]), float(bounds[1])


def between(metric: str, bounds: tuple[float, float] | None) -> str:
    """An interval in a cell: 51.2 % to 53.1 %."""
    if bounds is None:
        return NOTHING
    low, high = (shown(metric, bound) for bound in bounds)
    return low if low == high == "n/a" else f"{low} to {high}"


def capital(metric: str) -> str:
    """A metric's name at the start of a cell or sentence: Calibration error, PnL."""
    name = quoted(metric)
    return name[0].upper() + name[1:]


def _intervals(document: Document, metric: str) -> list[str]:
    return [between(metric, interval(document, metric, level)) for level in CONFIDENCES]
