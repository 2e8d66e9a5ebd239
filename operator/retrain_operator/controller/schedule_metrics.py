"""Prometheus metrics of schedules: whether their slots come, and whether anything is delivered. No label names a schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from retrain_api.cron import Cron
from retrain_api.status.run import FINAL_STATES
from retrain_api.status.schedule import RetrainScheduleStatus, ScheduleState
from retrain_operator.kube.clock import Clock
from retrain_operator.state.schedules import Schedules
from retrain_operator.state.stored import ScheduleSnapshot

from .gauges import LeadersGauge

_ENDS = FINAL_STATES | {"Deleted"}
_STEPS = 3
"""At the third slot after the last success two whole steps have passed without one: two runs had all the time that there is."""


def schedule_runs(registry: CollectorRegistry) -> Counter:
    """How the runs of schedules end."""
    return Counter(
        "retrain_schedule_runs_finished",
        "runs of schedules that reached a final state: Passed, Promoted, Rejected, Skipped, Failed, or were Deleted before; "
        "also among retrain_runs_finished_total",
        ["result"],
        registry=registry,
    )


def ended(before: RetrainScheduleStatus, after: RetrainScheduleStatus) -> Iterator[str]:
    """The results of the runs that are over since."""
    counted = {(one.run, one.state) for one in before.recent}
    for one in after.recent:
        if one.state in _ENDS and (one.run, one.state) not in counted:
            yield one.state


def observe_schedules(
    registry: CollectorRegistry,
    schedules: Schedules,
    leading: Callable[[], bool],
    on: Callable[[], bool],
    clock: Clock,
) -> None:
    """Read the gauges' values from these whenever the metrics are rendered."""
    Gauge(
        "retrain_schedules_on",
        "1 where this replica works on schedules, 0 where their CRD or a right is missing; /readyz says what",
        registry=registry,
    ).set_function(lambda: float(on()))
    counts = LeadersGauge(
        "retrain_schedules", "schedules in the cluster; exported by the leader", ["state"], registry=registry
    )
    counts.leading = leading
    for state in get_args(ScheduleState):
        counts.labels(state).set_function(partial(_count, schedules, state))
    for name, text, value in _GAUGES:
        gauge = LeadersGauge(name, f"{text}; exported by the leader", registry=registry)
        gauge.leading = leading
        gauge.set_function(partial(_read, value, schedules, clock))


def next_slot(schedules: Iterable[ScheduleSnapshot], now: datetime) -> float:
    """Unix time of the soonest slot that is ahead; 0 where there is none."""
    return min((time.timestamp() for time in _slots(schedules) if time > now), default=0.0)


def overdue(schedules: Iterable[ScheduleSnapshot], now: datetime) -> float:
    """Seconds since the earliest slot that has come and that nobody has acted upon; 0 where there is none."""
    return max([(now - time).total_seconds() for time in _slots(schedules)] + [0.0])


def last_success(schedules: Iterable[ScheduleSnapshot]) -> float:
    """Unix time of the last success that is longest ago, of those that make runs; 0 where there is none."""
    times = [one.succeeded for one in schedules if one.makes_runs and one.succeeded]
    return datetime.fromisoformat(min(times)).timestamp() if times else 0.0


def without_delivery(schedules: Iterable[ScheduleSnapshot], now: datetime) -> float:
    """How many that make runs have delivered nothing for two of their steps."""
    found = (_end_of_patience(one.schedule, one.time_zone, one.succeeded) for one in schedules if one.makes_runs)
    return sum(end is not None and end <= now for end in found)


@lru_cache(maxsize=4096)
def _end_of_patience(schedule: str, time_zone: str, succeeded: str) -> datetime | None:
    try:
        cron = Cron.parse(schedule, time_zone)
        time: datetime | None = datetime.fromisoformat(succeeded).astimezone(UTC)
    except ValueError:
        return None
    for _ in range(_STEPS):
        time = cron.after(time) if time is not None else None
    return time


_GAUGES: tuple[tuple[str, str, Callable[[Iterable[ScheduleSnapshot], datetime], float]], ...] = (
    (
        "retrain_schedule_next_timestamp_seconds",
        "when the soonest next slot of all schedules comes, as Unix time; 0 where none is ahead",
        next_slot,
    ),
    (
        "retrain_schedule_overdue_seconds",
        "the longest time since a slot came that the operator has not acted upon",
        overdue,
    ),
    (
        "retrain_schedule_last_success_timestamp_seconds",
        "of the schedules that make runs, when a run of the one that waits the longest last ended Promoted or Passed (or when its slots "
        "began to count), as Unix time; 0 where there is none",
        lambda schedules, now: last_success(schedules),
    ),
    (
        "retrain_schedules_without_delivery",
        "schedules that make runs of which none has ended Promoted or Passed for two whole steps",
        without_delivery,
    ),
)


def _slots(schedules: Iterable[ScheduleSnapshot]) -> Iterator[datetime]:
    return (datetime.fromisoformat(one.next_time) for one in schedules if one.next_time)


def _count(schedules: Schedules, state: str) -> float:
    return sum(one.state == state for one in schedules.all())


def _read(value: Callable[[Iterable[ScheduleSnapshot], datetime], float], schedules: Schedules, clock: Clock) -> float:
    return value(schedules.all(), clock())
