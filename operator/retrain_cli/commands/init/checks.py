"""Would a training take the files? Asked of the code of a training, with the windows that the run will have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retrain_api.errors import RetrainError

from .choice import Choice
from .run_text import Start


@dataclass(frozen=True)
class Checked:
    """A symbol's file: its bars and features in words, its own feature columns, or why no training would take it."""

    symbol: str
    file: str
    bars: str = ""
    features: str = ""
    own: tuple[str, ...] = ()
    error: str | None = None
    rows: int = 0


def checked(folder: Path, choice: Choice, start: Start) -> list[Checked]:
    """The files of the choice, in the order of its symbols."""
    return [
        _checked(folder, symbol, choice.files[symbol], start) for symbol in choice.symbols if symbol in choice.files
    ]


def _checked(folder: Path, symbol: str, file: str, start: Start) -> Checked:
    from retrain_trainer.data.dataset import load_dataset

    spec = start.run.spec
    try:
        found = load_dataset(folder / file, symbol=symbol, question=spec.question, windows=spec.windows, features=None)
    except RetrainError as error:
        return Checked(symbol, file, error=error.message)
    bars = f"{found.rows:,} bars of {start.interval}, {found.first_bar} to {found.last_bar}"
    return Checked(symbol, file, bars, found.feature_line, found.own, rows=found.rows)
