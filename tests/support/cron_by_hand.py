"""The slots of a schedule, found by trying every minute: what a clock on the wall shows, and Debian's rules where it is changed.

Numbers are minutes since 1970 UTC. Nothing here is shared with retrain_api.cron.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MINUTE = timedelta(minutes=1)


def minute_of(time: datetime) -> int:
    """The minute that a time lies in."""
    return int(time.timestamp()) // 60


def time_of(minute: int) -> datetime:
    """When it begins."""
    return datetime.fromtimestamp(minute * 60, UTC)


def slots(schedule: str, zone: str, begin: int, end: int) -> Iterator[int]:
    """Every minute from `begin` up to `end`, without it, at which a run is due."""
    fields = schedule.split()
    allowed = [_allowed(field, *bounds) for field, bounds in zip(fields, _BOUNDS, strict=True)]
    fixed = "*" not in fields[0] + fields[1]
    place = ZoneInfo(zone)
    before = _wall(begin - 1, place)
    for minute in range(begin, end):
        wall = _wall(minute, place)
        shown = [wall]
        while fixed and wall - before > _MINUTE:  # clocks went forward: what they skipped is made up for now
            before += _MINUTE
            shown.append(before)
        before = wall
        if any(_matches(one, allowed, fields) for one in shown) and not (fixed and _repeated(minute, place)):
            yield minute


def _wall(minute: int, place: ZoneInfo) -> datetime:
    return time_of(minute).astimezone(place).replace(tzinfo=None, fold=0)


def _repeated(minute: int, place: ZoneInfo) -> bool:
    """Clocks went back, and showed this already."""
    return bool(time_of(minute).astimezone(place).fold)


def _matches(wall: datetime, allowed: list[set[int]], fields: list[str]) -> bool:
    minutes, hours, days, months, weekdays = allowed
    if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
        return False
    day, weekday = wall.day in days, wall.isoweekday() % 7 in weekdays
    return (day or weekday) if "*" not in fields[2] + fields[4] else (day and weekday)


def _allowed(field: str, low: int, high: int) -> set[int]:
    whole, _, step = field.partition("/")
    found: set[int] = set()
    for part in whole.split(","):
        first, _, last = part.partition("-")
        span = (low, high) if part == "*" else (int(first), int(last or first))
        found |= set(range(span[0], span[1] + 1, int(step or 1)))
    return found
