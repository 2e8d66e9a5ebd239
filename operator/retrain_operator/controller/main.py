"""The command `retrain-operator`: one replica from its start to its clean stop.

The process ends when its Lease is lost, rather than going on as a standby: a fresh start is the one state that is
known to be free of half-done work. Exit codes tell a Deployment, and a person, which of the ends it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator

from kubernetes.aio.config import ConfigException

from retrain_api.unforeseen import unforeseen
from retrain_operator.kube.api import Api, configuration
from retrain_operator.kube.clock import Clock, now_utc
from retrain_operator.kube.lease import Lease, LeaseLost

from .controller import Controller
from .health import Health
from .logs import configure
from .metrics import Metrics
from .settings import OperatorSettings, read

log = logging.getLogger(__name__)


def main(clock: Clock = now_utc) -> None:
    """Entry point of `retrain-operator`; tests give it a clock that is ahead."""
    settings = read(sys.argv[1:], os.environ)
    configure(settings.log_format, settings.log_level)
    # All modules are loaded and stay. Looking through them for garbage again and again took 8 % of the time of a hundred runs.
    gc.freeze()
    try:
        code = asyncio.run(_main(settings, clock))
    except ConfigException as error:
        log.error("no cluster: %s; run inside a cluster, or set KUBECONFIG", error)
        code = 2
    except OSError as error:
        log.error("can't listen on %s: %s; choose another --http-address", settings.http_address, error)
        code = 2
    except Exception as problem:  # the last net
        log.error(
            "%s It ends, to be started again.",
            unforeseen("The operator", problem),
            exc_info=log.isEnabledFor(logging.DEBUG),
        )
        code = 1
    sys.exit(code)


async def _main(settings: OperatorSettings, clock: Clock) -> int:
    """Exit code: 0 after a clean stop, 1 where the Lease was lost (to be started again, as a standby)."""
    stop = _stop_signal()
    metrics = Metrics()
    api = Api(await configuration(), metrics.requested)
    lease = _lease(api, settings) if settings.leader_election else None
    leading = lease.held if lease is not None else _always
    controller = Controller(api, settings, metrics, leading, clock=clock)
    on = lambda: controller.schedules.off is None  # noqa: E731
    metrics.observe(controller.queue, controller.watch_handler, controller.cache, leading, on, clock)
    try:
        async with _served(settings, controller, metrics), _background(controller.follow()) as following:
            return await _until(stop, following, controller, lease)
    finally:
        if lease is not None:
            await lease.release()
        await api.close()


def _lease(api: Api, settings: OperatorSettings) -> Lease:
    return Lease(api, settings.lease_namespace, settings.lease_name, settings.identity, settings.lease_seconds)


def _always() -> bool:
    return True


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _lead(controller: Controller, lease: Lease | None) -> None:
    """Wait for the Lease, then lead until it is lost."""
    if lease is None:
        await controller.lead()
        return
    await lease.acquire()
    log.info("leads now")
    async with _background(controller.lead()) as leading, _background(lease.keep()) as keeping:
        done, _ = await asyncio.wait({leading, keeping}, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _until(
    stop: asyncio.Event, following: asyncio.Task[None], controller: Controller, lease: Lease | None
) -> int:
    """Lead or stand by until asked to stop, or until leading or following ends for another reason."""
    async with _background(_lead(controller, lease)) as work, _background(stop.wait()) as stopped:
        done, _ = await asyncio.wait({work, stopped, following}, return_when=asyncio.FIRST_COMPLETED)
        if stopped in done:
            log.info("stops")
            await controller.stop()
            return 0
    for task in done:
        try:
            task.result()
        except LeaseLost as error:
            log.error("%s; ends, to be started again as a standby", error)
            return 1
    return 1


@contextlib.asynccontextmanager
async def _background(coroutine: object) -> AsyncIterator[asyncio.Task[None]]:
    """A task that is cancelled at the end of the block."""
    task: asyncio.Task[None] = asyncio.ensure_future(coroutine)  # type: ignore[call-overload]
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


@contextlib.asynccontextmanager
async def _served(settings: OperatorSettings, controller: Controller, metrics: Metrics) -> AsyncIterator[None]:
    health = Health(settings.http_address, controller.stuck, controller.not_ready, metrics.render, controller.notes)
    await health.start()
    try:
        yield
    finally:
        await health.stop()
