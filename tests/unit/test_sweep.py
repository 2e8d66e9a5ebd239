"""The sweep mends what no watch told of, and leaves alone what a late watch is about to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from retrain_operator.api import ApiError
from retrain_operator.cache import Cache
from retrain_operator.sweep import sweep
from support.bodies import job_body, pod_body, run_body

KEY = ("team", "improved-lstm")


@dataclass
class Cluster:
    """Lists and reads of what is there; a stand-in for the API server."""

    bodies: dict[str, dict[str, Any]]
    read: list[str] = field(default_factory=list)

    async def pages(self, path: str, *_: Any) -> AsyncIterator[dict[str, Any]]:
        yield {"items": [body for body in self.bodies.values() if f"/{body['kind'].lower()}s" in path]}

    async def get(self, path: str) -> dict[str, Any]:
        self.read.append(path.rsplit("/", 1)[-1])
        found = [body for body in self.bodies.values() if body["metadata"]["name"] == self.read[-1]]
        if not found:
            raise ApiError(404, "NotFound", f"{path} is not there")
        return found[0]


def filled(*bodies: dict[str, Any]) -> Cache:
    cache = Cache()
    for body in bodies:
        cache.put({"RetrainRun": "runs", "Job": "jobs", "Pod": "pods"}[body["kind"]], body)
    return cache


def swept(cluster: Cluster, cache: Cache, meanwhile: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """The keys it finds; `meanwhile` is what a watch tells while it waits."""

    async def both() -> list[tuple[str, str]]:
        work = asyncio.create_task(sweep(cluster, cache, [], patience=0.05))  # type: ignore[arg-type]
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
    newer = job_body(version="25")
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
