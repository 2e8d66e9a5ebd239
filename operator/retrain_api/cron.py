"""Slots: the times that a schedule names, by the rules of Debian's cron, also where clocks are changed.

cronsim reads the five fields and knows what cron does at a change of clocks: a time that is skipped is made up for right after, and
one that comes twice counts once. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
"""The words that a schedule may be, and the fields that each stands for."""

_FIELDS = 5


@dataclass(frozen=True)
class Cron:
    """A schedule in a time zone. All times that go in and come out are aware; those that come out are UTC."""

    fields: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, schedule: str, time_zone: str) -> Self:
        """The schedule that the texts say. Raises ValueError, with a sentence, where they say none."""
        fields = NAMED.get(schedule.strip(), schedule)
        try:
            zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"{time_zone} is no time zone of the IANA list, such as Europe/Berlin or Etc/UTC"
            ) from None
        try:
            if len(fields.split()) != _FIELDS:
                raise CronSimError
            CronSim(fields, datetime(2026, 1, 1, tzinfo=UTC))
        except CronSimError:
            raise ValueError(
                "must be minute, hour, day of the month, month and day of the week, such as 0 3 * * 6, or @hourly, @daily, "
                "@weekly or @monthly"
            ) from None
        return cls(fields, zone)

    def after(self, time: datetime) -> datetime | None:
        """The first slot later than `time`; None where there is none in the next fifty years."""
        return self._first(time, reverse=False)

    def before(self, time: datetime) -> datetime | None:
        """The newest slot earlier than `time`."""
        return self._first(time, reverse=True)

    def at_or_before(self, time: datetime) -> datetime | None:
        """The newest slot that is not later than `time`."""
        return self.before(time.replace(microsecond=0) + timedelta(seconds=1))

    def _first(self, time: datetime, reverse: bool) -> datetime | None:
        """The next slot in one direction: what cronsim finds, unless on its way back from there it finds a nearer one.

        It passes over slots beside a change of clocks by half an hour, as Australia/Lord_Howe has it: forwards over others than backwards.
        """
        slot = self._found(time, reverse)
        while slot is not None and (nearer := self._found(slot, not reverse)) is not None:
            if not (slot < nearer < time if reverse else time < nearer < slot):
                break
            slot = nearer
        return slot

    def _found(self, time: datetime, reverse: bool) -> datetime | None:
        slot = next(CronSim(self.fields, time.astimezone(self.zone), reverse=reverse), None)
        return None if slot is None else slot.astimezone(UTC)
