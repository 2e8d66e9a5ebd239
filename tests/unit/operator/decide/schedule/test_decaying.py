"""A model in service decays: one run out of turn, and not two, whatever happens to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.schedule_world import World, at, is_for_decay

from retrain_api.names import decay_run
from retrain_api.status.run import PromotedModel, PromotionStatus
from retrain_operator.decide.schedule.children import decayed_model, made_for, slot_of
from retrain_operator.state.schedule_view import ChildRun

SLOT = "weekly-202611280300"
OLD, OTHER = "1a2b3c4d5e6f", "2b3c4d5e6f7a"
RUN = "weekly-decay-1a2b3c4d"


def serving(**spec: Any) -> World:
    """A schedule whose first run has just promoted three models."""
    world = World.of(**({"whenDecaying": "Retrain"} | spec))
    world.until("2026-11-28T03:00:00Z")
    world.turn(SLOT, "Promoted")
    world.go(days=1)
    return world


def decays(world: World, *models: str, run: str = SLOT) -> None:
    world.observe(run, "Decaying", dict(zip(("BTC-USD", "ETH-USD"), models, strict=False)))


def test_a_decaying_model_makes_one_run_as_of_now() -> None:
    world = serving()
    decays(world, OLD)
    world.go(seconds=30)
    assert world.made == [SLOT, RUN] and world.status.decayed == ("1a2b3c4d",)
    spec = world.runs[RUN].spec
    assert spec is not None and (spec.data.until, spec.data.min_new_bars) == ("2026-11-29T03:00:00Z", 1)
    assert spec.promotion.policy == "Automatic"
    assert world.events[-1].message == f"Made {RUN}, because model 1a2b3c4d decays."
    assert [(one.name, one.slot) for one in world.status.active] == [(RUN, "2026-11-29T03:00:00Z")]
    assert world.status.result == "Pending" and world.status.last_schedule_time == "2026-11-28T03:00:00Z"
    world.turn(RUN, "Promoted")
    world.until("2026-12-05T03:00:00Z")
    assert world.made == [SLOT, RUN, "weekly-202612050300"]
    assert [line.run for line in world.status.recent] == [RUN, SLOT]
    assert world.status.last_successful_time == "2026-11-29T03:00:30Z"


def test_nothing_is_made_where_nobody_asked_for_it() -> None:
    world = serving(whenDecaying="Wait")
    decays(world, OLD)
    world.go(hours=1)
    assert world.made == [SLOT] and world.status.decayed is None


@pytest.mark.parametrize(
    "state", ["Observing", "Holding", "Held", "BelowPromise", "NoNewBars", "NotMeasurable", "Unobserved"]
)
def test_no_other_state_makes_one(state: Any) -> None:
    world = serving()
    world.observe(SLOT, state, {"BTC-USD": OLD})
    world.go(hours=1)
    assert world.made == [SLOT]


def test_models_that_decay_at_one_look_get_one_run_together() -> None:
    world = serving()
    decays(world, OLD, OTHER)
    world.go(hours=1)
    world.turn(RUN, "Rejected")
    world.go(hours=1)
    assert world.made == [SLOT, RUN] and world.status.decayed == ("1a2b3c4d", "2b3c4d5e")


def test_one_that_decays_later_gets_a_run_of_its_own() -> None:
    world = serving()
    decays(world, OLD)
    world.go(hours=1)
    world.turn(RUN, "Rejected")
    decays(world, OLD, OTHER)
    world.go(hours=1)
    assert world.made == [SLOT, RUN, "weekly-decay-2b3c4d5e"]


@pytest.mark.parametrize("end", ["Rejected", "Failed", "Skipped", "AwaitingApproval", "deleted"])
def test_a_model_that_decays_on_is_left_to_the_slots(end: Any) -> None:
    world = serving()
    decays(world, OLD)
    world.settle()
    if end == "deleted":
        del world.runs[RUN]
    else:
        world.turn(RUN, end)
    world.go(days=3)
    assert world.made == [SLOT, RUN]
    assert world.status.recent[0].state == ("Deleted" if end == "deleted" else end)
    world.until("2026-12-05T03:00:00Z")
    assert world.made == [SLOT, RUN, "weekly-202612050300"]


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_it_is_one_run_wherever_the_operator_dies(writes: int) -> None:
    world = serving()
    decays(world, OLD)
    world.reconcile(writes=writes)
    world.go(minutes=5)
    assert world.made == [SLOT, RUN]
    assert world.runs[RUN].owned and world.status.pending is None


def test_a_promise_outlives_that_the_model_no_longer_decays() -> None:
    world = serving()
    decays(world, OLD)
    world.reconcile(writes=1)  # whether the run came to be is not known
    world.observe(SLOT, "Holding", {"BTC-USD": OTHER})
    world.edit(whenDecaying="Wait")
    world.go(minutes=5)
    assert world.made == [SLOT, RUN]


def test_a_lost_status_makes_no_second_run() -> None:
    world = serving()
    decays(world, OLD)
    world.settle()
    world.turn(RUN, "Rejected")
    del world.document["status"]
    world.go(hours=1)
    assert world.made == [SLOT, RUN] and [line.run for line in world.status.recent] == [RUN, SLOT]


def test_only_the_run_that_promoted_last_is_believed() -> None:
    world = serving()
    world.until("2026-12-05T03:00:00Z")
    newer = world.slot_runs()[-1]
    decays(world, OLD)
    world.turn(newer, "Promoted")  # the older run has not looked since
    world.go(hours=1)
    assert len(world.made) == 2
    decays(world, OTHER, run=newer)
    world.go(hours=1)
    assert world.made[2:] == ["weekly-decay-2b3c4d5e"]


def test_each_symbol_is_watched_by_the_run_that_promoted_it_last() -> None:
    world = serving()
    world.until("2026-12-05T03:00:00Z")
    newer = world.slot_runs()[-1]
    world.turn(newer, "Promoted")
    bitcoin = PromotedModel(symbol="BTC-USD", uri="s3://bucket/b.pt")
    promotion = PromotionStatus(state="Promoted", at="2026-12-05T04:00:00Z", models=(bitcoin,))
    run = world.runs[newer]
    world.runs[newer] = replace(run, status=run.status.model_copy(update={"promotion": promotion}))
    decays(world, OLD)
    world.go(hours=1)
    assert len(world.made) == 2  # BTC-USD is the newer run's
    decays(world, OLD, OTHER)
    world.go(hours=1)
    assert world.made[2:] == ["weekly-decay-2b3c4d5e"]  # ETH-USD is still its own


def test_a_model_that_a_run_of_an_earlier_schedule_promoted_counts() -> None:
    world = World.of(whenDecaying="Retrain")
    world.put("weekly-202611210300", owned=False, state="Promoted")
    world.turn("weekly-202611210300", "Promoted")
    decays(world, OLD, run="weekly-202611210300")
    world.settle()
    assert world.made == [RUN]


@pytest.mark.parametrize("what", ["busy", "suspended", "paused", "proving"])
def test_it_waits_and_is_made_if_the_model_still_decays_then(what: str) -> None:
    world = serving(pauseAfterFailures=1)
    stop, go_on = STOPS[what]
    stop(world)
    decays(world, OLD)
    world.go(hours=1)
    assert not any(map(is_for_decay, world.made))
    go_on(world)
    world.settle()
    assert any(map(is_for_decay, world.made))


@pytest.mark.parametrize("what", ["busy", "suspended", "paused", "proving"])
def test_it_is_not_made_if_the_model_does_not_decay_any_more(what: str) -> None:
    world = serving(pauseAfterFailures=1)
    stop, go_on = STOPS[what]
    stop(world)
    decays(world, OLD)
    world.go(hours=1)
    world.observe(SLOT, "Superseded", {"BTC-USD": OLD}, over=True)
    go_on(world)
    world.go(hours=1)
    assert not any(map(is_for_decay, world.made))


def _trigger(world: World) -> None:
    world.annotate("trigger", "now")
    world.settle()


def _fail(world: World) -> None:
    _trigger(world)
    world.end_all("Failed")
    world.settle()
    assert world.status.state == "Paused"


def _prove(world: World) -> None:
    world.edit(walkForward={"slots": 1, "minPassed": 1})
    world.settle()
    assert world.status.state == "Proving"


STOPS: dict[str, Any] = {
    "busy": (_trigger, lambda world: world.end_all("Rejected")),
    "suspended": (lambda world: world.edit(suspend=True), lambda world: world.edit(suspend=False)),
    "paused": (_fail, lambda world: world.annotate("resume", "now")),
    "proving": (_prove, lambda world: world.end_all("Passed")),
}


def test_who_waits_reads_for_what() -> None:
    world = serving()
    _trigger(world)
    busy = world.status.active[0].name
    decays(world, OLD)
    world.settle()
    assert world.status.message == f"The model of BTC-USD decays; a run for that is made once {busy} is over."


def test_what_it_would_promote_waits_for_a_person_where_the_recipe_is_unproven() -> None:
    world = serving()
    world.edit(walkForward={"slots": 1, "minPassed": 1})
    world.settle()
    world.end_all("Rejected", 0.6)
    decays(world, OLD)
    world.settle()
    spec = world.runs[RUN].spec
    assert world.status.state == "Unproven" and spec is not None and spec.promotion.policy == "Manual"


def test_a_slot_that_is_due_goes_first() -> None:
    world = serving()
    world.now = at("2026-12-05 03:00")
    decays(world, OLD)
    world.settle()
    assert world.made == [SLOT, "weekly-202612050300"]
    world.end_all("Promoted")
    world.go(hours=1)
    assert len(world.made) == 2  # another model stands
    assert world.status.decayed is None


def test_a_name_that_is_taken_is_said_and_the_next_slot_is_made_all_the_same() -> None:
    world = serving()
    world.put(RUN, owned=False, stranger=True)
    decays(world, OLD)
    world.go(hours=1)
    stalled = world.condition("Stalled")
    assert world.made == [SLOT] and stalled is not None and stalled.reason == "NameTaken"
    world.until("2026-12-05T03:00:00Z")
    assert world.made == [SLOT, "weekly-202612050300"] and world.condition("Stalled") is None
    assert world.status.pending is None


def test_all_that_decay_are_remembered_and_of_the_earlier_ones_the_last_twenty() -> None:
    world = serving()
    world.document["status"]["decayed"] = [f"{number:08x}" for number in range(30)]
    models = {f"S{number}-USD": f"{number:04x}c0ffee00" for number in range(40)}
    run = world.runs[SLOT]
    promoted = tuple(PromotedModel(symbol=symbol, uri="s3://bucket/m.pt") for symbol in models)
    promotion = PromotionStatus(state="Promoted", at="2026-11-28T04:00:00Z", models=promoted)
    world.runs[SLOT] = replace(run, status=run.status.model_copy(update={"promotion": promotion}))
    world.observe(SLOT, "Decaying", models)
    for _ in range(3):
        world.go(hours=1)
        world.end_all("Rejected")
    assert len(world.made) == 2
    decayed = world.status.decayed
    assert decayed is not None and len(decayed) == 60
    assert decayed[:20] == tuple(f"{number:08x}" for number in range(10, 30))


def test_a_model_that_was_gone_back_to_gets_a_run_too() -> None:
    world = serving()
    decays(world, OLD)
    world.settle()
    world.turn(RUN, "Promoted")
    decays(world, OTHER, run=RUN)  # a person rolled back, and that one decays as well
    world.settle()
    assert world.made == [SLOT, RUN, "weekly-decay-2b3c4d5e"]


_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", fullmatch=True)


@given(_NAMES, st.text("0123456789abcdef", min_size=64, max_size=64))
def test_the_name_says_the_model_and_no_slot(schedule: str, sha256: str) -> None:
    name = decay_run(schedule, sha256)
    assert decayed_model(schedule, name) == sha256[:8] and slot_of(schedule, name) is None
    run = ChildRun(name, "uid", True, World().put("x").status, created=at("2026-11-28 03:00"))
    assert made_for(schedule, run) == run.created
    assert slot_of(f"{schedule}-decay", name) is None


@pytest.mark.parametrize(
    "name",
    ["weekly-decay-1a2b3c4", "weekly-decay-1a2b3c4g", "weekly-decay-", "other-decay-1a2b3c4d", "weekly-decay-1A2B3C4D"],
)
def test_other_names_say_none(name: str) -> None:
    assert decayed_model("weekly", name) is None
