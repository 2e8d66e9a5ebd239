"""Which slots a backfill replays, and as what runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from retrain_api.errors import ConfigurationError
from retrain_api.run import parse_run
from retrain_api.schedule import parse_schedule
from retrain_api.status.run import RetrainRunStatus
from retrain_client.local.schedules.backfill import Backfill, SlotRun, backfill_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def backfill(begin: str, end: str, cron: str = "0 3 * * 6", zone: str = "Etc/UTC", **spec: Any) -> Backfill:
    template = {
        "symbols": ["BTC-USD", "ETH-USD"],
        "data": {"uri": "file:///data/", "maxAge": "2h"},
        "artifacts": {"uri": "file:///models/"},
        "backups": [{"name": "away", "uri": "file:///away/"}],
    }
    document = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {"name": "weekly"},
        "spec": {"schedule": cron, "timeZone": zone, "runTemplate": {"spec": template | spec}},
    }
    times = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (begin, end)]
    return backfill_of(parse_schedule(document), *times, Path("state"), NOW)


@pytest.mark.parametrize(
    ("begin", "end", "cron", "zone", "slots"),
    [
        ("2026-01-03T03:00", "2026-01-17T03:00", "0 3 * * 6", "Etc/UTC", ["01-03 03", "01-10 03", "01-17 03"]),
        ("2026-01-03T03:01", "2026-01-17T02:59", "0 3 * * 6", "Etc/UTC", ["01-10 03"]),
        ("2026-02-20", "2026-04-01", "0 3 * * 6", "Etc/UTC", ["02-21 03", "02-28 03"]),  # what is to come is no past
        ("2025-10-24", "2025-10-28", "0 3 * * *", "Europe/Berlin", ["10-24 01", "10-25 01", "10-26 02", "10-27 02"]),
        ("2026-01-01", "2026-01-01T02:00", "@hourly", "Etc/UTC", ["01-01 00", "01-01 01", "01-01 02"]),
    ],
)
def test_all_slots_between_the_dates_that_are_over(
    begin: str, end: str, cron: str, zone: str, slots: list[str]
) -> None:
    assert [f"{slot:%m-%d %H}" for slot in backfill(begin, end, cron, zone).slots] == slots


@pytest.mark.parametrize(
    ("begin", "end", "cron", "said"),
    [
        ("2026-01-04", "2026-01-05", "0 3 * * 6", "has no slot between 2026-01-04T00:00:00Z and 2026-01-05T00:00:00Z"),
        ("2026-03-02", "2026-03-30", "0 3 * * 6", "has no slot"),
        ("2025-01-01", "2026-01-01", "@hourly", "more than 1,000 slots"),
    ],
)
def test_none_or_too_many_are_refused(begin: str, end: str, cron: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        backfill(begin, end, cron)


def test_a_slot_is_a_run_that_measures_and_does_nothing_else() -> None:
    found = backfill("2026-01-10", "2026-01-11")
    run = parse_run(found.manifest(found.slots[0]))
    assert run.metadata.name == f"weekly-bf-{found.key[:6]}-202601100300"
    assert (run.spec.data.until, run.spec.data.max_age) == ("2026-01-10T03:00:00Z", None)
    assert (run.spec.promotion.policy, run.spec.backups) == ("Never", ())
    assert run.metadata.labels == {}, "it is no history of the schedule"


def test_another_recipe_makes_other_runs_and_another_gate_does_not() -> None:
    dates = ("2026-01-10", "2026-01-11")
    one = backfill(*dates)
    gate = backfill(*dates, gate={"minPassed": 1})
    recipe = backfill(*dates, training={"epochs": 3})
    assert one.name(one.slots[0]) == gate.name(gate.slots[0]) != recipe.name(recipe.slots[0])


def test_each_slot_lasts_until_the_next_and_the_last_until_the_one_after_it_or_now() -> None:
    known = backfill("2026-02-14", "2026-03-01").runs()
    assert [f"{run.until:%m-%d %H}" for run in known] == ["02-21 03", "02-28 03", "03-01 00"]


@pytest.mark.parametrize(
    ("state", "verdict", "promotes"),
    [("Passed", "Pass", True), ("Passed", "Fail", False), ("Rejected", "Pass", False), ("Failed", None, False)],
)
def test_what_passes_is_taken_where_enough_of_the_run_passes(state: str, verdict: str | None, promotes: bool) -> None:
    status = RetrainRunStatus.model_validate({"state": state, "symbols": [{"symbol": "BTC-USD", "verdict": verdict}]})
    assert SlotRun(NOW, NOW, "weekly", "uid", status).promotes("BTC-USD") is promotes
