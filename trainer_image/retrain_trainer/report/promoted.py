"""What was promoted, and the part "Predecessor": which models are in service now, and what they replace.

A model that passes is not always promoted. Whoever trades on it has to see why not, and how it compares with the model that
is in service, on the same bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import listed
from retrain_api.measurement import CHAMPION_DIGITS, Champion
from retrain_api.names import file_name, promoted_pointer

from .facts import Facts
from .lived import lived
from .text import Block, Table, code, count, grouped, plain, share, shown, signed_points, table, when

_PENDING = (
    "The promotion had not been carried out when this report was written; what came of it is filled in afterwards."
)


def outcome(facts: Facts) -> list[Block]:
    """What was promoted, on whose authority, and why the rest was not."""
    if facts.promotion is None:
        return [_PENDING]
    names = [model.symbol for model in facts.promotion.promoted]
    refused = {model.symbol: model.message for model in facts.promotion.not_promoted}
    rest = [item for item in facts.task.items if item.symbol not in names]
    approved = f", approved by {plain(facts.task.approved_by)}" if facts.task.approved_by else ""
    done = f"**Promoted**: {listed(names)}{'' if facts.task.override else approved}." if names else ""
    why = ((item.symbol, plain(_why_not(facts, item, refused))) for item in rest)
    return [done, grouped(why, " was not promoted", " were not promoted")]


def pointers(facts: Facts) -> Table:
    """Where the pointers of the promoted models are, and what they name."""
    rows = [
        [
            model.symbol,
            code(f"{facts.task.artifacts_uri}{promoted_pointer(model.symbol)}"),
            code(model.uri),
            code(model.sha256),
        ]
        for model in (facts.promotion.promoted if facts.promotion else ())
    ]
    return table(["Promoted", "Pointer", "File", "sha256"], rows)


def override(facts: Facts) -> str:
    """What is promoted against the gate, by whom and why, in one line; empty without an override."""
    task = facts.task
    names = [item.symbol for item in task.items if item.promote]
    if not (task.override and names):
        return ""
    return (
        f"**Override:** {listed(names)} promoted by override, not by the gate: {plain(task.approved_by or 'nobody')}."
    )


def _why_not(facts: Facts, item: PublishItem, refused: Mapping[str, str]) -> str:
    if item.symbol in refused:
        return refused[item.symbol]
    verdict, policy = facts.judgement.model(item.symbol).verdict, facts.task.spec.get("promotion", {}).get("policy")
    if verdict not in ("Pass", "Suspect"):
        return f"the verdict is {verdict}."
    if facts.judgement.verdict not in ("Pass", "Suspect"):
        return (
            f"the verdict on the run is {facts.judgement.verdict}, and models are promoted only by a run that passes."
        )
    if policy == "Never":
        return "spec.promotion.policy is Never."
    return "waiting for approval, or not approved."


def predecessor(facts: Facts) -> list[Block]:
    """The model in service until now: what it has done since its test, and how the new one compares; nothing where none was in service."""
    rows = [row for item in facts.task.items for row in _old_and_new_rows(facts, item)]
    head = ["Model", "Which", "File", "Accuracy", "Calibration error", "PnL", "Test bars up to"]
    said = grouped((item.symbol, sentence) for item in facts.measured for sentence in comparisons(facts, item))
    return [*lived(facts), said, table(head, rows)]


def _old_and_new_rows(facts: Facts, item: PublishItem) -> list[list[str]]:
    old = facts.before.get(item.symbol)
    if old is None:
        return []
    before = _model_row(item.symbol, "old", old.uri, old.metrics, old.test.last_bar if old.test else None)
    if item.measurement is None or item.model is None:
        return [before]
    end = facts.test(item).get("lastBar")
    return [before, _model_row(item.symbol, "new", item.model.uri, item.measurement.metrics, end)]


def _model_row(symbol: str, which: str, uri: str, metrics: Any, end: str | None) -> list[str]:
    values = [shown(metric, metrics.value(metric)) for metric in ("accuracy", "calibrationError", "pnl")]
    return [symbol, which, code(file_name(uri)), *values, when(end)]


def comparisons(facts: Facts, item: PublishItem) -> list[str]:
    """A model against the one promoted until now and against the file that promotion.baseline names, on the same bars.

    This is the only fair comparison, because the rows of the table cover different periods.
    """
    champion = item.measurement.champion if item.measurement else None
    document = facts.evaluation(item).get("baseline")
    baseline = Champion.model_validate(document) if document else None
    found = [
        champion and _comparison(champion, _which(facts, item, champion), "on the same bars"),
        baseline and _comparison(baseline, "promotion.baseline", "with promotion.baseline"),
    ]
    return [sentence for sentence in found if sentence]


def _which(facts: Facts, item: PublishItem, champion: Champion) -> str:
    """The champion in words. Since the measurement another model may have been put in service."""
    before = facts.before.get(item.symbol)
    if before is None or not champion.sha256 or before.sha256.startswith(champion.sha256):
        return "the predecessor"
    return f"the model {champion.sha256[:CHAMPION_DIGITS]}, in service when it was measured,"


def _comparison(other: Champion, name: str, where: str) -> str:
    if other.difference is None:
        return f"no comparison {where} ({plain(other.note or 'not measured')})."
    note = f"; {plain(other.note)}" if other.note else ""
    return (
        f"on the same {count(other.bars)} bars {name} reads {share(other.accuracy)}, and the new one differs "
        f"by {signed_points(other.difference)}{_interval(other)}{note}."
    )


def _interval(compared: Champion) -> str:
    if compared.low is None or compared.high is None:
        return ""
    unclear = ", so the two can't be told apart" if compared.low <= 0 <= compared.high else ""
    return f" (95 % interval {signed_points(compared.low)} to {signed_points(compared.high)}{unclear})"
