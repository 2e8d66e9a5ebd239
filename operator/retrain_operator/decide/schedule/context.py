"""What every decision about a schedule is made from: the schedule, its runs, the time, and the slots it names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from retrain_api.cron import Cron
from retrain_api.schedule import RetrainSchedule
from retrain_api.spec.schedule import RetrainScheduleSpec
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_operator.decide.context import Settings
from retrain_operator.state.schedule_view import ChildRun, ScheduleView


@dataclass(frozen=True)
class Context:
    """Everything that a decision may depend on. `now` is an aware UTC time."""

    schedule: RetrainSchedule
    view: ScheduleView
    now: datetime
    cron: Cron
    settings: Settings

    @property
    def name(self) -> str:
        """The schedule's name."""
        return self.schedule.metadata.name

    @property
    def spec(self) -> RetrainScheduleSpec:
        """What is asked for."""
        return self.schedule.spec

    @property
    def status(self) -> RetrainScheduleStatus:
        """What is remembered."""
        return self.schedule.status

    @property
    def owned(self) -> tuple[ChildRun, ...]:
        """The runs that this very schedule made."""
        return tuple(run for run in self.view.runs if run.owned)

    def spoken(self, slot: datetime) -> str:
        """A slot as people read it, in the schedule's zone: Sat 2026-12-05 03:00 CET."""
        return f"{slot.astimezone(self.cron.zone):%a %Y-%m-%d %H:%M %Z}"


def read_time(text: str) -> datetime:
    """A time of the status."""
    return datetime.fromisoformat(text).astimezone(UTC)
