"""Judgement and approval: the gate's verdict from stored measurements, and who may be promoted by whose word. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from retrain_api.approval import read_word
from retrain_api.gate import Candidate, Judgement, judge
from retrain_api.keys import digest
from retrain_api.run import RetrainRun
from retrain_api.schema import to_wire
from retrain_api.status import GateStatus, SymbolStatus


@dataclass(frozen=True)
class Decision:
    """What may be promoted, and by whose word.

    `waits`: a person must approve; `declined`: a person said no; `promote`: symbols to promote now; `override`: by a
    person's word against the gate; `note`: why such a word promotes nothing.
    """

    promote: tuple[str, ...] = ()
    by: str | None = None
    waits: bool = False
    declined: bool = False
    override: bool = False
    note: str | None = None


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


def overridable(judgement: Judgement) -> tuple[str, ...]:
    """Symbols that an override may promote: every model that was measured, whatever the gate says of it."""
    return tuple(model.symbol for model in judgement.models if model.verdict != "Error")


def decide(run: RetrainRun, judgement: Judgement, agreed: str) -> Decision:
    """Who is promoted: by an override all that was measured, else what the gate lets through.

    Nothing overrides promotion.policy Never, and a rejection of the same judgement wins.
    """
    word, rejected = read_word(run.override), read_word(run.rejection)
    usual = _by_the_gate(run, judgement, agreed)
    if word.digest != agreed or rejected.digest == agreed:
        return usual
    if run.spec.promotion.policy == "Never":
        return replace(usual, note="the override promotes nothing, because promotion.policy is Never")
    if not (word.name and word.reason):
        return replace(usual, note="the override promotes nothing, because it lacks a name or a reason")
    return Decision(promote=overridable(judgement), by=word.signed, override=True)


def _by_the_gate(run: RetrainRun, judgement: Judgement, agreed: str) -> Decision:
    """What passes, by the gate's word or a person's; a Suspect makes Automatic wait for a person."""
    suspect = any(model.verdict == "Suspect" for model in judgement.models)
    promotable = candidates(judgement)
    policy = run.spec.promotion.policy
    if policy == "Never" or len(promotable) < judgement.required:
        return Decision()
    if policy == "Automatic" and not suspect:
        return Decision(promote=promotable, by="gate")
    approved, rejected = read_word(run.approval), read_word(run.rejection)
    if rejected.digest == agreed:
        return Decision(by=rejected.signed, declined=True)
    if approved.digest == agreed:
        return Decision(promote=promotable, by=approved.signed)
    return Decision(waits=True)


def gate_status(judgement: Judgement, agreed: str) -> GateStatus:
    """The judgement as the status carries it."""
    return GateStatus(**judgement.model_dump(exclude={"models"}), digest=agreed)


def judged(entry: SymbolStatus, judgement: Judgement) -> SymbolStatus:
    """The entry with its verdict, and why."""
    model = judgement.model(entry.symbol)
    return entry.model_copy(update={"verdict": model.verdict, "reasons": model.bare_reasons()})
