"""A resync finds what no watch delivered, and leaves alone what a late watch is about to deliver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bodies import job_body, pod_body, run_body
from support.fake_api import FakeApi, collection

from retrain_operator.kube.api import ApiError
from retrain_operator.kube.resync import resync
from retrain_operator.kube.watch import WatchHandler
from retrain_operator.state.cache import Cache
from retrain_operator.state.news import News
from retrain_operator.state.snapshot import Kind

KEY = ("team", "improved-lstm")


@dataclass
class Cluster:
    """Lists, as of version 60, and reads of what is there; a stand-in for the API server."""

    bodies: dict[str, dict[str, Any]]
    read: list[str] = field(default_factory=list)

    async def pages(self, path: str, *_: Any) -> AsyncIterator[dict[str, Any]]:
        items = [body for body in self.bodies.values() if f"/{body['kind'].lower()}s" in path]
        yield {"metadata": {"resourceVersion": "60"}, "items": items}

    async def get(self, path: str) -> dict[str, Any]:
        self.read.append(path.rsplit("/", 1)[-1])
        found = [body for body in self.bodies.values() if body["metadata"]["name"] == self.read[-1]]
        if not found:
            raise ApiError(404, "NotFound", f'jobs.batch "{self.read[-1]}" not found')
        return found[0]


def filled(*bodies: dict[str, Any]) -> Cache:
    cache = Cache()
    for body in bodies:
        cache.put({"RetrainRun": "runs", "Job": "jobs", "Pod": "pods"}[body["kind"]], body)
    return cache


def swept(cluster: Cluster, cache: Cache, meanwhile: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """The keys it finds; `meanwhile` is what a watch tells while it waits."""

    async def both() -> list[tuple[str, str]]:
        work = asyncio.create_task(resync(cluster, cache, [], patience=0.05))  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        if meanwhile is not None:
            cache.put("jobs", meanwhile)
        return await work

    return asyncio.run(both())


ALL = (run_body(), job_body(), pod_body())


def test_where_nothing_differs_nothing_is_read() -> None:
    cluster = Cluster({body["kind"]: body for body in ALL})
    assert swept(cluster, filled(*ALL)) == []
    assert cluster.read == []


@pytest.mark.parametrize("known", ["an older version", "nothing"])
def test_what_no_watch_told_of_is_read(known: str) -> None:
    newer = job_body(version="25", spec={"suspend": True})
    before = ALL if known == "an older version" else (run_body(), pod_body())
    cluster = Cluster({body["kind"]: body for body in (run_body(), newer, pod_body())})
    cache = filled(*before)
    assert swept(cluster, cache) == [KEY]
    assert cluster.read == [newer["metadata"]["name"]]
    assert cache.version("jobs", "job-1") == "25"


@pytest.mark.parametrize("version", ["25", "26"])
def test_a_watch_that_is_late_has_lost_nothing(version: str) -> None:
    cluster = Cluster({body["kind"]: body for body in (run_body(), job_body(version="25"), pod_body())})
    assert swept(cluster, filled(*ALL), meanwhile=job_body(version=version)) == []
    assert cluster.read == []


def test_what_is_gone_from_the_cluster_is_forgotten() -> None:
    cluster = Cluster({body["kind"]: body for body in (run_body(), job_body())})
    cache = filled(*ALL)
    assert swept(cluster, cache) == [KEY]
    assert cache.version("pods", "pod-1") is None
    assert cluster.read == []


def test_what_goes_between_the_list_and_the_reading_is_forgotten() -> None:
    cluster = Cluster({body["kind"]: body for body in (run_body(), job_body(version="25"), pod_body())})
    cache = filled(*ALL)
    listed = cluster.pages

    async def then_gone(path: str, *more: Any) -> AsyncIterator[dict[str, Any]]:
        async for page in listed(path, *more):
            yield page
        if "/pods" in path:
            del cluster.bodies["Job"]

    cluster.pages = then_gone  # type: ignore[method-assign]
    assert swept(cluster, cache) == [KEY]
    assert cache.version("jobs", "job-1") is None


@pytest.mark.parametrize(("version", "stays"), [("59", False), ("61", True)])
def test_what_comes_while_the_list_is_read_stays_if_it_is_newer_than_the_list(version: str, stays: bool) -> None:
    cluster = Cluster({body["kind"]: body for body in (run_body(), pod_body())})
    cache = filled(*ALL)
    listed = cluster.pages

    async def meanwhile(path: str, *more: Any) -> AsyncIterator[dict[str, Any]]:
        async for page in listed(path, *more):
            if "/jobs" in path:
                cache.put("jobs", job_body(version=version))
            yield page

    cluster.pages = meanwhile  # type: ignore[method-assign]
    swept(cluster, cache)
    assert (cache.version("jobs", "job-1") == version) is stays


def test_what_was_deleted_while_it_was_read_does_not_come_back() -> None:
    cluster = Cluster({body["kind"]: body for body in (run_body(), job_body(version="25"), pod_body())})
    cache = filled(*ALL)
    read = cluster.get

    async def late(path: str) -> dict[str, Any]:
        answer = await read(path)
        cache.drop("jobs", "job-1", version="26")
        return answer

    cluster.get = late  # type: ignore[method-assign]
    swept(cluster, cache)
    assert cluster.read and cache.version("jobs", "job-1") is None


def test_an_object_that_was_made_anew_under_its_name_takes_the_place_of_the_first() -> None:
    cluster = Cluster({body["kind"]: body for body in (run_body(), job_body(version="25"), pod_body())})
    cache = filled(*ALL)
    read = cluster.get

    async def anew(path: str) -> dict[str, Any]:
        cluster.bodies["Job"] = job_body(uid="job-2", version="62")
        return await read(path)

    cluster.get = anew  # type: ignore[method-assign]
    swept(cluster, cache)
    assert cache.versions("jobs") == {"job-2": "62"}


def test_a_404_to_a_resource_that_is_not_served_says_nothing_about_the_object() -> None:
    cluster = Cluster({body["kind"]: body for body in (run_body(), job_body(version="25"), pod_body())})
    cache = filled(*ALL)

    async def not_served(path: str) -> dict[str, Any]:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")

    cluster.get = not_served  # type: ignore[method-assign]
    with pytest.raises(ApiError):
        swept(cluster, cache)
    assert cache.version("jobs", "job-1") == "20"


ACTS = st.sampled_from(["create", "edit", "mark", "delete", "hear", "hear all", "miss"])


class Team:
    """A Job that comes and goes, and a watch that tells late of what happens, or misses it."""

    def __init__(self) -> None:
        self.api, self.cache, self.told = FakeApi(), Cache(), 0
        self.heard_gone, self.missed = set[str](), False
        self.handler = WatchHandler(self.cache, lambda key: None)
        self.run = self.api.put(run_body())

    def act(self, what: str) -> None:
        path = f"{collection('jobs', 'team')}/one"
        there = path in self.api.objects
        if what == "create" and not there:
            self.api.put(job_body(name="one", owner=self.run["metadata"]["uid"]))
        elif what == "edit" and there:
            self.api.edit(path, {"spec": {"parallelism": self.api.version}})
        elif what == "mark" and there:
            self.api.mark(path)
        elif what == "delete" and there:
            self.api.remove(path)
        elif what == "hear":
            self.hear()
        elif what == "hear all":
            self.hear_all()
        elif what == "miss":
            self.missed |= self.told < len(self.api.watched)
            self.told = min(self.told + 1, len(self.api.watched))

    def hear(self) -> None:
        """The next event of the watch."""
        if self.told < len(self.api.watched):
            change = self.api.watched[self.told]
            kind: Kind = "runs" if change.resource == "retrainruns" else "jobs"
            self.told += 1
            self.handler.handle(News.of(kind, change.object, change.type))
            self.heard_gone |= {change.object["metadata"]["uid"]} if change.type == "DELETED" else set()

    def hear_all(self) -> None:
        while self.told < len(self.api.watched):
            self.hear()

    def truth(self) -> dict[str, str]:
        return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in self.api.of("jobs")}


@settings(max_examples=300)
@given(st.lists(ACTS, max_size=4), st.lists(ACTS, max_size=2), st.lists(ACTS, min_size=2, max_size=5))
def test_a_resync_in_the_middle_of_everything_brings_nothing_back(
    before: list[str], listing: list[str], reading: list[str]
) -> None:
    """While its answers are on their way the Job comes and goes, and the watch tells of it. Once the watch has caught up,
    the cache is right; what the watch has missed is seen to by the next resync.
    """
    team = Team()
    for act in before:
        team.act(act)
    team.api.meanwhile = lambda request: [team.act(act) for act in (reading if request.verb == "get" else listing)]
    asyncio.run(resync(team.api, team.cache, []))  # type: ignore[arg-type]
    team.api.meanwhile = lambda request: None
    team.hear_all()
    assert not team.heard_gone & team.cache.versions("jobs").keys()
    assert team.missed or team.cache.versions("jobs") == team.truth()
    asyncio.run(resync(team.api, team.cache, []))  # type: ignore[arg-type]
    assert team.cache.versions("jobs") == team.truth()
