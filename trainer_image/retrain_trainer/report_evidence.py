"""How sure the figures are, and what they are made of: intervals, calibration curve, classes, accuracy over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from retrain_api.documents import PublishItem
from retrain_api.measurement import Measurement
from retrain_api.wording import measured

from .report_text import NOTHING, bullets, count, share, shown, table
from .report_worth import changed_market, judged_before, no_better_for_sure, unsteady

Details: TypeAlias = Mapping[str, Any]

DAYS_SHOWN = 31
"""Accuracy is shown by day up to so many days, then by month."""


def evidence(items: Sequence[PublishItem], evaluations: Mapping[str, Details]) -> str:
    """The whole section, for the items that have a measurement."""
    known = [(item.symbol, item.measurement, evaluations.get(item.symbol, {})) for item in items if item.measurement]
    if not known:
        return "No model was measured."
    head = [
        "Model",
        "Accuracy, 95 % interval",
        "Calibration error, 95 % interval",
        "A calibrated model reads",
        "PnL, 95 % interval",
        "Majority, p-value",
        "Validation accuracy",
        "Up bars",
    ]
    sentences = [sentence for one in known for sentence in _sentences(*one)]
    folded = [_folded(symbol, details) for symbol, _, details in known]
    return "\n\n".join(filter(None, [table(head, [_row(*one) for one in known]), bullets(sentences), *folded]))


def _row(symbol: str, measurement: Measurement, details: Details) -> list[str]:
    p_value = details.get("majorityPValue")
    return [
        symbol,
        between("accuracy", details),
        between("calibrationError", details),
        share(measurement.calibration_error_expected),
        between("pnl", details),
        NOTHING if p_value is None else f"{p_value:.3f}",
        share((details.get("validation") or {}).get("accuracy")),
        share(details.get("baseRate")),
    ]


def between(metric: str, details: Details) -> str:
    """A metric's 95 % interval in a cell: 50.1 % to 52.3 %."""
    bounds = ((details.get("intervals") or {}).get(metric) or {}).get("95")
    return f"{measured(metric, bounds[0])} to {measured(metric, bounds[1])}" if bounds else NOTHING


def _sentences(symbol: str, measurement: Measurement, details: Details) -> list[str]:
    found = (
        no_better_for_sure(symbol, measurement, details),
        judged_before(symbol, measurement),
        changed_market(symbol, details),
        unsteady(symbol, details),
    )
    return [sentence for sentence in found if sentence]


def _folded(symbol: str, details: Details) -> str:
    """The long tables, closed until somebody asks."""
    tables = [reliability_table(details), accuracy_table(details)]
    if not any(tables):
        return ""
    body = "\n\n".join(filter(None, tables))
    return f"<details><summary>{symbol}: calibration curve and accuracy over time</summary>\n\n{body}\n\n</details>"


def reliability_table(details: Details) -> str:
    """What the model said against what happened, for each bin of probabilities that has bars."""
    rows = [
        [
            f"{share(part['low'])} to {share(part['high'])}",
            count(part["count"]),
            share(part["meanProbability"]),
            share(part["observedShare"]),
        ]
        for part in details.get("reliability", ())
        if part["count"]
    ]
    return table(["Probability of up", "Bars", "Said", "Went up"], rows) if rows else ""


def accuracy_table(details: Details) -> str:
    """Accuracy by day, or by month where there are many days."""
    days = details.get("accuracyByDay", ())
    periods = days if len(days) <= DAYS_SHOWN else details.get("accuracyByMonth", ())
    rows = [[part["period"], count(part["bars"]), shown("accuracy", part["accuracy"])] for part in periods]
    return table(["Period (UTC)", "Bars", "Accuracy"], rows) if rows else ""
