"""Sentences about one model: how it compares with rules that need no training, and when a figure may be luck.

Each says what the shown digits say: a rule that is below the model does not do "as well or better".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from retrain_api.measurement import Measurement

from .text import share

AS_GOOD = 0.02
"""A rule that is at most this far below a model's accuracy does about as well."""
ALWAYS = 0.99
"""A model that says one class on this share of the bars always says the same."""
SIGNIFICANT = 0.05
"""A p-value above this does not show any skill."""
STEADY = 1.25
"""An interval that grows by more than this factor when its blocks are doubled was too narrow."""

UNFITTED = {"persistence": "the last move continues", "reversal": "the price returns to its 20-bar mean"}


def above_majority(measurement: Measurement) -> float | None:
    """Accuracy minus that of always predicting the more frequent class."""
    accuracy, majority = measurement.metrics.accuracy, measurement.baselines.majority
    return None if accuracy is None or majority is None else accuracy - majority


def skill(measurement: Measurement) -> str:
    """The accuracy beside the simplest rule that comes near it, or its lead over the best of them."""
    accuracy, rules = measurement.metrics.accuracy, measurement.baselines
    if accuracy is None:
        return "its accuracy was not measured"
    if rules.majority is not None and accuracy <= rules.majority:
        return f"no skill, since always predicting the more frequent class {_compared(rules.majority, accuracy)}"
    best = best_unfitted(measurement)
    if best is not None and best[1] >= accuracy - AS_GOOD:
        return f"an unfitted rule ({UNFITTED[best[0]]}) {_compared(best[1], accuracy)}"
    if rules.logistic is not None and rules.logistic >= accuracy - AS_GOOD:
        return f"a logistic regression on the same features {_compared(rules.logistic, accuracy)}"
    others = [value for value in (rules.majority, rules.logistic, best[1] if best else None) if value is not None]
    if not others:
        return f"accuracy {share(accuracy)}, without a baseline to compare with"
    return f"accuracy {share(accuracy)} is {(accuracy - max(others)) * 100:.1f} points above the best baseline"


def _compared(rule: float, model: float) -> str:
    """How a rule does beside the model, true to the digits that are shown of both."""
    if share(rule) == share(model):
        return f"is right as often ({share(rule)})"
    beside = f"({share(rule)}, the model {share(model)})"
    if rule > model:
        return f"is right more often {beside}"
    return f"comes within {round(model * 100, 1) - round(rule * 100, 1):.1f} points of it {beside}"


def best_unfitted(measurement: Measurement) -> tuple[str, float] | None:
    """The better of the rules that need no training, and its accuracy."""
    values = {name: getattr(measurement.baselines, name) for name in UNFITTED}
    known = {name: value for name, value in values.items() if value is not None}
    return max(known.items(), key=lambda entry: entry[1]) if known else None


def flat_share(measurement: Measurement, ties: str) -> float | None:
    """Share of the test bars whose close is unchanged after the horizon; `bars` includes them only with ties: Down."""
    bars = measurement.bars if ties == "Down" else measurement.bars + measurement.flat_bars
    return measurement.flat_bars / bars if bars else None


def learnt_nothing(document: Mapping[str, Any]) -> str:
    """How it shows that a model has learnt nothing; empty where it has learnt something, or that is not known."""
    loss = (document.get("training") or {}).get("validationLoss")
    nothing = (document.get("validation") or {}).get("baseRateLoss")
    if not isinstance(loss, int | float) or not isinstance(nothing, int | float) or loss <= nothing:
        return ""
    return f"validation loss {loss:.4f}, and {nothing:.4f} for always answering the share of ups"


def always_the_same(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """What a model always says, and on how many bars; None where it says both, or that is not known."""
    found = document.get("confusion") or {}
    if not {"tp", "fp", "tn", "fn"} <= set(found):
        return None
    called = {"up": found["tp"] + found["fp"], "down": found["tn"] + found["fn"]}
    word, most = max(called.items(), key=lambda entry: entry[1])
    bars = sum(called.values())
    if not bars or most < ALWAYS * bars:
        return None
    often = "always" if most == bars else "nearly always"
    return f"{often} says {word}", f"on {most:,} of {bars:,} test bars"


def not_significant(measurement: Measurement, document: Mapping[str, Any]) -> str:
    """A sentence where the accuracy is above the majority, but luck could explain that; else empty."""
    p_value, edge = document.get("majorityPValue"), above_majority(measurement)
    if p_value is None or edge is None or edge <= 0 or p_value <= SIGNIFICANT:
        return ""
    return (
        "does not beat the majority significantly: without any skill, a model would come out as far above it in "
        f"{p_value * 100:.0f} of 100 such tests."
    )


def test_reuse(measurement: Measurement) -> str:
    """How many other models were measured on these bars before; empty where the number is 0 or not known."""
    before = measurement.judged_before
    if not before:
        return ""
    models = "1 other model was" if before == 1 else f"{before:,} other models were"
    return f"{models} measured on these test bars before; trying until one passes proves nothing."


def changed_market(document: Mapping[str, Any]) -> str:
    """A sentence where validation and test are further apart than both intervals allow; else empty.

    Validation has no interval of its own. It is taken to be as wide as that of the test, scaled by the root of the numbers
    of bars; the two halves add as independent errors do.
    """
    validation, test = document.get("validation") or {}, document.get("test") or {}
    bounds = ((document.get("intervals") or {}).get("accuracy") or {}).get("95")
    before, now = validation.get("accuracy"), test.get("accuracy")
    if not bounds or before is None or now is None:
        return ""
    luck = (bounds[1] - bounds[0]) / 2 * math.sqrt(1 + test["bars"] / validation["bars"])
    if abs(before - now) <= luck:
        return ""
    return (
        f"right on {share(before)} of the validation bars and on {share(now)} of the test bars, further apart than luck explains "
        f"({luck * 100:.1f} points). Either the market changed, or the epoch that was kept was lucky on validation."
    )


def wider_with_longer_blocks(document: Mapping[str, Any]) -> str:
    """A sentence where the accuracy's interval from blocks twice as long is much wider; else empty."""
    check = document.get("doubleBlock") or {}
    longer = (check.get("intervals") or {}).get("accuracy")
    bounds = ((document.get("intervals") or {}).get("accuracy") or {}).get("95")
    if not longer or not bounds or longer[1] - longer[0] <= STEADY * (bounds[1] - bounds[0]):
        return ""
    return (
        f"with blocks of {check['doubleBlockBars']:,} bars instead of {check['blockBars']:,} the accuracy's 95 % interval is "
        f"{share(longer[0])} to {share(longer[1])}, wider than {share(bounds[0])} to {share(bounds[1])}: bars depend on each other for longer "
        "than a block, so the wider one is nearer the truth."
    )
