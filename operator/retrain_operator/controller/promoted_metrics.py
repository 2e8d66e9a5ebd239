"""Prometheus metrics of promoted models: how they do, and whether people are told. No label names a run, a symbol or a receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import get_args

from prometheus_client import CollectorRegistry, Counter

from retrain_api.status.notified import Notified
from retrain_api.status.observation import ObservationStatus, ObservedState
from retrain_operator.kube.clock import Clock
from retrain_operator.state.promoted import Promoted

from .gauges import LeadersGauge, oldest

STANDING = [state for state in get_args(ObservedState) if state != "Superseded"]
"""States that are counted: superseded models stay in the statuses of all runs that ever were."""


class Looks:
    """How looks at promoted models, and notifications, end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._looks = Counter(
            "retrain_looks",
            "looks at the promoted models of a run, by how they ended: Read, Failed (for one of them at least)",
            ["result"],
            registry=registry,
        )
        self._told = Counter(
            "retrain_notifications",
            "notifications of runs and schedules, by how they ended: Told, Failed",
            ["result"],
            registry=registry,
        )
        for counter, good in ((self._looks, "Read"), (self._told, "Told")):
            for result in (good, "Failed"):
                counter.labels(result)

    def looked(self, before: ObservationStatus | None, after: ObservationStatus | None) -> None:
        """Count the look that a status is the first to speak of."""
        before, after = before or ObservationStatus(), after or ObservationStatus()
        if after.failed_key is not None and after.failed_key != before.failed_key:
            self._looks.labels("Failed").inc()
        elif after.key is not None and after.key != before.key:
            self._looks.labels("Read").inc()

    def told(self, before: tuple[Notified, ...] | None, after: tuple[Notified, ...] | None) -> None:
        """Count the notifications that a status is the first to speak of."""
        known = {one.name: one for one in before or ()}
        for one in after or ():
            earlier = known.get(one.name) or Notified(name=one.name)
            if one.at is not None and (one.at, one.key) != (earlier.at, earlier.key):
                self._told.labels("Told").inc()
            if one.failed_key is not None and one.failed_key != earlier.failed_key:
                self._told.labels("Failed").inc()


def observe_promoted(
    registry: CollectorRegistry, runs: Callable[[], Iterable[Promoted]], leading: Callable[[], bool], clock: Clock
) -> None:
    """Read the gauges' values from these whenever the metrics are rendered."""
    models = LeadersGauge(
        "retrain_promoted_models",
        "promoted models that are observed, until a newer run's model is promoted; exported by the leader",
        ["state"],
        registry=registry,
    )
    models.leading = leading
    for state in STANDING:
        models.labels(state).set_function(partial(_count, runs, state))
    for name, text, value in _GAUGES:
        gauge = LeadersGauge(name, f"{text}; exported by the leader", registry=registry)
        gauge.leading = leading
        gauge.set_function(partial(_read, value, runs, clock))


def overdue(runs: Iterable[Promoted], now: datetime) -> float:
    """Seconds since the earliest look that should have been made; 0 where none is late."""
    return _since(now, (run.next_time for run in runs))


def learning_age(runs: Iterable[Promoted], now: datetime) -> float:
    """Seconds since the oldest learning ended."""
    return _since(now, (run.learnt for run in runs if run.is_looked_at and run.states))


def _since(now: datetime, times: Iterable[str]) -> float:
    """Seconds since the earliest; as the API writes times, whose order is that of the text, so that one of ten thousand is parsed."""
    return oldest([min(filter(None, times), default="")], now)


def wealth(runs: Iterable[Promoted]) -> float:
    """Of the richest bet against a model, where an alarm is at 1."""
    return max((run.wealth for run in runs if run.is_looked_at), default=0.0)


_GAUGES: tuple[tuple[str, str, Callable[[Iterable[Promoted], datetime], float]], ...] = (
    (
        "retrain_promoted_learning_age_seconds",
        "of the promoted models that are still looked at, how long ago the learning of the oldest ended",
        learning_age,
    ),
    (
        "retrain_promoted_wealth_ratio",
        "of the promoted models that are still looked at, the highest wealth of a bet against one, as a part of the line at which it is "
        "called Decaying: above 1 once it is crossed",
        lambda runs, now: wealth(runs),
    ),
    (
        "retrain_observation_overdue_seconds",
        "the longest time since promoted models should have been looked at",
        overdue,
    ),
)


def _count(runs: Callable[[], Iterable[Promoted]], state: str) -> float:
    return sum(run.states.count(state) for run in runs())


def _read(
    value: Callable[[Iterable[Promoted], datetime], float], runs: Callable[[], Iterable[Promoted]], clock: Clock
) -> float:
    return value(runs(), clock())
