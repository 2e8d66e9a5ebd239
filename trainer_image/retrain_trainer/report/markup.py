"""Writes the blocks of a report as HTML.

Everything goes through `inline` or `escape`, so text from a file or a server can't become markup in somebody's browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from .text import Block, Bullets, Folded, Strip, Table

_MARK = re.compile(
    r"\\(?P<itself>.)|`(?P<code>[^`]*)`|\*\*(?P<strong>(?:\\.|[^*\\])+)\*\*|\[(?P<link>[a-z]+\.csv)\]\((?P=link)\)"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z)?)?")
VERDICTS = {"Pass": "good", "Fail": "bad", "Error": "bad", "Suspect": "unsure", "Inconclusive": "unsure"}
VERDICTS |= {"Holding": "good", "Held": "good", "Decaying": "bad", "BelowPromise": "unsure"}
"""CSS class of the badge of each verdict, and of each state of a model in service."""
_SIGNS = {"good": "\N{HEAVY CHECK MARK}", "bad": "\N{HEAVY BALLOT X}", "unsure": "?"}


def inline(text: str) -> str:
    """A sentence or cell with the marks of `text` (strong, code, backslash) as HTML."""
    parts, end = [], 0
    for mark in _MARK.finditer(text):
        parts += [_whole_times(text[end : mark.start()]), _marked(mark)]
        end = mark.end()
    return "".join([*parts, _whole_times(text[end:])])


def words(text: str) -> str:
    """Escaped text, with a space that can't break between a number and its percent sign."""
    return escape(text).replace(" %", "\N{NO-BREAK SPACE}%")


def _whole_times(text: str) -> str:
    """Escaped text in which a time stays on one line."""
    return _TIME.sub(lambda found: f'<span class="whole">{found[0]}</span>', words(text))


def _marked(mark: re.Match[str]) -> str:
    if mark["code"] is not None:
        return f"<code>{escape(mark['code'])}</code>"
    if mark["strong"] is not None:
        return f"<strong>{inline(mark['strong'])}</strong>"
    if mark["link"] is not None:
        return f'<a href="{mark["link"]}">{mark["link"]}</a>'
    return escape(mark["itself"])


def block(content: Block, caption: str) -> str:
    """A block of a section; `caption` tells readers who use a screen reader what a table is about."""
    match content:
        case Table():
            return table(content, caption)
        case Bullets(sentences):
            return items(map(inline, sentences))
        case Strip(entries):
            answers = "".join(f"<div><dt>{escape(name)}</dt><dd>{inline(text)}</dd></div>" for name, text in entries)
            return f'<dl class="strip">{answers}</dl>'
        case Folded():
            return fold(content)
        case _:
            return f"<p>{inline(content)}</p>"


def fold(content: Folded, more: str = "") -> str:
    """Folded blocks, and `more` before them."""
    inside = more + "".join(block(one, f"{content.summary}, {number}") for number, one in enumerate(content.blocks, 1))
    named = f' id="{escape(content.symbol)}"' if content.symbol else ""
    return f"<details{named}><summary>{inline(content.summary)}</summary>{inside}</details>"


def table(content: Table, caption: str) -> str:
    """A table that scrolls on its own where the page is narrow; the first cell of a row is its header."""
    head = "".join(f'<th scope="col">{inline(cell)}</th>' for cell in content.head)
    rows = "".join(
        f'<tr><th scope="row">{inline(first)}</th>{"".join(f"<td>{inline(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in content.rows
    )
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def items(entries: Iterable[str], kind: str = "") -> str:
    """A list of entries that are already HTML."""
    opening = f'<ul class="{kind}">' if kind else "<ul>"
    return opening + "".join(f"<li>{entry}</li>" for entry in entries) + "</ul>"


def badge(verdict: str) -> str:
    """A verdict in its colour, with a sign for readers who can't see colours."""
    kind = VERDICTS.get(verdict, "unsure")
    return f'<span class="badge {kind}"><span aria-hidden="true">{_SIGNS[kind]}</span> {escape(verdict)}</span>'
