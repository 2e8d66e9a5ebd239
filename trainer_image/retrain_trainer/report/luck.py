"""What luck explains of a model's figures, in sentences: the tries on its test bars, and what the luckiest of them would read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .text import share


def luck_sentences(symbol: str, document: Mapping[str, Any]) -> list[str]:
    """What evaluation.json says of luck; nothing where it was not measured, as by older releases."""
    found = document.get("luck") or {}
    return [sentence for sentence in (_accuracy(symbol, found), _sharpe(symbol, found)) if sentence]


def _accuracy(symbol: str, found: Mapping[str, Any]) -> str:
    tries, alone, luck = found.get("tries"), found.get("pValue"), found.get("luck")
    if tries is None or alone is None or luck is None:
        return ""
    every = f"over all tries, those to come included, luck explains it with a probability {probability(luck)}"
    if tries == 1:
        return (
            f"{symbol}: a model without skill would be right as often with a probability {probability(alone)}; {every}."
        )
    return (
        f"{symbol}: the luckiest of {tries:,} models without skill would read an accuracy of {share(found.get('luckiest'))} on these "
        f"test bars, and be right as often as this one with a probability {probability(found.get('realityCheck'))} (White's "
        f"reality check); {every}."
    )


def _sharpe(symbol: str, found: Mapping[str, Any]) -> str:
    deflated, tries = found.get("deflatedSharpe"), found.get("tries")
    if deflated is None or tries is None:
        return ""
    than = "zero" if tries == 1 else f"that of the luckiest of {tries:,} models without skill"
    return f"{symbol}: its Sharpe ratio is truly above {than} with a probability {probability(deflated)} (deflated Sharpe ratio)."


def probability(value: float | None) -> str:
    """of 0.034, below 0.001, above 0.999."""
    if value is None:
        return "that is not known"
    if value < 0.001:
        return "below 0.001"
    return "above 0.999" if value > 0.999 else f"of {value:.3f}"
