"""Building blocks of the report: sections as data, formatted numbers, and escaping of text from elsewhere.

Column names and error messages come from files and servers. If they were not escaped here, they could break a table or
inject markup into a report. A sentence or cell is Markdown with four marks only: **strong**, `code`, [a file beside the
report](trades.csv), and a backslash before a character that stands for itself. `markdown` and `markup` write the same blocks
as Markdown and as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TypeAlias

from retrain_api.formatting import listed, measured
from retrain_api.model_times import parsed

_SPECIAL = re.compile(r"([\\`*\[\]<>|])")

NOTHING = "-"
MOST_NAMES = 8
"""Symbols that a sentence names; of more it says how many."""
MOST_SENTENCES = 12
"""Sentences of a list that are shown; with sixty models there are more than anybody reads."""
SANE_SHARPE = 20.0
"""Beyond this, on either side, a Sharpe ratio says only that every day was alike: an account that fees eat reads -130."""


def plain(text: object) -> str:
    """Text from elsewhere, such as a column name or a server's message, on one line and escaped for Markdown."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first cell of a row is its name."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Strip:
    """Short answers beside each other, each under its name."""

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Folded:
    """Blocks that stay folded until somebody opens them; `symbol` is the model that they are about, where it is one."""

    summary: str
    blocks: tuple[Block, ...]
    symbol: str = ""


Block: TypeAlias = "str | Table | Bullets | Strip | Folded"
"""A paragraph, a table, a list, a strip of answers or folded blocks."""


@dataclass(frozen=True)
class Section:
    """A part of the report with its title; the first part has none."""

    title: str
    blocks: tuple[Block, ...]


def section(title: str, *blocks: Block) -> Section:
    """A section without its empty blocks."""
    return Section(title, tuple(block for block in blocks if not _empty(block)))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table."""
    return Table(tuple(head), tuple(tuple(row) for row in rows))


def known_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table without the columns of which nothing is known, as of models that an older release measured."""
    whole = table(head, rows)
    kept = [n for n in range(len(whole.head)) if n == 0 or any(row[n] != NOTHING for row in whole.rows)]
    return table([whole.head[n] for n in kept], [[row[n] for n in kept] for row in whole.rows])


def bullets(sentences: Iterable[str]) -> Bullets:
    """A list."""
    return Bullets(tuple(sentences))


def strip(entries: Iterable[tuple[str, str]]) -> Strip:
    """A strip, without the entries that have no answer."""
    return Strip(tuple((name, words) for name, words in entries if words))


def folded(summary: str, *blocks: Block, symbol: str = "") -> Folded:
    """Folded blocks, without the empty ones."""
    return Folded(summary, tuple(block for block in blocks if not _empty(block)), symbol)


def first_of(content: Bullets) -> list[Block]:
    """The first sentences of a list, and the others folded where they are many."""
    rest = content.sentences[MOST_SENTENCES:]
    if len(rest) < 2:
        return [content]
    return [bullets(content.sentences[:MOST_SENTENCES]), folded(f"{len(rest)} more", bullets(rest))]


def grouped(said: Iterable[tuple[str, str]], one: str = "", several: str = "") -> Bullets:
    """Sentences about models, given as symbol and sentence: what is true of several is said once, of all of them.

    `one` and `several` are words that follow the name or names, such as " is" and " are".
    """
    found: dict[str, list[str]] = {}
    for symbol, sentence in said:
        found.setdefault(sentence, []).append(symbol)
    return bullets(
        f"{named(symbols)}{one if len(symbols) == 1 else several}: {sentence}"
        for sentence, symbols in found.items()
        if sentence
    )


def named(symbols: Sequence[str]) -> str:
    """The names of some models, and how many more there are."""
    more = len(symbols) - MOST_NAMES
    return listed(symbols) if more <= 0 else f"{', '.join(symbols[:MOST_NAMES])} and {more} more"


def markdown(block: Block) -> str:
    """A block in GitHub's Markdown; a table's first column is aligned left, the others right."""
    match block:
        case Table(head, rows):
            return _rows(head, ["--:"] * (len(head) - 1), rows)
        case Strip(entries):
            return _rows(("Asked", "Answer"), [":--"], entries)
        case Bullets(sentences):
            return "\n".join(f"- {sentence}" for sentence in sentences)
        case Folded(summary, blocks):
            body = "\n\n".join(map(markdown, blocks))
            return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
        case _:
            return block


def _rows(head: Sequence[str], aligned: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, [":--", *aligned], *rows))


def _empty(block: Block) -> bool:
    match block:
        case Table(_, rows):
            return not rows
        case Bullets(sentences):
            return not sentences
        case Strip(entries):
            return not entries
        case Folded(_, blocks):
            return not blocks
        case _:
            return not block


def shown(metric: str, value: float | None) -> str:
    """A value in a cell, or a dash; a Sharpe ratio that too few days give, or that nobody can mean, is n/a."""
    if metric == "sharpe" and (value is None or abs(value) > SANE_SHARPE):
        return "n/a"
    if value is None:
        return NOTHING
    return f"{value:.{_DIGITS[metric]}f}" if metric in _DIGITS else measured(metric, value)


_DIGITS = {"sharpe": 2, "f1": 2, "auc": 2, "brier": 3}
"""Decimals of what is no share; a Brier score of 0.25 is what no skill reads, so it has one more."""


def probability(value: float | None) -> str:
    """0.034, 0.45, < 0.001, > 0.999: two digits, and the same number reads alike everywhere."""
    if value is None:
        return NOTHING
    if value < 0.001:
        return plain("< 0.001")
    if value > 0.999:
        return plain("> 0.999")
    return f"{value:.3f}" if value < 0.1 or value > 0.99 else f"{value:.2f}"


def when(time: str | None) -> str:
    """A time as a person writes it: 2025-06-24 02:00 UTC; what is no time, or a day alone, as it is."""
    known = parsed(time) if time and "T" in time else None
    if time is None or known is None:
        return plain(time) if time else NOTHING
    moment = known.astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC" if moment.second else "%Y-%m-%d %H:%M UTC")


def period(first: str, last: str) -> str:
    """From one time to another, with one zone: 2025-05-04 00:00 to 2025-06-24 00:00 UTC."""
    start, end = when(first), when(last)
    return f"{start.removesuffix(' UTC') if end.endswith(' UTC') else start} to {end}"


def share(value: float | None) -> str:
    """A fraction of 1 in percent."""
    return shown("accuracy", value)


def signed_points(value: float | None) -> str:
    """A difference of two fractions: +1.2 points."""
    return NOTHING if value is None else f"{value * 100:+.1f} points"


def count(value: int | None) -> str:
    """A count with thousands separators."""
    return NOTHING if value is None else f"{value:,}"


def code(text: str | None, length: int | None = None) -> str:
    """An identifier in a code span, cut to `length` characters."""
    return f"`{text[:length].replace('`', '')}`" if text else NOTHING
