"""What asking for the events of waiting Jobs may cost, by a clock that only the answers and the test move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from support.bodies import job_body

from retrain_operator.kube import diagnostics
from retrain_operator.kube.api import Unreachable
from retrain_operator.kube.diagnostics import EventReader
from retrain_operator.state.cache import Cache

RUNS = 500


@dataclass
class SlowEvents:
    """An API server whose events say nothing, and take `seconds` for it."""

    seconds: float
    fails: bool = False
    clock: float = 1_000.0
    asked: int = 0

    async def pages(self, path: str, query: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        self.asked += 1
        self.clock += self.seconds
        if self.fails:
            raise Unreachable("no answer")
        yield {"items": []}


def waiting_jobs() -> Cache:
    """A Job without a pod for each of many runs, since long ago."""
    cache = Cache()
    for number in range(RUNS):
        cache.put("jobs", job_body(uid=f"job-{number}", owner=f"run-{number}"))
    return cache


@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
@pytest.mark.parametrize(
    ("seconds", "in_a_minute"),
    [(0.001, (115, 125)), (0.02, (115, 125)), (0.5, (5, 9)), (3.0, (1, 4))],
    ids=["at once", "fast", "half a second", "three seconds"],
)
def test_asking_why_many_wait_takes_a_small_share_of_the_api_server_s_time(
    seconds: float, in_a_minute: tuple[int, int], fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = SlowEvents(seconds, fails)
    monkeypatch.setattr(diagnostics, "time", SimpleNamespace(monotonic=lambda: events.clock))
    reader = EventReader(events, waiting_jobs(), lambda owner, seconds: None)  # type: ignore[arg-type]

    async def for_a_minute() -> None:
        end, number = events.clock + 60, 0
        while events.clock < end:
            await reader.read((("team", f"run-{number % RUNS}"), f"run-{number % RUNS}"))
            number, events.clock = number + 1, events.clock + 0.01

    asyncio.run(for_a_minute())
    assert in_a_minute[0] <= events.asked <= in_a_minute[1]
