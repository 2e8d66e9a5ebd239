"""A bug in the operator: the run's event and the log say it in one sentence, and the other runs go on."""

from __future__ import annotations

import asyncio
import logging

import pytest
from support.fake_cluster import FakeCluster
from support.planning import run_document
from support.replica import KEY

from retrain_operator.controller.controller import Controller
from retrain_operator.controller.metrics import Metrics
from retrain_operator.controller.settings import read
from retrain_operator.kube.diagnostics import Owner
from retrain_operator.kube.resync import prime


def failing(monkeypatch: pytest.MonkeyPatch) -> Controller:
    """A replica whose reconciles fail, with one run."""
    cluster = FakeCluster()
    cluster.put(run_document())
    settings = read(["--lease-namespace", "own", "--progress-reads-per-second", "0"], {})
    controller = Controller(cluster, settings, Metrics(), lambda: True)  # type: ignore[arg-type]
    asyncio.run(prime(cluster, controller.cache, ()))  # type: ignore[arg-type]

    async def reconcile(key: object) -> None:
        raise ZeroDivisionError("words of a library")

    monkeypatch.setattr(controller.reconciler, "reconcile", reconcile)
    return controller


async def reconciled(controller: Controller, times: int = 1) -> None:
    for _ in range(times):
        await controller._reconcile(KEY)


@pytest.mark.parametrize(("level", "traceback"), [(logging.INFO, False), (logging.DEBUG, True)])
def test_it_is_an_event_and_a_line_and_a_traceback_at_debug_alone(
    level: int, traceback: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    controller = failing(monkeypatch)
    with caplog.at_level(level, logger="retrain_operator.controller.controller"):
        asyncio.run(reconciled(controller))
    event = controller.poster.waiting.get_nowait()
    assert (event["reason"], event["type"]) == ("ReconcileFailed", "Warning")
    assert event["involvedObject"]["name"] == KEY[1]
    assert event["message"].startswith("Reconciling the run failed in a way that has no name yet, at retrain_operator.")
    [record] = caplog.records
    assert record.getMessage().startswith(event["message"]) and "Retries in" in record.getMessage()
    assert bool(record.exc_info) is traceback
    assert "words of a library" not in event["message"] + record.getMessage()


def test_the_event_of_one_bug_has_one_name_however_often_it_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = failing(monkeypatch)
    asyncio.run(reconciled(controller, times=3))
    names = {controller.poster.waiting.get_nowait()["metadata"]["name"] for _ in range(3)}
    assert len(names) == 1


def test_where_events_cannot_be_read_for_a_bug_the_next_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    controller, asked, changed = failing(monkeypatch), list[str](), list[object]()

    async def read(owner: Owner) -> bool:
        asked.append(owner[1])
        if len(asked) == 1:
            raise ZeroDivisionError("words of a library")
        return True

    async def both() -> None:
        task = asyncio.create_task(controller._explain())
        for uid in ("first", "second"):
            controller.unexplained.add((KEY, uid))
        async with asyncio.timeout(10):
            while not changed:
                await asyncio.sleep(0)
        task.cancel()

    monkeypatch.setattr(controller.events, "read", read)
    monkeypatch.setattr(controller, "_changed", changed.append)
    asyncio.run(both())
    assert (asked, changed, controller.unexplained.active) == (["first", "second"], [KEY], 0)
    [record] = caplog.records
    assert record.getMessage().startswith("Reading events failed in a way that has no name yet")
    assert "words of a library" not in record.getMessage()
