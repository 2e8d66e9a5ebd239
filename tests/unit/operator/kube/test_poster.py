"""Events are posted in the background, so that none waits for long and none holds up the work."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from retrain_operator.kube.events import Poster


class SlowServer:
    """An API server that answers nothing until `free` is set."""

    def __init__(self) -> None:
        self.free, self.asked = asyncio.Event(), list[str]()

    async def create(self, path: str, body: dict[str, Any]) -> None:
        self.asked.append(body["metadata"]["name"])
        await self.free.wait()


def event(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "team"}, "reason": "Training"}


async def posted(count: int) -> tuple[int, list[str]]:
    """How many of so many events are under way at a slow API server, and all that were posted once it answers."""
    server = SlowServer()
    poster = Poster(server, lambda: True)  # type: ignore[arg-type]
    for number in range(count):
        poster.post(event(f"e{number}"))
    work = asyncio.create_task(poster.work())
    await asyncio.sleep(0.05)
    under_way = len(server.asked)
    server.free.set()
    await asyncio.sleep(0.05)
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return under_way, server.asked


def test_an_event_waits_for_the_answers_of_a_few_others_at_most() -> None:
    under_way, names = asyncio.run(posted(10))
    assert 1 < under_way < 10
    assert names == [f"e{number}" for number in range(10)], "in the order in which they happened"
