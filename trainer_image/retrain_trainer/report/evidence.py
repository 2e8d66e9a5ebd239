"""What the figures rest on: rules that need no training on the same bars, calibration, and all that makes a figure less certain.

A high accuracy is worth nothing if a rule of one line reaches it too. What is a number of every model stands in a table; a
sentence is only for what is not as it should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from retrain_api.documents.references import Restated
from retrain_api.documents.tasks import PublishItem

from .criteria import between, interval, interval_table
from .facts import Document, Facts
from .text import (
    Block,
    Folded,
    Table,
    count,
    first_of,
    folded,
    grouped,
    known_table,
    plain,
    probability,
    share,
    shown,
    table,
)
from .value import changed_market, not_significant, skill, wider_with_longer_blocks

DAYS_SHOWN = 31
"""Accuracy is listed by day up to this many days, and by month beyond."""
_RULES = {
    "majority": "Majority",
    "persistence": "Persistence",
    "reversal": "Reversal",
    "logistic": "Logistic regression",
}


def evidence(facts: Facts) -> list[Block]:
    """Accuracy beside the baselines, the other figures, what to doubt, and every metric of each model folded."""
    if not facts.measured:
        return ["No model was measured."]
    note = (
        "In brackets: how many points the model is above, and p, how often one that is no better comes out as far ahead. Majority always says "
        "the more frequent class, persistence that the last move goes on, reversal that the price returns to its 20-bar mean. On other bars of "
        "this market a figure could have come out anywhere in its interval (a block bootstrap over time)."
    )
    return [
        *first_of(grouped((item.symbol, skill(item.measurement) + ".") for item in facts.measured if item.measurement)),
        known_table(
            ["Model", "Accuracy", "95 % interval", *_RULES.values()], [_beside(facts, one) for one in facts.measured]
        ),
        note,
        known_table(_FIGURES, [_figures(facts, item) for item in facts.measured]),
        *first_of(
            grouped((item.symbol, one) for item in facts.measured for one in doubts(item, facts.evaluation(item)))
        ),
        *(_details(item, facts.evaluation(item)) for item in facts.measured),
    ]


def _beside(facts: Facts, item: PublishItem) -> list[str]:
    assert item.measurement is not None
    document, rules = facts.evaluation(item), item.measurement.baselines
    accuracy, against = item.measurement.metrics.accuracy, document.get("against") or {}
    return [
        item.symbol,
        share(accuracy),
        between("accuracy", interval(document, "accuracy")),
        *(_rule(accuracy, getattr(rules, name), against.get(name)) for name in _RULES),
    ]


def _rule(accuracy: float | None, value: float | None, found: Mapping[str, Any] | None) -> str:
    """A baseline's accuracy with the model's lead over it, as the evaluation measured it or as it follows."""
    if value is None or accuracy is None:
        return share(value)
    lead = accuracy - value if found is None else found["difference"]
    p_value = None if found is None else found.get("pValue")
    # Of a model that is behind, nobody asks how often luck comes out as far ahead.
    certain = "" if p_value is None or lead <= 0 else f", p {'= ' * (0.001 <= p_value <= 0.999)}{probability(p_value)}"
    return f"{share(value)} ({round(lead * 100, 1) + 0.0:+.1f}{certain})"


_FIGURES = (
    "Model", "Test bars", "Went up", "Said up", "Validation accuracy", "Calibration error", "95 % interval", "A calibrated model reads",
    "F1", "AUC", "Brier score",
)  # fmt: skip


def _figures(facts: Facts, item: PublishItem) -> list[str]:
    assert item.measurement is not None
    document, metrics = facts.evaluation(item), item.measurement.metrics
    return [
        item.symbol,
        count(item.measurement.bars),
        share(document.get("baseRate")),
        share(_said_up(document)),
        share((document.get("validation") or {}).get("accuracy")),
        share(metrics.calibration_error),
        between("calibrationError", interval(document, "calibrationError")),
        share(item.measurement.calibration_error_expected),
        shown("f1", metrics.f1),
        shown("auc", metrics.auc),
        shown("brier", metrics.brier),
    ]


def _said_up(document: Document) -> float | None:
    found = document.get("confusion") or {}
    bars = sum(found.values()) if {"tp", "fp", "tn", "fn"} <= set(found) else 0
    return (found["tp"] + found["fp"]) / bars if bars else None


def doubts(item: PublishItem, document: Document) -> Iterable[str]:
    """What readers must know before they trust the figures of one model; measurements by older releases lack some fields."""
    assert item.measurement is not None
    found = [
        not_significant(item.measurement, document),
        wider_with_longer_blocks(document),
        changed_market(document),
        *_restated(document),
        *map(plain, document.get("warnings") or ()),
    ]
    return [sentence + "." * (not sentence.endswith(".")) for sentence in found if sentence]


def _restated(document: Document) -> list[str]:
    """What an earlier training was given otherwise."""
    try:
        return [plain(Restated.model_validate(document["restated"]).sentence)]
    except (KeyError, ValidationError):
        return []


def _details(item: PublishItem, document: Document) -> Folded:
    """The long tables of one model."""
    return folded(
        f"{item.symbol}: every metric with its intervals, calibration, accuracy over time",
        interval_table(item, document),
        confusion_table(document),
        reliability_table(document),
        accuracy_table(document),
        symbol=item.symbol,
    )


def confusion_table(document: Document) -> Table:
    """What happened and what was said, with the share of each row; no rows where it was not measured."""
    found, rows = document.get("confusion") or {}, []
    if {"tp", "fp", "tn", "fn"} <= set(found):
        rows = [["Went up", *_shares(found["tp"], found["fn"])], ["Went down", *_shares(found["fp"], found["tn"])]]
    return table(["Test bars that", "Said up", "Said down"], rows)


def _shares(up: int, down: int) -> tuple[str, str]:
    whole = max(up + down, 1)
    return f"{up:,} ({share(up / whole)})", f"{down:,} ({share(down / whole)})"


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
    rows = [[part["period"], count(part["bars"]), share(part["accuracy"])] for part in periods]
    return table(["Period (UTC)", "Bars", "Accuracy"], rows)
