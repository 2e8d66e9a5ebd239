"""Is it luck? The more models were tried on the same test bars, the further ahead the best of them is without any skill."""

from __future__ import annotations

from retrain_api.measurement import Measurement
from retrain_api.spec.gate import Gate


def luck_doubts(gate: Gate, measurement: Measurement) -> list[str]:
    """The reason why a model is Inconclusive where luck explains more than `gate.maxLuckPercent`; empty where that is unset."""
    limit = gate.max_luck_percent
    if limit is None:
        return []
    if measurement.luck is None:
        return [f"what luck explains of its accuracy was not measured, and maxLuckPercent is {limit}"]
    if measurement.luck <= limit / 100:
        return []
    explained = f"luck explains its accuracy with {_percent(measurement.luck)}, above maxLuckPercent {limit}"
    return [explained + _tries(measurement.judged_before)]


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share < 0.995 else "100 %"


def _tries(before: int | None) -> str:
    if not before:
        return ""
    return f", after {before:,} other {'try' if before == 1 else 'tries'}"
