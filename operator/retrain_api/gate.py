"""The gate: from measurements to verdicts, with reasons in plain words. Pure; the only place that judges.

A model's verdict, the first that holds: Error (never measured), Suspect (too good to be believed), Fail (a criterion
or the majority baseline not met), Inconclusive (met, but not at the asked confidence), Pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import Field

from .measurement import Measurement
from .schema import Lenient, Measured
from .spec_gate import Criterion, Gate
from .wording import bar, measured, points, quoted

Verdict: TypeAlias = Literal["Pass", "Fail", "Inconclusive", "Suspect", "Error"]
Confidence: TypeAlias = Literal[90, 95, 99]
Outcome: TypeAlias = Literal["Ideal", "Acceptable", "NeedsMoreWork"]


@dataclass(frozen=True)
class Candidate:
    """One symbol's model as the gate sees it; `error` says why there is no measurement."""

    symbol: str
    measurement: Measurement | None
    error: str = "it was not measured"


class JudgedCriterion(Lenient):
    """One bar and how far from it the model is; a positive margin clears it."""

    metric: str
    bound: float
    value: Measured = None
    margin: Measured = None
    met: bool


class JudgedModel(Lenient):
    """One model's verdict; `meets` says that every criterion is met, whatever is suspected."""

    symbol: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    criteria: tuple[JudgedCriterion, ...] = ()
    meets: bool = False

    def bare_reasons(self) -> tuple[str, ...]:
        """The reasons without symbol and verdict, for a place that says both already."""
        return tuple(reason.removeprefix(_opening(self.symbol, self.verdict)) for reason in self.reasons)


class Judgement(Lenient):
    """The verdict on a run."""

    verdict: Verdict
    outcome: Outcome
    passed: int
    required: int
    total: int
    summary: str
    judged_criteria: tuple[str, ...] = Field((), description="The criteria that were judged, such as accuracy >= 68 %.")
    models: tuple[JudgedModel, ...] = ()

    def model(self, symbol: str) -> JudgedModel:
        """The verdict on one symbol's model."""
        return next(model for model in self.models if model.symbol == symbol)


def judge(gate: Gate, required: int, candidates: Sequence[Candidate], require_improvement: bool = False) -> Judgement:
    """Verdict on every model and on the run; `required` models must pass."""
    models = tuple(judge_model(gate, candidate, require_improvement) for candidate in candidates)
    passed = sum(model.verdict == "Pass" for model in models)
    criteria = tuple(describe(criterion) for criterion in gate.criteria)
    return Judgement(
        verdict=run_verdict(models, required),
        outcome=outcome(passed, required, len(models)),
        passed=passed,
        required=required,
        total=len(models),
        summary=summary(models, passed, required, criteria),
        judged_criteria=criteria,
        models=models,
    )


def judge_model(gate: Gate, candidate: Candidate, require_improvement: bool = False) -> JudgedModel:
    """Verdict on one model."""
    if candidate.measurement is None:
        sentence = _opening(candidate.symbol, "Error") + candidate.error
        return JudgedModel(symbol=candidate.symbol, verdict="Error", reasons=(sentence,))
    measurement = candidate.measurement
    judged = tuple(judge_criterion(criterion, measurement) for criterion in gate.criteria)
    failures = [
        *(_shortfall(criterion) for criterion in judged if not criterion.met),
        *_majority_failure(measurement),
        *(_champion_failure(measurement) if require_improvement else ()),
    ]
    doubts = [*_confidence_doubts(gate, measurement), *(_champion_doubt(measurement) if require_improvement else ())]
    verdict, sentences = _first_that_holds(list(measurement.suspicions), failures, doubts)
    return JudgedModel(
        symbol=candidate.symbol,
        verdict=verdict,
        reasons=tuple(_opening(candidate.symbol, verdict) + sentence for sentence in sentences),
        criteria=judged,
        meets=not failures and not doubts,
    )


_VERBS: dict[Verdict, str] = {
    "Suspect": "is suspect",
    "Fail": "fails",
    "Inconclusive": "is inconclusive",
    "Pass": "passes",
    "Error": "has no verdict",
}


def _opening(symbol: str, verdict: Verdict) -> str:
    return f"{symbol} {_VERBS[verdict]}: "


def _first_that_holds(suspicions: list[str], failures: list[str], doubts: list[str]) -> tuple[Verdict, list[str]]:
    if suspicions:
        return "Suspect", suspicions
    if failures:
        return "Fail", failures
    return ("Inconclusive", doubts) if doubts else ("Pass", [])


def judge_criterion(criterion: Criterion, measurement: Measurement) -> JudgedCriterion:
    """One metric against its bar; a metric that could not be measured does not meet it."""
    value = measurement.metrics.value(criterion.metric)
    if value is None:
        return JudgedCriterion(metric=criterion.metric, bound=criterion.bound, met=False)
    margin = value - criterion.bound if criterion.at_most is None else criterion.bound - value
    return JudgedCriterion(metric=criterion.metric, bound=criterion.bound, value=value, margin=margin, met=margin >= 0)


def describe(criterion: Criterion) -> str:
    """A criterion in a few words: accuracy >= 68 %."""
    sign = ">=" if criterion.at_most is None else "<="
    return f"{criterion.metric} {sign} {bar(criterion.metric, criterion.bound)}"


def _shortfall(judged: JudgedCriterion) -> str:
    if judged.value is None or judged.margin is None:
        return f"{quoted(judged.metric)} could not be measured"
    side = "above" if judged.value > judged.bound else "below"
    distance, value = points(judged.metric, judged.value, judged.bound)
    return f"{quoted(judged.metric)} {value} is {distance} {side} {bar(judged.metric, judged.bound)}"


def _majority_failure(measurement: Measurement) -> list[str]:
    """A model no better than always saying the more frequent class has no skill, whatever the bars say."""
    accuracy, majority = measurement.metrics.accuracy, measurement.baselines.majority
    if accuracy is None or majority is None or accuracy > majority:
        return []
    return [
        f"accuracy {measured('accuracy', accuracy)} does not beat the majority baseline, {measured('accuracy', majority)}"
    ]


def _champion_failure(measurement: Measurement) -> list[str]:
    champion = measurement.champion
    if champion is None or champion.difference is None or champion.difference > 0:
        return []
    distance, _ = points("accuracy", champion.difference, 0)
    return [
        f"it is not more accurate than the model promoted today ({distance} below it on {champion.bars} common bars)"
    ]


def _champion_doubt(measurement: Measurement) -> list[str]:
    champion = measurement.champion
    if champion is None or champion.difference is not None:
        return []
    return [f"it can't be compared with the model promoted today ({champion.note or 'not measured'})"]


def _confidence_doubts(gate: Gate, measurement: Measurement) -> list[str]:
    confidence = gate.confidence_percent
    if confidence is None:
        return []
    open_ones = [
        criterion
        for criterion in gate.criteria
        if not _sure(criterion, measurement.near_bound(criterion.metric, confidence))
    ]
    doubts = [_doubt(criterion, measurement, confidence) for criterion in open_ones]
    return doubts + _what_would_settle_it(open_ones, measurement, confidence)


def _sure(criterion: Criterion, bound: float | None) -> bool:
    return bound is not None and _clears(criterion, bound)


def _doubt(criterion: Criterion, measurement: Measurement, confidence: Confidence) -> str:
    bound = measurement.near_bound(criterion.metric, confidence)
    interval = f"{confidence} % interval of {quoted(criterion.metric)}"
    if bound is None:
        return f"{interval} was not measured"
    reached, side = (
        points(criterion.metric, bound, criterion.bound)[1],
        "below" if criterion.at_most is None else "above",
    )
    return f"{interval} reaches {reached}, {side} {bar(criterion.metric, criterion.bound)}"


def _what_would_settle_it(criteria: Sequence[Criterion], measurement: Measurement, confidence: Confidence) -> list[str]:
    """The last reason of a model that is met and not sure: bars enough for every criterion that is open."""
    needed = []
    for criterion in criteria:
        value, near = measurement.metrics.value(criterion.metric), measurement.near_bound(criterion.metric, confidence)
        if value is None or near is None or not measurement.bars or criterion.metric in _OF_A_PATH:
            return []
        needed.append(bars_to_settle(value, near, criterion.bound, measurement.bars))
    if None in needed:
        return ["no number of test bars would settle it, so near is it to the bar"]
    return [f"about {max(filter(None, needed)):,} more test bars would settle it"] if needed else []


_OF_A_PATH = frozenset({"pnl", "maxDrawdown"})
"""What grows with the time traded: more bars make another figure, and not the same one surer."""
_MOST_BARS = 10**8
"""Nearly two centuries of minutes."""


def bars_to_settle(value: float, near: float, bar: float, bars: int) -> int | None:
    """Test bars to add so that an interval which reaches from `value` to `near` would end at the bar, with two digits.

    Its half shrinks with the square root of the bars: |value - near| * sqrt(bars / n) = |value - bar| gives n. None where
    the value is at the bar, or so close that no history is long enough.
    """
    half, margin = abs(value - near), abs(value - bar)
    if margin * math.sqrt(_MOST_BARS) <= half * math.sqrt(bars):
        return None
    more = bars * ((half / margin) ** 2 - 1)
    step: int = 10 ** max(math.floor(math.log10(max(more, 1))) - 1, 0)
    return max(math.ceil(round(more / step, 9)) * step, 1)


def _clears(criterion: Criterion, value: float) -> bool:
    return value >= criterion.bound if criterion.at_most is None else value <= criterion.bound


def run_verdict(models: Sequence[JudgedModel], required: int) -> Verdict:
    """Pass with a quorum; otherwise the mildest verdict that could still have made one, else Error or Fail."""
    counts = {verdict: sum(model.verdict == verdict for model in models) for verdict in _ORDER}
    reachable = counts["Pass"]
    if reachable >= required:
        return "Pass"
    for verdict in ("Inconclusive", "Suspect"):
        reachable += sum(model.verdict == verdict and (model.meets or verdict == "Inconclusive") for model in models)
        if reachable >= required:
            return verdict
    return "Error" if len(models) - counts["Error"] < required else "Fail"


_ORDER: tuple[Verdict, ...] = ("Pass", "Inconclusive", "Suspect", "Fail", "Error")


def outcome(passed: int, required: int, total: int) -> Outcome:
    """Ideal when all pass, Acceptable when the quorum does, NeedsMoreWork otherwise."""
    if passed == total:
        return "Ideal"
    return "Acceptable" if passed >= required else "NeedsMoreWork"


def summary(models: Sequence[JudgedModel], passed: int, required: int, criteria: Sequence[str]) -> str:
    """One line for a person: how many pass, judged by what, and the first reason of each that does not."""
    names = _names([model.symbol for model in models if model.verdict == "Pass"])
    head = f"{passed} of {len(models)} models pass{f' ({names})' if names else ''}, {required} required, judged by "
    reasons = [model.reasons[0] for model in models if model.reasons]
    more = len(reasons) - _SHOWN_REASONS
    tail = "".join(f"; {reason.rstrip('.')}" for reason in reasons[:_SHOWN_REASONS]) + (
        f"; and {more} more" if more > 0 else ""
    )
    return head + " and ".join(criteria) + tail


_SHOWN_REASONS = 3
"""Models whose reason the one line names; all reasons are with their models."""


def _names(symbols: Sequence[str]) -> str:
    """At most eight names, and how many more."""
    shown = ", ".join(symbols[:8])
    return f"{shown} and {len(symbols) - 8} more" if len(symbols) > 8 else shown
