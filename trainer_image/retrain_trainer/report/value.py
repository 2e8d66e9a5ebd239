"""The part "What the models are worth": how a model compares with rules that need no training, and what fees leave of it.

A high accuracy is worth nothing if a rule of one line reaches it too, or if fees take all that it earns. This module also
holds the sentences that warn when a figure may be luck.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import measured
from retrain_api.measurement import Measurement

from .text import Table, share, signed_points, table

AS_GOOD = 0.02
"""A rule that is at most this far below a model's accuracy does as well."""

SIGNIFICANT = 0.05
"""A p-value above this does not show any skill."""
STEADY = 1.25
"""An interval that grows by more than this factor when its blocks are doubled was too narrow."""

UNFITTED = {"persistence": "the last move continues", "reversal": "the price returns to its 20-bar mean"}


def baseline_table(items: Sequence[PublishItem]) -> Table:
    """Accuracies of models and baselines on the same bars."""
    head = ["Model", "Accuracy", "Majority", "Persistence", "Reversal", "Logistic regression", "Above the majority"]
    return table(head, [_row(item.symbol, item.measurement) for item in items if item.measurement is not None])


def _row(symbol: str, measurement: Measurement) -> list[str]:
    accuracy, rules = measurement.metrics.accuracy, measurement.baselines
    values = [accuracy, rules.majority, rules.persistence, rules.reversal, rules.logistic]
    return [symbol, *(share(value) for value in values), signed_points(above_majority(measurement))]


def above_majority(measurement: Measurement) -> float | None:
    """Accuracy minus that of always predicting the more frequent class."""
    accuracy, majority = measurement.metrics.accuracy, measurement.baselines.majority
    return None if accuracy is None or majority is None else accuracy - majority


def value(symbol: str, measurement: Measurement, fee_bps: float | None) -> str:
    """One line: what the model adds to rules that need no training, and what fees leave of it."""
    return f"{symbol}: {skill(measurement)}; {after_fees(measurement, fee_bps)}."


def skill(measurement: Measurement) -> str:
    """The accuracy beside the simplest rule that does as well, or its lead over the best of them."""
    accuracy, rules = measurement.metrics.accuracy, measurement.baselines
    if accuracy is None:
        return "its accuracy was not measured"
    if rules.majority is not None and accuracy <= rules.majority:
        return f"no skill: always predicting the more frequent class is right as often ({share(rules.majority)})"
    best = best_unfitted(measurement)
    if best is not None and best[1] >= accuracy - AS_GOOD:
        name, value = best
        return (
            f"an unfitted rule does as well or better ({UNFITTED[name]}: {share(value)}, the model {share(accuracy)})"
        )
    if rules.logistic is not None and rules.logistic >= accuracy - AS_GOOD:
        return f"a logistic regression on the same features does as well or better ({share(rules.logistic)}, the model {share(accuracy)})"
    others = [value for value in (rules.majority, rules.logistic, best[1] if best else None) if value is not None]
    if not others:
        return f"accuracy {share(accuracy)}, without a baseline to compare with"
    return f"accuracy {share(accuracy)} is {(accuracy - max(others)) * 100:.1f} points above the best baseline"


def best_unfitted(measurement: Measurement) -> tuple[str, float] | None:
    """The better of the rules that need no training, and its accuracy."""
    values = {name: getattr(measurement.baselines, name) for name in UNFITTED}
    known = {name: value for name, value in values.items() if value is not None}
    return max(known.items(), key=lambda entry: entry[1]) if known else None


def after_fees(measurement: Measurement, fee_bps: float | None) -> str:
    """What the backtest leaves after fees."""
    pnl = measurement.metrics.pnl
    fees = "fees" if fee_bps is None else f"fees of {fee_bps:g} bps a fill"
    if pnl is None:
        return "the backtest was not measured"
    if measurement.trades == 0:
        return "the backtest made no trade"
    trades = f"PnL {measured('pnl', pnl)} over {measurement.trades:,} trades"
    return f"after {fees}, nothing is left ({trades})" if pnl <= 0 else f"after {fees}, something is left ({trades})"


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


def not_significant(symbol: str, measurement: Measurement, document: Mapping[str, Any]) -> str | None:
    """A sentence where the accuracy is above the majority, but luck could explain that; else None."""
    p_value, edge = document.get("majorityPValue"), above_majority(measurement)
    if p_value is None or edge is None or edge <= 0 or p_value <= SIGNIFICANT:
        return None
    return (
        f"{symbol} does not beat the majority significantly: without any skill, a model would come out as far above it in "
        f"{p_value * 100:.0f} of 100 such tests."
    )


def test_reuse(symbol: str, measurement: Measurement) -> str | None:
    """How many other models were measured on these bars before; None where the number is 0 or not known."""
    before = measurement.judged_before
    if not before:
        return None
    models = "1 other model was" if before == 1 else f"{before:,} other models were"
    return f"{symbol}: {models} measured on these test bars before; trying until one passes proves nothing."


def changed_market(symbol: str, document: Mapping[str, Any]) -> str | None:
    """A sentence where validation and test are further apart than both intervals allow; else None.

    Validation has no interval of its own. It is taken to be as wide as that of the test, scaled by the root of the numbers
    of bars; the two halves add as independent errors do.
    """
    validation, test = document.get("validation") or {}, document.get("test") or {}
    bounds = ((document.get("intervals") or {}).get("accuracy") or {}).get("95")
    before, now = validation.get("accuracy"), test.get("accuracy")
    if not bounds or before is None or now is None:
        return None
    luck = (bounds[1] - bounds[0]) / 2 * math.sqrt(1 + test["bars"] / validation["bars"])
    if abs(before - now) <= luck:
        return None
    return (
        f"{symbol} is right on {share(before)} of the validation bars and on {share(now)} of the test bars, further apart "
        f"than luck explains ({luck * 100:.1f} points). Either the market changed, or the epoch that was kept was lucky on "
        "validation."
    )


def wider_with_longer_blocks(symbol: str, document: Mapping[str, Any]) -> str | None:
    """A sentence where the accuracy's interval from blocks twice as long is much wider; else None."""
    check = document.get("doubleBlock") or {}
    longer = (check.get("intervals") or {}).get("accuracy")
    bounds = ((document.get("intervals") or {}).get("accuracy") or {}).get("95")
    if not longer or not bounds or longer[1] - longer[0] <= STEADY * (bounds[1] - bounds[0]):
        return None
    return (
        f"{symbol}: with blocks of {check['doubleBlockBars']:,} bars instead of {check['blockBars']:,} the accuracy's 95 % "
        f"interval is wider ({share(longer[0])} to {share(longer[1])} instead of {share(bounds[0])} to {share(bounds[1])}); "
        "bars depend on each other for longer than a window, so the wider one is nearer the truth."
    )
