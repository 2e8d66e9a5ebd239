"""What Argo CD makes of a RetrainSchedule: its health and its actions, run by Lua 5.1 on statuses that `plan` wrote."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from typing import Any, get_args

import pytest
import yaml
from support.argo_cd import lua
from support.places import ROOT
from support.schedule_world import World, schedule_document

from retrain_api.status.schedule import UNSEEN_SCHEDULE, ScheduleState
from retrain_api.wire import to_wire
from retrain_operator.decide.schedule.conditions import unreadable

SCRIPTS = ROOT / "manifests" / "argocd" / "schedule"
KIND = "retrain.crpbot.dev_RetrainSchedule"
NAMES = ("trigger", "suspend", "resume")


def script(name: str) -> str:
    return (SCRIPTS / name).read_text()


def health(document: dict[str, Any]) -> tuple[str, str]:
    found = lua(script("health.lua"), document)
    assert set(found) == {"status", "message"}
    return found["status"], found["message"]


def enabled(document: dict[str, Any]) -> set[str]:
    found = lua(script("actions/discovery.lua"), document)
    assert set(found) == set(NAMES)
    assert all(action["displayName"] and action["iconClass"] for action in found.values())
    return {name for name, action in found.items() if not action["disabled"]}


def acted(name: str, world: World) -> World:
    """The same schedule after an action, as the operator sees it."""
    changed = lua(script(f"actions/{name}.lua"), world.document)
    if changed["spec"].get("suspend") != world.document["spec"].get("suspend"):
        world.edit(suspend=changed["spec"]["suspend"])
    world.document["metadata"]["annotations"] = changed["metadata"].get("annotations") or {}
    return world


def pending() -> World:
    world = World.of()
    world.document["status"] = {"observedGeneration": 1, "state": "Pending", "message": "A newer word."}
    return world


def active(**spec: Any) -> World:
    world = World.of(**spec)
    world.settle()
    return world


def unproven() -> World:
    world = active(walkForward={"slots": 2, "minPassed": 2})
    for _ in range(4):
        world.end_all("Rejected", accuracy=0.53)
        world.settle()
    return world


def paused() -> World:
    world = active(pauseAfterFailures=1)
    world.until("2026-11-28T03:00:00Z")
    world.end_all("Failed")
    world.settle()
    return world


def invalid() -> World:
    world = World.of()
    world.document["status"] = to_wire(unreadable(world.document, "spec.timeZone: no such zone.", world.now))
    return world


CASES: dict[str, tuple[Callable[[], World], str, set[str]]] = {
    "Pending": (pending, "Progressing", {"suspend"}),
    "Active": (active, "Healthy", {"trigger", "suspend"}),
    "Proving": (lambda: active(walkForward={}), "Healthy", {"suspend"}),
    "Unproven": (unproven, "Healthy", {"trigger", "suspend"}),
    "Paused": (paused, "Degraded", {"trigger", "suspend", "resume"}),
    "Suspended": (lambda: active(suspend=True), "Suspended", {"resume"}),
    "Invalid": (invalid, "Degraded", {"suspend"}),
}


def test_every_state_of_the_status_has_a_case() -> None:
    assert set(CASES) == set(get_args(ScheduleState))


@pytest.mark.parametrize("state", CASES)
def test_health_says_what_the_state_means_and_why(state: str) -> None:
    make, expected, _ = CASES[state]
    found = make().document
    assert found["status"]["state"] == state
    status, message = health(found)
    assert status == expected
    assert message == f"{state}: {found['status']['message']}"


@pytest.mark.parametrize("state", CASES)
def test_only_actions_that_make_sense_in_a_state_are_enabled(state: str) -> None:
    make, _, expected = CASES[state]
    assert enabled(make().document) == expected


def test_a_schedule_that_no_operator_has_seen_is_progress_and_says_so() -> None:
    found = schedule_document() | {"status": UNSEEN_SCHEDULE}
    assert health(found) == ("Progressing", "Waits for the operator to see the schedule.")
    assert enabled(found) == {"suspend"}


def test_a_name_that_something_else_has_is_degraded() -> None:
    world = active()
    world.until("2026-11-28T02:59:00Z")
    world.put("weekly-202611280300", owned=False)
    world.until("2026-11-28T03:00:00Z")
    status, message = health(world.document)
    assert status == "Degraded" and "weekly-202611280300" in message


OUTDATED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a schedule without a status": lambda found: found.pop("status"),
    "a status of an older spec": lambda found: found["metadata"].update(generation=9),
    "a schedule that is being deleted": lambda found: found["metadata"].update(
        deletionTimestamp="2026-01-05T12:00:00Z"
    ),
}


@pytest.mark.parametrize("case", OUTDATED)
@pytest.mark.parametrize("make", [active, paused, invalid])
def test_an_outdated_status_is_progress_whatever_it_says(case: str, make: Callable[[], World]) -> None:
    found = make().document
    OUTDATED[case](found)
    assert health(found)[0] == "Progressing"


def test_a_trigger_makes_one_run() -> None:
    world = acted("trigger", active())
    assert "trigger" not in enabled(world.document), "asked for, and not seen yet"
    world.settle()
    (made,) = world.made
    assert made.startswith("weekly-20261125") and "trigger" in enabled(world.document)
    assert health(world.document)[0] == "Healthy"


def test_resume_ends_a_pause_and_is_progress_until_it_is_seen() -> None:
    world = acted("resume", paused())
    assert health(world.document) == ("Progressing", "Waits for the operator to see the new resume token.")
    assert "resume" not in enabled(world.document)
    world.settle()
    assert world.status.state == "Active" and health(world.document)[0] == "Healthy"


def test_suspend_and_resume_undo_each_other() -> None:
    world = acted("suspend", active())
    world.settle()
    assert world.status.state == "Suspended"
    acted("resume", world).settle()
    assert world.status.state == "Active"
    assert not world.document["metadata"]["annotations"], "a suspension is no pause: no token is needed"


@pytest.mark.parametrize("name", NAMES)
def test_an_action_keeps_the_annotations_and_fields_that_are_there(name: str) -> None:
    found = active().document
    found["metadata"]["annotations"] = {"team": "alpha"}
    changed = lua(script(f"actions/{name}.lua"), found)
    assert changed["metadata"]["annotations"]["team"] == "alpha"
    assert changed["spec"]["runTemplate"] == found["spec"]["runTemplate"]


def test_a_run_has_no_mark_by_which_argo_cd_takes_it_for_its_own() -> None:
    tracked = {"argocd.argoproj.io/tracking-id": "models:retrain.crpbot.dev/RetrainSchedule:team/weekly"}
    world = World(schedule_document({"annotations": tracked, "labels": {"app.kubernetes.io/instance": "models"}}))
    world.until("2026-11-28T03:00:00Z")
    metadata = world.manifests["weekly-202611280300"]["metadata"]
    assert metadata.get("annotations", {}) == {}
    assert metadata["labels"] == {"retrain.crpbot.dev/schedule": "weekly"}


def test_the_patch_carries_exactly_these_scripts() -> None:
    generated = runpy.run_path(str(SCRIPTS.parent / "generate.py"))["generated"]()
    assert (SCRIPTS.parent / "argocd-cm.yaml").read_text() == generated, "run `make generate`"
    data = yaml.safe_load(generated)["data"]
    assert len(data) == 4 and data[f"resource.customizations.health.{KIND}"] == script("health.lua")
    actions = yaml.safe_load(data[f"resource.customizations.actions.{KIND}"])
    assert actions["discovery.lua"] == script("actions/discovery.lua")
    assert {each["name"]: each["action.lua"] for each in actions["definitions"]} == {
        name: script(f"actions/{name}.lua") for name in NAMES
    }


def test_every_script_is_in_use() -> None:
    assert {path.stem for path in (SCRIPTS / "actions").glob("*.lua")} == {*NAMES, "discovery"}
