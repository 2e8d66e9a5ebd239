"""The gate: from measurements to verdicts, with reasons in plain words. Pure; the only place that judges.

A model's verdict is the first of these that holds: Error (never measured), Suspect (too good to be believed), Fail (a
criterion or the majority baseline not met), Inconclusive (too little evidence to tell), Pass. What a Suspect fails is said
before what makes it suspect, and no approval promotes it then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from retrain_api.measurement import Measurement
from retrain_api.spec.gate import Gate

from .criteria import describe, judge_criterion
from .evidence import Findings, findings
from .judgement import JudgedModel, Judgement, Outcome, Verdict, opening
from .luck import luck_doubts
from .markets import copies, markets_among
from .older_rules import is_older, older_findings
from .summary import summary


@dataclass(frozen=True)
class Candidate:
    """One symbol's model as the gate sees it; `error` is why there is no measurement, where there is none."""

    symbol: str
    measurement: Measurement | None
    error: str = "it was not measured"


def judge(gate: Gate, required: int, candidates: Sequence[Candidate], require_improvement: bool = False) -> Judgement:
    """Verdict on every model and on the run; `required` models must pass, and several of one market count once."""
    models = tuple(judge_model(gate, candidate, require_improvement) for candidate in candidates)
    one_market = copies({each.symbol: each.measurement.market for each in candidates if each.measurement is not None})
    passed = markets_among([model.symbol for model in models if model.verdict == "Pass"], one_market)
    criteria = tuple(describe(criterion) for criterion in gate.criteria)
    return Judgement(
        verdict=run_verdict(models, required, one_market),
        outcome=outcome(passed, required, markets_among([model.symbol for model in models], one_market)),
        passed=passed,
        required=required,
        total=len(models),
        summary=summary(models, passed, required, criteria, one_market, together=_of_todays_rules(candidates)),
        judged_criteria=criteria,
        models=models,
        one_market=one_market or None,
    )


def _of_todays_rules(candidates: Sequence[Candidate]) -> bool:
    """Whether something was measured, and all of it under today's rules: only then no stored digest is of other words."""
    measured = [each.measurement for each in candidates if each.measurement is not None]
    return bool(measured) and not any(map(is_older, measured))


def judge_model(gate: Gate, candidate: Candidate, require_improvement: bool = False) -> JudgedModel:
    """Verdict on one model."""
    if candidate.measurement is None:
        sentence = opening(candidate.symbol, "Error") + candidate.error
        return JudgedModel(symbol=candidate.symbol, verdict="Error", reasons=(sentence,))
    measurement = candidate.measurement
    judged = tuple(judge_criterion(criterion, measurement) for criterion in gate.criteria)
    older = is_older(measurement)
    found = (older_findings if older else findings)(gate, measurement, judged, require_improvement)
    found = replace(found, doubts=(*found.doubts, *luck_doubts(gate, measurement)))
    verdict, sentences = _first_that_holds(measurement.suspicions, found, older)
    begins = opening(candidate.symbol, verdict, fails=bool(found.failures) and not older)
    return JudgedModel(
        symbol=candidate.symbol,
        verdict=verdict,
        reasons=tuple(begins + sentence for sentence in sentences),
        criteria=judged,
        meets=not found.failures and not found.doubts,
    )


def _first_that_holds(suspicions: Sequence[str], found: Findings, older: bool) -> tuple[Verdict, Sequence[str]]:
    """The verdict and its reasons. Rules 1 had only the suspicions as the reasons of a Suspect."""
    if suspicions:
        return "Suspect", suspicions if older else (*found.failures, *suspicions, *found.doubts)
    if found.failures:
        return "Fail", found.failures
    return ("Inconclusive", found.doubts) if found.doubts else ("Pass", ())


def run_verdict(
    models: Sequence[JudgedModel], required: int, one_market: Sequence[Sequence[str]] | None = None
) -> Verdict:
    """Pass with a quorum; otherwise the mildest verdict that could still have given one, else Error or Fail."""
    reachable: list[str] = []
    for verdict in _HOPEFUL:
        reachable += [
            model.symbol for model in models if model.verdict == verdict and (model.meets or verdict != "Suspect")
        ]
        if markets_among(reachable, one_market) >= required:
            return verdict
    errors = sum(model.verdict == "Error" for model in models)
    return "Error" if len(models) - errors < required else "Fail"


_HOPEFUL: tuple[Verdict, ...] = ("Pass", "Inconclusive", "Suspect")


def outcome(passed: int, required: int, total: int) -> Outcome:
    """Ideal when all pass, Acceptable when the quorum does, NeedsMoreWork otherwise. Each market counts once."""
    if passed < required:
        return "NeedsMoreWork"
    return "Ideal" if passed == total else "Acceptable"
