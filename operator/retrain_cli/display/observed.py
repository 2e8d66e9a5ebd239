"""How the promoted models of a run do, in lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from retrain_api.formatting import measured
from retrain_api.observation.betting import alarm_line
from retrain_api.status.observation import ObservationStatus, ObservedSymbol
from retrain_cli.display.schedule.text import minute

from .table import align

_MOST = 999_999_999.0
"""A bet that has won for months is worth more than fits into a table."""
COLUMNS = ("SYMBOL", "STATE", "BARS", "RIGHT", "PROMISED", "WEALTH")


def observed_lines(observation: ObservationStatus | None) -> list[str]:
    """The state, since when, what it means and what to do; of each model its bars, what it promised and how it does."""
    if observation is None:
        return []
    if observation.state == "Observing" and observation.last_time is None:
        return ["Observed: nobody has looked yet."]
    since = f" since {minute(observation.since)} UTC" if observation.since else ""
    looked = f", last looked at {minute(observation.last_time)} UTC" if observation.last_time else ""
    return [
        f"Observed: {observation.state}{since}{looked}",
        *(align([COLUMNS, *_rows(observation.symbols)]) if observation.symbols else ()),
        *(f"  {line}" for line in observation.message.splitlines()),
        # Those of the run's own state are in its message.
        *(
            f"  {one.symbol} {one.message}."
            for one in observation.symbols
            if one.message and one.state != observation.state
        ),
    ]


def _rows(symbols: Sequence[ObservedSymbol]) -> list[tuple[str, ...]]:
    line = alarm_line(len(symbols))
    return [
        (
            one.symbol,
            one.state,
            f"{one.bars or 0:,}",
            _share(one.accuracy),
            _share(one.promised),
            "" if one.wealth is None else f"{_wealth(one.wealth)} of {line:,.0f}",
        )
        for one in symbols
    ]


def _wealth(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{min(value, _MOST):,.0f}"


def _share(value: float | None) -> str:
    return "" if value is None else measured("accuracy", value)
