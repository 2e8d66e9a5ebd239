"""What luck explains of a model's figures: the tries on its test bars, and what the luckiest of so many would read."""

from __future__ import annotations

from retrain_api.documents.tasks import PublishItem

from .facts import Facts
from .text import NOTHING, Block, count, grouped, known_table, probability, share, shown
from .value import test_reuse

_TRIED, _READS, _ONE, _BEST = "Tried on these bars", "The luckiest would read", "p of one", "p of the luckiest"
_ALL, _REAL = "p over all tries", "Sharpe ratio is real"
_HEAD = ("Model", _TRIED, _READS, _ONE, _BEST, _ALL, _REAL)
_MEANINGS = {
    _TRIED: "Each further model that is tried on the same bars makes a lucky one likelier.",
    _READS: "The luckiest of so many models without skill would read that accuracy.",
    _ONE: "p of one is how often a model without skill is right as often as this one.",
    _BEST: "p of the luckiest says it of the luckiest of those tried (White's reality check).",
    _ALL: "p over all tries says it of any of them, those to come included.",
    _REAL: "Last stands how probably the Sharpe ratio is truly above that of the luckiest, or above zero for a first try (deflated Sharpe ratio).",
}


def luck(facts: Facts) -> list[Block]:
    """The tries and what they mean; nothing where no release has counted them."""
    known = [item for item in facts.measured if _row(facts, item)[1:] != [NOTHING] * (len(_HEAD) - 1)]
    reused = grouped((item.symbol, test_reuse(item.measurement)) for item in known if item.measurement)
    rows = known_table(_HEAD, [_row(facts, item) for item in known])
    return [reused, rows, " ".join(_MEANINGS[name] for name in rows.head[1:])] if known else []


def _row(facts: Facts, item: PublishItem) -> list[str]:
    assert item.measurement is not None
    found, before = facts.evaluation(item).get("luck") or {}, item.measurement.judged_before
    tries = found.get("tries") or (None if before is None else before + 1)
    return [
        item.symbol,
        count(tries),
        NOTHING if tries == 1 else share(found.get("luckiest")),
        probability(found.get("pValue")),
        NOTHING if tries == 1 else probability(found.get("realityCheck")),
        probability(found.get("luck")),
        _real(item.measurement.metrics.sharpe, found.get("deflatedSharpe")),
    ]


def _real(sharpe: float | None, probably: float | None) -> str:
    """How probably the Sharpe ratio is real; of one that nobody can mean, nobody can say it."""
    return "n/a" if sharpe is not None and shown("sharpe", sharpe) == "n/a" else probability(probably)
