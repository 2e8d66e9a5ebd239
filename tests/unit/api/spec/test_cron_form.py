"""What a schedule may be: what cronsim takes, said in words where it takes it not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given
from pydantic import TypeAdapter, ValidationError
from support.cron_texts import SCHEDULES

from retrain_api.spec.cron_form import DAY, HOUR, MINUTE, MONTH, WEEKDAY, Schedule, TimeZone

FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def answer(text: str, kind: object = Schedule) -> str:
    """What is said of it; empty where it is taken."""
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        return str(error.errors()[0]["ctx"]["error"])
    return ""


def taken_by_cron(text: str) -> bool:
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True


@given(SCHEDULES)
def test_what_cron_takes_is_taken_and_nothing_else(text: str) -> None:
    # cronsim reads L/2 as L: a step of one day means nothing, and is refused.
    assume(len(text.split()) == 5 and "L/" not in text and "LW/" not in text and len(text) <= 100)
    assert (answer(text) == "") == taken_by_cron(text)


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("wrong", ["61", "*/0", "1,,2", "9-8", "x", "-1", "*-5", "1/"])
def test_the_field_that_is_wrong_is_named(place: int, wrong: str) -> None:
    words = ["0", "3", "*", "*", "*"]
    words[place] = wrong
    assert answer(" ".join(words)) == FIELDS[place].sentence


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_the_example_of_a_range_is_right(field: object) -> None:
    words = ["0", "3", "*", "*", "*"]
    words[field.place] = field.sentence.partition("such as ")[2].partition(",")[0]  # type: ignore[attr-defined]
    assert answer(" ".join(words)) == ""


@pytest.mark.parametrize("text", ["0 3 30 2 *", "0 3 31 2,4,6,9,11 *", "0 3 31 9/2 *", "0 3 30-31 FEB */2"])
def test_a_day_that_never_comes_is_refused(text: str) -> None:
    assert answer(text) == "names a day that never comes: no such month has so many days"


@pytest.mark.parametrize(
    "text", ["0 3 29 2 *", "0 3 31 2 1", "0 3 31 4-5 *", "0 3 30 2/2 *", "0 3 L 2 *", "0 3 */30 2 *"]
)
def test_a_day_that_comes_now_and_then_is_taken(text: str) -> None:
    assert answer(text) == ""


ZONES = {
    "europe/berlin": "write Europe/Berlin; zones have their names of the IANA list",
    "Berlin": "write Europe/Berlin; zones have their names of the IANA list",
    "new_york": "write America/New_York; zones have their names of the IANA list",
    "Europe/Berlim": "write Europe/Berlin; zones have their names of the IANA list",
    "Europe": "the IANA list has no such zone; write the name of a zone, such as Europe/Berlin or Etc/UTC",
    "Local": "the IANA list has no such zone; write the name of a zone, such as Europe/Berlin or Etc/UTC",
    "localtime": "the IANA list has no such zone; write the name of a zone, such as Europe/Berlin or Etc/UTC",
    "Mars/Base": "the IANA list has no such zone; write the name of a zone, such as Europe/Berlin or Etc/UTC",
    "UTC+2": "the IANA list has no such zone; write the name of a zone, such as Europe/Berlin or Etc/UTC",
}


@pytest.mark.parametrize(("zone", "sentence"), ZONES.items())
def test_a_zone_that_there_is_not_is_answered_with_the_one_that_was_meant(zone: str, sentence: str) -> None:
    assert answer(zone, TimeZone) == sentence


@pytest.mark.parametrize(
    "zone", ["Etc/UTC", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Etc/GMT-2", "EST"]
)
def test_a_zone_of_the_list_is_taken(zone: str) -> None:
    assert answer(zone, TimeZone) == ""


def test_the_sentence_of_a_day_of_the_week_says_what_sunday_is() -> None:
    assert answer("0 3 * * FRI-SUN") == (
        "the day of the week must be 0 to 7 or SUN to SAT: one of them, a range upwards such as MON-FRI, a step such as */2, or "
        "several of these with commas between; Sunday is 0 or 7"
    )
    assert answer("0 3 * * 5-7") == ""
