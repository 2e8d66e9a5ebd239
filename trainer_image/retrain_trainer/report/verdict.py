"""The verdict with its reasons: what passes, what every word of it means, and how sure each criterion is.

A reader who stops after this part must have been told the truth, so a model that has learnt nothing, or always says the same,
is called that here, whatever its points.
"""

from __future__ import annotations

from collections.abc import Iterable

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import listed
from retrain_api.gate.judgement import JudgedModel, of_several
from retrain_api.gate.older_rules import older_note
from retrain_api.gate.summary import one_market_sentences

from . import promoted
from .criteria import CRITERION_HEAD, criteria_rows
from .facts import Facts
from .text import NOTHING, Block, bullets, first_of, folded, named, plain, shown, table
from .value import always_the_same, learnt_nothing

CLASSES = {
    "Ideal": "every model passes",
    "Acceptable": "enough models pass, though not all",
    "NeedsMoreWork": "too few models pass",
}
MEANINGS = {
    "Suspect": "a figure or a feature is too good to be true; a person has to find out why before the model is used",
    "Inconclusive": "the points would do and the evidence does not: on more test bars it may pass or fail",
    "Error": "there is nothing to judge, because a phase failed",
}
_ROWS = 24
"""Rows of criteria that are shown unfolded."""
_NAMED = 3
"""Symbols that a title names."""


def title(facts: Facts) -> str:
    """What a tab shows: the symbols with their PnL, and the verdict."""
    return f"{', '.join(gains(facts))}: {facts.judgement.verdict}"


def gains(facts: Facts) -> list[str]:
    """The first symbols with their PnL, and how many more there are."""
    items = facts.task.items
    more = len(items) - _NAMED
    return [f"{item.symbol}{_gain(item)}" for item in items[:_NAMED]] + [f"{more} more"] * (more > 0)


def _gain(item: PublishItem) -> str:
    pnl = item.measurement.metrics.pnl if item.measurement else None
    return "" if pnl is None else f" {'+' * (pnl > 0)}{shown('pnl', pnl)}"


def verdict(facts: Facts) -> list[Block]:
    """Everything that was decided, and on what."""
    older = older_note({item.symbol: item.measurement for item in facts.task.items})
    copies = [plain(sentence) + "." for sentence in one_market_sentences(facts.judgement.one_market)]
    return [
        _head(facts),
        promoted.override(facts),
        *first_of(bullets([*copies, *_shortcomings(facts), *reasons(facts.judgement.models)])),
        _meanings(facts),
        f"{older}." if older else "",
        *promoted.outcome(facts),
        _criteria(facts),
    ]


def _head(facts: Facts) -> str:
    judgement = facts.judgement
    word = f"**{judgement.verdict}, {judgement.outcome}**"
    if judgement.total == judgement.required == 1:
        return f"{word}: the model {'passes' if judgement.passed else 'does not pass'}."
    names = [model.symbol for model in judgement.models if model.verdict == "Pass"]
    who = f" ({listed(names)})" if names else ""
    once = f" and count as {judgement.passed}" if judgement.passed != len(names) else ""
    return (
        f"{word} ({CLASSES[judgement.outcome]}): {len(names)} of {judgement.total} models "
        f"{'passes' if len(names) == 1 else 'pass'}{who}{once}, {judgement.required} required."
    )


def _shortcomings(facts: Facts) -> list[str]:
    """What is wrong with a model, whatever the gate asked for."""
    lines = []
    for item in facts.measured:
        document = facts.evaluation(item)
        if nothing := learnt_nothing(document):
            lines.append(f"**{item.symbol} has learnt nothing**: {nothing}.")
        if same := always_the_same(document):
            lines.append(f"**{item.symbol} {same[0]}**: {same[1]}.")
    return lines


def reasons(models: Iterable[JudgedModel]) -> list[str]:
    """Why models do not pass, as sentences; what is true of several is said once."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for model in models:
        for reason in model.reasons:
            alike.setdefault(reason.removeprefix(model.symbol), []).append((model.symbol, reason))
    return [_reason(group) for group in alike.values()]


def _reason(group: list[tuple[str, str]]) -> str:
    symbol, reason = group[0]
    if len(group) > 1 and reason.startswith(symbol):
        reason = of_several(reason, symbol, named([one for one, _ in group])).replace(" has no ", " have no ", 1)
    return plain(reason) + "." * (not reason.endswith("."))


def _meanings(facts: Facts) -> str:
    """The verdicts that need a word, where any stands in this report."""
    said = {model.verdict for model in facts.judgement.models}
    words = {word: meaning for word, meaning in MEANINGS.items() if word in said | {facts.judgement.verdict}}
    if facts.judgement.verdict == "Error":
        words["Error"] = "fewer models could be judged than are required"
    return " ".join(f"**{word}**: {meaning}." for word, meaning in words.items())


def _criteria(facts: Facts) -> Block:
    rows: list[list[str]] = []
    for item in facts.task.items:
        judged = facts.judgement.model(item.symbol)
        mark = judged.verdict if judged.verdict == "Pass" else f"**{judged.verdict}**"
        found = criteria_rows(judged.criteria, facts.evaluation(item)) if item.measurement else []
        rows += [[item.symbol, mark, *row] for row in found or [[NOTHING] * len(CRITERION_HEAD)]]
    whole = table(["Model", "Verdict", *CRITERION_HEAD], rows)
    return whole if len(rows) <= _ROWS else folded(f"The criteria of {len(facts.task.items)} models", whole)
