"""Rules 1: how a measurement is judged that was made before measurements said by which rules.

Nothing here may change. The digests of stored judgements are made of these sentences, in this order; with another one,
finished runs would be published again and approvals that people gave would be void.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retrain_api.measurement import RULES, Measurement
from retrain_api.spec.gate import Gate

from .comparisons import champion_doubt, champion_failure, majority_failure
from .confidence import confidence_doubts
from .criteria import shortfall
from .evidence import Findings
from .judgement import JudgedCriterion


def is_older(measurement: Measurement) -> bool:
    """Whether a measurement was made under rules 1."""
    return (measurement.rules or 1) < RULES


def older_findings(
    gate: Gate, measurement: Measurement, judged: Sequence[JudgedCriterion], require_improvement: bool
) -> Findings:
    """Judge by rules 1: points alone, unless the gate asks for a confidence."""
    failures = [
        *(shortfall(criterion) for criterion in judged if not criterion.met),
        *majority_failure(measurement),
        *(champion_failure(measurement) if require_improvement else ()),
    ]
    doubts = [*confidence_doubts(gate, measurement), *(champion_doubt(measurement) if require_improvement else ())]
    return Findings(tuple(failures), tuple(doubts))


def older_note(measurements: Mapping[str, Measurement | None]) -> str:
    """Which models, by symbol, are judged by older rules; empty where none is."""
    older = [symbol for symbol, one in measurements.items() if one is not None and is_older(one)]
    if not older:
        return ""
    names = ", ".join(older[:3]) + (f" and {len(older) - 3} more" if len(older) > 3 else "")
    verb = "was" if len(older) == 1 else "were"
    return f"{names} {verb} measured by an earlier release and {'is' if verb == 'was' else 'are'} judged by its rules"
