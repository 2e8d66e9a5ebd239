"""The report of a judgement: the verdict first, then what it rests on, then what to do next.

`sections` has its content as data, `render` writes it as Markdown; `report_html` makes the page with the plots of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retrain_api.documents import PublishItem, PublishTask
from retrain_api.gate import JudgedModel, Judgement
from retrain_api.measurement import Champion
from retrain_api.names import promoted_pointer

from .pointer import Previous
from .promote import Promotion
from .report_advice import next_steps
from .report_evidence import capital, how_sure
from .report_text import (
    NOTHING,
    Block,
    Bullets,
    Section,
    bullets,
    code,
    count,
    judged_cell,
    listed,
    markdown,
    plain,
    section,
    share,
    shown,
    signed_points,
    table,
)
from .report_worth import baseline_table, flat_share, worth

Details = Mapping[str, Any]

CLASSES = {
    "Ideal": "every model passes",
    "Acceptable": "enough models pass, though not all",
    "NeedsMoreWork": "too few models pass",
}
_COLUMNS = ("accuracy", "calibrationError", "f1", "winRate", "pnl", "sharpe", "maxDrawdown")
_PENDING = "This part is written once the promotion is done; it was not when this report was."


@dataclass(frozen=True)
class Facts:
    """All that the report says; `promotion` is None as long as it has not been done.

    `evaluations` holds each symbol's evaluation.json, `cards` its model card, `before` the model that was promoted
    until now.
    """

    task: PublishTask
    judgement: Judgement
    written_at: str
    evaluations: Mapping[str, Details] = field(default_factory=dict)
    before: Mapping[str, Previous | None] = field(default_factory=dict)
    cards: Mapping[str, Details] = field(default_factory=dict)
    promotion: Promotion | None = None

    @property
    def measured(self) -> list[PublishItem]:
        """The items that have a measurement."""
        return [item for item in self.task.items if item.measurement is not None]

    def details(self, item: PublishItem) -> Details:
        """An item's evaluation.json, empty where there is none."""
        return self.evaluations.get(item.symbol, {})


def render(facts: Facts) -> str:
    """The whole report as Markdown."""
    parts = [f"# {title(facts)}"]
    for part in sections(facts):
        parts += [f"## {part.title}"] if part.title else []
        parts += [markdown(block) for block in part.blocks]
    return "\n\n".join(parts) + "\n"


def title(facts: Facts) -> str:
    """Which report this is."""
    run = facts.task.run
    return f"Retraining report {facts.task.number}: {run.namespace}/{run.name}"


def sections(facts: Facts) -> list[Section]:
    """All that the report says, in the order of Markdown's report."""
    return [
        section("", *_verdict(facts)),
        section("Models", *_models(facts)),
        section("How sure that is", *how_sure(facts.measured, facts.judgement, facts.details)),
        section("What the models are worth", *_worth(facts)),
        section("Promotion", *_promotion(facts)),
        section("Old against new", *_old_and_new(facts)),
        section("Data", *_data(facts)),
        section("Next steps", bullets(next_steps(facts.task, facts.judgement, facts.evaluations))),
        section("Lineage", *_lineage(facts)),
    ]


def _verdict(facts: Facts) -> list[Block]:
    judgement = facts.judgement
    names = [model.symbol for model in judgement.models if model.verdict == "Pass"]
    who = f" ({listed(names)})" if names else ""
    head = (
        f"**{judgement.verdict}, {judgement.outcome}** ({CLASSES[judgement.outcome]}): {judgement.passed} of "
        f"{judgement.total} models pass{who}, {judgement.required} required."
    )
    criteria = f"Judged by {listed(judgement.judged_criteria)}." if judgement.judged_criteria else ""
    why = [sentence for model in judgement.models for sentence in reasons(model)]
    return [head, overridden(facts), bullets(why), criteria]


def overridden(facts: Facts) -> str:
    """What is promoted against the gate, by whom and why, in one line; empty without an override."""
    task = facts.task
    names = [item.symbol for item in task.items if item.promote]
    if not (task.override and names):
        return ""
    return (
        f"**Override:** {listed(names)} promoted by override, not by the gate: {plain(task.approved_by or 'nobody')}."
    )


def reasons(model: JudgedModel) -> list[str]:
    """Why this verdict, as sentences."""
    return [plain(reason) + "." * (not reason.endswith(".")) for reason in model.reasons] or [f"{model.symbol} passes."]


def _models(facts: Facts) -> list[Block]:
    extra = [c.metric for model in facts.judgement.models for c in model.criteria if c.metric not in _COLUMNS]
    columns = _COLUMNS + tuple(dict.fromkeys(extra))
    head = ["Model", "Verdict", *map(capital, columns)]
    rows = [_model_row(facts, item, columns) for item in facts.task.items]
    note = (
        "Measured on test bars that no model was trained or validated on. PnL, win rate and drawdown are after fees; "
        "a judged value stands beside its distance from the bar, and in bold where it misses it."
    )
    return [table([*head, "Bars", "Trades"], rows), note]


def _model_row(facts: Facts, item: PublishItem, columns: tuple[str, ...]) -> list[str]:
    judged = facts.judgement.model(item.symbol)
    if item.measurement is None:
        return [item.symbol, judged.verdict, *["-"] * (len(columns) + 2)]
    criteria = {criterion.metric: criterion for criterion in judged.criteria}
    values = item.measurement.metrics
    cells = [
        judged_cell(criteria[metric]) if metric in criteria else shown(metric, values.value(metric))
        for metric in columns
    ]
    return [item.symbol, judged.verdict, *cells, count(item.measurement.bars), count(item.measurement.trades)]


def _worth(facts: Facts) -> list[Block]:
    if not facts.measured:
        return ["No model was measured."]
    fee = facts.task.spec.get("evaluation", {}).get("backtest", {}).get("feeBps")
    sentences = [worth(item.symbol, item.measurement, fee) for item in facts.measured if item.measurement]
    return [baseline_table(facts.measured), bullets(sentences)]


def _promotion(facts: Facts) -> list[Block]:
    if facts.promotion is None:
        return [_PENDING]
    rows = [
        [
            model.symbol,
            code(f"{facts.task.artifacts_uri}{promoted_pointer(model.symbol)}"),
            code(model.uri),
            code(model.sha256),
        ]
        for model in facts.promotion.promoted
    ]
    refused = {model.symbol: model.message for model in facts.promotion.not_promoted}
    why = [
        f"{item.symbol} was not promoted: {plain(_why_not(facts, item, refused))}"
        for item in facts.task.items
        if item.symbol not in {model.symbol for model in facts.promotion.promoted}
    ]
    approved = f"Approved by {plain(facts.task.approved_by)}." if facts.task.approved_by and rows else ""
    return [table(["Model", "Pointer", "File", "sha256"], rows), overridden(facts) or approved, bullets(why)]


def _why_not(facts: Facts, item: PublishItem, refused: Mapping[str, str]) -> str:
    if item.symbol in refused:
        return refused[item.symbol]
    verdict, policy = facts.judgement.model(item.symbol).verdict, facts.task.spec.get("promotion", {}).get("policy")
    if verdict not in ("Pass", "Suspect"):
        return f"its verdict is {verdict}."
    if facts.judgement.verdict not in ("Pass", "Suspect"):
        return (
            f"the verdict on the run is {facts.judgement.verdict}, and models are promoted only by a run that passes."
        )
    if policy == "Never":
        return "spec.promotion.policy is Never."
    return "it waits for approval, or was not approved."


def _old_and_new(facts: Facts) -> list[Block]:
    rows = [row for item in facts.task.items for row in _compared(facts, item)]
    head = ["Model", "Which", "File", "Accuracy", "Calibration error", "PnL", "Test bars up to"]
    sentences = [sentence for item in facts.measured for sentence in rivals(facts, item)]
    return [table(head, rows), bullets(sentences)]


def _compared(facts: Facts, item: PublishItem) -> list[list[str]]:
    old = facts.before.get(item.symbol)
    before = [item.symbol, "old", "none", "-", "-", "-", "-"]
    if old is not None:
        before = _compared_row(item.symbol, "old", old.uri, old.metrics, old.test.last_bar if old.test else "-")
    if item.measurement is None or item.model is None:
        return [before, [item.symbol, "new", "none", "-", "-", "-", "-"]]
    end = facts.details(item).get("test", {}).get("lastBar", "-")
    return [before, _compared_row(item.symbol, "new", item.model.uri, item.measurement.metrics, end)]


def _compared_row(symbol: str, which: str, uri: str, metrics: Any, end: str) -> list[str]:
    values = [shown(metric, metrics.value(metric)) for metric in ("accuracy", "calibrationError", "pnl")]
    return [symbol, which, code(uri.rsplit("/", 1)[-1]), *values, end]


def rivals(facts: Facts, item: PublishItem) -> list[str]:
    """A model beside the one promoted until now, and beside the file that promotion.baseline names, on the same bars:
    the only fair comparison, as the rows of the table are of different periods.
    """
    today = item.measurement.champion if item.measurement else None
    other = facts.details(item).get("baseline")
    named = Champion.model_validate(other) if other else None
    found = [
        today and _beside(item.symbol, today, "the model promoted until now", "on the same bars"),
        named and _beside(item.symbol, named, "promotion.baseline", "with promotion.baseline"),
    ]
    return [sentence for sentence in found if sentence]


def _beside(symbol: str, rival: Champion, name: str, where: str) -> str:
    if rival.difference is None:
        return f"{symbol}: no comparison {where} ({plain(rival.note or 'not measured')})."
    note = f"; {plain(rival.note)}" if rival.note else ""
    return (
        f"{symbol} on the same {count(rival.bars)} bars: {name} reads {share(rival.accuracy)}, the new one "
        f"{signed_points(rival.difference)}{_likely(rival)}{note}."
    )


def _likely(compared: Champion) -> str:
    if compared.low is None or compared.high is None:
        return ""
    unclear = ", so they are not told apart" if compared.low <= 0 <= compared.high else ""
    return f" (95 % interval {signed_points(compared.low)} to {signed_points(compared.high)}{unclear})"


def _data(facts: Facts) -> list[Block]:
    ties = facts.task.spec.get("label", {}).get("ties", "Drop")
    rows = [
        [
            item.symbol,
            f"{item.data.first_bar} to {item.data.last_bar}",
            count(item.data.rows),
            _test_period(facts.details(item)),
            share(flat_share(item.measurement, ties)) if item.measurement else NOTHING,
            code(item.data.sha256, 12),
            code(item.data.version_id, 24),
        ]
        for item in facts.task.items
        if item.data is not None
    ]
    if not rows:
        return ["No model was trained, so no data was pinned."]
    head = ["Model", "Bars", "Rows", "Test", "Flat", "sha256", "Version"]
    return [table(head, rows), _flat_note(facts), _warnings(facts)]


def _test_period(details: Details) -> str:
    test = details.get("test", {})
    return f"{test['firstBar']} to {test['lastBar']}" if "firstBar" in test and "lastBar" in test else "-"


def _flat_note(facts: Facts) -> str:
    label = facts.task.spec.get("label", {})
    horizon, ties = label.get("horizonBars", 15), label.get("ties", "Drop")
    flat = f"Flat is the share of test bars whose close is unchanged after {horizon} bar{'s' * (horizon != 1)}. "
    if ties == "Down":
        return flat + "They are counted as not up (label.ties: Down), so always saying down is often right."
    return (
        flat + "They are left out of accuracy and the other shares (label.ties: Drop). Dropping them looks into the "
        "future: a trader can't know beforehand which bars will be flat. The backtest trades them too."
    )


def _warnings(facts: Facts) -> Bullets:
    return bullets(
        f"{item.symbol}: {plain(warning)}"
        for item in facts.measured
        for warning in facts.details(item).get("warnings", ())
    )


def _lineage(facts: Facts) -> list[Block]:
    task, run = facts.task, facts.task.run
    head = ["Model", "File", "sha256", "Train key", "Evaluate key", "Epochs", "Minutes"]
    rows = [
        [
            item.symbol,
            code(item.model.uri if item.model else None),
            code(item.model.sha256 if item.model else None, 12),
            code(item.train_key),
            code(item.evaluate_key),
            f"{item.epochs} (best {item.best_epoch})" if item.epochs else "-",
            "-" if item.duration_seconds is None else f"{item.duration_seconds / 60:.1f}",
        ]
        for item in task.items
    ]
    known = [facts.details(item).get("versions", {}) for item in task.items]
    versions: Mapping[str, str] = next(filter(None, known), {})
    lines = [
        f"Run {code(f'{run.namespace}/{run.name}')}, uid {code(run.uid)}",
        f"Publish key {code(task.publish_key)}; started {task.started or '-'}, report written {facts.written_at}",
    ]
    if versions:
        lines.append(
            "Measured with " + ", ".join(f"{plain(name)} {plain(number)}" for name, number in versions.items())
        )
    return [table(head, rows), bullets(lines)]
