"""One look at the promoted models of a run of this machine, now: the run's own plan, with its next look brought forward."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.run import RetrainRun
from retrain_api.spec.observation import Observation
from retrain_api.status.observation import ObservationStatus
from retrain_api.status.run import RetrainRunStatus
from retrain_api.time import Duration
from retrain_api.wire import timestamp

from .executor import LOOK, RESTING, Display, Executor
from .state import RunFolder, take_lock

_MOMENT = 0.05
"""Seconds."""


def promoted_run(folder: RunFolder) -> RetrainRun:
    """The run of a folder, with promoted models to look at. One that does not say how it is observed is for this once.

    Raises ConfigurationError("NothingToObserve"), and SoftwareError("BadState").
    """
    written, status, name = folder.definition(), folder.read_status(), folder.path.name
    if status.state not in RESTING:
        raise _nothing(f"{name} is at work ({status.state}): `retrain run -f FILE` goes on with it.")
    if status.promotion is None or not status.promotion.models:
        raise _nothing(f"{name} has promoted no model ({status.state}), so there is nothing to observe.")
    if written is None:
        raise _nothing(
            f"An earlier release carried {name} out, and did not keep what its models need: run `retrain run -f FILE` once more."
        )
    run = folder.identify(written)
    asked = run.spec.observation or Observation()
    return run.model_copy(update={"spec": run.spec.model_copy(update={"observation": asked})})


def look(
    folder: RunFolder,
    display: Display,
    stopping: Callable[[], bool],
    say: Callable[[str], None] = lambda _: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> RetrainRunStatus:
    """Look once, and return the status with what was found; where the observation is over, as it is.

    Raises what `promoted_run` raises, and SoftwareError("RunIsLocked") where another command works on the run.
    """
    lock = take_lock(folder, say)
    try:
        run = _brought_forward(promoted_run(folder), folder, now)
        return Executor(run, folder, display, stopping, lock.workers, looks=True).work()
    finally:
        lock.release()


def due(status: RetrainRunStatus, every: Duration, now: datetime) -> datetime:
    """When somebody who looks every so often looks next."""
    last = status.observation.last_time if status.observation else None
    return datetime.fromisoformat(last) + every.as_timedelta if last else now


def look_is_due(status: RetrainRunStatus, now: datetime) -> bool:
    """Whether the time of the next look has come."""
    found = status.observation
    if found is None or found.next_time is None or found.state == "Suspended":
        return False
    return datetime.fromisoformat(found.next_time) <= now


def is_over(status: RetrainRunStatus) -> bool:
    """Whether nobody looks any more: another run's model stands, or the time to observe is over."""
    found = status.observation
    return found is not None and found.next_time is None and found.state in ("Held", "Superseded")


def _brought_forward(run: RetrainRun, folder: RunFolder, now: Callable[[], datetime]) -> RetrainRun:
    """The run with its next look now, also on disk: the Job of a look is named by its time. One that was broken off goes on."""
    found = run.status.observation
    broken_off = any(job.phase == LOOK and not job.finished for job in folder.records())
    if found is None or found.next_time is None or broken_off:
        return run
    while timestamp(now()) == found.last_time:  # the Job of this look would be taken for that of the last one
        time.sleep(_MOMENT)
    forward: ObservationStatus = found.model_copy(update={"next_time": timestamp(now())})
    status = run.status.model_copy(update={"observation": forward})
    folder.write_status(status)
    return run.model_copy(update={"status": status})


def _nothing(message: str) -> ConfigurationError:
    return ConfigurationError(reasons.NOTHING_TO_OBSERVE, message)
