"""The slots of a schedule around each change of clocks, against a search through every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.cron_by_hand import minute_of, slots, time_of

from retrain_api.cron import Cron

MONTH = 30 * 24 * 60
CASES = [
    ("30 2 * * *", "Europe/Berlin", "2027-03-10"),
    ("30 2 * * *", "Europe/Berlin", "2027-10-15"),
    ("10 2,3 * * *", "Europe/Berlin", "2027-03-10"),
    ("*/7 * * * *", "Europe/Berlin", "2027-10-15"),
    ("30 2 * * 0", "America/New_York", "2027-03-01"),
    ("30 1 * * *", "America/New_York", "2027-11-01"),
    ("15 2 * * *", "Australia/Lord_Howe", "2027-03-20"),
    ("0 * * * *", "Australia/Lord_Howe", "2027-09-20"),
    ("0 0 * * *", "America/Santiago", "2027-08-20"),
    ("30 0 1,15 * 3", "America/Havana", "2027-03-01"),
    ("0 0 1 * *", "Pacific/Auckland", "2027-03-20"),
    ("0 3 * * 6", "Etc/UTC", "2028-02-15"),
]


@pytest.mark.parametrize(("schedule", "zone", "day"), CASES)
def test_the_slots_are_those_of_a_search_through_every_minute(schedule: str, zone: str, day: str) -> None:
    begin = minute_of(datetime.fromisoformat(day).replace(tzinfo=UTC))
    wanted = [time_of(minute) for minute in slots(schedule, zone, begin, begin + MONTH)]
    cron = Cron.parse(schedule, zone)
    found, time = [], time_of(begin) - timedelta(seconds=1)
    while (time := cron.after(time)) and time < time_of(begin + MONTH):
        found.append(time)
    assert found == wanted
    back, time = [], time_of(begin + MONTH)
    while (time := cron.before(time)) and time >= time_of(begin):
        back.append(time)
    assert back == wanted[::-1]
