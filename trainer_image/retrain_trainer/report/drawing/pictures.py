"""Chooses the plots of a model in the HTML report and writes a caption for each.

The caption is also the alternative text: whoever can't see a plot reads there what it shows. A plot whose numbers are missing
is left out or says why, because a measurement by an older release must not keep a report from being written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import bar, listed, measured
from retrain_api.gate.judgement import JudgedModel
from retrain_trainer.report.criteria import between, interval
from retrain_trainer.report.facts import Document
from retrain_trainer.report.text import count, share

from . import plots
from .figure import svg

MOST_DAYS = 120
"""Beyond this many days, accuracy is shown by month."""
_RULES = {
    "majority": "majority",
    "persistence": "persistence",
    "reversal": "reversal",
    "logistic": "logistic regression",
}


@dataclass(frozen=True)
class Picture:
    """A plot as an <svg> element, empty where its numbers are not known; `caption` is its alternative text, `kind` its place."""

    kind: str
    title: str
    caption: str
    svg: str = ""


def pictures(
    item: PublishItem, judged: JudgedModel, document: Document, card: Document, points: Sequence[Document] = ()
) -> list[Picture]:
    """All plots of one model; none for one that was not measured. `points` of the account are those of evaluation.json where not given."""
    if item.measurement is None:
        return []
    found = [
        _comparison(item, judged, document),
        _training(item, card),
        _reliability(item, document),
        _equity(item, document, points or document.get("equity") or []),
        _over_time(item, document),
    ]
    return [picture for picture in found if picture is not None]


def _comparison(item: PublishItem, judged: JudgedModel, document: Document) -> Picture | None:
    assert item.measurement is not None
    accuracy, rules = item.measurement.metrics.accuracy, item.measurement.baselines
    if accuracy is None:
        return None
    known = {name: getattr(rules, field) for field, name in _RULES.items()}
    others = [(name, value) for name, value in known.items() if value is not None]
    bounds = interval(document, "accuracy")
    required = next((one.bound for one in judged.criteria if one.metric == "accuracy"), None)
    title = "accuracy and baselines"
    sure = "" if bounds is None else f" (95 % interval {between('accuracy', bounds)})"
    beside = f", {listed([f'{name} {share(value)}' for name, value in others])}" if others else ""
    gate = "" if required is None else f" The gate asks for {bar('accuracy', required)}."
    caption = f"The model reads {share(accuracy)}{sure}{beside}.{gate}"
    rows = [("model", accuracy), *others]
    return _picture(item, "accuracy", title, caption, lambda: plots.comparison(rows, bounds, required))


def _training(item: PublishItem, card: Document) -> Picture:
    title, epochs = "training", card.get("epochs") or []
    if not epochs:
        return Picture(
            "training",
            f"{item.symbol}: {title}",
            "There are no curves, because the model card beside the model file is missing.",
        )
    first, last, best = epochs[0], epochs[-1], item.best_epoch
    parts = [
        f"{len(epochs)} epoch{'s' * (len(epochs) != 1)}",
        f"train loss {_from_to(first, last, 'train_loss')}",
        f"validation loss {_from_to(first, last, 'validation_loss')}",
        f"learning rate {_from_to(first, last, 'learning_rate')}",
    ]
    kept = next((epoch for epoch in epochs if epoch.get("epoch") == best), None)
    right = "" if kept is None else f" Epoch {best} is kept: validation accuracy {share(kept['validation_accuracy'])}."
    caption = f"{', '.join(parts)}.{right}"
    return _picture(item, "training", title, caption, lambda: plots.training(epochs, best))


def _from_to(first: Document, last: Document, name: str) -> str:
    start, end = (f"{value:.4g}" if (value := row.get(name)) is not None else "unknown" for row in (first, last))
    return start if start == end else f"{start} to {end}"


def _reliability(item: PublishItem, document: Document) -> Picture | None:
    assert item.measurement is not None
    bins = document.get("reliability") or []
    if not any(part.get("count") for part in bins):
        return None
    expected = item.measurement.calibration_error_expected
    perfect = "" if expected is None else f"; a perfectly calibrated model would read {share(expected)}"
    largest = max(bins, key=lambda part: part["count"])
    caption = (
        f"Calibration error {share(item.measurement.metrics.calibration_error)}{perfect}. On the dashed line a "
        f"probability means what it says. Most bars, {count(largest['count'])} of {count(item.measurement.bars)}, have "
        f"one of {largest['low'] * 100:.0f} to {largest['high'] * 100:.0f} %."
    )
    return _picture(item, "reliability", "reliability", caption, lambda: plots.reliability(bins))


def _equity(item: PublishItem, document: Document, points: Sequence[Document]) -> Picture | None:
    assert item.measurement is not None
    rules = document.get("backtest") or {}
    if len(points) < 2:
        return None
    metrics = item.measurement.metrics
    fee = "" if rules.get("feeBps") is None else f" of {rules['feeBps']:g} bps a fill"
    caption = (
        f"Every test bar at its real price, after fees{fee}: PnL {measured('pnl', metrics.pnl)} over "
        f"{count(item.measurement.trades)} trades, win rate {measured('winRate', metrics.win_rate)}, maximum drawdown "
        f"{measured('maxDrawdown', metrics.max_drawdown)}. The account starts at 1."
    )
    if any(point["equity"] is not None and point["equity"] < plots.LOWEST for point in points):
        caption += " It is drawn down to a millionth."
    return _picture(item, "equity", "account", caption, lambda: plots.equity(points))


def _over_time(item: PublishItem, document: Document) -> Picture | None:
    assert item.measurement is not None
    days, months = document.get("accuracyByDay") or [], document.get("accuracyByMonth") or []
    unit, periods = ("day", days) if len(days) <= MOST_DAYS else ("month", months)
    periods = [row for row in periods if row.get("accuracy") is not None]
    if not periods:
        return None
    low, high = (pick(periods, key=lambda row: row["accuracy"]) for pick in (min, max))
    caption = (
        f"{len(periods)} {unit}{'s' * (len(periods) != 1)}: lowest {share(low['accuracy'])} ({low['period']}), highest "
        f"{share(high['accuracy'])} ({high['period']}). Larger dots stand for more bars."
    )
    whole, majority = item.measurement.metrics.accuracy, item.measurement.baselines.majority
    return _picture(item, "time", f"accuracy by {unit}", caption, lambda: plots.over_time(periods, whole, majority))


def _picture(item: PublishItem, name: str, title: str, caption: str, draw: Any) -> Picture:
    title = f"{item.symbol}: {title}"
    return Picture(name, title, caption, svg(draw, f"{item.symbol}-{name}", title, caption))
