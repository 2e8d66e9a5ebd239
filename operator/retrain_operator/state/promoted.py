"""What is asked of the promoted models of all runs: how they do, how old their learning is, and when they are looked at next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retrain_api.observation.betting import alarm_line


@dataclass(frozen=True, slots=True)
class Promoted:
    """The promoted models of an observed run, from its status as it is stored. Times are as the API writes them."""

    states: tuple[str, ...] = ()
    """Of each model whose place no newer run has taken."""
    next_time: str = ""
    """Of the next look; empty where there is none to come, or where the run is suspended."""
    learnt: str = ""
    """Up to when they have learnt, the oldest of them."""
    wealth: float = 0.0
    """Of the richest bet against one of them, where an alarm is at 1."""

    @property
    def is_looked_at(self) -> bool:
        """Whether another look is to come: of a model that nobody looks at nobody knows whether it is still in service."""
        return bool(self.next_time)


def promoted(status: Mapping[str, Any]) -> Promoted | None:
    """What a status says of them; None where nothing is observed."""
    observation = status.get("observation")
    if not observation:
        return None
    symbols = observation.get("symbols") or ()
    standing = [one for one in symbols if one.get("state") != "Superseded"]
    wealth = max((one.get("wealth") or 0.0 for one in standing), default=0.0)
    return Promoted(
        states=tuple(one.get("state") or "Observing" for one in standing),
        next_time="" if observation.get("state") == "Suspended" else observation.get("nextTime") or "",
        learnt=status.get("trainedUntil") or "",
        wealth=wealth / alarm_line(max(len(symbols), 1)),
    )
