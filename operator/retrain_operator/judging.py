"""Judgement and approval: the gate's verdict from stored measurements, and who may be promoted by whose word. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrain_api.gate import Candidate, Judgement, judge
from retrain_api.keys import digest
from retrain_api.run import RetrainRun
from retrain_api.schema import to_wire
from retrain_api.status import GateStatus, SymbolStatus


@dataclass(frozen=True)
class Decision:
    """What may be promoted, and by whose word.

    `waits`: a person must approve; `declined`: a person said no; `promote`: symbols to promote now.
    """

    promote: tuple[str, ...] = ()
    by: str | None = None
    waits: bool = False
    declined: bool = False


def judgement_of(run: RetrainRun, symbols: Sequence[SymbolStatus]) -> Judgement:
    """The gate's verdict from the stored measurements; what broke is an Error with its reason."""
    candidates = [
        Candidate(
            entry.symbol,
            entry.result.metrics if entry.result is not None and entry.state == "Evaluated" else None,
            entry.message or "it was not measured",
        )
        for entry in symbols
    ]
    return judge(run.spec.gate, run.spec.required, candidates, run.spec.promotion.require_improvement)


def gate_digest(judgement: Judgement, symbols: Sequence[SymbolStatus]) -> str:
    """Names exactly these models and this judgement of them; what an approval is bound to."""
    models = {entry.symbol: entry.result.model.sha256 for entry in symbols if entry.result and entry.result.model}
    return digest({"judgement": to_wire(judgement), "models": models})


def candidates(judgement: Judgement) -> tuple[str, ...]:
    """Symbols that may be promoted: what passes, and by a person's word what would but for a suspicion."""
    passing = tuple(model.symbol for model in judgement.models if model.verdict == "Pass")
    return passing + tuple(m.symbol for m in judgement.models if m.verdict == "Suspect" and m.meets)


def decide(run: RetrainRun, judgement: Judgement, agreed: str) -> Decision:
    """Who is promoted: what passes, by the gate's word or a person's; a Suspect makes Automatic wait for a person."""
    suspect = any(model.verdict == "Suspect" for model in judgement.models)
    promotable = candidates(judgement)
    policy = run.spec.promotion.policy
    if policy == "Never" or len(promotable) < judgement.required:
        return Decision()
    if policy == "Automatic" and not suspect:
        return Decision(promote=promotable, by="gate")
    if _names(run.rejection, agreed):
        return Decision(by=_person(run.rejection), declined=True)
    if _names(run.approval, agreed):
        return Decision(promote=promotable, by=_person(run.approval))
    return Decision(waits=True)


def _names(annotation: str | None, agreed: str) -> bool:
    return (annotation or "").split(maxsplit=1)[:1] == [agreed]


def _person(annotation: str | None) -> str:
    """Who an annotation `<digest> by NAME: reason` speaks for."""
    words = (annotation or "").split(maxsplit=1)
    return words[1].removeprefix("by ").strip() if len(words) > 1 else "annotation"


def gate_status(judgement: Judgement, agreed: str) -> GateStatus:
    """The judgement as the status carries it."""
    return GateStatus(**judgement.model_dump(exclude={"models"}), digest=agreed)


def judged(entry: SymbolStatus, judgement: Judgement) -> SymbolStatus:
    """The entry with its verdict, and why."""
    model = judgement.model(entry.symbol)
    return entry.model_copy(update={"verdict": model.verdict, "reasons": model.bare_reasons()})
