"""How sure the figures are, and what they are made of: intervals, chance, calibration curve, accuracy over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from retrain_api.documents import PublishItem
from retrain_api.gate import JudgedCriterion, Judgement
from retrain_api.measurement import CONFIDENCES, METRICS, Measurement
from retrain_api.spec_gate import LOWER_IS_BETTER
from retrain_api.wording import bar, measured, points, quoted

from .report_text import (
    NOTHING,
    Block,
    Folded,
    Table,
    bullets,
    count,
    folded,
    plain,
    share,
    shown,
    signed_points,
    table,
)
from .report_worth import above_majority, changed_market, judged_before, no_better_for_sure, unsteady

Details = Mapping[str, Any]
DAYS_SHOWN = 31
"""Accuracy is shown by day up to so many days, then by month."""
CRITERIA = ("Criterion", "Measured", "Distance", "95 % interval", "How sure")


def how_sure(
    items: Sequence[PublishItem], judgement: Judgement, details: Callable[[PublishItem], Details]
) -> list[Block]:
    """Each criterion with its interval, and a sentence for what makes a figure less or more certain."""
    if not items:
        return ["No model was measured."]
    rows = [
        [item.symbol, *row]
        for item in items
        for row in criteria_rows(judgement.model(item.symbol).criteria, details(item))
    ]
    note = (
        "On other bars of the same market the figures would have come out elsewhere in these intervals: a moving-block "
        "bootstrap over time, which keeps neighbouring bars together. A criterion inside an interval is not settled by it."
    )
    sentences = [sentence for item in items for sentence in doubts(item, details(item))]
    return [
        table(_HEAD, [_row(item, details(item)) for item in items]),
        table(["Model", *CRITERIA], rows),
        note,
        against_table({item.symbol: details(item) for item in items}),
        bullets(sentences),
        *(_over_time(item.symbol, details(item)) for item in items),
    ]


_HEAD = (
    "Model",
    "Accuracy, 95 % interval",
    "Calibration error, 95 % interval",
    "A calibrated model reads",
    "PnL, 95 % interval",
    "Validation accuracy",
    "Up bars",
)


def _row(item: PublishItem, details: Details) -> list[str]:
    accuracy, error, pnl = (
        between(metric, interval(details, metric)) for metric in ("accuracy", "calibrationError", "pnl")
    )
    measurement = item.measurement
    return [
        item.symbol,
        accuracy,
        error,
        share(measurement.calibration_error_expected if measurement else None),
        pnl,
        share((details.get("validation") or {}).get("accuracy")),
        share(details.get("baseRate")),
    ]


def against_table(evaluations: Mapping[str, Details]) -> Table:
    """The model less each baseline on the same bars, and how often a model that is no better comes out as far ahead."""
    tests = {symbol: details["against"] for symbol, details in evaluations.items() if details.get("against")}
    rows = [[symbol, *(_ahead(found.get(name)) for name in _RULES)] for symbol, found in tests.items()]
    return table(["Accuracy above", "Majority", "Persistence", "Reversal", "Logistic regression"], rows)


_RULES = ("majority", "persistence", "reversal", "logistic")


def _ahead(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return NOTHING
    p_value = found.get("pValue")
    return signed_points(found["difference"]) + ("" if p_value is None else f" (p = {p_value:.3f})")


def criteria_rows(criteria: Iterable[JudgedCriterion], details: Details) -> list[list[str]]:
    """One model's cells of the columns CRITERIA."""
    rows = []
    for one in criteria:
        bounds = interval(details, one.metric)
        sign = "<=" if one.metric in LOWER_IS_BETTER else ">="
        rows.append(
            [
                f"{capital(one.metric)} {plain(sign)} {bar(one.metric, one.bound)}",
                shown(one.metric, one.value) if one.met else f"**{measured(one.metric, one.value)}**",
                _distance(one),
                between(one.metric, bounds),
                _certainty(one, bounds),
            ]
        )
    return rows


def _distance(one: JudgedCriterion) -> str:
    if one.value is None:
        return NOTHING
    if one.value == one.bound:
        return "exactly met"
    return f"{points(one.metric, one.value, one.bound)[0]} {'clear of it' if one.met else 'short of it'}"


def _certainty(one: JudgedCriterion, bounds: tuple[float, float] | None) -> str:
    if bounds is None or one.value is None:
        return "not known"
    low, high = bounds
    if low <= one.bound <= high:
        return "not settled, it lies in the interval"
    return "all of the interval clears it" if one.met else "all of the interval misses it"


def interval_table(item: PublishItem, details: Details) -> Table:
    """Every metric of one model with its intervals at 90, 95 and 99 %."""
    values = item.measurement.metrics if item.measurement else None
    rows = [
        [capital(metric), shown(metric, values.value(metric) if values else None), *_intervals(details, metric)]
        for metric in METRICS
    ]
    return table(["Metric", "Measured", *(f"{level} % interval" for level in CONFIDENCES)], rows)


def doubts(item: PublishItem, details: Details) -> list[str]:
    """What a reader must know before he trusts the figures of one model; older measurements know less."""
    symbol, measurement = item.symbol, item.measurement
    if measurement is None:
        return []
    found = [
        _expected(symbol, measurement),
        no_better_for_sure(symbol, measurement, details) or _by_chance(symbol, measurement, details),
        unsteady(symbol, details) or _longer_blocks(symbol, details),
        judged_before(symbol, measurement) or _first_try(symbol, measurement),
        changed_market(symbol, details),
    ]
    return [sentence for sentence in found if sentence]


def interval(details: Details, metric: str, level: int = 95) -> tuple[float, float] | None:
    """Both bounds of a metric's interval, or None where it was not measured."""
    bounds = ((details.get("intervals") or {}).get(metric) or {}).get(str(level))
    if not bounds or len(bounds) != 2 or any(bound is None for bound in bounds):
        return None
    return float(bounds[0]), float(bounds[1])


def between(metric: str, bounds: tuple[float, float] | None) -> str:
    """An interval in a cell: 51.2 % to 53.1 %."""
    return NOTHING if bounds is None else f"{measured(metric, bounds[0])} to {measured(metric, bounds[1])}"


def capital(metric: str) -> str:
    """A metric's name at the start of a cell or sentence: Calibration error, PnL."""
    name = quoted(metric)
    return name[0].upper() + name[1:]


def _intervals(details: Details, metric: str) -> list[str]:
    return [between(metric, interval(details, metric, level)) for level in CONFIDENCES]


def _expected(symbol: str, measurement: Measurement) -> str:
    if measurement.calibration_error_expected is None:
        return ""
    return (
        f"{symbol}: a perfectly calibrated model would read a calibration error of "
        f"{share(measurement.calibration_error_expected)} on {count(measurement.bars)} bars, this one reads "
        f"{share(measurement.metrics.calibration_error)}."
    )


def _by_chance(symbol: str, measurement: Measurement, details: Details) -> str:
    chance, edge = details.get("majorityPValue"), above_majority(measurement)
    if chance is None or edge is None or edge <= 0:
        return ""
    p = "below 0.001" if chance < 0.001 else f"{chance:.3f}"
    return (
        f"{symbol}: a model no better than the more frequent class would come out this far above it by chance with a "
        f"probability of {p}."
    )


def _longer_blocks(symbol: str, details: Details) -> str:
    """Blocks of double length should say the same; wider ones say that the bars depend on each other for longer."""
    check = details.get("doubleBlock") or {}
    twice = interval({"intervals": {"accuracy": {"95": (check.get("intervals") or {}).get("accuracy")}}}, "accuracy")
    once = interval(details, "accuracy")
    if twice is None or once is None:
        return ""
    return (
        f"{symbol}: with blocks of {count(check.get('doubleBlockBars'))} bars instead of {count(check.get('blockBars'))} the "
        f"95 % interval of accuracy is {between('accuracy', twice)} instead of {between('accuracy', once)}."
    )


def _first_try(symbol: str, measurement: Measurement) -> str:
    return f"{symbol}: no other model was judged on these test bars before." if measurement.judged_before == 0 else ""


def _over_time(symbol: str, details: Details) -> Folded:
    """The long tables, closed until somebody asks."""
    return folded(
        f"{symbol}: calibration curve and accuracy over time", reliability_table(details), accuracy_table(details)
    )


def reliability_table(details: Details) -> Table:
    """What the model said against what happened, for each bin of probabilities that has bars."""
    rows = [
        [
            f"{share(part['low'])} to {share(part['high'])}",
            count(part["count"]),
            share(part["meanProbability"]),
            share(part["observedShare"]),
        ]
        for part in details.get("reliability") or ()
        if part["count"]
    ]
    return table(["Probability of up", "Bars", "Said", "Went up"], rows)


def accuracy_table(details: Details) -> Table:
    """Accuracy by day, or by month where there are many days."""
    days = details.get("accuracyByDay") or ()
    periods = days if len(days) <= DAYS_SHOWN else details.get("accuracyByMonth") or ()
    rows = [[part["period"], count(part["bars"]), shown("accuracy", part["accuracy"])] for part in periods]
    return table(["Period (UTC)", "Bars", "Accuracy"], rows)
