"""What has to be said of models that are promoted although they may be worth nothing.

A gate on accuracy lets a model through that loses the whole account in fees, or that a rule of one line beats. That is
allowed, and whoever reads only the run's message must not miss it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retrain_api.formatting import measured, points
from retrain_api.measurement import Measurement

_NAMED = 3
"""Symbols that a sentence names."""
UNFITTED = ("persistence", "reversal")
"""The baselines that need no training."""


def caveats(measurements: Mapping[str, Measurement]) -> str:
    """At most two sentences about these models, by symbol; empty where they earn money and no simple rule does as well."""
    losses = [f"{symbol} {_loss(pnl)}" for symbol, one in measurements.items() if (pnl := one.metrics.pnl or 0.0) < 0]
    beaten = [found for symbol, one in measurements.items() if (found := _beaten(symbol, one))]
    sentences = []
    if losses:
        sentences.append(f"PnL after fees is below zero: {_few(losses)}.")
    if beaten:
        sentences.append(f"A rule without training does as well or better: {_few(beaten)}.")
    return " ".join(sentences)


def _loss(pnl: float) -> str:
    """With enough digits to show that it is one."""
    shown = measured("pnl", pnl)
    return points("pnl", pnl, 0)[1] if shown == "0 %" else shown


def _beaten(symbol: str, measurement: Measurement) -> str:
    """The better of the simple rules, where it is no worse than the model."""
    accuracy = measurement.metrics.accuracy
    known = {name: value for name in UNFITTED if (value := getattr(measurement.baselines, name)) is not None}
    if accuracy is None or not known:
        return ""
    name = max(known, key=lambda rule: known[rule])
    if known[name] < accuracy:
        return ""
    return f"{symbol} {measured('accuracy', accuracy)} ({name} {measured('accuracy', known[name])})"


def _few(parts: Sequence[str]) -> str:
    more = len(parts) - _NAMED
    return ", ".join(parts[:_NAMED]) + (f" and {more} more" if more > 0 else "")
