"""A sitting's results as a page: the goals, and all figures as one table. Nothing here loads torch."""

from __future__ import annotations

from typing import Any

from .found import Results, goals
from .notes import Cell


def page(results: Results) -> str:
    """Markdown."""
    small = " Tiny sizes, to try every line: no figure means anything." if results.get("small") else ""
    lines = [
        f"# A sitting at {results.get('card', 'an unknown device')}",
        "",
        f"Began {results.get('began', 'never')}.{small}",
        "",
        *of_goals(results),
        "",
    ]
    lines += ["| step | measured | figures |", "|---|---|---|"]
    for step in results["steps"].values():
        lines += of_step(step)
    return "\n".join(lines) + "\n"


def of_goals(results: Results) -> list[str]:
    """What was hoped for, beside what was found."""
    rows = [f"| {what} | {bar:g} | {said(found)} |" for what, bar, found in goals(results)]
    return ["| goal on one H100 | | found |", "|---|---|---|", *rows]


def of_step(step: dict[str, Any]) -> list[str]:
    """How it ended, and its cells."""
    rows = [f"| {step['title']} | | {step['ended']}, {step['seconds']:.0f} s |"]
    return rows + [f"| | {cell['cell']} | {figures_of(cell)} |" for cell in step["cells"]]


def figures_of(cell: Cell) -> str:
    """All figures of a cell, named."""
    figures = [f"{name.replace('_', ' ')} {said(value)}" for name, value in cell.items() if name != "cell"]
    return "; ".join(figures).replace("|", "/")


def said(value: Any) -> str:
    """A figure with as many digits as it deserves."""
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(said(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
