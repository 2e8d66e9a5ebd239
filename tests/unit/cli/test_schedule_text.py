"""What a person reads of a schedule: the state, the time that is left, the proof, and what came of the last runs."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_cli.commands.schedules.run_here import exit_code
from retrain_cli.display.schedule.live import ScheduleLive
from retrain_cli.display.schedule.plain import Marked, SchedulePlain
from retrain_cli.display.schedule.text import next_line, schedule_lines

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PROOF: dict[str, Any] = {
    "key": "1a2b3c",
    "state": "Proven",
    "passed": 1,
    "slots": [
        {"slot": "2026-11-21T03:00:00Z", "uid": "2", "verdict": "Pass", "bars": 55000, "accuracy": 0.7},
        {"slot": "2026-11-07T03:00:00Z", "uid": "1", "verdict": "WindowNotCovered"},
        {"slot": "2026-10-24T03:00:00Z", "uid": "0"},
        {"slot": "2026-10-10T03:00:00Z"},
    ],
    "pooled": {"bars": 55000, "accuracy": 0.7},
}
STATUS: dict[str, Any] = {
    "state": "Active",
    "message": "The next run is made on Sat 2026-12-05 03:00 UTC.",
    "next": "Sat 2026-12-05 03:00 UTC",
    "nextTime": "2026-12-05T03:00:00Z",
    "lastScheduleTime": "2026-11-28T03:00:00Z",
    "lastSuccessfulTime": "2026-11-28T04:00:00Z",
    "walkForward": PROOF,
    "active": [{"slot": "2026-11-28T11:00:00Z", "name": "weekly-x", "uid": "3"}],
    "recent": [
        {
            "slot": "2026-11-28T03:00:00Z",
            "run": "weekly-202611280300",
            "state": "Promoted",
            "result": "Promoted 2/3",
            "line": "2 of 3 models pass (BTC-USD, ETH-USD), 2 required; SOL-USD: accuracy 60 % is below 68 %",
        },
        {"slot": "2026-11-21T03:00:00Z", "run": "weekly-202611210300", "state": "Deleted"},
    ],
}


def test_who_could_not_be_told_is_named() -> None:
    failed = {"name": "phone", "pending": "1-Paused", "failedKey": "f", "message": "BadReceiver: It is not set."}
    told = {"name": "mail", "key": "1-Paused"}
    lines = schedule_lines("weekly", status(notified=[failed, told]), NOW)
    assert "  phone was not told of Paused: BadReceiver: It is not set." in lines
    assert not any("mail" in line for line in lines)


def status(**fields: Any) -> RetrainScheduleStatus:
    return RetrainScheduleStatus.model_validate(STATUS | fields)


def run(name: str, state: str, **fields: Any) -> RetrainRun:
    document = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": name, "labels": {"retrain.crpbot.dev/schedule": "weekly"}},
        "spec": {
            "symbols": ["BTC-USD"],
            "data": {"uri": "s3://bucket/data/", "until": "2026-11-28T03:00:00Z"},
            "artifacts": {"uri": "s3://bucket/models/"},
        },
    }
    return parse_run(document).model_copy(update={"status": RetrainRunStatus.model_validate({"state": state} | fields)})


def test_a_schedule_is_a_page_of_lines() -> None:
    assert schedule_lines("weekly", status(), NOW) == [
        "weekly: Active",
        "  The next run is made on Sat 2026-12-05 03:00 UTC.",
        "Next: 2026-12-05 03:00 UTC, in 6 days",
        "Last slot: 2026-11-28 03:00 UTC",
        "Last success: 8 hours ago",
        "Proof: Proven, 1 of 4 replays pass; accuracy 70 % over 55,000 bars",
        "  SLOT (UTC)        VERDICT           ACCURACY  BARS",
        "  2026-11-21 03:00  Pass              70 %      55,000",
        "  2026-11-07 03:00  WindowNotCovered",
        "  2026-10-24 03:00  at work",
        "  2026-10-10 03:00  to come",
        "Runs:",
        "  SLOT (UTC)        RUN                  RESULT        WHY",
        "  2026-11-28 11:00  weekly-x             at work",
        "  2026-11-28 03:00  weekly-202611280300  Promoted 2/3  2 of 3 models pass (BTC-USD, ETH-USD), 2 required",
        "  2026-11-21 03:00  weekly-202611210300  Deleted",
    ]


def test_one_that_was_never_seen_is_short() -> None:
    bare = RetrainScheduleStatus()
    assert schedule_lines("weekly", bare, NOW) == ["weekly: Pending", "Next: none"]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "Next: 2026-12-05 03:00 UTC, in 6 days"),
        ({"nextTime": "2026-11-28T12:01:30Z"}, "Next: 2026-11-28 12:01 UTC, in 90 seconds"),
        ({"nextTime": "2026-11-28T11:59:00Z"}, "Next: 2026-11-28 11:59 UTC, now"),
        ({"nextTime": None, "next": "after the proof"}, "Next: after the proof"),
    ],
)
def test_the_next_slot_has_the_time_that_is_left(fields: dict[str, Any], line: str) -> None:
    assert next_line(status(**fields), NOW) == line


def test_lines_of_a_run_come_after_its_mark_and_empty_ones_stay_empty() -> None:
    out = io.StringIO()
    print("two\nlines\n", file=Marked(out, "slot | "))
    assert out.getvalue() == "slot | two\nslot | lines\n\n"


def test_plain_lines_say_a_state_once_and_each_next_slot_once() -> None:
    out = io.StringIO()
    plain = SchedulePlain(out)
    for _ in range(2):
        plain.status(status())
        plain.tick(NOW)
    plain.ended(run("weekly-wf-1a2b3c-202611280300", "Passed", message="Measured; nothing else"))
    assert out.getvalue().splitlines() == [
        "Active: The next run is made on Sat 2026-12-05 03:00 UTC.",
        "Next: 2026-12-05 03:00 UTC, in 6 days",
        "replay of 2026-11-28 03:00: Passed, Measured",
    ]


def test_the_live_view_has_what_is_at_work_above_the_last_results() -> None:
    live = ScheduleLive("weekly", SchedulePlain(io.StringIO()), cast(Any, None), status(state="Proving"))
    live.began, live.drawn = 0.0, 65.0
    shown = live.run(run("weekly-202612050300", "Training"))
    shown.status(run("x", "Training", message="0 of 1 symbol trained; more").status)
    assert live.lines(NOW)[:4] == [
        "1:05  weekly  Proving: The next run is made on Sat 2026-12-05 03:00 UTC.",
        "Next: 2026-12-05 03:00 UTC, in 6 days",
        "  SLOT (UTC)        STATE         RESULT",
        "  2026-11-28 03:00  Training      0 of 1 symbol trained",
    ]
    assert len(live.lines(NOW)) == 6
    proving = live.current = status(state="Proving", walkForward=PROOF | {"state": "Proving"})
    assert proving.walk_forward and "  replay of 2026-11-21 03:00                Pass" in live.lines(NOW)
    live.ended(run("weekly-202612050300", "Passed"))
    assert not live.at_work


REPLAY, SLOT = "weekly-wf-1a2b3c-202611140300", "weekly-202611280300"
UNPROVEN = {"walkForward": PROOF | {"state": "Unproven"}}


@pytest.mark.parametrize(
    ("ended", "fields", "code"),
    [
        ([], {}, 0),
        ([], UNPROVEN | {"state": "Unproven"}, 0),
        ([], {"state": "Paused"}, 1),
        ([], {"state": "Invalid"}, 1),
        ([(REPLAY, "Passed")], {}, 0),
        ([(REPLAY, "Rejected")], UNPROVEN | {"state": "Unproven"}, 3),
        ([(REPLAY, "Rejected"), (SLOT, "AwaitingApproval")], UNPROVEN | {"state": "Unproven"}, 4),
        ([(SLOT, "Promoted")], {}, 0),
        ([(SLOT, "Skipped")], {}, 0),
        ([(SLOT, "Rejected"), (SLOT, "Promoted")], {}, 0),
        ([(SLOT, "Failed")], {"state": "Paused"}, 1),
    ],
)
def test_the_exit_code(ended: list[tuple[str, str]], fields: dict[str, Any], code: int) -> None:
    assert exit_code([run(name, state) for name, state in ended], status(**fields)) == code
