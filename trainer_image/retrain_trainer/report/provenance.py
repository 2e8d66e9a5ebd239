"""The parts "Data" and "Lineage": which bytes, which period, which keys and which versions the figures rest on.

Without them a figure could not be reproduced, and nobody could tell whether two reports are about the same data.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from retrain_api.documents.references import Restated
from retrain_api.documents.tasks import PublishItem
from retrain_api.model_times import Times, apart, times_in

from .facts import Document, Facts
from .text import NOTHING, Block, Bullets, bullets, code, count, plain, share, table
from .value import flat_share


def data(facts: Facts) -> list[Block]:
    """The file behind each model, its period, and what was left out of the figures."""
    ties = facts.task.spec.get("label", {}).get("ties", "Drop")
    rows = [row for item in facts.task.items if (row := _data_row(item, facts.evaluation(item), ties))]
    if not rows:
        return ["No model was trained, so no data was pinned."]
    head = ["Model", "Bars", "Rows", "Test", "Flat", "sha256", "Version"]
    return [table(head, rows), _features(facts), _ages(facts), _flat_note(facts), _warnings(facts)]


def _features(facts: Facts) -> Bullets:
    """What each model learnt from; a card of release 0.1.0 has the names alone."""
    return bullets(
        f"{item.symbol} learnt from {plain(line)}"
        for item in facts.task.items
        if (line := _feature_line(facts.cards.get(item.symbol, {})))
    )


def _ages(facts: Facts) -> Bullets:
    """How old the learning of each model is; nothing of an evaluation of before the times were kept."""
    return bullets(filter(None, (_age(item, times_in(facts.evaluation(item))) for item in facts.task.items)))


def _age(item: PublishItem, times: Times) -> str:
    if item.data is None or times.trained_until is None:
        return ""
    before = apart(times.trained_until, item.data.last_bar)
    return (
        f"{item.symbol}: the weights end {before} before the last bar. Trained on outcomes up to {times.trained_until}, chosen by those up "
        f"to {times.known_until or NOTHING}, tested on those up to {times.tested_until or NOTHING}."
    )


def _feature_line(card: Document) -> str:
    names = card.get("features", [])
    known = f"{len(names)} feature{'s' * (len(names) != 1)}: {', '.join(map(str, names))}." if names else ""
    return str(card.get("featureSet", {}).get("sentence", known))


def _data_row(item: PublishItem, document: Document, ties: str) -> list[str] | None:
    if item.data is None:
        return None
    return [
        item.symbol,
        f"{item.data.first_bar} to {item.data.last_bar}",
        count(item.data.rows),
        _test_period(document),
        share(flat_share(item.measurement, ties)) if item.measurement else NOTHING,
        code(item.data.sha256, 12),
        code(item.data.version_id, 24),
    ]


def _test_period(document: Document) -> str:
    test = document.get("test", {})
    return f"{test['firstBar']} to {test['lastBar']}" if "firstBar" in test and "lastBar" in test else NOTHING


def _flat_note(facts: Facts) -> str:
    label = facts.task.spec.get("label", {})
    horizon, ties = label.get("horizonBars", 15), label.get("ties", "Drop")
    flat = f"Flat is the share of test bars whose close is unchanged after {horizon} bar{'s' * (horizon != 1)}. "
    if ties == "Down":
        return flat + "Flat bars are counted as not up (label.ties: Down), so always predicting down is often right."
    return (
        flat
        + "Flat bars are left out of accuracy and the other shares (label.ties: Drop). Dropping them looks into the "
        "future: a trader can't know beforehand which bars will be flat. The backtest trades them too."
    )


def _warnings(facts: Facts) -> Bullets:
    return bullets(
        f"{item.symbol}: {plain(warning)}"
        for item in facts.measured
        for warning in (*_restated(facts.evaluation(item)), *facts.evaluation(item).get("warnings", ()))
    )


def _restated(document: Document) -> list[str]:
    """What an earlier training was given otherwise."""
    try:
        return [Restated.model_validate(document["restated"]).sentence]
    except (KeyError, ValidationError):
        return []


def lineage(facts: Facts) -> list[Block]:
    """The model files, keys, run and software versions behind the figures."""
    task, run = facts.task, facts.task.run
    head = ["Model", "File", "sha256", "Train key", "Evaluate key", "Epochs", "Minutes"]
    known = [facts.evaluation(item).get("versions", {}) for item in task.items]
    versions: Mapping[str, str] = next(filter(None, known), {})
    lines = [
        f"Run {code(f'{run.namespace}/{run.name}')}, uid {code(run.uid)}",
        f"Publish key {code(task.publish_key)}; started {task.started or NOTHING}, report written {facts.written_at}",
    ]
    if versions:
        lines.append(
            "Measured with " + ", ".join(f"{plain(name)} {plain(number)}" for name, number in versions.items())
        )
    lines += [line for item in task.items if (line := _predictions_line(item, facts.evaluation(item)))]
    return [table(head, map(_lineage_row, task.items)), bullets(lines)]


def _predictions_line(item: PublishItem, document: Document) -> str:
    """Where the predictions are; empty for an evaluation of a release that kept none."""
    uri = (document.get("predictions") or {}).get("uri")
    return (
        f"Predictions of {item.symbol}: {code(uri)}; `retrain verify` computes every figure again from them"
        if uri
        else ""
    )


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
