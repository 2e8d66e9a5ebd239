"""Building blocks of the report: sections as data, formatted numbers, and escaping of text from elsewhere.

Column names and error messages come from files and servers. If they were not escaped here, they could break a table or
inject markup into a report. A sentence or cell is Markdown with three marks only: **strong**, `code`, and a backslash
before a character that stands for itself. `markdown` and `markup` write the same blocks as Markdown and as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from retrain_api.formatting import measured, points
from retrain_api.gate.judgement import JudgedCriterion

_SPECIAL = re.compile(r"([\\`*\[\]<>|])")

NOTHING = "-"


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
class Folded:
    """Tables that stay folded until somebody opens them."""

    summary: str
    tables: tuple[Table, ...]


Block: TypeAlias = str | Table | Bullets | Folded
"""A paragraph, a table, a list or folded tables."""


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


def bullets(sentences: Iterable[str]) -> Bullets:
    """A list."""
    return Bullets(tuple(sentences))


def folded(summary: str, *tables: Table) -> Folded:
    """Folded tables, without the empty ones."""
    return Folded(summary, tuple(one for one in tables if one.rows))


def markdown(block: Block) -> str:
    """A block in GitHub's Markdown; a table's first column is aligned left, the others right."""
    match block:
        case Table(head, rows):
            rule = [":--"] + ["--:"] * (len(head) - 1)
            return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))
        case Bullets(sentences):
            return "\n".join(f"- {sentence}" for sentence in sentences)
        case Folded(summary, tables):
            body = "\n\n".join(map(markdown, tables))
            return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
        case _:
            return block


def _empty(block: Block) -> bool:
    match block:
        case Table(_, rows):
            return not rows
        case Bullets(sentences):
            return not sentences
        case Folded(_, tables):
            return not tables
        case _:
            return not block


def judged_cell(criterion: JudgedCriterion) -> str:
    """A value and its distance from the bar, bold where it misses the bar: **51.3 %** (16.7 points below 68 %)."""
    if criterion.value is None:
        return "**n/a**" if criterion.metric == "sharpe" else "**not measured**"
    bound = measured(criterion.metric, criterion.bound)
    distance, value = points(criterion.metric, criterion.value, criterion.bound)
    side = "above" if criterion.value > criterion.bound else "below"
    where = f"exactly {bound}" if criterion.value == criterion.bound else f"{distance} {side} {bound}"
    return f"{value if criterion.met else f'**{value}**'} ({where})"


def shown(metric: str, value: float | None) -> str:
    """A value in a cell, or a dash; a Sharpe ratio that too few days give is n/a."""
    if value is None:
        return "n/a" if metric == "sharpe" else NOTHING
    return measured(metric, value)


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
