"""The dates of `retrain backfill`: days of the schedule's zone, the last one whole, or times."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from retrain_api.errors import ConfigurationError
from retrain_cli.commands.backfill.backfill import moment

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "whole_day", "utc"),
    [
        ("2026-01-10", False, "2026-01-09 23:00:00"),
        ("2026-01-10", True, "2026-01-10 22:59:59"),
        ("2026-03-29", True, "2026-03-29 21:59:59"),  # clocks went forward on that day
        ("2026-10-25", True, "2026-10-25 22:59:59"),  # and back on this one
        ("2026-01-10T03:00:00Z", True, "2026-01-10 03:00:00"),
        ("2026-01-10T03:00", True, "2026-01-10 02:00:00"),
        ("2026-01-10T03:00:00+05:30", False, "2026-01-09 21:30:00"),
    ],
)
def test_a_day_is_of_the_zone_and_a_time_is_a_time(text: str, whole_day: bool, utc: str) -> None:
    found = moment(text, "--to", BERLIN, whole_day).astimezone(UTC)
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "10.01.2026"])
def test_what_is_no_date_is_answered_with_one(text: str) -> None:
    with pytest.raises(ConfigurationError, match="write a day such as 2026-01-10"):
        moment(text, "--from", BERLIN)
