"""The report as one self-contained HTML file: the parts from `sections`, with the plots of each model where they belong.

It is mailed around, kept for years and opened without a network, so it loads nothing and runs nothing. Whatever a column
name or an error message contains, it can't become a script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from .drawing.pictures import Picture, pictures
from .facts import Facts
from .head import head
from .markup import VERDICTS, badge, block, fold, inline, items, words
from .sections import ACCOUNT, ASKED, EVIDENCE, VERDICT, sections, subtitle
from .text import Block, Folded, Section, Table
from .verdict import gains, title

Plots = Mapping[str, Sequence[Picture]]

# Nothing is loaded and nothing runs, whatever a name or an error message contains.
_SHOWN: Mapping[str, tuple[str, ...]] = {ACCOUNT: ("equity",), EVIDENCE: ("accuracy", "reliability")}
"""Which plots a part shows, of all models beside each other."""
_BESIDE = 9
"""Models whose plots stand beside each other; those of more are folded with their tables."""
_FOLDED = ("training", "time")
"""Plots beside the folded tables of a model."""


def draw(facts: Facts) -> Plots:
    """The plots of each model; they do not depend on the promotion, so they are drawn only once."""
    return {
        item.symbol: pictures(
            item,
            facts.judgement.model(item.symbol),
            facts.evaluation(item),
            facts.cards.get(item.symbol, {}),
            facts.trades[item.symbol].points if item.symbol in facts.trades else (),
        )
        for item in facts.task.items
    }


def page(facts: Facts, plots: Plots) -> str:
    """The whole file."""
    asked, *rest = sections(facts)
    assert asked.title == ASKED
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            head(title(facts), __package__, "report.css"),
            "<body>",
            _top(facts, asked, rest),
            "<main>",
            *(_section(facts, part, plots) for part in rest),
            "</main>",
            '<footer class="quiet"><p>This file is self-contained and loads nothing. Plots say more under the mouse.</p></footer>',
            "</body>",
            "</html>\n",
        ]
    )


def _top(facts: Facts, asked: Section, rest: Sequence[Section]) -> str:
    """Symbols, PnL and verdict, the way to each part, and what was asked."""
    links = items((f'<a href="#{_anchor(part.title)}">{escape(part.title)}</a>' for part in rest), "links")
    names = ", ".join(f'<span class="whole">{words(name)}</span>' for name in gains(facts))
    strip = "".join(block(one, ASKED) for one in asked.blocks)
    return (
        f'<header>\n<div class="heading"><h1>{names}</h1>{badge(facts.judgement.verdict)}</div>\n'
        f'<p class="quiet">{inline(subtitle(facts))}</p>\n'
        f'<nav aria-label="Parts of the report">{links}</nav>\n'
        f'<section aria-label="{ASKED}">{strip}</section>\n</header>'
    )


def _section(facts: Facts, part: Section, plots: Plots) -> str:
    """A part: its sentences and tables, its plots, and last what is folded."""
    anchor = _anchor(part.title)
    last = [content for content in part.blocks if isinstance(content, Folded) and content.symbol]
    first = [content for content in part.blocks if content not in last]
    body = [_block(content, part.title, number) for number, content in enumerate(first, 1)]
    body += [_figures(_of_kind(plots, kinds)) for kinds in _rows(_SHOWN.get(part.title, ()), len(plots))]
    body += [fold(content, _figures(_beside(plots, content.symbol))) for content in last]
    kind = f' class="card verdict {VERDICTS.get(facts.judgement.verdict, "unsure")}"' if part.title == VERDICT else ""
    inside = "\n".join(body)
    return (
        f'<section aria-labelledby="{anchor}"{kind}>\n<h2 id="{anchor}">{escape(part.title)}</h2>\n{inside}\n</section>'
    )


def _block(content: Block, title: str, number: int) -> str:
    return block(content, f"{title}, table {number}" if isinstance(content, Table) else title)


def _rows(kinds: tuple[str, ...], models: int) -> list[tuple[str, ...]]:
    """The kinds of plots that share a row: each has its own, so that models can be compared, and those of one model stand together."""
    if models > _BESIDE:
        return []
    return [kinds] if models == 1 else [(kind,) for kind in kinds]


def _of_kind(plots: Plots, kinds: tuple[str, ...]) -> list[Picture]:
    return [picture for drawn in plots.values() for picture in drawn if picture.kind in kinds]


def _beside(plots: Plots, symbol: str) -> list[Picture]:
    """The folded plots of a model: all of them where the models are too many to stand beside each other."""
    return [one for one in plots.get(symbol, ()) if len(plots) > _BESIDE or one.kind in _FOLDED]


def _figures(drawn: Iterable[Picture]) -> str:
    figures = "".join(map(_figure, drawn))
    return f'<div class="plots">{figures}</div>' if figures else ""


def _figure(picture: Picture) -> str:
    body = picture.svg or f"<p>{words(picture.caption)}</p>"
    return f"<figure><figcaption><h3>{escape(picture.title)}</h3></figcaption>{body}</figure>"


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
