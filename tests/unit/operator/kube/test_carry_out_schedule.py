"""How a schedule's plan is carried out: its status first, then runs that it controls deleted, then runs created; nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support.bodies import child_body, run_body, schedule_body
from support.fake_api import FakeApi, Lost, collection, no_answer

from retrain_api.status.schedule import PendingRun, RetrainScheduleStatus
from retrain_api.wire import to_wire
from retrain_operator.kube.api import ApiError, Unreachable
from retrain_operator.kube.apply import Superseded, Writer
from retrain_operator.kube.refusals import Refused
from retrain_operator.state.cache import AnyKey, Cache
from retrain_operator.state.effects import Basis, Deletion, SchedulePlan
from retrain_operator.state.schedules import ScheduleKey

KEY = ScheduleKey("team", "every-saturday")
SCHEDULE, RUNS = f"{collection('retrainschedules', 'team')}/every-saturday", collection("retrainruns", "team")
NEW = "every-saturday-202611280300"
PENDING = RetrainScheduleStatus(state="Active", pending=PendingRun(slot="2026-11-28T03:00:00Z", name=NEW))
AT = datetime(2026, 11, 28, 3, tzinfo=UTC)


@dataclass
class Scene:
    """A schedule with an old run, known to the cache, and a plan that deletes that run and makes the one of a slot."""

    api: FakeApi = field(default_factory=FakeApi)
    made: list[AnyKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cache = Cache()
        self.body = self.api.put(schedule_body())
        self.cache.put("schedules", self.body)
        self.old = self.put(self.child("old"))
        self.cache.schedules.concerned = self.made.append
        meta = self.body["metadata"]
        deletion = Deletion("old", self.old["metadata"]["uid"], "HistoryLimit", "runs")
        self.plan = SchedulePlan(
            Basis(meta["uid"], meta["resourceVersion"]), (self.child(NEW),), (deletion,), PENDING, (), None
        )

    def child(self, name: str, **fields: Any) -> dict[str, Any]:
        return child_body(**{"owner": self.body["metadata"]["uid"], "name": name} | fields)

    def put(self, run: dict[str, Any]) -> dict[str, Any]:
        stored = self.api.put(run)
        self.cache.put("runs", stored)
        return stored

    def carry_out(self, **changes: Any) -> None:
        writer = Writer(self.api, self.cache, lambda: True, self.made.append, lambda: AT)  # type: ignore[arg-type]
        asyncio.run(writer.carry_out(self.body, replace(self.plan, **changes), lambda: None))

    def asked(self) -> list[tuple[str, str]]:
        return [(request.verb, request.resource) for request in self.api.asked]

    def names(self) -> list[str]:
        return [run["metadata"]["name"] for run in self.api.of("retrainruns")]

    def refusals(self) -> list[tuple[str, str, bool]]:
        return [(one.name, one.reason, one.lasting) for one in self.cache.schedule_view(KEY).refused]


def test_the_status_is_the_proof_and_comes_before_what_it_promises() -> None:
    scene = Scene()
    scene.carry_out()
    assert scene.asked() == [
        ("patch", "retrainschedules/status"),
        ("delete", "retrainruns"),
        ("create", "retrainruns"),
    ]
    assert scene.api.objects[SCHEDULE]["status"] == to_wire(PENDING)
    assert scene.names() == [NEW]


def test_a_run_is_deleted_in_the_background_in_the_version_that_was_judged() -> None:
    scene = Scene()
    scene.carry_out()
    meta = scene.old["metadata"]
    assert scene.api.asked[1].body == {
        "preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]},
        "propagationPolicy": "Background",
    }


def test_a_run_that_was_made_or_deleted_is_queued_and_so_is_its_schedule() -> None:
    """The watch brings no news of either: the answers did."""
    scene = Scene()
    scene.carry_out()
    assert scene.made == [KEY, ("team", "old"), KEY, ("team", NEW)]
    assert [run.name for run in scene.cache.schedule_view(KEY).runs] == [NEW]


def test_an_outdated_plan_changes_nothing() -> None:
    scene = Scene()
    scene.api.edit(SCHEDULE, {"spec": {"suspend": True}})
    with pytest.raises(Superseded):
        scene.carry_out()
    assert scene.names() == ["old"]
    assert scene.cache.schedules.known[KEY].body["spec"]["suspend"]


FOREIGN = {"of another schedule": "schedule-9", "orphaned": None}


@pytest.mark.parametrize("owner", FOREIGN.values(), ids=FOREIGN)
def test_only_what_the_schedule_controls_is_deleted(owner: str | None) -> None:
    scene = Scene()
    other = scene.put(scene.child("other", owner=owner))
    with pytest.raises(Superseded, match="run other is gone, or not of this schedule"):
        scene.carry_out(create=(), delete=(Deletion("other", other["metadata"]["uid"], "HistoryLimit", "runs"),))
    assert scene.names() == ["old", "other"]


def test_a_run_that_was_orphaned_a_moment_ago_stays() -> None:
    """The cache does not know it yet, the API server does."""
    scene = Scene()
    scene.api.edit(f"{RUNS}/old", {"metadata": {"ownerReferences": []}})
    with pytest.raises(Superseded):
        scene.carry_out()
    assert scene.names() == ["old"]
    assert [run.owned for run in scene.cache.schedule_view(KEY).runs] == [False]
    assert ("team", "old") in scene.made, "what changed it may matter to the run, too"


def test_a_run_that_is_gone_already_is_no_failure() -> None:
    scene = Scene()
    scene.api.remove(f"{RUNS}/old")
    scene.carry_out()
    assert scene.names() == [NEW]


def test_a_run_made_a_moment_ago_whose_answer_was_lost_is_adopted() -> None:
    scene = Scene()
    scene.api.fault = lambda request: Lost(no_answer()) if request.verb == "create" else None
    with pytest.raises(Unreachable):
        scene.carry_out()
    scene.api.fault = lambda request: None
    scene.body = scene.api.objects[SCHEDULE]
    meta = scene.body["metadata"]
    scene.carry_out(basis=Basis(meta["uid"], meta["resourceVersion"]), delete=())
    assert scene.names() == [NEW] and scene.refusals() == []
    assert [run.owned for run in scene.cache.schedule_view(KEY).runs] == [True]


TAKEN = {
    "by a run of nobody": run_body(name=NEW),
    "by a run of another schedule": child_body(owner="schedule-9", label="other", name=NEW),
    "by a run of an earlier schedule of that name": child_body(owner="schedule-0", name=NEW),
}


@pytest.mark.parametrize("run", TAKEN.values(), ids=TAKEN)
def test_a_name_that_is_taken_is_refused_and_what_has_it_is_not_adopted(run: dict[str, Any]) -> None:
    scene = Scene()
    scene.api.put(run)
    with pytest.raises(Refused, match=f"A run named {NEW} exists and is not this schedule's; delete it, or rename"):
        scene.carry_out()
    assert scene.refusals() == [(NEW, "NameTaken", False)]
    assert scene.api.of("retrainruns")[-1]["metadata"].get("ownerReferences") == run["metadata"].get("ownerReferences")


@pytest.mark.parametrize("owned", [True, False])
def test_a_run_of_that_name_that_is_being_deleted_is_waited_for(owned: bool) -> None:
    scene = Scene()
    scene.api.put(scene.child(NEW, **({} if owned else {"owner": "schedule-0"})))
    scene.api.mark(f"{RUNS}/{NEW}")
    with pytest.raises(Superseded, match="is still being deleted"):
        scene.carry_out()
    assert scene.refusals() == []


WORDS = 'retrainruns.retrain.crpbot.dev "x" is forbidden: '
REFUSED = {
    "by a quota": (ApiError(403, "Forbidden", f"{WORDS}exceeded quota: runs"), ("QuotaExceeded", False)),
    "by a policy": (
        ApiError(422, "Invalid", f"{WORDS}ValidatingAdmissionPolicy 'p' denied request: no"),
        ("Invalid", True),
    ),
    "as a value": (ApiError(422, "Invalid", "spec.symbols: Invalid value"), ("Invalid", True)),
}


@pytest.mark.parametrize(("error", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_run_that_the_api_server_refuses_is_remembered(error: ApiError, reason: tuple[str, bool]) -> None:
    scene = Scene()
    scene.api.fault = lambda request: error if request.verb == "create" else None
    with pytest.raises(Refused):
        scene.carry_out()
    assert scene.refusals() == [(NEW, *reason)]
    assert scene.cache.schedule_view(KEY).refused[0].since == AT


def test_a_run_that_a_status_names_and_no_watch_brought_is_read() -> None:
    scene = Scene()
    late = scene.api.put(scene.child("late"))
    writer = Writer(scene.api, scene.cache, lambda: True, scene.made.append)  # type: ignore[arg-type]
    for name in ("late", "gone"):
        asyncio.run(writer.look_up("team", name))
    assert scene.cache.version("runs", late["metadata"]["uid"]) is not None
    assert scene.made == [KEY, ("team", "late")], "no watch will bring news of it"
