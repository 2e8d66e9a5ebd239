"""What a model is worth: against rules that need no training, and after fees."""

from __future__ import annotations

from collections.abc import Sequence

from retrain_api.documents import PublishItem
from retrain_api.measurement import Measurement
from retrain_api.wording import measured

from .report_text import share, signed_points, table

AS_GOOD = 0.02
"""A rule this close below a model's accuracy does as well."""

UNFITTED = {"persistence": "the last move goes on", "reversal": "the price returns to its 20-bar mean"}


def baseline_table(items: Sequence[PublishItem]) -> str:
    """Accuracies of model and baselines on the same bars."""
    head = ["Model", "Accuracy", "Majority", "Persistence", "Reversal", "Logistic regression", "Above the majority"]
    return table(head, [_row(item.symbol, item.measurement) for item in items if item.measurement is not None])


def _row(symbol: str, measurement: Measurement) -> list[str]:
    accuracy, rules = measurement.metrics.accuracy, measurement.baselines
    values = [accuracy, rules.majority, rules.persistence, rules.reversal, rules.logistic]
    edge = None if accuracy is None or rules.majority is None else accuracy - rules.majority
    return [symbol, *(share(value) for value in values), signed_points(edge)]


def worth(symbol: str, measurement: Measurement, fee_bps: float | None) -> str:
    """One line: what the model adds to rules without training, and what fees leave of it."""
    return f"{symbol}: {skill(measurement)}; {after_fees(measurement, fee_bps)}."


def skill(measurement: Measurement) -> str:
    """The accuracy beside the best rule that does as well."""
    accuracy, rules = measurement.metrics.accuracy, measurement.baselines
    if accuracy is None:
        return "its accuracy was not measured"
    if rules.majority is not None and accuracy <= rules.majority:
        return f"no skill, always saying the more frequent class is right as often ({share(rules.majority)})"
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
    """What the backtest leaves."""
    pnl = measurement.metrics.pnl
    fees = "fees" if fee_bps is None else f"fees of {fee_bps:g} bps a fill"
    if pnl is None:
        return "the backtest was not measured"
    if measurement.trades == 0:
        return "the backtest made no trade"
    trades = f"PnL {measured('pnl', pnl)} over {measurement.trades:,} trades"
    return f"after {fees} nothing is left ({trades})" if pnl <= 0 else f"after {fees} something is left ({trades})"


def flat_share(measurement: Measurement, ties: str) -> float | None:
    """Share of the test bars whose close was unchanged after the horizon; `bars` holds them only with ties: Down."""
    bars = measurement.bars if ties == "Down" else measurement.bars + measurement.flat_bars
    return measurement.flat_bars / bars if bars else None
