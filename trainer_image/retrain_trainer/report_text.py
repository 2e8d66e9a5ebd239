"""Building blocks of the report: sections as data, numbers in words, text that stays text.

A sentence or cell is inline Markdown with three signs alone: **strong**, `code` and a backslash before a character
that means itself. `markdown` and `report_markup` write the same blocks as Markdown and as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from retrain_api.gate import JudgedCriterion
from retrain_api.wording import measured, points

_SPECIAL = re.compile(r"([\\`*\[\]<>|])")

NOTHING = "-"


def plain(text: object) -> str:
    """Text from elsewhere (a column's name, a server's words) so that Markdown leaves it alone, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


@dataclass(frozen=True)
class Table:
    """Rows under a head; the first cell of a row names it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Folded:
    """Tables that are closed until somebody asks for them."""

    summary: str
    tables: tuple[Table, ...]


Block: TypeAlias = str | Table | Bullets | Folded
"""A paragraph, a table, a list or tables behind a fold."""


@dataclass(frozen=True)
class Section:
    """A part of the report under its title; the first one has none."""

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
    """Tables behind a fold, without the empty ones."""
    return Folded(summary, tuple(one for one in tables if one.rows))


def markdown(block: Block) -> str:
    """A block in GitHub's Markdown; the first column of a table to the left, the rest to the right."""
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


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: A, B and C; empty without any."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def judged_cell(criterion: JudgedCriterion) -> str:
    """A value and its distance from the bar, bold where it misses it: **51.3 %** (16.7 points below 68 %)."""
    if criterion.value is None:
        return "**not measured**"
    bound = measured(criterion.metric, criterion.bound)
    distance, value = points(criterion.metric, criterion.value, criterion.bound)
    side = "above" if criterion.value > criterion.bound else "below"
    where = f"exactly {bound}" if criterion.value == criterion.bound else f"{distance} {side} {bound}"
    return f"{value if criterion.met else f'**{value}**'} ({where})"


def shown(metric: str, value: float | None) -> str:
    """A value in a cell, or a dash."""
    return NOTHING if value is None else measured(metric, value)


def share(value: float | None) -> str:
    """A share of 1 in percent."""
    return shown("accuracy", value)


def signed_points(value: float | None) -> str:
    """A difference of two shares: +1.2 points."""
    return NOTHING if value is None else f"{value * 100:+.1f} points"


def count(value: int | None) -> str:
    """A number of things, with thousands set off."""
    return NOTHING if value is None else f"{value:,}"


def code(text: str | None, length: int | None = None) -> str:
    """An identifier in a code span, cut to `length` characters."""
    return f"`{text[:length].replace('`', '')}`" if text else NOTHING
