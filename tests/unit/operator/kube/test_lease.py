"""The Lease: never two holders at once, whatever the delays; taken over from the dead, and at once from who leaves."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_operator.kube.api import ApiError, Unreachable
from retrain_operator.kube.lease import Lease, LeaseLost, Record, free

DURATION = 15.0


@dataclass
class World:
    """Time that passes only when everybody waits for it."""

    now: float = 0.0
    sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.now + seconds, next(self.numbers), future))
        await future

    async def run(self, until: float, each_time: Callable[[], None] = lambda: None) -> None:
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            each_time()
            if not self.sleepers or self.now >= until:
                return
            self.now, _, future = heapq.heappop(self.sleepers)
            if not future.done():
                future.set_result(None)


@dataclass
class Server:
    """One Lease, written with compare-and-swap; every request takes `delay()` seconds there and back."""

    world: World
    delay: Callable[[], float] = lambda: 0.0
    stored: dict[str, Any] | None = None
    version: int = 0
    down: bool = False

    async def get(self, path: str) -> dict[str, Any]:
        await self._travel()
        if self.stored is None:
            raise ApiError(404, "NotFound", "")
        found = self.stored
        await self._travel()
        return found

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        await self._travel()
        if self.stored is not None:
            raise ApiError(409, "AlreadyExists", "")
        return await self._written(body)

    async def replace(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        await self._travel()
        if self.stored is None:
            raise ApiError(404, "NotFound", "")
        if body["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "")
        return await self._written(body)

    async def _written(self, body: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        written = self.stored = body | {"metadata": body["metadata"] | {"resourceVersion": str(self.version)}}
        await self._travel()
        return written

    async def _travel(self) -> None:
        if self.down:
            raise Unreachable("nobody answers")
        if delay := self.delay():
            await self.world.sleep(delay)


@dataclass
class Line:
    """One replica's way to the server, which now and then is cut for a while."""

    server: Server
    chance: random.Random
    cut_until: float = 0.0

    async def get(self, path: str) -> dict[str, Any]:
        await self._fare()
        return await self.server.get(path)

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        await self._fare()
        return await self.server.create(path, body)

    async def replace(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        await self._fare()
        return await self.server.replace(path, body)

    async def _fare(self) -> None:
        world = self.server.world
        if world.now >= self.cut_until and self.chance.random() < 0.03:
            self.cut_until = world.now + self.chance.uniform(5, 60)
        if world.now < self.cut_until:
            await world.sleep(1)
            raise Unreachable("nobody answers")


def candidate(server: Server, name: str, line: Line | None = None) -> Lease:
    world = server.world
    return Lease(line or server, "ns", "lease", name, DURATION, clock=lambda: world.now, sleep=world.sleep)


async def compete(lease: Lease) -> None:
    """What a replica does, and does again after it lost."""
    while True:
        await lease.acquire()
        try:
            await lease.keep()
        except LeaseLost:
            continue


def simulated(act: Callable[[World, Server], Awaitable[Any]], delay: Callable[[], float] = lambda: 0.0) -> Any:
    async def main() -> Any:
        world = World()
        return await act(world, Server(world, delay))

    return asyncio.run(main())


async def ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(0, 0.1, 1), (0, 4, 9), (0, 0.1, 1, 4, 9, 20)]))
def test_there_are_never_two_holders_whatever_the_delays_and_cuts(seed: int, delays: tuple[float, ...]) -> None:
    chance = random.Random(seed)
    holders: list[int] = []

    async def act(world: World, server: Server) -> None:
        leases = [candidate(server, f"c{number}", Line(server, chance)) for number in range(3)]
        tasks = [asyncio.ensure_future(compete(lease)) for lease in leases]
        await world.run(300, lambda: holders.append(sum(lease.held() for lease in leases)))
        await ended(*tasks)

    simulated(act, lambda: chance.choice(delays))
    assert max(holders) <= 1


def test_with_quick_answers_somebody_leads_nearly_always() -> None:
    holders: list[int] = []

    async def act(world: World, server: Server) -> None:
        leases = [candidate(server, f"c{number}") for number in range(3)]
        tasks = [asyncio.ensure_future(compete(lease)) for lease in leases]
        await world.run(300, lambda: holders.append(sum(lease.held() for lease in leases)))
        await ended(*tasks)

    simulated(act)
    assert sum(holders) >= len(holders) - 3


def takeover(leave: Callable[[Lease], Awaitable[None]]) -> float:
    """Simulated seconds from when the leader leaves to when the other leads."""

    async def act(world: World, server: Server) -> float:
        first, second = candidate(server, "first"), candidate(server, "second")
        leading = asyncio.ensure_future(compete(first))
        await world.run(40)
        standing_by = asyncio.ensure_future(compete(second))
        await world.run(71.3)
        assert first.held() and not second.held()
        await ended(leading)
        await leave(first)
        left, taken = world.now, [float("inf")]

        def note_who_holds_it() -> None:
            if second.held():
                taken[0] = min(taken[0], world.now)

        await world.run(left + 60, note_who_holds_it)
        await ended(standing_by)
        return taken[0] - left

    return simulated(act)  # type: ignore[no-any-return]


def test_a_killed_leader_is_replaced_within_20_seconds() -> None:
    async def die(lease: Lease) -> None:
        return

    assert DURATION * 2 / 3 <= takeover(die) <= 20


def test_one_who_leaves_is_replaced_at_the_next_turn() -> None:
    assert takeover(Lease.release) <= 1.5


def test_a_leader_that_cannot_renew_has_lost_before_another_may_take_it() -> None:
    async def act(world: World, server: Server) -> tuple[float, str]:
        lease = candidate(server, "first")
        await lease.acquire()
        keeping = asyncio.ensure_future(lease.keep())
        server.down = True
        await world.run(60)
        with pytest.raises(LeaseLost) as lost:
            await keeping
        return world.now, str(lost.value)

    now, sentence = simulated(act)
    assert now < DURATION
    assert "ns/lease" in sentence


def test_one_that_was_frozen_knows_it_when_it_wakes() -> None:
    async def act(world: World, server: Server) -> bool:
        lease = candidate(server, "first")
        await lease.acquire()
        world.now += DURATION  # nothing ran meanwhile
        return lease.held()

    assert simulated(act) is False


def test_a_release_after_a_renewal_that_was_cut_short_still_releases() -> None:
    async def act(world: World, server: Server) -> str:
        lease = candidate(server, "first")
        await lease.acquire()
        assert server.stored is not None
        meta = server.stored["metadata"] | {"resourceVersion": "99"}
        server.stored = server.stored | {"metadata": meta}  # written, and its answer never came
        await lease.release()
        return server.stored["spec"]["holderIdentity"]  # type: ignore[no-any-return]

    assert simulated(act) == ""


def test_a_release_leaves_alone_what_is_anothers() -> None:
    async def act(world: World, server: Server) -> str:
        lease = candidate(server, "first")
        await lease.acquire()
        assert server.stored is not None
        server.stored = server.stored | {
            "spec": server.stored["spec"] | {"holderIdentity": "second"},
            "metadata": server.stored["metadata"] | {"resourceVersion": "99"},
        }
        await lease.release()
        return server.stored["spec"]["holderIdentity"]  # type: ignore[no-any-return]

    assert simulated(act) == "second"


FREE = [("", 0.0, True), ("me", 0.0, True), ("other", 14.9, False), ("other", 15.0, True)]


@pytest.mark.parametrize(("holder", "silent", "may_take"), FREE)
def test_a_lease_is_free_when_released_ours_or_silent_for_its_duration(
    holder: str, silent: float, may_take: bool
) -> None:
    assert free(Record(holder, "1", DURATION, 0, since=100.0), "me", 100.0 + silent) is may_take


def test_the_transitions_are_counted_and_the_time_of_taking_it_stays() -> None:
    async def act(world: World, server: Server) -> list[Any]:
        first, second = candidate(server, "first"), candidate(server, "second")
        await first.acquire()
        assert server.stored is not None
        taken = server.stored["spec"]["acquireTime"]
        await first._take()
        kept = server.stored["spec"]["acquireTime"] == taken
        await first.release()
        await second.acquire()
        return [kept, server.stored["spec"]["leaseTransitions"], server.stored["spec"]["holderIdentity"]]

    assert simulated(act) == [True, 1, "second"]


@pytest.mark.parametrize("turns", range(4))
def test_a_renewal_that_is_answered_in_the_instant_of_the_stop_does_not_outlive_it(turns: int) -> None:
    class Slow(Server):
        answer: asyncio.Future[None] | None = None

        async def replace(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
            self.answer = asyncio.get_running_loop().create_future()
            await self.answer
            return await super().replace(path, body)

    async def ends() -> bool:
        server = Slow(World())
        lease = Lease(server, "ns", "lease", "first", DURATION, sleep=lambda _: asyncio.sleep(0))
        await lease.acquire()
        keeping = asyncio.ensure_future(lease.keep())
        while server.answer is None:
            await asyncio.sleep(0)
        server.answer.set_result(None)
        # By so many turns of the loop the answer is ahead of the cancellation.
        for _ in range(turns):
            await asyncio.sleep(0)
        keeping.cancel()
        done, _ = await asyncio.wait({keeping}, timeout=1.0)
        return bool(done)

    assert asyncio.run(ends())
