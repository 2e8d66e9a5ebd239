"""How does a promoted model do? From the cumulative numbers to a word for each symbol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

from retrain_api.measurement import Measurement
from retrain_api.spec.gate import Gate

from .betting import Wealth, alarm_line, has_alarmed
from .record import Nulls, Totals

State: TypeAlias = Literal["Observing", "Holding", "BelowPromise", "Decaying"]
"""Too few bars yet; no sign of a fall; below what its test promised, a warning; below the gate's bar, until another model stands."""

MIN_BARS = 100


def nulls_of(gate: Gate, measurement: Measurement) -> Nulls | None:
    """What a model must keep to by its gate; see `nulls_at`."""
    return nulls_at(next((one.bound for one in gate.criteria if one.metric == "accuracy"), None), measurement)


def nulls_at(bar: float | None, measurement: Measurement) -> Nulls | None:
    """What a model must keep to: the gate's bar of accuracy, and where it has none the majority of the test; None without either.

    What it promised is the lower end of the 95 % interval of its accuracy.
    """
    bar = measurement.baselines.majority if bar is None else bar
    return None if bar is None else Nulls(bar, measurement.near_bound("accuracy", 95))


def state_of(totals: Totals, symbols: int, min_bars: int = MIN_BARS) -> State:
    """The state of one of the `symbols` that a run has promoted.

    Decaying is latched: the alarm asks whether the wealth has ever reached its line. The warning goes away when the wealth does.
    """
    if totals.bars < min_bars:
        return "Observing"
    if has_alarmed(totals.bar, symbols):
        return "Decaying"
    return "BelowPromise" if _is_rich(totals.promise, symbols) else "Holding"


def states(totals: Mapping[str, Totals], min_bars: int = MIN_BARS) -> dict[str, State]:
    """The state of each symbol that a run has promoted."""
    return {symbol: state_of(one, len(totals), min_bars) for symbol, one in totals.items()}


def _is_rich(wealth: Wealth | None, symbols: int) -> bool:
    return wealth is not None and wealth.log >= math.log(alarm_line(symbols))
