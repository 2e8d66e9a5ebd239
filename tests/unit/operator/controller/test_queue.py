"""The work queue: each key once, never twice at the same time, later after failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from retrain_operator.controller.queue import Queue


def in_loop(act: Callable[[Queue[str]], Awaitable[Any]], **options: Any) -> Any:
    """Run against a queue whose pauses are short and whose back-off has no chance in it."""

    async def main() -> Any:
        settings = {"quiet": 0.02, "first": 0.01, "longest": 0.04, "spread": lambda: 0.5} | options
        return await asyncio.wait_for(act(Queue(**settings)), timeout=10)

    return asyncio.run(main())


def test_a_key_added_often_is_looked_at_once() -> None:
    async def act(queue: Queue[str]) -> int:
        for _ in range(5):
            queue.add("a")
        return queue.depth

    assert in_loop(act) == 1


def test_a_first_look_is_due_at_once() -> None:
    async def act(queue: Queue[str]) -> int:
        queue.add("a")
        return queue.depth

    assert in_loop(act, quiet=1000.0) == 1


def test_a_key_at_work_is_not_given_to_a_second_worker() -> None:
    async def act(queue: Queue[str]) -> tuple[str, int, str]:
        queue.add("a")
        first = await queue.get()
        queue.add("a")
        waiting = queue.depth
        queue.done("a")
        return first, waiting, await queue.get()

    assert in_loop(act) == ("a", 0, "a")


def test_a_timer_that_fires_while_the_key_is_at_work_is_not_lost() -> None:
    async def act(queue: Queue[str]) -> str:
        queue.add("a")
        await queue.get()
        queue.add_after("a", 0.0)
        queue.done("a")
        return await queue.get()

    assert in_loop(act) == "a"


def test_a_burst_after_a_look_is_one_look_at_its_end() -> None:
    async def act(queue: Queue[str]) -> tuple[int, str]:
        queue.add("a")
        queue.done(await queue.get())
        for _ in range(5):
            queue.add("a")
        early = queue.depth
        return early, await queue.get()

    assert in_loop(act) == (0, "a")


def test_of_several_times_the_earliest_counts() -> None:
    async def act(queue: Queue[str]) -> str:
        queue.add_after("a", 1000)
        queue.add_after("a", 0.01)
        queue.add_after("a", 500)
        return await queue.get()

    assert in_loop(act) == "a"


def test_delays_double_up_to_the_longest_and_begin_anew_after_a_success() -> None:
    async def act(queue: Queue[str]) -> list[float]:
        delays = [queue.retry("a") for _ in range(4)]
        queue.succeeded("a")
        return [*delays, queue.retry("a")]

    assert in_loop(act) == [0.01, 0.02, 0.04, 0.04, 0.01]


def test_a_server_that_names_a_time_is_not_asked_before() -> None:
    async def act(queue: Queue[str]) -> float:
        return queue.retry("a", at_least=7.0)

    assert in_loop(act) == 7.0


def test_a_forgotten_key_does_not_come_back() -> None:
    async def act(queue: Queue[str]) -> int:
        queue.add_after("a", 0.01)
        queue.forget("a")
        await asyncio.sleep(0.05)
        return queue.depth

    assert in_loop(act) == 0


def test_one_key_does_not_hold_up_another() -> None:
    async def act(queue: Queue[str]) -> str:
        queue.retry("a")
        queue.add("b")
        return await queue.get()

    assert in_loop(act, first=1000.0, longest=1000.0) == "b"
