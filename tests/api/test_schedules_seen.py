"""What a stranger reads of a schedule with `kubectl get rts` and `kubectl describe rts` alone, in each of its states."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from support.clocked_operator import ForwardClock
from support.fates import Fates, fails, measured, succeeds
from support.kubelet import Kubelet
from support.operator_process import until
from support.planning import run_document
from support.schedule_life import Schedules, condition

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)
REJECTING = Fates(evaluate=lambda item: succeeds(measured(item, accuracy=0.5)))
SKIPPING = Fates(train=lambda task: fails(65, "NoNewBars", "candles.parquet has no closed bar after Friday."))
FAILING = Fates(train=lambda task: fails(78, "NoGPU", "no GPU here"))


def spoken(slot: datetime) -> str:
    """A slot as people read it."""
    return f"{slot.astimezone(ZoneInfo(BERLIN)):%a %Y-%m-%d %H:%M %Z}"


def columns(schedules: Schedules) -> tuple[str, str, str]:
    """STATE, RESULT and NEXT."""
    row = schedules.row("nightly")
    return row["STATE"], row["RESULT"], row["NEXT"]


def described(schedules: Schedules) -> str:
    """kubectl describe, its runs of blanks as one."""
    return " ".join(schedules.kubectl("describe", "rts", "nightly").split())


def test_the_columns_say_what_came_of_each_slot_and_when_the_next_one_is(
    schedules: Schedules, kubelet: Kubelet, clock: ForwardClock
) -> None:
    schedules.start("nightly", timeZone=BERLIN, pauseAfterFailures=2)
    gate = threading.Event()
    kubelet.fate = Fates(hold={"train": gate})
    slot = clock.to_next(hours=1)
    until(lambda: columns(schedules) == ("Active", "Training", spoken(slot + HOUR)), lambda: columns(schedules))
    gate.set()
    for fate, state, result in (
        (None, "Promoted", "Promoted 1/1"),
        (REJECTING, "Rejected", "Rejected 0/1"),
        (SKIPPING, "Skipped", "Skipped: no new bars"),
        (FAILING, "Failed", "Failed: NoGPU"),
    ):
        if fate is not None:
            kubelet.fate, slot = fate, clock.to_next(hours=1)
        schedules.until_recent("nightly", state)
        assert columns(schedules) == ("Active", result, spoken(slot + HOUR))
    failed = f"nightly-{clock.to_next(hours=1):%Y%m%d%H%M}"
    status = schedules.until_state("nightly", "Paused")
    assert columns(schedules) == ("Paused", "Failed: NoGPU", "paused")
    assert condition(status, "Ready")[0] == "False"
    said = described(schedules)
    assert all(words in said for words in ("2 runs failed in a row", failed, "no GPU here", "resume nightly")), said
    schedules.patch("nightly", suspend=True)
    schedules.until_state("nightly", "Suspended")
    assert columns(schedules)[::2] == ("Suspended", "suspended")
    assert "spec.suspend to false" in described(schedules)


def test_a_run_that_waits_for_a_person_is_named(schedules: Schedules, clock: ForwardClock) -> None:
    schedules.start("nightly", template={"promotion": {"policy": "Manual"}}, timeZone=BERLIN)
    slot = clock.to_next(hours=1)
    schedules.until_recent("nightly", "AwaitingApproval")
    assert columns(schedules) == ("Active", "Awaits approval 1/1", spoken(slot + HOUR))
    assert f"nightly-{slot:%Y%m%d%H%M}" in described(schedules)


def test_a_proof_says_how_far_it_is_and_what_came_of_it(schedules: Schedules, kubelet: Kubelet) -> None:
    gate = threading.Event()
    kubelet.fate = Fates(hold={"train": gate})
    schedules.start("nightly", schedule="0 3 * * 6", walkForward={"slots": 3, "minPassed": 2})
    until(lambda: schedules.made("nightly"))
    state, result, ahead = columns(schedules)
    assert (state, ahead) == ("Proving", "after the proof") and "0/3" in result
    gate.set()
    status = schedules.until_state("nightly", "Active")
    assert condition(status, "Proven")[0] == "True"
    assert "3 of 3 replays pass" in described(schedules)
    kubelet.fate = REJECTING
    schedules.patch("nightly", runTemplate={"spec": {"training": {"epochs": 3}}})
    status = schedules.until_state("nightly", "Unproven")
    assert condition(status, "Proven")[0] == "False"
    assert columns(schedules)[:2] == ("Unproven", "0/3 replays pass")
    assert "waits for a person" in described(schedules)


def test_what_blocks_a_run_is_in_the_columns_and_what_to_do_in_the_description(
    schedules: Schedules, clock: ForwardClock
) -> None:
    schedules.start("nightly", timeZone=BERLIN)
    slot = clock.to_next(hours=1) + HOUR
    schedules.until_recent("nightly", "Promoted")
    taken = f"nightly-{slot:%Y%m%d%H%M}"
    schedules.runs.create(run_document() | {"metadata": {"name": taken}})
    clock.to_next(hours=1)
    schedules.until("nightly", lambda status: condition(status, "Stalled")[:2] == ("True", "NameTaken"))
    assert columns(schedules) == ("Active", "Promoted 1/1", "blocked: NameTaken")
    assert f"kubectl delete retrainrun {taken}" in described(schedules)


def test_one_that_no_release_can_read_says_what_to_write(schedules: Schedules) -> None:
    schedules.create("nightly", timeZone="Mars/Base")
    status = schedules.until_state("nightly", "Invalid")
    assert columns(schedules) == ("Invalid", "", "none")
    assert condition(status, "Stalled")[:2] == ("True", "InvalidSchedule")
    assert "spec.timeZone" in (said := described(schedules)) and "Europe/Berlin" in said
