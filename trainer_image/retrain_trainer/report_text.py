"""Markdown building blocks of the report: tables, numbers in words, text that stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from retrain_api.gate import JudgedCriterion
from retrain_api.wording import measured, points

_SPECIAL = re.compile(r"([\\`*\[\]<>|])")

NOTHING = "-"


def plain(text: object) -> str:
    """Text from elsewhere (a column's name, a server's words) so that Markdown leaves it alone, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of GitHub's Markdown; the first column to the left, the rest to the right."""
    rule = [":--"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def bullets(sentences: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: A, B and C."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


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
