"""Which plots a model's part of the HTML report has, and what each of them says in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrain_api.documents import PublishItem
from retrain_api.gate import JudgedModel
from retrain_api.wording import bar, measured

from . import plots
from .figure import svg
from .report_evidence import between, interval
from .report_text import count, listed, share

Details = Mapping[str, Any]
MOST_DAYS = 120
"""More days than these are shown by month."""
_RULES = {
    "majority": "majority",
    "persistence": "persistence",
    "reversal": "reversal",
    "logistic": "logistic regression",
}


@dataclass(frozen=True)
class Picture:
    """A plot as an <svg> element, or none where its numbers are not known; `says` is also its alternative text."""

    title: str
    says: str
    svg: str = ""


def pictures(item: PublishItem, judged: JudgedModel, details: Details, card: Details) -> list[Picture]:
    """All plots of one model; none for one that was not measured."""
    if item.measurement is None:
        return []
    found = [
        _comparison(item, judged, details),
        _training(item, card),
        _reliability(item, details),
        _equity(item, details),
        _over_time(item, details),
    ]
    return [picture for picture in found if picture is not None]


def _comparison(item: PublishItem, judged: JudgedModel, details: Details) -> Picture | None:
    assert item.measurement is not None
    accuracy, rules = item.measurement.metrics.accuracy, item.measurement.baselines
    if accuracy is None:
        return None
    known = {name: getattr(rules, field) for field, name in _RULES.items()}
    others = [(name, value) for name, value in known.items() if value is not None]
    bounds = interval(details, "accuracy")
    asked = next((one.bound for one in judged.criteria if one.metric == "accuracy"), None)
    title = "Accuracy beside what needs no model"
    sure = "" if bounds is None else f" (95 % interval {between('accuracy', bounds)})"
    beside = f", {listed([f'{name} {share(value)}' for name, value in others])}" if others else ""
    gate = "" if asked is None else f" The gate asks for {bar('accuracy', asked)}."
    says = f"The model reads {share(accuracy)}{sure}{beside}.{gate}"
    rows = [("model", accuracy), *others]
    return _drawn(item, "accuracy", title, says, lambda: plots.comparison(rows, bounds, asked))


def _training(item: PublishItem, card: Details) -> Picture:
    title, epochs = "Training", card.get("epochs") or []
    if not epochs:
        return Picture(title, "Its curves are not known: the model card beside the model file is not there.")
    first, last, best = epochs[0], epochs[-1], item.best_epoch
    parts = [
        f"{len(epochs)} epoch{'s' * (len(epochs) != 1)}",
        f"train loss {_from_to(first, last, 'train_loss')}",
        f"validation loss {_from_to(first, last, 'validation_loss')}",
        f"learning rate {_from_to(first, last, 'learning_rate')}",
    ]
    kept = next((epoch for epoch in epochs if epoch.get("epoch") == best), None)
    right = "" if kept is None else f" Epoch {best} is kept: validation accuracy {share(kept['validation_accuracy'])}."
    says = f"{', '.join(parts)}.{right}"
    return _drawn(item, "training", title, says, lambda: plots.training(epochs, best))


def _from_to(first: Details, last: Details, name: str) -> str:
    start, end = (f"{value:.4g}" if (value := row.get(name)) is not None else "unknown" for row in (first, last))
    return start if start == end else f"{start} to {end}"


def _reliability(item: PublishItem, details: Details) -> Picture | None:
    assert item.measurement is not None
    bins = details.get("reliability") or []
    if not any(part.get("count") for part in bins):
        return None
    expected = item.measurement.calibration_error_expected
    perfect = "" if expected is None else f"; a perfectly calibrated model would read {share(expected)}"
    largest = max(bins, key=lambda part: part["count"])
    says = (
        f"Calibration error {share(item.measurement.metrics.calibration_error)}{perfect}. On the dashed line a "
        f"probability means what it says. Most bars, {count(largest['count'])} of {count(item.measurement.bars)}, have "
        f"one of {largest['low'] * 100:.0f} to {largest['high'] * 100:.0f} %."
    )
    return _drawn(item, "reliability", "Reliability", says, lambda: plots.reliability(bins))


def _equity(item: PublishItem, details: Details) -> Picture | None:
    assert item.measurement is not None
    points, rules = details.get("equity") or [], details.get("backtest") or {}
    if len(points) < 2:
        return None
    metrics = item.measurement.metrics
    fee = "" if rules.get("feeBps") is None else f" of {rules['feeBps']:g} bps a fill"
    says = (
        f"Every test bar at its real price, after fees{fee}: PnL {measured('pnl', metrics.pnl)} over "
        f"{count(item.measurement.trades)} trades, win rate {measured('winRate', metrics.win_rate)}, deepest fall "
        f"{measured('maxDrawdown', metrics.max_drawdown)}. The account is 1 at the start."
    )
    if any(point["equity"] is not None and point["equity"] < plots.LOWEST for point in points):
        says += " What is left of it is shown down to a millionth."
    return _drawn(item, "equity", "Account and drawdown", says, lambda: plots.equity(points))


def _over_time(item: PublishItem, details: Details) -> Picture | None:
    assert item.measurement is not None
    days, months = details.get("accuracyByDay") or [], details.get("accuracyByMonth") or []
    unit, periods = ("day", days) if len(days) <= MOST_DAYS else ("month", months)
    periods = [row for row in periods if row.get("accuracy") is not None]
    if not periods:
        return None
    low, high = (pick(periods, key=lambda row: row["accuracy"]) for pick in (min, max))
    says = (
        f"{len(periods)} {unit}{'s' * (len(periods) != 1)}: lowest {share(low['accuracy'])} ({low['period']}), highest "
        f"{share(high['accuracy'])} ({high['period']}). Larger dots stand for more bars."
    )
    whole, majority = item.measurement.metrics.accuracy, item.measurement.baselines.majority
    return _drawn(item, "time", f"Accuracy by {unit}", says, lambda: plots.over_time(periods, whole, majority))


def _drawn(item: PublishItem, name: str, title: str, says: str, draw: Any) -> Picture:
    return Picture(title, says, svg(draw, f"{item.symbol}-{name}", f"{item.symbol}: {title}", says))


def confusion_rows(details: Details) -> Sequence[Sequence[str]]:
    """Rows of the confusion matrix with the share of each truth, or none where it was not measured."""
    found = details.get("confusion") or {}
    if not {"tp", "fp", "tn", "fn"} <= set(found):
        return []
    return [
        ["Went up", *_shares(found["tp"], found["fn"])],
        ["Went down", *_shares(found["fp"], found["tn"])],
    ]


def _shares(up: int, down: int) -> tuple[str, str]:
    whole = max(up + down, 1)
    return f"{up:,} ({share(up / whole)})", f"{down:,} ({share(down / whole)})"
