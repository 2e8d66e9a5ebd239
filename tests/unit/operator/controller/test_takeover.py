"""A replica takes over: what the leader before has created is known before anything is created in its place."""

from __future__ import annotations

import asyncio
import contextlib

from support.fake_cluster import FakeCluster
from support.planning import run_document
from support.replica import KEY, Replica

from retrain_operator.controller.controller import Controller
from retrain_operator.controller.metrics import Metrics
from retrain_operator.controller.settings import read
from retrain_operator.kube.paths import one
from retrain_operator.kube.resync import prime
from retrain_operator.state.cache import AnyKey
from retrain_operator.state.news import News


def test_an_edit_beside_a_late_watch_gives_no_training_a_second_job() -> None:
    """The run's watch is on time and that of its Jobs is not; the edit gives the Jobs other names."""
    cluster = FakeCluster()
    cluster.put(run_document())
    before, after = Replica(cluster), standby(cluster)
    before.watch()
    before.reconcile()
    trainings = set(cluster.jobs())
    assert len(trainings) == 3
    edit = {"spec": {"train": {"resources": {"limits": {"memory": "8Gi"}}}}}
    after.cache.put("runs", cluster.edit(one("runs", *KEY), edit))
    asyncio.run(lead(after))
    assert set(after.cache.jobs), "the Jobs were listed"
    assert set(cluster.jobs()) == trainings


def test_a_stand_by_queues_nothing_that_it_will_not_reconcile_and_reconciles_all_of_it_once_it_leads() -> None:
    cluster = FakeCluster()
    controller = standby(cluster)
    body = cluster.put(run_document())
    asyncio.run(resync_by_hand(controller))
    assert set(controller.cache.runs) == {KEY}
    edited = cluster.edit(one("runs", *KEY), {"spec": {"parallelism": 2}})
    controller.watch_handler.handle(News.of("runs", edited, "MODIFIED"))
    assert body["metadata"]["uid"] in controller.cache.versions("runs")
    assert controller.queue.depth == 0
    asyncio.run(lead(controller))
    assert len(cluster.jobs()) == 2, "as many as spec.parallelism allows"
    assert controller.queue.depth == 0


def test_a_year_of_finished_runs_does_not_keep_the_lease_waiting() -> None:
    """Their reconciles ask for nothing, so that none of them ever waits."""
    controller, done = standby(FakeCluster()), list[AnyKey]()

    async def reconciled(key: AnyKey) -> None:
        done.append(key)

    async def turn() -> int:
        """How many were done when another task had its second turn."""
        for number in range(1000):
            controller.queue.add(("team", str(number)))
        working = asyncio.create_task(controller._work())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        working.cancel()
        return len(done)

    controller.reconciler.reconcile = reconciled  # type: ignore[method-assign,assignment]
    assert asyncio.run(turn()) <= 2


def test_what_happens_does_not_wait_behind_a_year_of_finished_runs() -> None:
    controller = standby(FakeCluster())
    finished = [("team", str(number)) for number in range(1000)]

    async def waiting() -> int:
        """How many are in the queue after a while in which nobody works."""
        catching_up = asyncio.create_task(controller._catch_up(finished))
        await asyncio.sleep(0.1)
        catching_up.cancel()
        return controller.queue.depth

    assert asyncio.run(waiting()) == controller.settings.workers


async def resync_by_hand(controller: Controller) -> None:
    """What a stand-by does every five minutes."""
    await controller._resync(patience=0.0)


def standby(cluster: FakeCluster) -> Controller:
    """A replica that read its first lists before anything was created."""
    settings = read(["--lease-namespace", "own", "--progress-reads-per-second", "0"], {})
    controller = Controller(cluster, settings, Metrics(), lambda: True)  # type: ignore[arg-type]
    asyncio.run(prime(cluster, controller.cache, ()))  # type: ignore[arg-type]
    controller.primed = True
    return controller


async def lead(controller: Controller) -> None:
    """Until every run was reconciled at least once."""
    leading = asyncio.create_task(controller.lead())
    while not controller.cache.jobs and not leading.done():
        await asyncio.sleep(0)
    await asyncio.sleep(0.5)
    leading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leading
