"""Whom a schedule tells what: each transition once, by one Job at a time that it owns, and in words for a phone at night."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.schedule_world import World, at

from retrain_api.documents.tasks import NotifyTask
from retrain_operator.decide.context import Settings

OPS = {"name": "ops", "secretName": "slack"}
FIRST = "weekly-202611280300"


def told(*receivers: dict[str, Any], **spec: Any) -> World:
    world = World.of(**({"notify": list(receivers or (OPS,))} | spec))
    world.settle()
    return world


def slots(world: World, *states: Any) -> None:
    """One slot after the other, each run ending in that state."""
    for state in states:
        world.until(world.requeue_at or world.now)
        world.end_all(state)
        world.settle()


def ask(world: World, name: str = "ops") -> tuple[str | None, str | None]:
    """What a receiver was told, and what it is still to be told."""
    entry = next(one for one in world.status.notified or () if one.name == name)
    return entry.key, entry.pending


def test_a_pause_is_told_by_a_job_that_the_schedule_owns() -> None:
    world = told(pauseAfterFailures=2)
    slots(world, "Failed", "Failed")
    assert ask(world) == (None, "2-Paused")  # and before that, that nothing was delivered
    (job,) = world.jobs.values()
    manifest = world.manifests[job.name]
    (owner,) = manifest["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("RetrainSchedule", "uid-s", True)
    assert {"name": "slack", "key": "url"} in [
        one["valueFrom"]["secretKeyRef"]
        for one in manifest["spec"]["template"]["spec"]["containers"][0]["env"]
        if "secretKeyRef" in one.get("valueFrom", {})
    ]
    condition = world.condition("Notified")
    assert condition is not None and (condition.status, condition.reason) == ("Unknown", "Telling")
    task = world.tell()
    assert (task.key, task.receiver, task.warning) == ("uid-s/2-Paused", "ops", True)
    assert ask(world) == ("2-Paused", None) and world.jobs == {}  # it is read, so it is deleted
    condition = world.condition("Notified")
    assert condition is not None and (condition.status, condition.reason) == ("True", "Told")


def test_nobody_is_told_where_nobody_is_named() -> None:
    world = World.of(pauseAfterFailures=1)
    world.settle()
    slots(world, "Failed")
    assert (world.jobs, world.status.notified, world.status.transitions) == ({}, None, None)
    assert world.condition("Notified") is None


HAPPENS: dict[str, tuple[dict[str, Any], tuple[str, ...], list[str]]] = {
    "a pause": ({"pauseAfterFailures": 1}, ("Failed",), ["Paused"]),
    "no deliveries": ({}, ("Rejected", "Skipped"), ["NoDeliveries"]),
    "a proof that passes": ({"walkForward": {"slots": 1, "minPassed": 1}}, ("Passed",), ["Proven"]),
    "a proof that fails": ({"walkForward": {"slots": 1, "minPassed": 1}}, ("Failed",), ["Unproven"]),
}


@pytest.mark.parametrize(("spec", "ends", "words"), HAPPENS.values(), ids=HAPPENS)
def test_each_is_told_once(spec: dict[str, Any], ends: tuple[str, ...], words: list[str]) -> None:
    world = told(**spec)
    said = []
    for end in ends:
        if not world.at_work():
            world.until(world.requeue_at or world.now)
        world.end_all(end)  # type: ignore[arg-type]
        world.settle()
        if world.jobs:
            said.append(world.tell().fields["event"])
    for _ in range(3):
        world.go(hours=1)
    assert said == words and world.jobs == {}


def test_nothing_delivered_is_told_once_until_something_is() -> None:
    world = told({**OPS, "when": ["NoDeliveries"]}, pauseAfterFailures=0)
    slots(world, "Promoted", "Rejected", "Failed")
    assert world.tell().key == "uid-s/1-NoDeliveries"
    slots(world, "Skipped", "AwaitingApproval", "Rejected")
    assert world.jobs == {}
    slots(world, "Promoted", "Rejected", "Rejected")
    assert world.tell().key == "uid-s/2-NoDeliveries"


def test_slots_that_were_missed_delivered_nothing() -> None:
    world = told(startingDeadlineSeconds=60)
    for slot in ("2026-11-28 03:02", "2026-12-05 03:02"):
        world.now = at(slot)
        world.settle()
    task = world.tell()
    assert task.fields["event"] == "NoDeliveries"
    assert "Sat 2026-12-05 03:00 UTC: Missed, No run was made for it in time" in task.body
    assert [line.state for line in world.status.recent] == ["Missed", "Missed"] and world.status.result == ""


def test_a_slot_that_a_proof_held_up_was_not_to_deliver() -> None:
    world = told(
        {**OPS, "when": ["NoDeliveries"]}, startingDeadlineSeconds=60, walkForward={"slots": 1, "minPassed": 1}
    )
    world.until("2026-12-12T09:00:00Z")
    assert world.status.recent == () and world.jobs == {}


def test_a_receiver_hears_what_it_asked_for() -> None:
    world = told(
        {**OPS, "when": ["Paused"]},
        {"name": "boss", "secretName": "mail", "when": ["NoDeliveries"]},
        pauseAfterFailures=2,
    )
    slots(world, "Failed", "Failed")
    assert {name: ask(world, name)[1] for name in ("ops", "boss")} == {"ops": "2-Paused", "boss": "1-NoDeliveries"}
    assert len(world.jobs) == 1  # one after the other
    assert {world.tell().receiver, world.tell().receiver} == {"ops", "boss"}


def test_what_is_so_when_a_receiver_is_added_is_not_told() -> None:
    world = World.of(pauseAfterFailures=1)
    world.settle()
    slots(world, "Failed")
    world.document["spec"]["notify"] = [OPS]  # a controller adds it: no edit that resumes
    world.settle()
    assert ask(world) == ("0-Paused", None) and world.jobs == {}


def test_it_is_told_while_the_schedule_is_suspended() -> None:
    world = told(pauseAfterFailures=1)
    world.until(world.requeue_at or world.now)
    world.edit(suspend=True)
    world.settle()
    world.end_all("Failed")
    world.settle()
    assert world.status.state == "Suspended" and world.tell().fields["event"] == "Paused"
    world.edit(suspend=False)
    world.settle()
    assert world.jobs == {}


def test_who_can_not_be_told_is_said_and_another_secret_tries_again() -> None:
    world = told(pauseAfterFailures=1)
    slots(world, "Failed")
    world.tell(failure="ReceiverRefused")
    condition = world.condition("Notified")
    assert condition is not None and (condition.status, condition.reason) == ("False", "NotTold")
    assert "ops was not told of Paused: ReceiverRefused: It says no." in condition.message
    warned = [event for event in world.events if event.reason == "NotTold"]
    assert len(warned) == 1 and warned[0].type == "Warning"
    world.go(hours=5)
    assert world.jobs == {} and len([event for event in world.events if event.reason == "NotTold"]) == 1
    world.document["spec"]["notify"] = [OPS | {"secretName": "other"}]
    world.settle()
    assert world.tell().key == "uid-s/1-Paused" and ask(world) == ("1-Paused", None)


def test_what_nobody_could_be_told_gives_way_to_what_happens_next() -> None:
    world = told(pauseAfterFailures=1)
    slots(world, "Failed")
    world.tell(failure="ReceiverRefused")
    world.annotate("resume", "a")
    world.settle()
    slots(world, "Failed")
    assert ask(world)[1] == "3-Paused"


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_it_is_told_wherever_the_operator_dies(writes: int) -> None:
    world = told(pauseAfterFailures=1)
    world.until(world.requeue_at or world.now)
    world.end_all("Failed")
    world.reconcile(writes=writes)
    world.settle()
    assert len(world.jobs) == 1 and world.tell().key == "uid-s/1-Paused"
    assert len([name for name in world.manifests if "-notify-" in name]) == 1


def test_a_receiver_that_is_taken_out_is_told_no_more() -> None:
    world = told(pauseAfterFailures=1)
    slots(world, "Failed")
    assert len(world.jobs) == 1
    world.document["spec"]["notify"] = []
    world.settle()
    assert world.jobs == {} and world.status.notified is None and world.status.transitions == 1


@pytest.mark.parametrize(("allowed", "image"), [((), "somebodys:1"), (("ours/*",), "ours/trainer:1")])
def test_an_image_that_is_not_allowed_keeps_nobody_from_being_told(allowed: tuple[str, ...], image: str) -> None:
    world = told(pauseAfterFailures=1, template={"pods": {"image": "somebodys:1"}})
    world.settings = Settings(default_image="ours/trainer:1", allowed_images=allowed)
    slots(world, "Failed")
    (job,) = world.jobs.values()
    (container,) = world.manifests[job.name]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image


# The words


def text_of(task: NotifyTask) -> str:
    return f"{task.title}\n{task.body}"


def test_the_words_of_a_pause() -> None:
    world = told(pauseAfterFailures=2)
    slots(world, "Failed", "Failed")
    assert text_of(world.tell()) == (
        "weekly: Paused\n"
        "2 runs failed in a row, so no more are made. What is in service stays.\n"
        "The last, weekly-202612050300: Failed for a reason.\n"
        "Mend that, then: retrain schedule resume weekly -n team"
    )


def test_the_words_of_nothing_delivered() -> None:
    world = told()
    slots(world, "Skipped", "Rejected")
    assert text_of(world.tell()) == (
        "weekly: nothing delivered\n"
        "The last two slots brought no model into service. What is in service stays, and grows old.\n"
        "Sat 2026-12-05 03:00 UTC: Rejected 0/3, Rejected for a reason\n"
        "Sat 2026-11-28 03:00 UTC: Skipped: Bug, Skipped for a reason\n"
        "Why: retrain report weekly-202612050300 -n team"
    )


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("Automatic", "From now on a run that passes is promoted by itself."),
        ("Manual", "From now on runs are made; one that passes waits for a person."),
        ("Never", "From now on runs are made; none is promoted (promotion.policy is Never)."),
    ],
)
def test_the_words_of_a_proof(policy: str, sentence: str) -> None:
    world = told(walkForward={"slots": 1, "minPassed": 1}, template={"promotion": {"policy": policy}})
    world.end_all("Passed")
    world.settle()
    task = world.tell()
    assert text_of(task).splitlines()[0] == "weekly: Proven" and task.body.endswith(sentence) and not task.warning


def test_the_words_of_a_proof_that_failed() -> None:
    world = told(walkForward={"slots": 1, "minPassed": 1})
    world.end_all("Rejected", 0.6)
    world.settle()
    body = world.tell().body.splitlines()
    assert body[0].startswith("0 of 1 replay pass the gate of today") and body[0].endswith("; 1 must.")
    assert body[1:] == [
        "Runs are made, and what they would promote waits for a person. What is in service stays.",
        "Another recipe is proven anew; a changed gate judges the same replays again.",
        "Replay by replay: retrain schedule status weekly -n team",
    ]


def test_programs_are_told_the_same() -> None:
    world = told(pauseAfterFailures=1)
    slots(world, "Failed")
    found = world.tell().fields
    assert json.loads(json.dumps(found)) == found
    assert (found["kind"], found["name"], found["namespace"], found["key"]) == (
        "RetrainSchedule",
        "weekly",
        "team",
        "1-Paused",
    )
    assert found["last"] == [{"run": FIRST, "slot": "2026-11-28T03:00:00Z", "result": "Failed: Bug"}]
