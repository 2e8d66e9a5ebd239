"""The figures of a step, cell by cell, in a file that is written as they come: a step that is ended keeps what it had."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Figures = Mapping[str, Any]
Cell = dict[str, Any]


class Notes:
    """Writes cells; a cell that fails is noted with its reason, and the next one is measured all the same."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def cell(self, name: str, measure: Callable[[], Figures]) -> Figures:
        """Measure and write; the figures, none of them where it failed."""
        self.write(name, {"error": "it was not finished"})
        try:
            figures = measure()
        except Exception as error:
            self.write(name, {"error": sentence(error)})
            return {}
        self.write(name, figures)
        return figures

    def write(self, name: str, figures: Figures) -> None:
        """One line; a later one of that name takes its place."""
        with self.file.open("a") as file:
            file.write(json.dumps({"cell": name, **figures}) + "\n")


def sentence(error: Exception) -> str:
    """What went wrong, in one line: whole pages come with an error of CUDA or of a compiler."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no reason given'}"


def cells_in(file: Path) -> list[Cell]:
    """The last word on each cell, in the order they began; a line that was cut off by the end of a process is left out."""
    found: dict[str, Cell] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            cell = json.loads(line)
        except ValueError:
            continue
        found[cell["cell"]] = cell
    return list(found.values())
