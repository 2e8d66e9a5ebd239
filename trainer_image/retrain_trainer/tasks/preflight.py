"""The preflight command: what would stop a training, found on a CPU within seconds, before a GPU is asked for.

It can stop a symbol and never admits one. What stops one is a line of the result, whatever its cause; what passes by itself,
such as a store that is away, ends the task instead, and a preflight without a result stops nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from retrain_api import reasons
from retrain_api.documents.results import PreflightResult, Refusal
from retrain_api.documents.tasks import PreflightItem, PreflightTask
from retrain_api.errors import ConfigurationError, RetrainError
from retrain_api.status.lateness import Late, late_line
from retrain_api.time import duration, nanoseconds_of
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.freshness import newest_close
from retrain_trainer.data.preflight import Demand, closed_bars, require_news
from retrain_trainer.measure.tries.last_used import last_used
from retrain_trainer.store.base import Store
from retrain_trainer.store.credentials import environ_for
from retrain_trainer.store.locate import open_artifacts
from retrain_trainer.store.open import open_store, split_uri
from retrain_trainer.store.probe import probe_once

LOOK_AGAIN_SECONDS = 60.0

Log = Callable[[str], None]

_LATE = (reasons.DATA_STALE, reasons.NO_NEW_BARS)
"""What more bars would mend."""


@dataclass(frozen=True)
class Clock:
    """Nanoseconds UTC, and a way to wait. Tests have another."""

    now: Callable[[], int] = time.time_ns
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Preflight:
    """What the looks at the symbols of one index share. `until` is the time as of which the run learns; None is the clock's."""

    task: PreflightTask
    demand: Demand
    store: Store
    environ: Mapping[str, str]
    clock: Clock
    until: int | None


@dataclass(frozen=True)
class Finding:
    """What stops a symbol, and when its newest closed bar closed, where that is known."""

    item: PreflightItem
    error: RetrainError
    newest: int | None = None

    @property
    def is_late(self) -> bool:
        """Whether more bars would mend it."""
        return self.error.reason in _LATE

    @property
    def refusal(self) -> Refusal:
        """The line of the result."""
        skipped = self.error.reason == reasons.NO_NEW_BARS
        return Refusal(symbol=self.item.symbol, reason=self.error.reason, message=self.error.message, skipped=skipped)


def run(task: PreflightTask, environ: Mapping[str, str], log: Log, clock: Clock | None = None) -> PreflightResult:
    """Look at the symbols of JOB_COMPLETION_INDEX, again each minute while their data is late and `data.waitFor` lasts.

    Raises StoreUnreachable and SoftwareError for what may pass by itself.
    """
    clock = clock or Clock()
    items = task.items_of(_index(environ))
    try:
        store, _ = open_artifacts(task.artifacts_uri, environ)
        if probe_once(store, datetime.fromtimestamp(clock.now() / 1e9, UTC)):
            log(f"{store.uri} was probed: it can be written, and its conditional writes are honest")
    except RetrainError as error:
        return _result(task, [Finding(item, _lasting(error)) for item in items], log)
    preflight = Preflight(task, demand_of(task), store, environ, clock, _until(task, clock))
    return _result(task, _found(preflight, items, log), log)


def demand_of(task: PreflightTask) -> Demand:
    """What the run asks of each file."""
    return Demand(task.question, task.windows, task.features, task.built_in, duration(task.max_age), task.min_new_bars)


def _found(preflight: Preflight, items: tuple[PreflightItem, ...], log: Log) -> list[Finding]:
    """What stops the symbols, once nothing is late any more or the wait is over."""
    clock, wait = preflight.clock, duration(preflight.task.wait_for)
    deadline = clock.now() + (wait.nanoseconds if wait else 0)
    found = {item.symbol: look(preflight, item, log) for item in items}
    while late := [one for one in found.values() if one is not None and one.is_late]:
        left = (deadline - clock.now()) / 1e9
        if left <= 0:
            break
        log(late_line(_late(late, deadline)))
        clock.sleep(min(LOOK_AGAIN_SECONDS, left))
        found |= {one.item.symbol: look(preflight, one.item, log) for one in late}
    return [one for one in found.values() if one is not None]


def _late(late: list[Finding], deadline: int) -> Late:
    oldest = min(late, key=lambda one: one.newest or 0)
    return Late(oldest.item.symbol, len(late) - 1, iso_time(oldest.newest or 0), iso_time(deadline))


def look(preflight: Preflight, item: PreflightItem, log: Log) -> Finding | None:
    """What stops a symbol; None where nothing does, or nothing can be said. Raises what may pass by itself."""
    now, newest = preflight.clock.now(), None
    until, demand = preflight.until if preflight.until is not None else now, preflight.demand
    try:
        root, key = split_uri(item.data_uri)
        data = open_store(root, environ_for("data", preflight.environ))
        bars = closed_bars(data, key, item.symbol, demand, until, now)
        if bars is None:
            log(f"{item.symbol}: {item.data_uri} was replaced each time it was read, so nothing can be said of it yet")
            return None
        newest = newest_close(bars, demand.question.interval) if len(bars) else None
        used = last_used(preflight.store, item.symbol, item.recipe) if demand.min_new_bars else None
        require_news(bars, demand, until, used, key.rpartition("/")[2])
    except RetrainError as error:
        return Finding(item, _lasting(error), newest)
    return None


def _lasting(error: RetrainError) -> RetrainError:
    """The error, where it lasts. Raises one that may pass by itself."""
    if error.retryable:
        raise error
    return error


def _result(task: PreflightTask, found: list[Finding], log: Log) -> PreflightResult:
    for one in found:
        log(f"{one.item.symbol}: {one.error.reason}: {one.error.message}")
    if not found:
        log("Nothing stops these symbols.")
    return PreflightResult(preflight_key=task.preflight_key, refused=tuple(one.refusal for one in found))


def _index(environ: Mapping[str, str]) -> int:
    text = environ.get("JOB_COMPLETION_INDEX", "0")
    if not text.isdecimal():
        raise ConfigurationError(reasons.BAD_TASK, f"JOB_COMPLETION_INDEX is {text!r}; it must be a number.")
    return int(text)


def _until(task: PreflightTask, clock: Clock) -> int | None:
    """The time as of which the run learns; None is the clock's. That of the work under way holds whatever this node's clock says."""
    if task.as_of is not None:
        return nanoseconds_of(task.as_of)
    return None if task.until is None else min(nanoseconds_of(task.until), clock.now())
