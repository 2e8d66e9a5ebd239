"""The part "How certain the figures are": intervals, chance, calibration curve and accuracy over time.

A figure without its interval invites a decision that luck has made. This part shows for each criterion whether the test was
long enough to settle it, and says what makes a figure less certain than it looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import bar, measured, points, quoted
from retrain_api.gate.judgement import JudgedCriterion, Judgement
from retrain_api.measurement import CONFIDENCES, CRITERIA, LOWER_IS_BETTER, Measurement

from .facts import Document
from .luck import luck_sentences
from .text import NOTHING, Block, Folded, Table, bullets, count, folded, plain, share, shown, signed_points, table
from .value import above_majority, changed_market, not_significant, test_reuse, wider_with_longer_blocks

DAYS_SHOWN = 31
"""Accuracy is shown by day up to this many days, and by month beyond."""
CRITERION_HEAD = ("Criterion", "Measured", "Distance", "95 % interval", "How certain")


def uncertainty(
    items: Sequence[PublishItem], judgement: Judgement, document: Callable[[PublishItem], Document]
) -> list[Block]:
    """Each criterion with its interval, and a sentence for everything that makes a figure more or less certain."""
    if not items:
        return ["No model was measured."]
    rows = [
        [item.symbol, *row]
        for item in items
        for row in criteria_rows(judgement.model(item.symbol).criteria, document(item))
    ]
    note = (
        "On other bars of the same market, the figures could have come out anywhere in these intervals. They come from a "
        "block bootstrap over time, which keeps neighbouring bars together. A criterion is not settled where its bar "
        "lies in the interval."
    )
    sentences = [sentence for item in items for sentence in caveats(item, document(item))]
    return [
        table(_HEAD, [_row(item, document(item)) for item in items]),
        table(["Model", *CRITERION_HEAD], rows),
        note,
        against_table({item.symbol: document(item) for item in items}),
        bullets(sentences),
        *(_over_time(item.symbol, document(item)) for item in items),
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


def _row(item: PublishItem, document: Document) -> list[str]:
    accuracy, error, pnl = (
        between(metric, interval(document, metric)) for metric in ("accuracy", "calibrationError", "pnl")
    )
    measurement = item.measurement
    return [
        item.symbol,
        accuracy,
        error,
        share(measurement.calibration_error_expected if measurement else None),
        pnl,
        share((document.get("validation") or {}).get("accuracy")),
        share(document.get("baseRate")),
    ]


def against_table(evaluations: Mapping[str, Document]) -> Table:
    """The model minus each baseline on the same bars, and how often a model that is no better comes out as far ahead."""
    tests = {symbol: document["against"] for symbol, document in evaluations.items() if document.get("against")}
    rows = [[symbol, *(_ahead(found.get(name)) for name in _RULES)] for symbol, found in tests.items()]
    return table(["Accuracy above", "Majority", "Persistence", "Reversal", "Logistic regression"], rows)


_RULES = ("majority", "persistence", "reversal", "logistic")


def _ahead(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return NOTHING
    p_value = found.get("pValue")
    return signed_points(found["difference"]) + ("" if p_value is None else f" (p = {p_value:.3f})")


def criteria_rows(criteria: Iterable[JudgedCriterion], document: Document) -> list[list[str]]:
    """One model's rows for the columns CRITERION_HEAD."""
    rows = []
    for one in criteria:
        bounds = interval(document, one.metric)
        sign = "<=" if one.metric in LOWER_IS_BETTER else ">="
        rows.append(
            [
                f"{capital(one.metric)} {plain(sign)} {bar(one.metric, one.bound)}",
                shown(one.metric, one.value) if one.met else f"**{measured(one.metric, one.value)}**",
                _distance(one),
                between(one.metric, bounds),
                _settled(one, bounds),
            ]
        )
    return rows


def _distance(one: JudgedCriterion) -> str:
    if one.value is None:
        return NOTHING
    if one.value == one.bound:
        return "exactly met"
    return f"{points(one.metric, one.value, one.bound)[0]} {'clear of the bar' if one.met else 'short of the bar'}"


def _settled(one: JudgedCriterion, bounds: tuple[float, float] | None) -> str:
    if bounds is None or one.value is None:
        return "not known"
    low, high = bounds
    if low <= one.bound <= high:
        return "not settled, the bar lies in the interval"
    return f"settled, the whole interval {'clears' if one.met else 'misses'} the bar"


def interval_table(item: PublishItem, document: Document) -> Table:
    """All metrics of one model with their intervals at 90, 95 and 99 %."""
    known = item.measurement
    rows = [
        [capital(metric), shown(metric, known.value(metric) if known else None), *_intervals(document, metric)]
        for metric in CRITERIA
    ]
    return table(["Metric", "Measured", *(f"{level} % interval" for level in CONFIDENCES)], rows)


def caveats(item: PublishItem, document: Document) -> list[str]:
    """What readers must know before they trust the figures of one model.

    Measurements by older releases lack some of the fields, and those sentences are left out.
    """
    symbol, measurement = item.symbol, item.measurement
    if measurement is None:
        return []
    found = [
        _expected(symbol, measurement),
        not_significant(symbol, measurement, document) or _chance_level(symbol, measurement, document),
        wider_with_longer_blocks(symbol, document) or _double_block(symbol, document),
        test_reuse(symbol, measurement) or _first_try(symbol, measurement),
        *luck_sentences(symbol, document),
        changed_market(symbol, document),
    ]
    return [sentence for sentence in found if sentence]


def interval(document: Document, metric: str, level: int = 95) -> tuple[float, float] | None:
    """Both bounds of a metric's interval, or None where it was not measured."""
    bounds = ((document.get("intervals") or {}).get(metric) or {}).get(str(level))
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


def _intervals(document: Document, metric: str) -> list[str]:
    return [between(metric, interval(document, metric, level)) for level in CONFIDENCES]


def _expected(symbol: str, measurement: Measurement) -> str:
    if measurement.calibration_error_expected is None:
        return ""
    return (
        f"{symbol}: a perfectly calibrated model would read a calibration error of "
        f"{share(measurement.calibration_error_expected)} on {count(measurement.bars)} bars; this one reads "
        f"{share(measurement.metrics.calibration_error)}."
    )


def _chance_level(symbol: str, measurement: Measurement, document: Document) -> str:
    chance, edge = document.get("majorityPValue"), above_majority(measurement)
    if chance is None or edge is None or edge <= 0:
        return ""
    p = "below 0.001" if chance < 0.001 else f"of {chance:.3f}"
    return (
        f"{symbol}: a model no better than the more frequent class would come out this far above it by chance with a "
        f"probability {p}."
    )


def _double_block(symbol: str, document: Document) -> str:
    """How the accuracy's interval changes with blocks twice as long; it should hardly change.

    If it grows, bars depend on each other for longer than a block, and the usual interval is too narrow.
    """
    check = document.get("doubleBlock") or {}
    twice = interval({"intervals": {"accuracy": {"95": (check.get("intervals") or {}).get("accuracy")}}}, "accuracy")
    once = interval(document, "accuracy")
    if twice is None or once is None:
        return ""
    return (
        f"{symbol}: with blocks of {count(check.get('doubleBlockBars'))} bars instead of {count(check.get('blockBars'))} the "
        f"95 % interval of accuracy is {between('accuracy', twice)} instead of {between('accuracy', once)}."
    )


def _first_try(symbol: str, measurement: Measurement) -> str:
    return f"{symbol}: no other model was measured on these test bars before." if measurement.judged_before == 0 else ""


def _over_time(symbol: str, document: Document) -> Folded:
    """The long tables, folded until somebody opens them."""
    return folded(
        f"{symbol}: calibration curve and accuracy over time", reliability_table(document), accuracy_table(document)
    )


def reliability_table(document: Document) -> Table:
    """Predicted against observed probability, for each bin of probabilities that has bars."""
    rows = [
        [
            f"{share(part['low'])} to {share(part['high'])}",
            count(part["count"]),
            share(part["meanProbability"]),
            share(part["observedShare"]),
        ]
        for part in document.get("reliability") or ()
        if part["count"]
    ]
    return table(["Probability of up", "Bars", "Mean probability", "Went up"], rows)


def accuracy_table(document: Document) -> Table:
    """Accuracy by day, or by month where there are more than DAYS_SHOWN days."""
    days = document.get("accuracyByDay") or ()
    periods = days if len(days) <= DAYS_SHOWN else document.get("accuracyByMonth") or ()
    rows = [[part["period"], count(part["bars"]), shown("accuracy", part["accuracy"])] for part in periods]
    return table(["Period (UTC)", "Bars", "Accuracy"], rows)
