"""The report of a judgement as data, in the order in which it is read: the verdict, what it rests on, what to do next.

`sections` is the one place that decides what a report says. `render` writes it as Markdown, and `html` makes a page with
plots of it.
"""

from __future__ import annotations

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import listed
from retrain_api.gate.judgement import JudgedModel
from retrain_api.gate.older_rules import older_note
from retrain_api.gate.summary import one_market_sentences

from . import promoted, provenance
from .advice import next_steps
from .facts import Facts
from .text import NOTHING, Block, Section, bullets, count, judged_cell, markdown, plain, section, shown, table
from .uncertainty import capital, uncertainty
from .value import baseline_table, learnt_nothing, value

CLASSES = {
    "Ideal": "every model passes",
    "Acceptable": "enough models pass, though not all",
    "NeedsMoreWork": "too few models pass",
}
NEXT_STEPS = "Next steps"
MODELS = "Models"
_COLUMNS = ("accuracy", "calibrationError", "f1", "winRate", "pnl", "sharpe", "maxDrawdown")


def render(facts: Facts) -> str:
    """The whole report as Markdown."""
    parts = [f"# {title(facts)}"]
    for part in sections(facts):
        parts += [f"## {part.title}"] if part.title else []
        parts += [markdown(block) for block in part.blocks]
    return "\n\n".join(parts) + "\n"


def title(facts: Facts) -> str:
    """The number of the report and the run it belongs to."""
    run = facts.task.run
    return f"Retraining report {facts.task.number}: {run.namespace}/{run.name}"


def sections(facts: Facts) -> list[Section]:
    """Everything that the report says, in the order of the Markdown report."""
    return [
        section("", *_verdict(facts)),
        section(MODELS, *_models(facts)),
        section("How certain the figures are", *uncertainty(facts.measured, facts.judgement, facts.evaluation)),
        section("What the models are worth", *_value(facts)),
        section("Promotion", *promoted.promotion(facts)),
        section("Old against new", *promoted.old_and_new(facts)),
        section("Data", *provenance.data(facts)),
        section(NEXT_STEPS, bullets(next_steps(facts.task, facts.judgement, facts.evaluations))),
        section("Lineage", *provenance.lineage(facts)),
    ]


def _verdict(facts: Facts) -> list[Block]:
    judgement = facts.judgement
    names = [model.symbol for model in judgement.models if model.verdict == "Pass"]
    who = f" ({listed(names)})" if names else ""
    once = f" and count as {judgement.passed}" if judgement.passed != len(names) else ""
    head = (
        f"**{judgement.verdict}, {judgement.outcome}** ({CLASSES[judgement.outcome]}): {len(names)} of {judgement.total} "
        f"model{'s' * (judgement.total != 1)} {'passes' if len(names) == 1 else 'pass'}{who}{once}, {judgement.required} required."
    )
    copies = [plain(sentence) + "." for sentence in one_market_sentences(judgement.one_market)]
    criteria = f"Judged by {listed(judgement.judged_criteria)}." if judgement.judged_criteria else ""
    older = older_note({item.symbol: item.measurement for item in facts.task.items})
    why = [sentence for model in judgement.models for sentence in reasons(model)]
    return [head, promoted.override(facts), bullets([*copies, *why]), criteria, f"{older}." if older else ""]


def reasons(model: JudgedModel) -> list[str]:
    """The reasons for a model's verdict, as sentences."""
    return [plain(reason) + "." * (not reason.endswith(".")) for reason in model.reasons] or [f"{model.symbol} passes."]


def _models(facts: Facts) -> list[Block]:
    extra = [c.metric for model in facts.judgement.models for c in model.criteria if c.metric not in _COLUMNS]
    columns = _COLUMNS + tuple(dict.fromkeys(extra))
    head = ["Model", "Verdict", *map(capital, columns)]
    rows = [_model_row(facts, item, columns) for item in facts.task.items]
    note = (
        "Measured on test bars that no model was trained or validated on. PnL, win rate and drawdown are after fees. A "
        "value that the gate judges is followed by its distance from the bar, and is bold where it misses the bar."
    )
    nothing = [
        f"**{item.symbol} has learnt nothing**: {how}." for item in facts.measured if (how := _nothing(facts, item))
    ]
    return [bullets(nothing), table([*head, "Bars", "Trades"], rows), note]


def _nothing(facts: Facts, item: PublishItem) -> str:
    return learnt_nothing(facts.evaluation(item))


def _model_row(facts: Facts, item: PublishItem, columns: tuple[str, ...]) -> list[str]:
    judged = facts.judgement.model(item.symbol)
    if item.measurement is None:
        return [item.symbol, judged.verdict, *[NOTHING] * (len(columns) + 2)]
    criteria = {criterion.metric: criterion for criterion in judged.criteria}
    cells = [
        judged_cell(criteria[metric]) if metric in criteria else shown(metric, item.measurement.value(metric))
        for metric in columns
    ]
    return [item.symbol, judged.verdict, *cells, count(item.measurement.bars), count(item.measurement.trades)]


def _value(facts: Facts) -> list[Block]:
    if not facts.measured:
        return ["No model was measured."]
    sentences = [value(item.symbol, item.measurement, facts.fee_bps) for item in facts.measured if item.measurement]
    return [baseline_table(facts.measured), bullets(sentences)]
