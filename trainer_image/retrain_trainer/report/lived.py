"""The first of the part "Predecessor": what the models in service until now have promised, and what they have done since."""

from __future__ import annotations

from retrain_api.formatting import bar as bound
from retrain_trainer.measure.observed.life import Life

from .facts import Facts
from .live import words
from .live.facts import wealth
from .text import NOTHING, Block, count, first_of, grouped, known_table, plain, share, when

_HEAD = (
    "Predecessor of",
    "Promised",
    "Then right",
    "Judged bars",
    "Calibration error",
    "Held to",
    "Wealth",
    "Alarm at",
    "State",
)
_WEALTH = (
    "Wealth is what has become of 1 that was bet on the model being right less often than it is held to; where it reaches the alarm, the "
    "model is Decaying."
)


def lived(facts: Facts) -> list[Block]:
    """A sentence for each model in service, and the figures of those that somebody has looked at."""
    lives = [(item.symbol, facts.lives[item.symbol]) for item in facts.task.items if item.symbol in facts.lives]
    said = grouped((symbol, _sentence(life)) for symbol, life in lives)
    rows = [_row(symbol, life) for symbol, life in lives if isinstance(life, Life) and life.steps]
    return [*first_of(said), known_table(_HEAD, rows), _WEALTH if rows else ""]


def _sentence(life: Life | str) -> str:
    """What became of it; the symbol and a colon stand before it."""
    if isinstance(life, str):
        return f"what the predecessor has done since its test can't be read: {plain(life)}"
    if life.not_measurable:
        return f"the predecessor could not be observed. {life.not_measurable}"
    promised = words.promised(life.promise)
    if not life.record:
        kept = f", so nobody knows whether it kept its promise of {promised}" if promised else ""
        return f"no bar since the test of the predecessor was judged{kept}; `spec.observation` has that done."
    begin = f"promised {promised}, and was then" if promised else "was"
    return f"the predecessor {begin} {words.right(life)}, up to {when(life.until)}: **{life.state}**{_since(life)}."


def _since(life: Life) -> str:
    return f" since {life.alarmed}" if life.alarmed else ""


def _row(symbol: str, life: Life) -> list[str]:
    totals, promise = life.totals, life.promise
    assert totals is not None
    return [
        symbol,
        share(promise.accuracy),
        share(totals.accuracy),
        count(totals.bars),
        share(totals.calibration_error),
        NOTHING if promise.bar is None else bound("accuracy", promise.bar),
        plain(wealth(totals.bar.log)),
        f"{life.alarm:g}",
        life.state,
    ]
