"""Whether schedules are on: what turns them off and on again, what is said of it, and what is somebody else's failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.bodies import schedule_body

from retrain_operator.controller.schedule_watch import ScheduleWatch
from retrain_operator.kube.api import ApiError, Unreachable
from retrain_operator.kube.watch import WatchHandler
from retrain_operator.state.cache import AnyKey, Cache
from retrain_operator.state.schedules import ScheduleKey

KEY = ScheduleKey("team", "every-saturday")
GONE = ApiError(404, "NotFound", "the server could not find the requested resource")
FORBIDDEN = ApiError(403, "Forbidden", 'retrainschedules is forbidden: User "x" cannot list resource')


@dataclass
class Cluster:
    """An API server that serves schedules or not, and grants rights or not. `fails` meets every list."""

    serves: bool = True
    denies: tuple[str, ...] = ()
    fails: Exception | None = None
    items: list[dict[str, Any]] = field(default_factory=lambda: [schedule_body()])
    queued: list[AnyKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        cache = Cache()
        self.watch = ScheduleWatch(self, cache, (), WatchHandler(cache, self.queued.append))  # type: ignore[arg-type]

    async def get(self, path: str) -> dict[str, Any]:
        names = ["retrainruns", *(["retrainschedules"] if self.serves else [])]
        return {"resources": [{"name": name} for name in names]}

    async def create(self, path: str, review: dict[str, Any]) -> dict[str, Any]:
        asked = review["spec"]["resourceAttributes"]
        return {"status": {"allowed": f"{asked['verb']} {asked['resource']}" not in self.denies}}

    async def pages(self, path: str, query: Mapping[str, str], accept: str | None = None) -> AsyncIterator[Any]:
        if self.fails is not None:
            raise self.fails
        yield {"metadata": {"resourceVersion": "100"}, "items": self.items}

    def refresh(self) -> str | None:
        """Look, or list; why they are off."""
        asyncio.run(self.watch.refresh())
        return self.watch.off


def test_they_are_on_where_definition_and_rights_are_there_and_every_schedule_is_queued() -> None:
    cluster = Cluster()
    assert cluster.refresh() is None
    assert cluster.queued == [KEY]


LACKS = {
    "the definition": (Cluster(serves=False), "the CRD retrainschedules.retrain.crpbot.dev is not installed"),
    "a right": (
        Cluster(denies=("delete retrainruns",)),
        "missing right: delete retrainruns.retrain.crpbot.dev in all namespaces",
    ),
    "an answer": (Cluster(fails=Unreachable("https://10.96.0.1 gives no answer")), "gives no answer"),
}


@pytest.mark.parametrize(("cluster", "words"), LACKS.values(), ids=LACKS)
def test_they_are_off_where_something_is_missing_which_is_said_once(
    cluster: Cluster, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert words in (cluster.refresh() or "")
    assert [record.getMessage() for record in caplog.records] == [f"schedules: off: {cluster.watch.off}"]
    cluster.serves, cluster.denies, cluster.fails = True, (), None
    assert cluster.refresh() is None, "it looks again"


@pytest.mark.parametrize("error", [GONE, FORBIDDEN], ids=["definition", "right"])
def test_what_is_taken_away_later_turns_them_off_and_what_was_deleted_meanwhile_is_forgotten(error: ApiError) -> None:
    cluster = Cluster()
    cluster.refresh()
    cluster.fails = error
    assert cluster.refresh() == str(error)
    cluster.fails, cluster.items = None, []
    assert cluster.refresh() is None
    assert cluster.watch.cache.schedules.known == {}


def test_an_api_server_that_fails_has_schedules_all_the_same() -> None:
    cluster = Cluster()
    cluster.refresh()
    cluster.fails = ApiError(500, "InternalError", "etcdserver: leader changed")
    with pytest.raises(ApiError):
        cluster.refresh()
    assert cluster.watch.off is None
