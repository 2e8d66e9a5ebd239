"""What only replays have learnt from is new to a schedule: they promote nothing, so its first run after a proof is not skipped."""

from __future__ import annotations

from support.schedule_world import World

from retrain_api.status.run import State


def proven(**spec: object) -> World:
    world = World.of(walkForward={"slots": 3, "minPassed": 2}, **spec)
    world.settle()
    for _ in range(3):
        world.end_all("Promoted")
        world.settle()
    assert world.status.walk_forward is not None and world.status.walk_forward.state == "Proven"
    return world


def asked_for(world: World) -> int:
    """How many new bars the newest run asks for."""
    return int(world.manifests[world.slot_runs()[-1]]["spec"]["data"]["minNewBars"])


def after(world: World, state: State) -> None:
    """The run at work ends so, and a week goes by."""
    world.end_all(state)
    world.settle()
    world.go(days=7)


def test_the_first_run_after_a_proof_asks_for_no_new_bars_and_the_next_one_does() -> None:
    world = proven(template={"data": {"uri": "s3://bucket/features/", "minNewBars": 500}})
    world.go(days=7)
    assert asked_for(world) == 0
    for state in ("Rejected", "Skipped", "Failed"):
        after(world, state)  # type: ignore[arg-type]
        assert asked_for(world) == 500
    assert len(world.slot_runs()) == 4


def test_a_run_that_broke_or_was_deleted_has_learnt_from_nothing() -> None:
    world = proven()
    world.go(days=7)
    after(world, "Failed")
    assert asked_for(world) == 0
    del world.runs[world.at_work()[0].name]
    world.go(days=7)
    assert asked_for(world) == 0
    after(world, "Promoted")
    assert asked_for(world) == 1


def test_a_trigger_after_a_proof_puts_a_model_into_service() -> None:
    world = proven()
    world.annotate("trigger", "now")
    world.settle()
    assert asked_for(world) == 0
    world.end_all("Promoted")
    world.go(minutes=1)
    world.annotate("trigger", "again")
    world.settle()
    assert asked_for(world) == 1


def test_another_recipe_and_its_proof_begin_anew() -> None:
    world = proven()
    world.go(days=7)
    after(world, "Promoted")
    assert asked_for(world) == 1
    world.end_all("Promoted")
    world.edit(template={"training": {"epochs": 3}})
    world.settle()
    for _ in range(3):
        world.end_all("Promoted")
        world.settle()
    world.annotate("trigger", "now")
    world.settle()
    assert asked_for(world) == 0


def test_without_a_proof_each_run_asks_for_a_new_bar() -> None:
    world = World.of()
    world.settle()
    world.go(days=7)
    assert asked_for(world) == 1
