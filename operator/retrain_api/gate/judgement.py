"""The documents of a judgement: what the gate says of a criterion, of a model and of a run.

Status, task documents and results.json carry them; the rules that fill them in are in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from pydantic import Field

from retrain_api.wire import Lenient, Measured

from .markets import markets_among

Verdict: TypeAlias = Literal["Pass", "Fail", "Inconclusive", "Suspect", "Error"]


Outcome: TypeAlias = Literal["Ideal", "Acceptable", "NeedsMoreWork"]


class JudgedCriterion(Lenient):
    """One bar and how far from it the model is; a positive margin clears it."""

    metric: str
    bound: float
    value: Measured = None
    margin: Measured = None
    met: bool


class JudgedModel(Lenient):
    """One model's verdict; `meets` is true where every criterion is met, even if the model is suspect."""

    symbol: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    criteria: tuple[JudgedCriterion, ...] = ()
    meets: bool = False

    def bare_reasons(self) -> tuple[str, ...]:
        """The reasons without symbol and verdict, for places that show both already."""
        begins = (opening(self.symbol, self.verdict), opening(self.symbol, self.verdict, fails=True))
        return tuple(reason.removeprefix(begins[0]).removeprefix(begins[1]) for reason in self.reasons)


class Judgement(Lenient):
    """The verdict on a run."""

    verdict: Verdict
    outcome: Outcome
    passed: int = Field(description="Models that pass; those of one market count once.")
    required: int
    total: int
    summary: str
    judged_criteria: tuple[str, ...] = Field((), description="The criteria that were judged, such as accuracy >= 68 %.")
    models: tuple[JudgedModel, ...] = ()
    one_market: tuple[tuple[str, ...], ...] | None = Field(
        None, description="Symbols that are one market, grouped. Each group counts once; none where all are different."
    )

    def counted(self, symbols: Collection[str]) -> int:
        """How much these symbols count towards the quorum."""
        return markets_among(symbols, self.one_market)

    def model(self, symbol: str) -> JudgedModel:
        """The verdict on one symbol's model."""
        return next(model for model in self.models if model.symbol == symbol)


_VERBS: dict[Verdict, str] = {
    "Suspect": "is suspect",
    "Fail": "fails",
    "Inconclusive": "is inconclusive",
    "Pass": "passes",
    "Error": "has no verdict",
}


def opening(symbol: str, verdict: Verdict, fails: bool = False) -> str:
    """How every reason begins: BTC-USD fails: ... `fails` is for a Suspect that fails as well."""
    both = "fails and " if fails and verdict == "Suspect" else ""
    return f"{symbol} {both}{_VERBS[verdict]}: "


def of_several(reason: str, first: str, symbols: str) -> str:
    """The suspicion of symbol `first` as one of several `symbols`: BTC-USD is suspect: ... as BTC-USD and ETH-USD are suspect: ..."""
    verbs, _, sentence = reason.removeprefix(first).partition(": ")
    return f"{symbols}{verbs.replace('fails', 'fail').replace(' is ', ' are ')}: {sentence}"
