"""What a schedule does, case by case: slots, promises, one run at a time, pauses, tokens, and what people do to its runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.schedule_world import World, at

from retrain_api.errors import ConfigurationError
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_api.wire import to_wire
from retrain_operator.decide.schedule.conditions import unreadable
from retrain_operator.state.schedule_view import ChildRun

SATURDAYS = ["weekly-202611280300", "weekly-202612050300", "weekly-202612120300"]


def test_a_schedule_makes_a_run_at_its_slot_and_says_when_the_next_one_is() -> None:
    world = World.of(timeZone="Europe/Berlin")
    world.settle()
    status = world.status
    assert (status.state, status.result, status.next) == ("Active", "", "Sat 2026-11-28 03:00 CET")
    assert status.message == "The next run is made on Sat 2026-11-28 03:00 CET."
    assert world.made == [] and world.requeue_at == at("2026-11-28 02:00")
    world.until("2026-11-28T02:00:00Z")
    assert world.made == ["weekly-202611280200"]
    assert world.status.next == "Sat 2026-12-05 03:00 CET" and world.status.next_time == "2026-12-05T02:00:00Z"
    assert world.status.result == "Pending" and world.status.last_schedule_time == "2026-11-28T02:00:00Z"
    assert [event.reason for event in world.events] == ["Scheduled", "RunCreated"]


def test_a_promise_stands_in_the_status_before_the_run_is_created() -> None:
    world = World.of()
    world.settle()
    world.now = at("2026-11-28 03:00")
    first = world.reconcile(writes=1)
    assert world.made == [] and first.status.pending is not None
    assert (first.status.pending.slot, first.status.pending.name) == ("2026-11-28T03:00:00Z", SATURDAYS[0])
    assert [one["metadata"]["name"] for one in first.create] == [SATURDAYS[0]]
    world.reconcile()
    assert world.made == [SATURDAYS[0]] and world.status.pending is not None
    world.reconcile()
    assert world.status.pending is None and world.status.last_schedule_time == "2026-11-28T03:00:00Z"
    assert [(one.name, one.uid) for one in world.status.active] == [(SATURDAYS[0], "uid-1")]


def test_slots_count_from_creation_also_where_nobody_looked_then() -> None:
    world = World.of()
    world.now = at("2026-12-06 09:00")
    world.settle()
    assert world.made == [SATURDAYS[1]]  # of two missed slots the newest


def test_a_slot_that_is_too_late_is_let_go_and_said_once() -> None:
    world = World.of(startingDeadlineSeconds=3600)
    world.settle()
    world.now = at("2026-11-28 04:00")
    assert world.plan().create != ()
    world.now = at("2026-11-28 04:01")
    world.settle()
    world.settle()
    assert world.made == []
    assert [event.reason for event in world.events] == ["Scheduled", "SlotMissed"]
    assert "Sat 2026-11-28 03:00 UTC" in world.events[-1].message
    world.until("2026-12-05T03:00:00Z")
    assert world.made == [SATURDAYS[1]]


def test_one_run_at_a_time() -> None:
    world = World.of()
    world.until("2026-12-05T03:00:00Z")
    assert world.made == SATURDAYS[:1]
    assert world.status.next == "after the present run" and world.status.next_time is None
    assert world.status.message == f"The run of Sat 2026-12-05 03:00 UTC is made once {SATURDAYS[0]} is over."
    world.turn(SATURDAYS[0], "Promoted")
    world.settle()
    assert world.made == SATURDAYS[:2]


def test_a_run_that_waits_for_a_person_holds_up_nobody() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    world.turn(SATURDAYS[0], "AwaitingApproval")
    world.until("2026-12-05T03:00:00Z")
    assert world.made == SATURDAYS[:2] and len(world.status.active) == 1


def test_who_is_asked_reads_it_until_the_next_run_is_made() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    world.turn(SATURDAYS[0], "AwaitingApproval")
    world.settle()
    name = SATURDAYS[0]
    asked = f"{name} waits for a person: retrain approve {name} --reason TEXT, or reject. The next run is made on "
    assert world.status.message.startswith(asked)
    world.until("2026-12-05T03:00:00Z")
    assert "waits for a person" not in world.status.message


def test_a_slot_that_waits_for_a_run_is_let_go_after_its_deadline() -> None:
    world = World.of(startingDeadlineSeconds=3600)
    world.until("2026-12-05T05:00:00Z")
    assert world.made == SATURDAYS[:1] and world.events[-1].reason == "SlotMissed"
    world.turn(SATURDAYS[0], "Promoted")
    world.settle()
    assert world.made == SATURDAYS[:1]


def test_a_run_that_somebody_deleted_is_not_made_again() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    del world.runs[SATURDAYS[0]]
    world.go(hours=1)
    assert world.made == SATURDAYS[:1] and world.status.active == ()
    (line,) = world.status.recent
    assert (line.run, line.state, world.status.result) == (SATURDAYS[0], "Deleted", "Deleted")
    assert world.events[-1].reason == "RunDeleted" and world.status.failures == 0
    world.until("2026-12-05T03:00:00Z")
    assert world.made == SATURDAYS[:2]


def test_a_run_of_that_name_with_another_uid_is_not_its_run() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    world.put(SATURDAYS[0], owned=False)
    world.settle()
    assert world.status.active == () and world.status.recent[0].state == "Deleted"


@pytest.mark.parametrize("suspended", [True, False])
def test_slots_in_a_suspension_are_not_made_up_for(suspended: bool) -> None:
    world = World.of(suspend=suspended)
    world.settle()
    if suspended:
        assert (world.status.state, world.status.next, world.requeue_at) == ("Suspended", "suspended", None)
    world.now = at("2026-11-28 09:00")
    world.edit(suspend=False)
    world.settle()
    assert world.made == ([] if suspended else SATURDAYS[:1])


def test_a_promise_is_not_kept_while_suspended_and_a_run_that_came_to_be_is_seen() -> None:
    world = World.of()
    world.settle()
    world.now = at("2026-11-28 03:00")
    decided = world.reconcile(writes=1)
    world.edit(suspend=True)
    world.settle()
    assert world.made == [] and world.status.pending is None
    world.put(SATURDAYS[0], spec=decided.create[0])  # the creation was under way
    world.settle()
    assert [one.name for one in world.status.active] == SATURDAYS[:1]
    world.turn(SATURDAYS[0], "Promoted")
    world.edit(suspend=False)
    world.go(hours=1)
    assert world.made == [] and world.status.recent[0].result == "Promoted 3/3"


@pytest.mark.parametrize("change", [{"schedule": "0 4 * * 6"}, {"timeZone": "America/New_York"}])
def test_slots_count_anew_after_a_change_of_schedule_or_zone(change: dict[str, Any]) -> None:
    world = World.of()
    world.settle()
    world.now = at("2026-11-28 12:00")  # both the old slot and the new one are over
    world.edit(**change)
    world.settle()
    assert world.made == []
    world.until("2026-12-05T12:00:00Z")
    assert len(world.made) == 1


def test_an_edit_of_the_template_touches_no_run_that_exists() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    before = dict(world.runs)
    world.edit(template={"training": {"epochs": 7}})
    world.settle()
    assert world.runs == before and world.plan().create == () and world.plan().delete == ()
    world.turn(SATURDAYS[0], "Rejected")
    world.until("2026-12-05T03:00:00Z")
    assert world.runs[SATURDAYS[1]].spec is not None
    assert world.runs[SATURDAYS[1]].spec.training.epochs == 7


# Failures and pauses


def fail(world: World, count: int) -> None:
    """Run and fail for so many slots."""
    for _ in range(count):
        world.until(world.requeue_at or world.now)
        world.end_all("Failed")
        world.settle()


def test_failures_in_a_row_pause_it() -> None:
    world = World.of()
    world.settle()
    fail(world, 3)
    status = world.status
    assert (status.state, status.next, status.failures) == ("Paused", "paused", 3) and world.requeue_at is None
    assert status.message == (
        "3 runs failed in a row, so no more are made. The last was weekly-202612120300: Failed for a reason. Mend that, "
        "then run retrain schedule resume weekly, or change the spec."
    )
    stalled = world.condition("Stalled")
    assert stalled is not None and stalled.reason == "Paused" and world.events[-1].type == "Warning"
    world.go(days=30)
    assert len(world.made) == 3


@pytest.mark.parametrize("state", ["Promoted", "Passed", "Rejected", "Skipped", "AwaitingApproval"])
def test_only_failures_count_and_anything_else_ends_their_row(state: Any) -> None:
    world = World.of(pauseAfterFailures=2)
    world.settle()
    fail(world, 1)
    world.until(world.requeue_at or world.now)
    world.end_all(state)
    world.settle()
    assert world.status.failures == 0
    fail(world, 1)
    assert (world.status.failures, world.status.state) == (1, "Active")


def test_it_never_pauses_with_0_and_goes_on_counting() -> None:
    world = World.of(pauseAfterFailures=0)
    world.settle()
    fail(world, 12)
    assert (world.status.state, world.status.failures, len(world.status.recent)) == ("Active", 12, 10)


@pytest.mark.parametrize("how", ["token", "edit"])
def test_a_token_or_an_edit_resumes_and_what_was_missed_meanwhile_is_not_made_up_for(how: str) -> None:
    world = World.of()
    world.settle()
    fail(world, 3)
    world.go(days=10)
    if how == "token":
        world.annotate("resume", "monday")
    else:
        world.edit(template={"parallelism": 1})
    world.settle()
    assert (world.status.state, world.status.failures, world.status.result) == ("Active", 0, "Failed: Bug")
    assert len(world.made) == 3 and world.condition("Stalled") is None
    assert {"Resumed", "Scheduled"} <= {event.reason for event in world.events[-2:]}
    fail(world, 2)
    assert world.status.state == "Active"
    fail(world, 1)
    assert world.status.state == "Paused"  # the token is handled once


def test_a_retry_by_hand_that_succeeds_ends_the_pause() -> None:
    world = World.of()
    world.settle()
    fail(world, 3)
    world.turn(SATURDAYS[2], "Training")
    world.settle()
    assert [one.name for one in world.status.active] == [SATURDAYS[2]] and world.status.state == "Paused"
    world.turn(SATURDAYS[2], "Promoted")
    world.settle()
    assert (world.status.state, world.status.failures) == ("Active", 0)


def test_a_retry_that_fails_again_is_the_same_failure() -> None:
    world = World.of()
    world.settle()
    fail(world, 2)
    world.turn(SATURDAYS[1], "Training")
    world.settle()
    world.turn(SATURDAYS[1], "Failed")
    world.settle()
    assert world.status.failures == 2


# Tokens


def test_a_trigger_makes_one_run_now_as_of_now() -> None:
    world = World.of()
    world.settle()
    world.now = at("2026-11-26 09:17").replace(second=5, microsecond=700)
    world.annotate("trigger", "now")
    world.settle()
    assert world.made == ["weekly-20261126091705"]
    spec = world.runs[world.made[0]].spec
    assert spec is not None and spec.data.until == "2026-11-26T09:17:05Z" and spec.data.min_new_bars == 1
    world.turn(world.made[0], "Promoted")
    world.go(hours=1)
    assert len(world.made) == 1 and world.status.last_schedule_time is None
    world.until("2026-11-28T03:00:00Z")
    assert world.made[1:] == SATURDAYS[:1]


def test_a_trigger_in_the_minute_of_a_slot_is_another_run() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    world.annotate("trigger", "now")
    world.settle()
    assert world.made == SATURDAYS[:1]  # it waits for the slot's run
    world.turn(SATURDAYS[0], "Promoted")
    world.settle()
    assert world.made == [SATURDAYS[0], "weekly-20261128030000"]


def test_a_trigger_is_handled_once_wherever_the_operator_dies() -> None:
    world = World.of()
    world.settle()
    world.annotate("trigger", "now")
    world.reconcile(writes=1)
    assert world.status.last_handled_trigger == "now" and world.made == []
    world.go(seconds=30)
    assert world.made == ["weekly-20261125120000"]


def test_a_second_trigger_in_the_second_of_a_run_that_was_deleted_makes_another_one() -> None:
    world = World.of()
    world.annotate("trigger", "a")
    world.settle()
    (first,) = world.made
    del world.runs[first]
    world.annotate("trigger", "b")
    world.settle()
    assert world.made == [first] and world.requeue_at is not None
    world.until(world.requeue_at)
    assert world.made == ["weekly-20261125120000", "weekly-20261125120001"]


def test_a_trigger_waits_for_the_end_of_a_suspension() -> None:
    world = World.of(suspend=True)
    world.annotate("trigger", "now")
    world.go(hours=1)
    assert world.made == []
    world.edit(suspend=False)
    world.settle()
    assert world.made == ["weekly-20261125130000"]


def test_a_trigger_tries_a_run_in_a_pause_and_the_pause_ends_if_that_does_not_fail() -> None:
    world = World.of()
    world.settle()
    fail(world, 3)
    world.annotate("trigger", "try")
    world.settle()
    assert len(world.made) == 4 and world.status.state == "Paused"
    world.end_all("Promoted")
    world.settle()
    assert (world.status.state, world.status.failures) == ("Active", 0)


# What is in the way


def test_a_name_that_is_taken_is_never_adopted() -> None:
    world = World.of()
    world.settle()
    world.put(SATURDAYS[0], owned=False, state="Training")
    world.until("2026-11-28T03:00:00Z")
    status, stalled = world.status, world.condition("Stalled")
    assert world.made == [] and stalled is not None and stalled.reason == "NameTaken" and status.state == "Active"
    assert "kubectl delete retrainrun weekly-202611280300" in status.message
    del world.runs[SATURDAYS[0]]
    world.settle()
    assert world.made == SATURDAYS[:1] and world.condition("Stalled") is None
    assert [event.reason for event in world.events] == ["Scheduled", "NameTaken", "Scheduled", "RunCreated"]


def test_what_becomes_of_a_run_that_only_has_a_needed_name_is_not_told_as_its_own() -> None:
    world = World.of()
    world.put(SATURDAYS[0], owned=False, stranger=True, state="Promoted", message="Promoted by somebody else.")
    world.until("2026-11-28T03:00:00Z")
    assert (world.made, world.status.recent, world.status.result) == ([], (), "")
    assert world.status.last_successful_time is None


def test_a_name_that_stays_taken_loses_its_slot_alone() -> None:
    world = World.of()
    world.put(SATURDAYS[0], owned=False, state="Training")
    world.until("2026-12-05T03:00:00Z")
    assert world.made == SATURDAYS[1:2] and world.condition("Stalled") is None


def test_a_creation_that_is_refused_for_now_is_tried_again() -> None:
    world = World.of()
    world.refusing = "for now"
    world.until("2026-11-28T03:00:00Z")
    assert "is being retried: no room" in world.status.message and world.condition("Stalled") is None
    ready = world.condition("Ready")
    assert ready is not None and (ready.status, ready.reason) == ("True", "QuotaExceeded")
    world.refusing = ""
    world.settle()
    assert world.made == SATURDAYS[:1] and world.status.message.startswith("The next run is made on")


@pytest.mark.parametrize("how", ["slot", "edit", "resume", "trigger"])
def test_one_that_is_refused_for_good_waits_for_a_person_or_the_next_slot(how: str) -> None:
    world = World.of()
    world.refusing = "for good"
    world.until("2026-11-28T03:00:00Z")
    stalled = world.condition("Stalled")
    assert stalled is not None and stalled.reason == "Forbidden" and world.plan().create == ()
    world.refusing = ""
    world.settle()
    assert world.made == []
    if how == "slot":
        world.until("2026-12-05T03:00:00Z")
    elif how == "edit":
        world.edit(template={"parallelism": 1})
    else:
        world.annotate(how, "again")
    world.settle()
    assert len(world.made) == 1 and world.condition("Stalled") is None


def test_a_schedule_that_can_not_be_read_keeps_what_it_remembers() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    memory = world.status
    world.edit(timeZone="Mars/Olympus")
    with pytest.raises(ConfigurationError) as refused:
        world.plan()
    for _ in range(2):
        world.document["status"] = to_wire(unreadable(world.document, str(refused.value), world.now))
        world.now += timedelta(hours=1)
    found = RetrainScheduleStatus.model_validate(world.document["status"])
    assert (found.state, found.next, found.next_time, found.observed_generation) == ("Invalid", "none", None, 2)
    assert found.message.startswith("spec.timeZone: ")
    stalled = next(one for one in found.conditions if one.type == "Stalled")
    assert (stalled.reason, stalled.last_transition_time) == ("InvalidSchedule", "2026-11-28T03:00:00Z")
    assert (found.active, found.counting, found.recent) == (memory.active, memory.counting, memory.recent)
    world.edit(timeZone="Etc/UTC")
    world.settle()
    assert world.status.state == "Active" and world.condition("Stalled") is None


def test_a_status_that_can_not_be_read_is_written_anew() -> None:
    found = unreadable(
        {"metadata": {}, "status": {"failures": "many"}}, "spec.schedule: wrong.", at("2026-11-28 03:00")
    )
    assert (found.state, found.failures) == ("Invalid", 0)


def test_a_schedule_that_rarely_comes_says_when() -> None:
    world = World.of(schedule="0 0 29 2 *")
    world.settle()
    assert world.status.next == "Tue 2028-02-29 00:00 UTC"


def test_a_schedule_that_is_being_deleted_does_nothing() -> None:
    world = World.of()
    world.settle()
    world.now = at("2026-11-28 03:00")
    world.document["metadata"]["deletionTimestamp"] = "2026-11-28T02:00:00Z"
    decided = world.plan()
    assert (decided.create, decided.delete, decided.events, decided.requeue_at) == ((), (), (), None)
    assert decided.status == world.status


def test_a_run_in_a_state_of_a_newer_release_is_over_once_that_says_so() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    newer = {"state": "Annealed", "conditions": [{"type": "Finished", "status": "False", "reason": "X"}]}
    newer["conditions"][0]["lastTransitionTime"] = "2026-11-28T03:00:00Z"  # type: ignore[index]

    def become(document: dict[str, Any]) -> None:
        run = world.runs[SATURDAYS[0]]
        status = RetrainRunStatus.model_validate(document)
        world.runs[SATURDAYS[0]] = ChildRun(run.name, run.uid, True, status, run.spec, run.created)

    become(newer)
    world.until("2026-12-05T03:00:00Z")
    assert len(world.made) == 1 and len(world.status.active) == 1
    newer["conditions"][0]["status"] = "True"  # type: ignore[index]
    become(newer)
    world.settle()
    assert len(world.made) == 2 and world.status.recent[0].state == "Finished"


def test_a_clock_that_goes_backwards_does_no_harm() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:01Z")
    world.turn(SATURDAYS[0], "Promoted")
    for time in ("2026-11-28 02:59", "2026-11-20 00:00", "2026-11-28 03:00", "2026-11-28 03:05"):
        world.now = at(time)
        world.settle()
        assert world.made == SATURDAYS[:1]
    world.until("2026-12-05T03:00:00Z")
    assert world.made == SATURDAYS[:2]


def test_a_status_that_was_lost_is_found_again_in_the_runs() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    world.turn(SATURDAYS[0], "Promoted")
    world.until("2026-12-05T03:00:00Z")
    world.settle()
    before = world.status
    del world.document["status"]
    world.settle()
    after = world.status
    assert world.made == SATURDAYS[:2]
    for field in ("active", "recent", "last_schedule_time", "last_successful_time", "state", "next"):
        assert getattr(after, field) == getattr(before, field)


def test_runs_of_an_earlier_schedule_of_that_name_are_history() -> None:
    world = World.of()
    world.put("weekly-202611210300", owned=False, state="Promoted", message="Promoted long ago.")
    world.put("weekly-202611140300", owned=False, state="Training")
    world.put("by-hand", owned=False, state="Failed")
    world.until("2026-11-28T03:00:00Z")
    assert world.made == SATURDAYS[:1] and [line.run for line in world.status.recent] == ["weekly-202611210300"]
    world.turn(SATURDAYS[0], "Promoted")
    world.edit(runsHistoryLimit=0)
    world.settle()
    assert world.removed == [] and len(world.status.recent) == 2


def test_planning_twice_changes_nothing() -> None:
    world = World.of(walkForward={"slots": 3, "minPassed": 2})
    world.settle()
    decided = world.plan()
    assert decided.events == () and decided.delete == ()
    world.carry_out(decided)
    again = world.plan()
    assert again.status == world.status and again.events == ()
