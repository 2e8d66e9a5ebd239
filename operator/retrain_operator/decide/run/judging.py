"""Judgement and approval: the gate's verdict from the stored measurements, and on whose authority what is promoted.

The gate is judged anew at each reconcile, from the measurements in the status, so that a changed gate needs no new
training. A person's answer is bound to the digest of exactly one judgement: without that, an approval given for one set
of models would promote whichever models came next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from retrain_api.approval import read_answer
from retrain_api.formatting import counted
from retrain_api.gate.judgement import Judgement
from retrain_api.gate.older_rules import is_older
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.keys import changed, digest
from retrain_api.names import folder
from retrain_api.run import RetrainRun
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.status.run import GateStatus
from retrain_api.status.symbol import SymbolStatus
from retrain_api.wire import to_wire

_FEW = 16
"""Up to so many symbols have all their reasons in the status. Of 64 they took 12 of 106 KB, and a status has 100."""


@dataclass(frozen=True)
class Decision:
    """What may be promoted, and on whose authority.

    `promote`: symbols to promote now; `by`: who decided; `waits`: a person must approve first; `declined`: a person
    rejected it; `override`: a person promotes against the gate; `note`: why an override promotes nothing.
    """

    promote: tuple[str, ...] = ()
    by: str | None = None
    waits: bool = False
    declined: bool = False
    override: bool = False
    note: str | None = None


def judgement_of(run: RetrainRun, symbols: Sequence[SymbolStatus]) -> Judgement:
    """The gate's verdict on a run, from the stored measurements."""
    return judgement_by(run.spec, symbols)


def judgement_by(spec: RetrainRunSpec, symbols: Sequence[SymbolStatus]) -> Judgement:
    """What a spec's gate says of stored measurements. A symbol without one is an Error, with its reason."""
    candidates = [
        Candidate(
            entry.symbol,
            entry.result.metrics if entry.result is not None and entry.state == "Evaluated" else None,
            _unmeasured(entry),
        )
        for entry in symbols
    ]
    return judge(spec.gate, spec.required, candidates, spec.promotion.require_improvement)


def _unmeasured(entry: SymbolStatus) -> str:
    """Why a symbol has no measurement."""
    skipped = "it was skipped: " if entry.state == "Skipped" and entry.message else ""
    return skipped + (entry.message or "it was not measured")


def gate_digest(judgement: Judgement, symbols: Sequence[SymbolStatus]) -> str:
    """Digest of exactly these models and this judgement of them; an answer is bound to it.

    It is made of values: the measurements, and what the gate made of them. A sentence that is put better makes no approval
    stale, and a second measurement, against another champion say, does. Measured under rules 1, it is made as it was then.
    """
    models = {entry.symbol: entry.result.model.sha256 for entry in symbols if entry.result and entry.result.model}
    measured = {entry.symbol: entry.result.metrics for entry in symbols if entry.result and entry.result.metrics}
    if all(is_older(measurement) for measurement in measured.values()):
        return digest({"judgement": to_wire(judgement), "models": models})
    figures = {symbol: changed(measurement) for symbol, measurement in measured.items()}
    return digest({"verdicts": _values(judgement), "models": models, "measured": figures})


def _values(judgement: Judgement) -> dict[str, Any]:
    """A judgement without its sentences."""
    wire = to_wire(judgement)
    models = [{name: value for name, value in model.items() if name != "reasons"} for model in wire["models"]]
    return {name: value for name, value in wire.items() if name != "summary"} | {"models": models}


def candidates(judgement: Judgement) -> tuple[str, ...]:
    """Symbols that may be promoted: those that pass and, on a person's authority, those that would if not Suspect."""
    passing = tuple(model.symbol for model in judgement.models if model.verdict == "Pass")
    return passing + tuple(m.symbol for m in judgement.models if m.verdict == "Suspect" and m.meets)


def overridable(judgement: Judgement) -> tuple[str, ...]:
    """Symbols that an override may promote: every model that was measured, whatever the gate says about it."""
    return tuple(model.symbol for model in judgement.models if model.verdict != "Error")


def decide(run: RetrainRun, judgement: Judgement, agreed: str) -> Decision:
    """What is promoted: with an override everything that was measured, else what the gate lets through.

    Nothing overrides promotion.policy Never, and a rejection of the same judgement takes precedence.
    """
    answer, rejected = read_answer(run.override), read_answer(run.rejection)
    usual = _by_the_gate(run, judgement, agreed)
    if answer.digest != agreed or rejected.digest == agreed:
        return usual
    if run.spec.promotion.policy == "Never":
        return replace(usual, note="the override promotes nothing, because promotion.policy is Never")
    if not (answer.name and answer.reason):
        return replace(usual, note="the override promotes nothing, because it lacks a name or a reason")
    return Decision(promote=overridable(judgement), by=answer.signature, override=True)


def _by_the_gate(run: RetrainRun, judgement: Judgement, agreed: str) -> Decision:
    """What passes, on the gate's authority or a person's. A Suspect makes even Automatic wait for a person."""
    suspect = any(model.verdict == "Suspect" for model in judgement.models)
    promotable = candidates(judgement)
    policy = run.spec.promotion.policy
    if policy == "Never" or judgement.counted(promotable) < judgement.required:
        return Decision()
    if policy == "Automatic" and not suspect:
        return Decision(promote=promotable, by="gate")
    approved, rejected = read_answer(run.approval), read_answer(run.rejection)
    if rejected.digest == agreed:
        return Decision(by=rejected.signature, declined=True)
    if approved.digest == agreed:
        return Decision(promote=promotable, by=approved.signature)
    return Decision(waits=True)


def publish_basis(run: RetrainRun, agreed: str, symbols: Sequence[SymbolStatus]) -> str:
    """Digest of what a report shows (the judgement and the measurements behind it), of where it is written, and of how long
    what it promotes is good for.
    """
    measured = {entry.symbol: entry.result.evaluate_key for entry in symbols if entry.result}
    basis = {"gate": agreed, "measured": measured, "artifacts": folder(run.spec.artifacts.uri)}
    return digest(basis | {"expiresAfter": run.spec.promotion.expires_after})


def publish_key(shown: str, decision: Decision) -> str:
    """What a publication depends on. Its Job's key also has the report's number: what was promoted in between counts."""
    basis = {"shown": shown, "promote": sorted(decision.promote), "by": decision.by}
    return digest(basis | {"override": decision.override or None})


def decided(run: RetrainRun, judgement: Judgement, shown: str, agreed: str) -> Decision:
    """What was carried out stays carried out; only an override goes beyond it."""
    done, decision = _carried_out(run, judgement, shown), decide(run, judgement, agreed)
    return decision if done is None or (decision.override and not done.override) else done


def _carried_out(run: RetrainRun, judgement: Judgement, shown: str) -> Decision | None:
    """The promotion that the last publication carried out, if it was of this very judgement: no later answer undoes it."""
    report, promotion = run.status.report, run.status.promotion
    if report is None or promotion is None:
        return None
    overridden = Decision(promote=overridable(judgement), by=promotion.by, override=True)
    promotable = candidates(judgement)
    usual = Decision(promote=promotable, by=promotion.by)
    possible = (overridden, usual) if judgement.counted(promotable) >= judgement.required else (overridden,)
    return next((each for each in possible if report.publish_key == publish_key(shown, each)), None)


def gate_status(judgement: Judgement, agreed: str) -> GateStatus:
    """The judgement as the status carries it."""
    return GateStatus(**judgement.model_dump(exclude={"models"}), digest=agreed)


def judged(entry: SymbolStatus, judgement: Judgement) -> SymbolStatus:
    """The entry with its verdict, and why: of many symbols the first reason of each."""
    model = judgement.model(entry.symbol)
    why = model.bare_reasons()
    if len(judgement.models) > _FEW and len(why) > 1:
        why = (why[0], f"and {counted(len(why) - 1, 'more reason')} in the report")
    return entry.model_copy(update={"verdict": model.verdict, "reasons": why})
