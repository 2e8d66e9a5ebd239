"""What the page of a backfill is written from, and its cells as text, which the terminal prints too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.measure.later.figures import Lived, Right, SlotRow, SymbolFigures, symbol_figures
from retrain_trainer.measure.later.paid import Retraining, retraining, sentence, verdict
from retrain_trainer.measure.later.scores import Promise, Scores

NOTHING = "-"


@dataclass(frozen=True)
class Judged:
    """What the gate said of a symbol at a slot, with its reasons; a run that failed has its state for a verdict."""

    verdict: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class BackfillFacts:
    """A backfill. `asked` is what was tried, by name; `judged` is by symbol and slot (nanoseconds UTC)."""

    namespace: str
    schedule: str
    key: str
    cron: str
    written_at: str
    asked: Sequence[tuple[str, str]]
    scores: tuple[Scores, ...]
    judged: Mapping[tuple[str, int], Judged]
    bar: float | None = None

    @cached_property
    def figures(self) -> tuple[SymbolFigures, ...]:
        """Of each symbol."""
        return tuple(map(symbol_figures, self.scores))

    @cached_property
    def comparison(self) -> Retraining | None:
        """Retrained against never retrained."""
        return retraining(self.scores)

    @property
    def verdict(self) -> str:
        """Paid, DidHarm, NotSure, OneModel or NothingPassed."""
        return verdict(self.comparison, self.figures)

    @property
    def sentence(self) -> str:
        """Whether retraining paid."""
        return sentence(self.comparison, self.figures)

    def of(self, symbol: str, row: SlotRow) -> Judged:
        """The gate's word on a row."""
        return self.judged.get((symbol, row.slot), Judged("Failed"))


def minute(nanoseconds: int) -> str:
    """A time as a row's name: 2025-08-02 03:00."""
    return iso_time(nanoseconds)[:16].replace("T", " ")


def day(nanoseconds: int) -> str:
    """Its day."""
    return minute(nanoseconds)[:10]


def share(right: Right | Promise | None) -> str:
    """An accuracy: 68.9 %."""
    return NOTHING if right is None else f"{right.accuracy * 100:.1f} %"


def between(right: Right | Promise | None) -> str:
    """Its interval: 66.1 to 71.6; empty where there is none."""
    if right is None or right.low is None or right.high is None:
        return ""
    return f"{right.low * 100:.1f} to {right.high * 100:.1f}"


def pnl(lived: Lived | None) -> str:
    """The account's change after fees: +1.2 %."""
    return NOTHING if lived is None else change(lived.pnl)


def change(value: float | None) -> str:
    """A change with its sign."""
    text = NOTHING if value is None else f"{value * 100:+.1f} %"
    return "0.0 %" if text in ("+0.0 %", "-0.0 %") else text


def served_by(row: SlotRow, figures: SymbolFigures) -> str:
    """Whose model is in service in the slot's span: this one, that of an earlier slot, or none."""
    if row.served_by is None:
        return "none"
    return "this one" if row.served_by == row.index else f"of {day(figures.rows[row.served_by].slot)}"
