"""The proof on the past: which slots are replayed, how they are judged, and what waits for them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from support.schedule_world import NAME, World, is_replay

from retrain_api.keys import proof_key
from retrain_api.names import replay_run
from retrain_api.status.condition_types import SCHEDULE_CONDITION_TYPES
from retrain_api.wire import to_wire

WF = {"slots": 3, "minPassed": 2}
STRICT = {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.8}]}}
EASY = {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.6}]}}


def proving(walk_forward: dict[str, Any] | None = None, **spec: Any) -> World:
    world = World.of(walkForward=WF | (walk_forward or {}), **spec)
    world.settle()
    return world


def slots(world: World) -> list[str]:
    found = world.status.walk_forward
    return [entry.slot for entry in found.slots] if found is not None else []


def verdicts(world: World) -> list[str | None]:
    found = world.status.walk_forward
    return [entry.verdict for entry in found.slots] if found is not None else []


def name(world: World, slot: str) -> str:
    key = proof_key(world.schedule.spec.run_template.spec)
    return replay_run(NAME, key, datetime.fromisoformat(slot))


def replay(world: World, *accuracies: float | str) -> None:
    """Replay one slot after the other: each is measured with that accuracy, or ends in that state."""
    for end in accuracies:
        (run,) = world.at_work()
        if isinstance(end, str):
            world.turn(run.name, end)  # type: ignore[arg-type]
        else:
            world.turn(run.name, "Passed" if end >= 0.68 else "Rejected", end)
        world.settle()


def test_the_replays_are_the_newest_past_slots_whose_test_parts_do_not_meet() -> None:
    world = proving()
    # 14 days of test and 75 minutes of purge: every third Saturday.
    assert slots(world) == ["2026-11-21T03:00:00Z", "2026-10-31T03:00:00Z", "2026-10-10T03:00:00Z"]


@pytest.mark.parametrize(
    ("schedule", "template", "days"),
    [
        ("0 3 * * *", {"split": {"test": "7d"}}, 8),  # the purge is an hour and a quarter more than a week
        ("0 3 * * *", {"split": {"test": "1d"}}, 2),
        ("0 3 * * 6", {"split": {"test": "20d"}}, 21),
        (
            "0 3 * * 6",
            {"split": {"test": "14d"}, "data": {"uri": "s3://bucket/", "interval": "1d"}},
            91,
        ),  # 75 days of purge
    ],
)
def test_two_replays_are_a_test_part_and_a_purge_apart(schedule: str, template: dict[str, Any], days: int) -> None:
    world = proving(schedule=schedule, template=template)
    times = [datetime.fromisoformat(slot) for slot in slots(world)]
    assert [before - after for before, after in pairwise(times)] == [timedelta(days=days)] * 2


def test_no_run_is_made_until_it_is_proven_and_then_the_newest_missed_slot_is_made_up_for() -> None:
    world = proving()
    assert (world.status.state, world.status.next) == ("Proving", "after the proof")
    assert world.made == [name(world, slots(world)[0])]
    world.until("2026-12-06T00:00:00Z")  # two slots go by
    replay(world, 0.71, 0.5)
    assert (world.status.state, world.status.result) == ("Proving", "2/3 replayed, 1 passed")
    assert world.status.message == (
        "2 of 3 replays are over, 1 passes the gate of today (accuracy 60.5 % over 54,000 bars); 2 must. Until then no run is made."
    )
    proven = world.condition("Proven")
    assert proven is not None and proven.status == "Unknown"
    assert all(map(is_replay, world.made))
    replay(world, 0.71)
    assert world.made[-1] == "weekly-202612050300" and len(world.slot_runs()) == 1
    assert world.status.state == "Active" and world.status.walk_forward is not None
    assert (world.status.walk_forward.state, world.status.walk_forward.passed) == ("Proven", 2)
    proven = world.condition("Proven")
    assert proven is not None and (proven.status, proven.reason) == ("True", "Proven")
    assert "Proven" in {event.reason for event in world.events}
    spec = world.runs["weekly-202612050300"].spec
    assert spec is not None and spec.promotion.policy == "Automatic"


def test_a_slot_that_is_too_late_after_the_proof_is_let_go() -> None:
    world = proving(startingDeadlineSeconds=3600)
    world.until("2026-11-28T06:00:00Z")
    replay(world, 0.71, 0.71, 0.71)
    assert world.slot_runs() == [] and "SlotMissed" in {event.reason for event in world.events}


def test_without_a_proof_a_person_must_agree() -> None:
    world = proving()
    replay(world, 0.5, 0.71, 0.5)
    status = world.status
    assert (status.state, verdicts(world)) == ("Unproven", ["Fail", "Pass", "Fail"])
    assert status.message == (
        "1 of 3 replays passes the gate of today (accuracy 57 % over 81,000 bars); 2 must. Runs are made, and what they would "
        "promote waits for a person. The next run is made on Sat 2026-11-28 03:00 UTC."
    )
    assert world.condition("Stalled") is None and world.events[-1].type == "Warning"
    world.until("2026-11-28T03:00:00Z")
    spec = world.runs["weekly-202611280300"].spec
    assert spec is not None and spec.promotion.policy == "Manual"


def test_what_can_not_be_reached_any_more_ends_the_proof() -> None:
    world = proving()
    replay(world, 0.5, "Failed")
    assert (world.status.state, verdicts(world), len(world.made)) == ("Unproven", ["Fail", "Failed", None], 2)


def test_what_is_reached_early_does_not_so_that_the_table_is_whole() -> None:
    world = proving()
    replay(world, 0.71, 0.71)
    assert world.status.state == "Proving"
    replay(world, 0.5)
    assert verdicts(world) == ["Pass", "Pass", "Fail"] and world.status.state == "Active"


@pytest.mark.parametrize(
    ("end", "verdict"), [("Failed", "Failed"), ("Skipped", "Skipped"), (0.5, "Fail"), (0.71, "Pass")]
)
def test_a_verdict_is_todays_gates_or_why_there_is_none(end: Any, verdict: str) -> None:
    world = proving()
    replay(world, end)
    assert verdicts(world)[0] == verdict


def test_a_replay_that_was_deleted_at_work_counts_as_not_passed_and_is_not_made_again() -> None:
    world = proving()
    first = world.made[0]
    del world.runs[first]
    world.settle()
    assert verdicts(world)[0] == "Deleted" and world.made.count(first) == 1 and len(world.made) == 2


def test_one_that_is_deleted_later_keeps_its_verdict_until_the_gate_changes() -> None:
    world = proving()
    replay(world, 0.71, 0.71, 0.62)
    del world.runs[world.made[0]]
    world.settle()
    assert verdicts(world) == ["Pass", "Pass", "Fail"] and world.status.state == "Active"
    world.edit(template=EASY)
    world.settle()
    assert verdicts(world) == ["Deleted", "Pass", "Pass"]


def test_another_gate_judges_what_was_measured_and_replays_nothing() -> None:
    world = proving()
    replay(world, 0.71, 0.71, 0.71)
    made = list(world.made)
    for template, state, proof in ((STRICT, "Unproven", "Unproven"), (EASY, "Active", "Proven")):
        world.edit(template=template)
        world.settle()
        assert world.status.walk_forward is not None
        assert (world.status.state, world.status.walk_forward.state, world.made) == (state, proof, made)


def test_an_easier_gate_goes_on_with_a_proof_that_ended_early() -> None:
    world = proving(template=STRICT)
    replay(world, 0.71, 0.71)
    assert world.status.state == "Unproven" and len(world.made) == 2
    world.edit(template=EASY)
    world.settle()
    assert world.status.state == "Proving" and len(world.made) == 3
    replay(world, 0.71)
    assert world.status.state == "Active"


def test_another_recipe_begins_another_proof() -> None:
    world = proving()
    replay(world, 0.71, 0.71, 0.71)
    world.until("2026-11-28T03:00:00Z")
    world.end_all("Promoted")
    world.edit(template={"training": {"epochs": 7}})
    world.settle()
    assert world.status.state == "Proving" and slots(world)[0] == "2026-11-28T03:00:00Z"
    assert len({made.split("-")[2] for made in world.made if is_replay(made)}) == 2
    world.until("2026-12-05T03:00:00Z")
    assert world.slot_runs() == ["weekly-202611280300"]


def test_a_new_proof_waits_for_the_run_at_work_and_touches_nothing() -> None:
    world = World.of()
    world.until("2026-11-28T03:00:00Z")
    world.edit(walkForward=WF)
    world.settle()
    assert world.status.state == "Proving" and len(world.made) == 1 and len(world.status.active) == 1
    world.end_all("Promoted")
    world.settle()
    assert len(world.made) == 2


def test_replays_run_beside_each_other_as_far_as_asked() -> None:
    world = proving({"slots": 5, "parallelism": 2})
    assert len(world.at_work()) == 2
    world.turn(world.made[1], "Passed")
    world.settle()
    assert len(world.at_work()) == 2 and len(world.made) == 3


def test_replays_of_an_earlier_proof_take_up_room_and_are_not_stopped() -> None:
    world = proving()
    old = world.made[0]
    world.edit(template={"training": {"epochs": 7}})
    world.settle()
    assert world.made == [old] and [run.name for run in world.at_work()] == [old]
    world.end_all("Passed")
    world.settle()
    assert len(world.made) == 2


def test_suspended_or_paused_it_replays_nothing_more() -> None:
    world = proving()
    world.edit(suspend=True)
    world.end_all("Passed")
    world.settle()
    assert len(world.made) == 1 and world.status.state == "Suspended"
    world.edit(suspend=False)
    world.settle()
    assert len(world.made) == 2


def test_more_or_fewer_slots_keep_what_was_replayed() -> None:
    world = proving()
    replay(world, 0.71, 0.71, 0.71)
    before = slots(world)
    world.edit(walkForward={"slots": 5, "minPassed": 4})
    world.settle()
    assert world.status.state == "Proving" and slots(world)[:3] == before
    assert slots(world)[3:] == ["2026-09-19T03:00:00Z", "2026-08-29T03:00:00Z"]
    world.edit(walkForward={"slots": 2, "minPassed": 2})
    world.settle()
    assert slots(world) == before[:2]


def test_a_replay_that_is_retried_reopens_the_proof() -> None:
    world = proving()
    replay(world, 0.71, "Failed", "Failed")
    assert world.status.state == "Unproven"
    world.turn(world.made[1], "Training")
    world.settle()
    assert world.status.state == "Proving" and verdicts(world) == ["Pass", None, "Failed"]
    replay(world, 0.71)
    assert world.status.state == "Active"


def test_a_replays_name_that_is_taken_stalls_the_proof_and_says_which() -> None:
    world = World.of(walkForward=WF)
    taken = name(world, "2026-11-21T03:00:00Z")
    world.put(taken, owned=False, state="Passed")
    world.settle()
    replay(world, 0.71, 0.71)
    stalled = world.condition("Stalled")
    assert stalled is not None and stalled.reason == "NameTaken" and taken in world.status.message
    assert verdicts(world) == [None, "Pass", "Pass"] and world.slot_runs() == []
    del world.runs[taken]
    world.settle()
    assert world.condition("Stalled") is None and world.made[-1] == taken


def test_a_promised_replay_is_made_once_wherever_the_operator_dies() -> None:
    world = World.of(walkForward=WF)
    world.reconcile(writes=1)
    assert world.made == [] and len(slots(world)) == 3
    world.now += timedelta(days=9)  # the clock goes on, the slots stay
    before = slots(world)
    world.reconcile(writes=2)
    world.settle()
    assert slots(world) == before and world.made == [name(world, before[0])]


def test_without_walk_forward_no_proof_is_asked_for() -> None:
    world = proving()
    replay(world, 0.5, 0.5)
    assert world.status.state == "Unproven"
    del world.document["spec"]["walkForward"]
    world.edit()
    world.settle()
    assert world.status.state == "Active" and world.status.walk_forward is None and world.condition("Proven") is None


def test_all_test_bars_together_are_weighted_by_their_number() -> None:
    world = proving()
    replay(world, 0.71, 0.5, 0.5)
    found = world.status.walk_forward
    assert found is not None and found.pooled is not None
    assert (found.pooled.bars, found.pooled.accuracy) == (3 * 3 * 9000, 0.57)
    assert [entry.accuracy for entry in found.slots] == [0.71, 0.5, 0.5]


def test_a_status_with_a_year_of_replays_and_ten_lines_stays_small() -> None:
    world = proving(
        {"slots": 52, "minPassed": 52, "parallelism": 8}, schedule="0 3 * * *", template={"split": {"test": "1d"}}
    )
    while world.status.state == "Proving":
        world.end_all("Passed", 0.712345)
        world.settle()
    for _ in range(12):
        world.until(world.requeue_at or world.now)
        for run in world.at_work():
            world.turn(run.name, "Rejected")
            status = world.runs[run.name].status.model_copy(update={"message": "BTC-USD fails: " + "it is bad, " * 90})
            world.runs[run.name] = type(run)(run.name, run.uid, True, status, run.spec, run.created)
        world.settle()
    status = to_wire(world.status)
    assert (len(status["walkForward"]["slots"]), len(status["recent"])) == (52, 10)
    assert len(json.dumps(status)) < 12_000
    assert len(json.dumps(status["walkForward"])) < 7_000


@pytest.mark.parametrize("accuracies", [(), (0.71, 0.71, 0.71), (0.5, 0.5)])
def test_every_condition_is_of_a_type_that_the_docs_list_and_has_a_reason_of_it(accuracies: tuple[float, ...]) -> None:
    world = proving()
    replay(world, *accuracies)
    kinds = {kind.name: kind.reasons for kind in SCHEDULE_CONDITION_TYPES}
    for condition in world.status.conditions:
        assert not kinds[condition.type] or condition.reason in kinds[condition.type]
