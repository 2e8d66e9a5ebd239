"""What the operator's metrics say of schedules: whether slots come, and whether anything is delivered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.bodies import schedule_body
from support.still import Still

from retrain_api.status.schedule import RecentRun, RetrainScheduleStatus
from retrain_operator.controller.metrics import Metrics
from retrain_operator.state.cache import Cache

NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
"""A Saturday, an hour after the slot."""
SOON, AFTER, PAST = "2026-12-05T03:00:00Z", "2026-12-12T03:00:00Z", "2026-11-28T03:00:00Z"


def read(*statuses: dict[str, Any], leads: bool = True, on: bool = True) -> dict[str, float]:
    """Each line of the metrics about schedules with these statuses that is not 0."""
    cache, metrics = Cache(), Metrics()
    for number, status in enumerate(statuses):
        cache.put("schedules", schedule_body(uid=f"s-{number}", name=f"s-{number}", status=status))
    metrics.observe(Still(), Still(), cache, lambda: leads, lambda: on, lambda: NOW)
    lines = [line.rsplit(" ", 1) for line in metrics.render().decode().splitlines() if not line.startswith("#")]
    return {
        name: float(value)
        for name, value in lines
        if name.startswith("retrain_schedule") and "_created" not in name and float(value)
    }


def stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_schedules_are_counted_by_state() -> None:
    found = read({"state": "Active"}, {"state": "Active"}, {"state": "Paused"}, {})
    assert found == {
        "retrain_schedules_on": 1.0,
        'retrain_schedules{state="Active"}': 2.0,
        'retrain_schedules{state="Paused"}': 1.0,
        'retrain_schedules{state="Pending"}': 1.0,
    }


def test_they_are_counted_by_the_leader_alone_and_off_where_there_can_be_none() -> None:
    assert read({"state": "Active", "nextTime": SOON}, leads=False) == {"retrain_schedules_on": 1.0}
    assert read(on=False) == {}


SLOTS = {
    "the soonest": ([SOON, AFTER], stamp(SOON), 0.0),
    "one has come": ([PAST, AFTER], stamp(AFTER), 3600.0),
    "none": ([""], 0.0, 0.0),
}


@pytest.mark.parametrize(("times", "soonest", "late"), SLOTS.values(), ids=SLOTS)
def test_the_soonest_slot_and_the_one_that_nobody_acted_upon(times: list[str], soonest: float, late: float) -> None:
    found = read(*({"state": "Active", "nextTime": time} for time in times))
    assert found.get("retrain_schedule_next_timestamp_seconds", 0.0) == soonest
    assert found.get("retrain_schedule_overdue_seconds", 0.0) == late


DELIVERED = {
    "a week ago": ({"state": "Active", "lastSuccessfulTime": "2026-11-21T03:40:00Z"}, False),
    "two steps and some of the third": ({"state": "Active", "lastSuccessfulTime": "2026-11-07T03:40:00Z"}, True),
    "never, and slots count for a week": ({"state": "Active", "counting": {"since": "2026-11-20T00:00:00Z"}}, False),
    "never, and three slots came": ({"state": "Unproven", "counting": {"since": "2026-11-13T00:00:00Z"}}, True),
    "it is paused, which says more": ({"state": "Paused", "lastSuccessfulTime": "2026-01-01T00:00:00Z"}, False),
    "slots began to count after it": (
        {
            "state": "Active",
            "lastSuccessfulTime": "2026-01-01T00:00:00Z",
            "counting": {"since": "2026-11-20T00:00:00Z"},
        },
        False,
    ),
    "it was never seen": ({"state": "Active"}, False),
}


@pytest.mark.parametrize(("status", "waits"), DELIVERED.values(), ids=DELIVERED)
def test_a_schedule_that_delivers_nothing_for_two_of_its_own_steps_is_counted(
    status: dict[str, Any], waits: bool
) -> None:
    assert read(status).get("retrain_schedules_without_delivery", 0.0) == float(waits)


def test_the_last_success_of_the_schedule_that_waits_the_longest() -> None:
    old, new = "2026-11-07T03:40:00Z", "2026-11-21T03:40:00Z"
    statuses = [{"state": "Active", "lastSuccessfulTime": time} for time in (new, old)]
    assert read(*statuses)["retrain_schedule_last_success_timestamp_seconds"] == stamp(old)


def line(run: str, state: str) -> RecentRun:
    return RecentRun(slot=PAST, run=run, state=state)


def test_each_run_of_a_schedule_is_counted_once_when_it_is_over() -> None:
    metrics = Metrics()
    waits = RetrainScheduleStatus(recent=(line("b", "AwaitingApproval"), line("a", "Rejected")))
    over = RetrainScheduleStatus(recent=(line("c", "Deleted"), line("b", "Promoted"), line("a", "Rejected")))
    for before, after in [(RetrainScheduleStatus(), waits), (waits, waits), (waits, over)]:
        metrics.wrote_schedule(before, after)
    rendered = metrics.render().decode().splitlines()
    counts = [
        line for line in rendered if line.startswith("retrain_schedule_runs_finished_total") and line[-3:] != "0.0"
    ]
    assert sorted(counts) == [
        f'retrain_schedule_runs_finished_total{{result="{result}"}} 1.0'
        for result in ("Deleted", "Promoted", "Rejected")
    ]
