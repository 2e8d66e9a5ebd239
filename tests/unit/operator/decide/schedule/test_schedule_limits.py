"""Which runs a schedule removes, and which it never does."""

from __future__ import annotations

from typing import Any

import pytest
from support.schedule_world import World, is_replay

from retrain_api.status.run import PromotedModel, PromotionStatus


def weeks(world: World, *states: Any) -> None:
    """One slot after the other, each run ending in that state."""
    world.settle()
    for state in states:
        world.until(world.requeue_at or world.now)
        for run in world.at_work():
            world.turn(run.name, state)
        world.settle()


def left(world: World) -> list[str]:
    return [run.status.state for _, run in sorted(world.runs.items())]


def test_finished_and_failed_runs_have_limits_of_their_own() -> None:
    world = World.of(runsHistoryLimit=2, failedRunsHistoryLimit=1, pauseAfterFailures=0)
    weeks(world, "Rejected", "Failed", "Skipped", "Failed", "Passed")
    assert left(world) == ["Skipped", "Failed", "Passed"]
    assert sorted(world.removed) == ["weekly-202611280300", "weekly-202612050300"]
    assert len(world.status.recent) == 5  # lines outlive their runs


def test_the_run_whose_models_are_in_service_is_never_removed() -> None:
    world = World.of(runsHistoryLimit=0, failedRunsHistoryLimit=0)
    weeks(world, "Promoted", "Rejected", "Rejected")
    assert left(world) == ["Promoted"]
    weeks(world, "Promoted")
    assert sorted(world.runs) == ["weekly-202612190300"]


def test_of_each_symbol_the_newest_promotion_is_kept() -> None:
    world = World.of(runsHistoryLimit=0)
    weeks(world, "Promoted")
    first = world.slot_runs()[0]
    world.until(world.requeue_at or world.now)
    (run,) = world.at_work()
    world.turn(run.name, "Promoted")
    one = PromotionStatus(state="Promoted", models=(PromotedModel(symbol="BTC-USD", uri="s3://bucket/b.pt"),))
    status = world.runs[run.name].status.model_copy(update={"promotion": one})
    world.runs[run.name] = type(run)(run.name, run.uid, True, status, run.spec, run.created)
    world.settle()
    assert first in world.runs  # ETH-USD and SOL-USD
    weeks(world, "Promoted")
    assert first not in world.runs and run.name not in world.runs


def test_an_older_run_that_was_approved_last_is_in_service() -> None:
    world = World.of(runsHistoryLimit=1)
    weeks(world, "AwaitingApproval", "Promoted")
    older, newer = world.slot_runs()
    world.now = world.now.replace(hour=9)
    world.runs[older] = type(world.runs[newer])(older, "uid-1", True, world.runs[newer].status, world.runs[newer].spec)
    world.turn(older, "Promoted")
    world.settle()
    weeks(world, "Rejected", "Rejected")
    assert {older, newer} <= set(world.runs)


def test_a_run_that_waits_is_kept_until_a_newer_one_waits_or_is_promoted() -> None:
    world = World.of(runsHistoryLimit=0, failedRunsHistoryLimit=0)
    weeks(world, "AwaitingApproval", "Rejected", "Failed")
    assert left(world) == ["AwaitingApproval"]
    weeks(world, "AwaitingApproval")
    assert sorted(world.runs) == ["weekly-202612190300"]
    assert [line.state for line in world.status.recent] == ["AwaitingApproval", "Failed", "Rejected", "Deleted"]


def test_replays_of_the_present_proof_are_kept_and_those_of_an_earlier_one_are_history() -> None:
    world = World.of(walkForward={"slots": 2, "minPassed": 1}, runsHistoryLimit=0)
    world.settle()
    for _ in range(2):
        world.end_all("Passed")
        world.settle()
    kept = set(world.runs)
    assert len(kept) == 2 and world.removed == []
    world.edit(template={"training": {"epochs": 7}})
    world.settle()
    assert set(world.removed) == kept


def test_replays_of_an_earlier_proof_take_up_no_runs_room() -> None:
    world = World.of(walkForward={"slots": 2, "minPassed": 1}, runsHistoryLimit=3)
    world.settle()
    for _ in range(2):
        world.end_all("Passed")
        world.settle()
    weeks(world, "Rejected", "Rejected")
    world.edit(template={"training": {"epochs": 7}})
    world.settle()
    assert len(world.removed) == 1 and is_replay(world.removed[0])
    assert set(world.slot_runs()) <= set(world.runs)


def test_runs_at_work_and_runs_that_are_being_deleted_are_let_be() -> None:
    world = World.of(runsHistoryLimit=0)
    weeks(world, "Promoted")
    world.until(world.requeue_at or world.now)
    (run,) = world.at_work()
    assert world.plan().delete == ()
    world.turn(run.name, "Rejected")
    there = world.runs[run.name]
    world.runs[run.name] = type(there)(
        there.name, there.uid, True, there.status, there.spec, there.created, deleting=True
    )
    assert world.plan().delete == ()


@pytest.mark.parametrize("state", ["Promoted", "Failed"])
def test_what_another_schedule_or_nobody_owns_is_never_removed(state: Any) -> None:
    world = World.of(runsHistoryLimit=0, failedRunsHistoryLimit=0)
    for week in (7, 14, 21):
        world.put(f"weekly-202611{week:02}0300", owned=False, state=state)
    weeks(world, "Rejected")
    assert len(world.runs) == 3 and not any(map(is_replay, world.removed))


def test_a_deletion_names_the_run_by_its_uid() -> None:
    world = World.of(runsHistoryLimit=0)
    world.settle()
    world.until(world.requeue_at or world.now)
    world.end_all("Rejected")
    (deletion,) = world.plan().delete
    assert (deletion.name, deletion.uid, deletion.kind, deletion.reason) == (
        "weekly-202611280300",
        "uid-1",
        "runs",
        "HistoryLimit",
    )


@pytest.mark.parametrize(
    ("state", "over", "kept"),
    [
        ("Observing", False, True),
        ("Holding", False, True),
        ("Decaying", False, True),
        ("Unobserved", False, True),
        ("Suspended", False, True),
        ("Held", True, False),
        ("Decaying", True, False),
        ("Superseded", True, False),
        ("Superseded", False, False),
    ],
)
def test_a_run_is_kept_until_its_observation_is_over(state: Any, over: bool, kept: bool) -> None:
    world = World.of(runsHistoryLimit=0)
    weeks(world, "Promoted")
    first = world.slot_runs()[0]
    world.observe(first, state, {"BTC-USD": "1a2b3c4d5e6f"}, over)
    weeks(world, "Promoted")
    assert (first in world.runs) is kept
    world.observe(world.slot_runs()[1], "Holding", {"BTC-USD": "2b3c4d5e6f7a"}, over=True)
    world.settle()
    assert world.slot_runs()[1] in world.runs  # its model is in service


@pytest.mark.parametrize("how", ["suspended", "paused"])
def test_a_finished_run_is_observed_on_although_its_schedule_makes_no_more(how: str) -> None:
    """The run has its own spec to go by, and nobody removes it or takes that away."""
    world = World.of(runsHistoryLimit=0, pauseAfterFailures=1, template={"observation": {"every": "1h", "for": "7d"}})
    weeks(world, "Promoted")
    first = world.slot_runs()[0]
    world.observe(first, "Holding", {"BTC-USD": "1a2b3c4d5e6f"})
    if how == "suspended":
        world.edit(suspend=True)
    else:
        weeks(world, "Failed")
    before = world.runs[first]
    world.go(days=30)
    assert world.status.state == how.capitalize() and world.runs[first] == before
    spec = before.spec
    assert spec is not None and spec.observation is not None and spec.observation.for_ == "7d"
