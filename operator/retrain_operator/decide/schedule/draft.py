"""All that was found out about a schedule, from which its status, its messages and its events are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retrain_api.status.schedule import ScheduleState

from .hindrances import Hindrance
from .history import History
from .making import Making
from .proof import Proof
from .slots import Slots


@dataclass(frozen=True)
class Draft:
    """Its runs, its proof, its slots, the run that is made, and what hinders it."""

    suspended: bool
    paused: bool
    history: History
    proof: Proof
    slots: Slots
    making: Making
    replays: tuple[dict[str, Any], ...] = ()
    hindrance: Hindrance | None = None

    @property
    def state(self) -> ScheduleState:
        """How the schedule is: what a person asked for comes first."""
        if self.suspended:
            return "Suspended"
        if self.paused:
            return "Paused"
        return self.proof.state if self.proof.state in ("Proving", "Unproven") else "Active"

    @property
    def stalled(self) -> bool:
        """Whether it stands still until a person does something."""
        hindered = self.hindrance is not None and self.hindrance.stalls
        return self.state == "Paused" or (hindered and not self.suspended)
