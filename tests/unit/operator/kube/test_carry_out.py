"""How a plan is carried out: proven once, in a fixed order, and no further than the API server lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from support.bodies import job_body, run_body
from support.fake_api import (
    FakeApi,
    Fault,
    Lost,
    Request,
    collection,
    internal_error,
    invalid,
    quota_exceeded,
    too_many,
)

from retrain_api.status.run import RetrainRunStatus
from retrain_api.wire import to_wire
from retrain_operator.kube.api import ApiError, Unreachable
from retrain_operator.kube.apply import NotLeading, Superseded, Writer
from retrain_operator.state.cache import Cache
from retrain_operator.state.effects import Basis, Deletion, Plan
from retrain_operator.state.view import Refusal

RUN, JOBS = f"{collection('retrainruns', 'team')}/improved-lstm", collection("jobs", "team")
QUEUED, CHANGED = RetrainRunStatus(state="Queued"), RetrainRunStatus(state="Training")


@dataclass
class Scene:
    """A run with one Job, known to the cache, and a plan made from it that deletes that Job and creates two."""

    status: RetrainRunStatus = QUEUED
    leading: Callable[[], bool] = lambda: True
    api: FakeApi = field(default_factory=FakeApi)
    wrote: list[int] = field(default_factory=list)
    """How many requests there had been each time that the status was reported as written."""

    def __post_init__(self) -> None:
        self.cache = Cache()
        self.run = self.api.put(run_body())
        self.run = self.api.edit(f"{RUN}/status", {"status": to_wire(QUEUED)})
        self.old = self.api.put(self.job("old"))
        self.cache.put("runs", self.run)
        self.cache.put("jobs", self.old)
        meta = self.run["metadata"]
        self.plan = Plan(
            Basis(meta["uid"], meta["resourceVersion"]),
            create=(self.job("one"), self.job("two")),
            delete=(Deletion("old", self.old["metadata"]["uid"], "Superseded"),),
            status=self.status,
            events=(),
            requeue_at=None,
        )

    def job(self, name: str, owner: str = "") -> dict[str, Any]:
        body = job_body(name=name, owner=owner or self.run["metadata"]["uid"])
        body["metadata"] = {
            key: value for key, value in body["metadata"].items() if key not in ("uid", "resourceVersion")
        }
        return body

    def carry_out(self, plan: Plan | None = None) -> None:
        """Raises what the writer raises."""
        writer = Writer(self.api, self.cache, self.leading)  # type: ignore[arg-type]
        wrote = lambda: self.wrote.append(len(self.api.asked))  # noqa: E731
        asyncio.run(writer.carry_out(self.run, plan or self.plan, wrote))

    def asked(self) -> list[str]:
        return [request.verb for request in self.api.asked]

    def fails(self, verb: str, fault: Fault) -> None:
        self.api.fault = lambda request: fault if request.verb == verb else None

    def proof(self) -> dict[str, Any]:
        return {"metadata": {name: self.run["metadata"][name] for name in ("resourceVersion", "uid")}}

    def refused(self) -> tuple[Refusal, ...]:
        return self.cache.view(self.run["metadata"]["uid"]).refused


def test_a_status_that_differs_is_written_first_and_is_the_proof() -> None:
    scene = Scene(CHANGED)
    scene.carry_out()
    assert scene.asked() == ["patch", "delete", "create", "create"]
    assert scene.api.asked[0].body == scene.proof() | {"status": {"state": "Training"}}
    assert scene.wrote == [1], "known as written before anything else is asked"
    assert scene.cache.runs[("team", "improved-lstm")].state == "Training"


def test_a_status_that_is_written_already_is_proven_by_a_patch_that_changes_nothing() -> None:
    scene = Scene(QUEUED)
    scene.carry_out()
    assert scene.asked() == ["patch", "delete", "create", "create"]
    assert scene.api.asked[0].body == scene.proof()
    assert scene.wrote == []
    assert [job["metadata"]["name"] for job in scene.api.of("jobs")] == ["old", "one", "two"]


def test_where_nothing_is_to_be_changed_nothing_is_asked() -> None:
    scene = Scene(QUEUED)
    scene.carry_out(replace(scene.plan, create=(), delete=()))
    assert scene.asked() == []


def test_a_status_alone_is_one_request() -> None:
    scene = Scene(CHANGED)
    scene.carry_out(replace(scene.plan, create=(), delete=()))
    assert scene.asked() == ["patch"]


OUTDATED: dict[str, Callable[[FakeApi], object]] = {
    "edited": lambda api: api.edit(RUN, {"spec": {"suspend": True}}),
    "written by another": lambda api: api.edit(f"{RUN}/status", {"status": {"state": "Training"}}),
    "gone": lambda api: api.remove(RUN),
    "made anew": lambda api: (api.remove(RUN), api.put(run_body())),
}


@pytest.mark.parametrize("status", [CHANGED, QUEUED], ids=["status differs", "status is written"])
@pytest.mark.parametrize("happens", OUTDATED.values(), ids=OUTDATED.keys())
def test_an_outdated_plan_changes_nothing_and_what_is_true_is_known_afterwards(
    happens: Callable[[FakeApi], object], status: RetrainRunStatus
) -> None:
    scene = Scene(status)
    happens(scene.api)
    before = scene.api.version
    with pytest.raises(Superseded):
        scene.carry_out()
    assert (scene.api.version, scene.wrote) == (before, [])
    there = {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in scene.api.of("retrainruns")}
    assert scene.cache.versions("runs") == there


def test_a_run_of_another_uid_with_the_same_version_is_not_taken_for_it() -> None:
    """After an etcd was restored, say. Of a status the API server ignores the UID, so its answer is compared."""
    scene = Scene(QUEUED)
    scene.run["metadata"]["uid"] = "another"
    with pytest.raises(Superseded):
        scene.carry_out(replace(scene.plan, basis=replace(scene.plan.basis, uid="another")))
    assert scene.asked() == ["patch"]


def test_a_plan_is_for_the_body_that_it_was_made_from() -> None:
    scene = Scene(QUEUED)
    for basis in (Basis("another", scene.plan.basis.version), Basis(scene.plan.basis.uid, ""), Basis("", "")):
        with pytest.raises(Superseded):
            scene.carry_out(replace(scene.plan, basis=basis))
    assert scene.asked() == []


@pytest.mark.parametrize("verb", ["patch", "delete", "create"])
@pytest.mark.parametrize("fault", [internal_error(), too_many(), Lost()], ids=["500", "429", "no answer"])
def test_what_fails_stops_the_plan_there_and_is_proven_again_the_next_time(verb: str, fault: Fault) -> None:
    scene = Scene(QUEUED)
    scene.fails(verb, fault)
    with pytest.raises((ApiError, Unreachable)):
        scene.carry_out()
    assert (
        scene.asked()
        == {
            "patch": ["patch"],
            "delete": ["patch", "delete"],
            "create": ["patch", "delete", "create", "create"],
        }[verb]
    )
    scene.fails("", None)
    tried = len(scene.asked())
    scene.carry_out()
    assert scene.asked()[tried] == "patch"
    assert [job["metadata"]["name"] for job in scene.api.of("jobs")] == ["old", "one", "two"]


def test_a_leader_that_is_none_any_more_writes_nothing_further() -> None:
    for count, asked in enumerate([[], ["patch"], ["patch", "delete"], ["patch", "delete", "create"]]):
        turns = iter([True] * count)
        scene = Scene(QUEUED, leading=lambda turns=turns: next(turns, False))  # type: ignore[misc]
        with pytest.raises(NotLeading):
            scene.carry_out()
        assert scene.asked() == asked


def test_a_job_to_delete_that_is_gone_or_has_a_namesake_is_forgotten() -> None:
    for anew in (False, True):
        scene = Scene(QUEUED)
        scene.api.remove(f"{JOBS}/old")
        if anew:
            scene.api.put(scene.job("old"))
        scene.carry_out()
        assert scene.old["metadata"]["uid"] not in scene.cache.versions("jobs")
        assert len(scene.api.of("jobs")) == (3 if anew else 2), "the namesake stays"


def test_a_404_to_a_resource_that_is_not_served_forgets_nothing() -> None:
    """A server that does not know RetrainRuns or Jobs (yet) answers so: nothing is said about the object."""
    for verb in ("patch", "delete"):
        scene = Scene(QUEUED)
        scene.fails(verb, ApiError(404, "NotFound", "the server could not find the requested resource"))
        with pytest.raises(ApiError):
            scene.carry_out()
        assert scene.cache.versions("runs") and scene.cache.versions("jobs")


def test_the_answer_to_a_create_that_comes_after_the_jobs_deletion_is_no_news() -> None:
    """It was deleted by hand as soon as it was there, and the watch was quicker than the answer."""
    scene = Scene(QUEUED)

    def deleted(request: Request) -> None:
        if request.verb == "create":
            scene.api.remove(f"{JOBS}/{request.body['metadata']['name']}")
            for change in scene.api.watched:
                if change.type == "DELETED":
                    scene.cache.drop(
                        "jobs", change.object["metadata"]["uid"], change.object["metadata"]["resourceVersion"]
                    )

    scene.api.meanwhile = deleted
    scene.carry_out()
    assert scene.cache.versions("jobs") == {}


def test_a_job_that_is_there_already_is_adopted_if_this_run_owns_it() -> None:
    scene = Scene(QUEUED)
    known = scene.api.put(scene.job("one"))["metadata"]
    scene.carry_out()
    assert scene.cache.version("jobs", known["uid"]) == known["resourceVersion"]


def test_a_job_of_that_name_that_another_owns_is_a_refusal() -> None:
    scene = Scene(QUEUED)
    scene.api.put(run_body(name="another"))
    scene.api.put(scene.job("one", owner=scene.api.of("retrainruns")[-1]["metadata"]["uid"]))
    with pytest.raises(ApiError):
        scene.carry_out()
    assert [(one.name, one.reason, one.lasting) for one in scene.refused()] == [("one", "NameTaken", False)]


REFUSALS = {"quota": (quota_exceeded("one"), "QuotaExceeded", False), "422": (invalid("one"), "Invalid", True)}


@pytest.mark.parametrize(("fault", "reason", "lasting"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_is_remembered_until_the_job_is_there(fault: ApiError, reason: str, lasting: bool) -> None:
    scene = Scene(QUEUED)
    scene.api.fault = lambda one: fault if one.verb == "create" and one.body["metadata"]["name"] == "one" else None
    with pytest.raises(ApiError):
        scene.carry_out()
    assert [(one.name, one.reason, one.lasting) for one in scene.refused()] == [("one", reason, lasting)]
    assert [job["metadata"]["name"] for job in scene.api.of("jobs")] == ["old", "two"], "the other one is made"
    scene.fails("", None)
    scene.carry_out()
    assert scene.refused() == ()
