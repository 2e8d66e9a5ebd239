"""How does a promoted model do? From the cumulative numbers to a word for each symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from retrain_api.measurement import Measurement

from .betting import is_rich
from .record import Nulls, Totals

State: TypeAlias = Literal["Observing", "Holding", "BelowPromise", "Decaying"]
"""Too few bars yet; no sign of a fall; below what its test promised, a warning; below the gate's bar, until another model stands."""

MIN_BARS = 100


@dataclass(frozen=True)
class Evidence:
    """What the word is made of: judged bars, and logarithms of two wealths.

    `peak` is the highest that the bet against the bar has ever been, `promise` what the bet against the promise is now; None where
    nothing was promised.
    """

    bars: int
    peak: float
    promise: float | None


def nulls_at(bar: float | None, measurement: Measurement) -> Nulls | None:
    """What a model must keep to: the gate's bar of accuracy, and where it has none the majority of the test; None without either.

    What it promised is the lower end of the 95 % interval of its accuracy.
    """
    bar = measurement.baselines.majority if bar is None else bar
    return None if bar is None else Nulls(bar, measurement.near_bound("accuracy", 95))


def state_of(totals: Totals, symbols: int, min_bars: int = MIN_BARS) -> State:
    """The state of one of the `symbols` that a run has promoted, from its record."""
    promise = None if totals.promise is None else totals.promise.log
    return state_by(Evidence(totals.bars, totals.bar.log_peak, promise), symbols, min_bars)


def state_by(evidence: Evidence, symbols: int, min_bars: int) -> State:
    """The same from what a look reports of the record.

    Decaying is latched: it asks whether the wealth has ever reached the alarm's line. The warning goes away when the wealth does.
    """
    if evidence.bars < min_bars:
        return "Observing"
    if is_rich(evidence.peak, symbols):
        return "Decaying"
    warns = evidence.promise is not None and is_rich(evidence.promise, symbols)
    return "BelowPromise" if warns else "Holding"
