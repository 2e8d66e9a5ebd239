"""The page of a model in service: one file that stands alone, like the report of a run. It loads and runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from retrain_api.formatting import counted
from retrain_api.observation.days import Day
from retrain_api.wire import timestamp
from retrain_trainer.report.drawing.figure import svg
from retrain_trainer.report.head import head
from retrain_trainer.report.markup import VERDICTS, badge, inline, items, words
from retrain_trainer.report.text import plain

from . import plots
from .facts import COLUMNS, LiveFacts, row, total

LAST = 14
"""Days that are shown; those before are folded."""

WEALTH = (
    "Of somebody who begins with 1 and bets, block after block, that the model is right less often than it should be. Only a model that "
    "is makes them rich: above the line it is an alarm, which stays. The bet against the promise is a warning, which goes away. "
    "What is beyond a thousand times the line is not drawn."
)
DAYS = "In UTC; larger dots are more bars. One day says little: only the bet, over all of them, tells a fall from bad luck."

READING: Sequence[str] = (
    "A bar is judged once its outcome is known, in blocks that the promotion fixed; a block counts with the day on which it begins. What "
    "was judged is not judged again, even if its bars are restated.",
    "**promise** is where the day lies beside the 95 % interval of the accuracy on the test, **bar** how far from what the model is held to.",
    "**state** is what somebody who looked at the end of that day saw.",
    "It judges directions, not money; and it can't say why: the market, the data or the service may have changed.",
)


def page(facts: LiveFacts) -> str:
    """The whole file."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            head(f"{facts.symbol}: {facts.life.state}, live", __package__, "live.css"),
            "<body>",
            _top(facts),
            "<main>",
            *(_judged(facts) if facts.life.days else ()),
            "</main>",
            f'<footer class="quiet"><p>{inline(plain(_footer(facts)))}</p></footer>',
            "</body>",
            "</html>\n",
        ]
    )


def _footer(facts: LiveFacts) -> str:
    written = f"Of {facts.store}, written {timestamp(facts.now)}."
    return f"{written} This file is self-contained and loads nothing. Plots say more under the mouse."


def _top(facts: LiveFacts) -> str:
    known = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{inline(plain(said))}</dd></div>"
        for name, said in (*facts.age(), *facts.held_to())
    )
    state = facts.life.state
    notes = "".join(f"<p>{words(note)}</p>" for note in facts.notes)
    return (
        f'<header>\n<div class="heading"><h1>{escape(facts.symbol)}</h1>{badge(state)}</div>\n'
        f'<p class="quiet">{inline(plain(facts.promotion()))}</p>\n'
        f'<section class="card verdict {VERDICTS.get(state, "unsure")}" aria-label="How it does"><p>{_said(facts.sentence)}</p>{notes}</section>\n'
        f'<dl class="strip">{known}</dl>\n</header>'
    )


def _said(sentence: str) -> str:
    """A sentence of our own, in which the store's name may stand: all that is in it is escaped, commands are marked."""
    parts = sentence.split("`")
    return "".join(f"<code>{escape(part)}</code>" if i % 2 else words(part) for i, part in enumerate(parts))


def _judged(facts: LiveFacts) -> Iterable[str]:
    life = facts.life
    name = facts.symbol
    yield '<section aria-labelledby="plots">\n<h2 id="plots">Since its test</h2>\n<div class="plots">'
    yield _figure(name, "wealth", "Wealth against the alarm's line", WEALTH, lambda: plots.wealth(life))
    if any(day.bars for day in life.days):
        yield _figure(name, "days", "Accuracy by day", DAYS, lambda: plots.accuracies(life))
    yield '</div>\n</section>\n<section aria-labelledby="days">\n<h2 id="days">Day by day</h2>'
    yield _table(facts, life.days[-LAST:], f"The last {counted(len(life.days[-LAST:]), 'day')}", whole=True)
    before = life.days[:-LAST]
    if before:
        folded = _table(facts, before, "The days before", whole=False)
        yield f"<details><summary>{counted(len(before), 'day')} before</summary>{folded}</details>"
    yield f'</section>\n<section aria-labelledby="reading">\n<h2 id="reading">How to read it</h2>{items(map(inline, READING))}</section>'


def _figure(symbol: str, name: str, title: str, caption: str, draw: plots.Draw) -> str:
    picture = svg(draw, f"{symbol}-{name}", f"{symbol}: {title}", caption)
    return f"<figure><figcaption><h3>{escape(title)}</h3><p>{words(caption)}</p></figcaption>{picture}</figure>"


def _table(facts: LiveFacts, days: Sequence[Day], caption: str, whole: bool) -> str:
    names = (*COLUMNS[:-2], f"wealth, alarm at {facts.life.alarm:g}", COLUMNS[-1])
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(_row(row(day, facts.life.promise)) for day in days)
    last = _row(total(facts.life), "total") if whole else ""
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}{last}</tbody></table></div>"
    )


def _row(cells: Sequence[str], kind: str = "") -> str:
    first, *rest = cells
    body = "".join(f"<td>{words(cell)}</td>" for cell in rest[:-1]) + f"<td>{badge(rest[-1])}</td>"
    opening = f'<tr class="{kind}">' if kind else "<tr>"
    return f'{opening}<th scope="row">{escape(first)}</th>{body}</tr>'
