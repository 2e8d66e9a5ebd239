"""The report as one self-contained HTML file: the parts from `sections`, and a card with plots for each model.

It is mailed around, kept for years and opened without a network, so it loads nothing and runs nothing. Whatever a column
name or an error message contains, it can't become a script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from retrain_api.documents.tasks import PublishItem

from .drawing.pictures import Picture, confusion_rows, pictures
from .facts import Facts
from .markup import VERDICTS, badge, block, inline, items, table, words
from .promoted import comparisons
from .sections import MODELS, NEXT_STEPS, reasons, sections, title
from .text import Section, count, share
from .text import table as rows_of
from .uncertainty import CRITERION_HEAD, caveats, criteria_rows, interval_table
from .value import learnt_nothing, value

Plots = Mapping[str, Sequence[Picture]]

# Nothing is loaded and nothing runs, whatever a name or an error message contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def draw(facts: Facts) -> Plots:
    """The plots of each model; they do not depend on the promotion, so they are drawn only once."""
    return {
        item.symbol: pictures(
            item, facts.judgement.model(item.symbol), facts.evaluation(item), facts.cards.get(item.symbol, {})
        )
        for item in facts.task.items
    }


def page(facts: Facts, plots: Plots) -> str:
    """The whole file."""
    verdict, *rest = sections(facts)
    rest.sort(key=lambda part: part.title != NEXT_STEPS)  # on a page, what to do comes before the figures behind it
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            _head(title(facts)),
            "<body>",
            _top(facts, verdict),
            _contents(rest),
            "<main>",
            *(_section(facts, part, plots) for part in rest),
            "</main>",
            f'<footer class="quiet"><p>{escape(title(facts))}, written {escape(facts.written_at)}. '
            "This file is self-contained and loads nothing.</p></footer>",
            "</body>",
            "</html>\n",
        ]
    )


def _head(name: str) -> str:
    style = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(name)}</title>\n<style>\n{style}</style>\n</head>"
    )


def _top(facts: Facts, verdict: Section) -> str:
    """The verdict with all its reasons, and a line for each model."""
    run, judgement = facts.task.run, facts.judgement
    body = "".join(block(part, "Verdict") for part in verdict.blocks)
    return (
        f'<header>\n<p class="quiet">Retraining report {facts.task.number}, {escape(facts.written_at)}</p>\n'
        f'<div class="heading"><h1>{escape(f"{run.namespace}/{run.name}")}</h1>{badge(judgement.verdict)}</div>\n'
        f'<section class="card verdict {VERDICTS.get(judgement.verdict, "unsure")}" aria-label="Verdict">'
        f"{body}</section>\n"
        f"{items((_overview(facts, item) for item in facts.task.items), 'models')}\n</header>"
    )


def _contents(parts: Sequence[Section]) -> str:
    links = items((f'<a href="#{_anchor(part.title)}">{escape(part.title)}</a>' for part in parts), "links")
    return f'<nav aria-label="Parts of the report">{links}</nav>'


def _overview(facts: Facts, item: PublishItem) -> str:
    judged, measurement = facts.judgement.model(item.symbol), item.measurement
    figures = "not measured"
    if measurement is not None:
        figures = f"accuracy {share(measurement.metrics.accuracy)} on {count(measurement.bars)} bars"
    return (
        f'<a href="#{escape(item.symbol)}"><strong>{escape(item.symbol)}</strong> {badge(judged.verdict)}'
        f'<span class="quiet">{escape(figures)}</span></a>'
    )


def _section(facts: Facts, part: Section, plots: Plots) -> str:
    anchor = _anchor(part.title)
    body = "\n".join(block(content, part.title) for content in part.blocks)
    if part.title == NEXT_STEPS:
        body = f'<div class="card steps">{body}</div>'
    if part.title == MODELS:
        body += "\n" + "\n".join(_model(facts, item, plots.get(item.symbol, ())) for item in facts.task.items)
    return f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{escape(part.title)}</h2>\n{body}\n</section>'


def _model(facts: Facts, item: PublishItem, plots: Sequence[Picture]) -> str:
    """One model's card: verdict, reasons, criteria, value, plots, and every metric with its intervals."""
    judged, symbol = facts.judgement.model(item.symbol), escape(item.symbol)
    heading = f'<div class="heading"><h3 id="{symbol}">{symbol}</h3>{badge(judged.verdict)}</div>'
    nothing = learnt_nothing(facts.evaluation(item))
    first = [f"**It has learnt nothing**: {nothing}."] if nothing else []
    parts = [heading, items(map(inline, [*first, *reasons(judged)]))]
    if item.measurement is not None:
        parts += _uncertainty(facts, item)
        figures = [*map(_figure, plots), _confusion(facts, item)]
        parts += [f'<div class="plots">{"".join(figures)}</div>', _intervals(facts, item)]
    return f'<article class="card" aria-labelledby="{symbol}">\n' + "\n".join(parts) + "\n</article>"


def _uncertainty(facts: Facts, item: PublishItem) -> list[str]:
    judged, document = facts.judgement.model(item.symbol), facts.evaluation(item)
    criteria = rows_of(CRITERION_HEAD, criteria_rows(judged.criteria, document))
    worth = [value(item.symbol, item.measurement, facts.fee_bps)] if item.measurement else []
    sentences = [*worth, *caveats(item, document), *comparisons(facts, item)]
    return [table(criteria, f"Criteria of {item.symbol}"), items(map(inline, sentences))]


def _figure(picture: Picture) -> str:
    return (
        f"<figure><figcaption><h4>{escape(picture.title)}</h4><p>{words(picture.caption)}</p></figcaption>"
        f"{picture.svg}</figure>"
    )


def _confusion(facts: Facts, item: PublishItem) -> str:
    rows = confusion_rows(facts.evaluation(item))
    if not rows:
        return ""
    matrix = rows_of(["Truth", "Predicted up", "Predicted down"], rows)
    caption = "Test bars by what happened and what was predicted, with the share of each row."
    return (
        f"<figure><figcaption><h4>Confusion matrix</h4><p>{caption}</p></figcaption>"
        f"{table(matrix, f'Confusion matrix of {item.symbol}')}</figure>"
    )


def _intervals(facts: Facts, item: PublishItem) -> str:
    rows = table(interval_table(item, facts.evaluation(item)), f"Intervals of {item.symbol}")
    return f"<details><summary>Every metric with its intervals</summary>{rows}</details>"


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
