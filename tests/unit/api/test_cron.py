"""Slots: against brute force over every minute, also where clocks are changed, and what cron does there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retrain_api.cron import Cron

ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu")
BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def whole(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.just("*"), numbers.map(str), st.lists(numbers, min_size=2, max_size=3).map(lambda n: ",".join(map(str, n)))
    )


@st.composite
def schedules(draw: st.DrawFn) -> tuple[str, str, str, str, str]:
    minute = draw(st.sampled_from(["0", "30", "5,35", "*/20"]))
    hour = draw(whole(st.integers(0, 23)))
    day, month = draw(st.sampled_from(["*", "1", "15", "29"])), draw(st.sampled_from(["*", "3", "10,11"]))
    weekday = draw(whole(st.integers(0, 6))) if day == "*" else "*"
    return minute, hour, day, month, weekday


def fits(field: str, value: int) -> bool:
    if field == "*":
        return True
    if field.startswith("*/"):
        return value % int(field[2:]) == 0
    return value in map(int, field.split(","))


def is_slot(fields: tuple[str, str, str, str, str], time: datetime, zone: ZoneInfo) -> bool:
    """Whether the minute fits, by asking its fields alone."""
    here = time.astimezone(zone)
    values = (here.minute, here.hour, here.day, here.month, here.isoweekday() % 7)
    return all(fits(field, value) for field, value in zip(fields, values, strict=True))


def is_steady(time: datetime, zone: ZoneInfo) -> bool:
    """Whether no clock is changed within a day around."""
    return len({(time + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-25, 26)}) == 1


@given(schedules(), st.sampled_from(ZONES), st.integers(0, 365 * 24 * 60))
def test_away_from_changes_of_clocks_slots_are_the_minutes_that_fit(
    fields: tuple[str, str, str, str, str], zone: str, minutes: int
) -> None:
    cron, now, local = Cron.parse(" ".join(fields), zone), BEGINS + timedelta(minutes=minutes), ZoneInfo(zone)
    if not is_steady(now, local):
        return
    later, earlier = cron.after(now), cron.at_or_before(now)
    assert later is not None and earlier is not None and earlier <= now < later
    around = [now + timedelta(minutes=step) for step in range(-600, 601)]
    expected = [time for time in around if is_slot(fields, time, local)]
    assert [time for time in expected if time > now][:1] == ([later] if later <= around[-1] else [])
    assert [time for time in expected if time <= now][-1:] == ([earlier] if earlier >= around[0] else [])


@example(("30", "*", "*", "10,11", "0"), "Australia/Lord_Howe", 0, 0)
@example(("*/20", "0", "*", "10,11", "0"), "Australia/Lord_Howe", 0, 0)
@given(schedules(), st.sampled_from(ZONES), st.integers(0, 365 * 24 * 60), st.integers(0, 59))
def test_forwards_and_backwards_are_the_same_slots(
    fields: tuple[str, str, str, str, str], zone: str, minutes: int, seconds: int
) -> None:
    cron, now = Cron.parse(" ".join(fields), zone), BEGINS + timedelta(minutes=minutes, seconds=seconds)
    ahead: list[datetime] = []
    time: datetime | None = now
    while time is not None and len(ahead) < 4:
        time = cron.after(time)
        ahead += [time] if time is not None else []
    assert ahead == sorted(set(ahead)) and all(slot.tzinfo is UTC and slot > now for slot in ahead)
    back = [ahead[-1]]
    while len(back) < 4:
        earlier = cron.before(back[-1])
        assert earlier is not None
        back.append(earlier)
    assert back[::-1] == ahead


@given(schedules(), st.sampled_from(ZONES), st.integers(0, 365 * 24 * 60))
def test_a_slot_is_at_or_before_itself_and_before_its_successor(
    fields: tuple[str, str, str, str, str], zone: str, minutes: int
) -> None:
    cron = Cron.parse(" ".join(fields), zone)
    slot = cron.after(BEGINS + timedelta(minutes=minutes))
    assert slot is not None and cron.at_or_before(slot) == slot
    assert cron.at_or_before(slot + timedelta(seconds=59, microseconds=9)) == slot
    assert cron.at_or_before(slot - timedelta(microseconds=1)) == cron.before(slot)


CHANGES = [
    # clocks go forward: what is skipped is made up for right after; what runs hourly has nothing to make up for
    ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:30"]),
    ("30 2 * * *", "America/New_York", "2026-03-07 12:00", ["2026-03-08 07:00", "2026-03-09 06:30"]),
    ("0 * * * *", "Europe/Berlin", "2026-03-29 00:00", ["2026-03-29 01:00", "2026-03-29 02:00"]),
    # clocks go back: what comes twice counts once; what runs hourly runs in both hours
    ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
    ("30 1 * * *", "America/New_York", "2026-10-31 12:00", ["2026-11-01 05:30", "2026-11-02 06:30"]),
    ("0 * * * *", "Europe/Berlin", "2026-10-24 23:30", ["2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00"]),
    # by half an hour
    ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", ["2026-10-03 15:30", "2026-10-04 15:15"]),
]


@pytest.mark.parametrize(("schedule", "zone", "begin", "expected"), CHANGES)
def test_where_clocks_are_changed_slots_are_as_cron_has_them(
    schedule: str, zone: str, begin: str, expected: list[str]
) -> None:
    cron, time, found = Cron.parse(schedule, zone), at(begin), []
    for _ in expected:
        following = cron.after(time)
        assert following is not None
        time = following
        found.append(time)
    assert found == [at(text) for text in expected]
    back, earlier = at(expected[-1]) + timedelta(seconds=1), []
    for _ in expected:
        before = cron.before(back)
        assert before is not None
        back = before
        earlier.append(back)
    assert earlier[::-1] == found


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("@hourly", "2026-01-01 01:00"),
        ("@daily", "2026-01-02 00:00"),
        ("@weekly", "2026-01-04 00:00"),
        ("@monthly", "2026-02-01 00:00"),
    ],
)
def test_names_are_what_they_say(name: str, first: str) -> None:
    assert Cron.parse(name, "Etc/UTC").after(BEGINS) == at(first)


WRONG = [
    "",
    "* * * *",
    "* * * * * *",
    "@yearly",
    "@reboot",
    "61 * * * *",
    "0 0 31 2 *",
    "0 3 * * SATURDAY",
    "every saturday",
]


@pytest.mark.parametrize("schedule", WRONG)
def test_another_text_is_refused_in_plain_words(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"must be minute, hour, day of the month, month and day of the week"):
        Cron.parse(schedule, "Etc/UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "CET+1", "../../etc/passwd", "", "Europe"])
def test_a_zone_that_is_none_is_refused_in_plain_words(zone: str) -> None:
    with pytest.raises(ValueError, match="is no time zone of the IANA list"):
        Cron.parse("@daily", zone)


def test_a_leap_day_is_found_both_ways() -> None:
    cron = Cron.parse("0 0 29 2 *", "Europe/Berlin")
    assert cron.after(BEGINS) == at("2028-02-28 23:00") and cron.before(BEGINS) == at("2024-02-28 23:00")
