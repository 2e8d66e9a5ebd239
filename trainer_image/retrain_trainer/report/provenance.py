"""The part "Lineage": which bytes, which period, which keys and which versions the figures rest on.

Without them a figure could not be reproduced, and nobody could tell whether two reports are about the same data.
"""

from __future__ import annotations

from collections.abc import Mapping

from retrain_api.documents.tasks import PublishItem
from retrain_api.model_times import Times, apart, times_in

from . import promoted
from .asked import long_features
from .facts import Document, Facts
from .text import (
    NOTHING,
    Block,
    Table,
    bullets,
    code,
    count,
    folded,
    grouped,
    known_table,
    period,
    plain,
    share,
    table,
    when,
)
from .value import flat_share


def lineage(facts: Facts) -> list[Block]:
    """How old the learning is, the bars, and folded all files, keys and versions: with them a figure can be computed again."""
    return [
        *_data(facts),
        grouped(filter(None, (_age(item, times_in(facts.evaluation(item))) for item in facts.task.items))),
        _flat_note(facts) if facts.measured else "",
        folded(
            "Files, features, keys and versions",
            promoted.pointers(facts),
            _files(facts),
            grouped(long_features(facts)),
            bullets(_lines(facts)),
        ),
    ]


def _data(facts: Facts) -> list[Block]:
    ties = facts.task.spec.get("label", {}).get("ties", "Drop")
    rows = [row for item in facts.task.items if (row := _data_row(facts, item, ties))]
    if not rows:
        return ["No model was trained, so no data was pinned."]
    return [known_table(["Model", "Bars", "Rows", "Test", "Flat", "sha256", "Version"], rows)]


def _data_row(facts: Facts, item: PublishItem, ties: str) -> list[str] | None:
    if item.data is None:
        return None
    test = facts.test(item)
    return [
        item.symbol,
        period(item.data.first_bar, item.data.last_bar),
        count(item.data.rows),
        period(test["firstBar"], test["lastBar"]) if test else NOTHING,
        share(flat_share(item.measurement, ties)) if item.measurement else NOTHING,
        code(item.data.sha256, 12),
        code(item.data.version_id, 24),
    ]


def _age(item: PublishItem, times: Times) -> tuple[str, str] | None:
    """How old the learning of a model is; nothing of an evaluation of before the times were kept."""
    if item.data is None or times.trained_until is None:
        return None
    before = apart(times.trained_until, item.data.last_bar)
    return item.symbol, (
        f"the weights end {before} before the last bar. Trained on outcomes up to {when(times.trained_until)}, chosen by those up "
        f"to {when(times.known_until)}, tested on those up to {when(times.tested_until)}."
    )


def _flat_note(facts: Facts) -> str:
    label = facts.task.spec.get("label", {})
    horizon, ties = label.get("horizonBars", 15), label.get("ties", "Drop")
    flat = f"Flat is the share of test bars whose close is unchanged after {horizon} bar{'s' * (horizon != 1)}. "
    if ties == "Down":
        return flat + "Flat bars count as not up (label.ties: Down), so always predicting down is often right."
    return (
        flat
        + "Flat bars are left out of accuracy and the other shares (label.ties: Drop), which looks into the future: a trader can't know "
        "beforehand which bars will be flat. The backtest trades them too."
    )


def _files(facts: Facts) -> Table:
    head = ["Model", "File", "sha256", "Train key", "Evaluate key", "Epochs", "Minutes"]
    return table(head, map(_lineage_row, facts.task.items))


def _lines(facts: Facts) -> list[str]:
    """The run, its keys, the software that measured and where the predictions are."""
    task, run = facts.task, facts.task.run
    known = [facts.evaluation(item).get("versions", {}) for item in task.items]
    versions: Mapping[str, str] = next(filter(None, known), {})
    lines = [
        f"Run {code(f'{run.namespace}/{run.name}')}, uid {code(run.uid)}",
        f"Publish key {code(task.publish_key)}; started {when(task.started)}, report written {when(facts.written_at)}",
    ]
    if versions:
        lines.append(
            "Measured with " + ", ".join(f"{plain(name)} {plain(number)}" for name, number in versions.items())
        )
    predictions = [line for item in task.items if (line := _predictions_line(item, facts.evaluation(item)))]
    again = "`retrain verify` computes every figure again from the predictions"
    return [*lines, *predictions, *([again] if predictions else [])]


def _predictions_line(item: PublishItem, document: Document) -> str:
    """Where the predictions are; empty for an evaluation of a release that kept none."""
    uri = (document.get("predictions") or {}).get("uri")
    return f"Predictions of {item.symbol}: {code(uri)}" if uri else ""


def _lineage_row(item: PublishItem) -> list[str]:
    return [
        item.symbol,
        code(item.model.uri if item.model else None),
        code(item.model.sha256 if item.model else None, 12),
        code(item.train_key),
        code(item.evaluate_key),
        f"{item.epochs} (best {item.best_epoch})" if item.epochs else NOTHING,
        NOTHING if item.duration_seconds is None else f"{item.duration_seconds / 60:.1f}",
    ]
