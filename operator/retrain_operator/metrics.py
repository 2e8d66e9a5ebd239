"""Prometheus metrics. No label names a run: their number must not grow with the work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from retrain_api.status import FINAL_STATES, Condition, RetrainRunStatus, State

from .paths import KINDS, Kind

_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
_REASONS = frozenset(
    [
        "OOMKilled",
        "Evicted",
        "NodeLost",
        "Preempted",
        "EphemeralStorage",
        "DeadlineExceeded",
        "PendingDeadlineExceeded",
        "NoGPU",
        "DataChanged",
        "StoreUnreachable",
        "LossNotFinite",
        "ResultLost",
        "PodFailed",
        "QuotaExceeded",
        "Invalid",
        "Forbidden",
    ]
)
"""Reasons that are counted by name; a trainer may say any other, and labels must not grow without bound."""
_PHASES = (("train", None, "Trained"), ("evaluate", "Trained", "Evaluated"), ("publish", "Evaluated", "Reported"))


class Depth(Protocol):
    """What waits for a look."""

    @property
    def depth(self) -> int:
        """How many."""


class Aged(Protocol):
    """What is heard of the cluster."""

    def age(self, kind: Kind) -> float:
        """Seconds since."""


class Standing(Protocol):
    """The runs there are."""

    def in_states(self) -> dict[str, list[str]]:
        """Of each state that a run is in: since when, of each such run."""


class Metrics:
    """All metrics of one replica."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._finished = Counter("retrain_runs_finished", "Runs that ended, by state", ["result"], registry=registry)
        self._verdicts = Counter("retrain_verdicts", "Gate verdicts", ["verdict"], registry=registry)
        self._failures = Counter("retrain_symbol_failures", "Symbols that failed", ["reason"], registry=registry)
        self._phases = Histogram(
            "retrain_phase_duration_seconds", "Duration of a phase", ["phase"], buckets=_SECONDS, registry=registry
        )
        self._looks = Histogram("retrain_reconcile_duration_seconds", "Duration of a look", registry=registry)
        self._errors = Counter("retrain_reconcile_errors", "Looks that must be repeated", ["kind"], registry=registry)
        self._requests = Counter(
            "retrain_api_requests", "Requests to the API server", ["verb", "resource", "code"], registry=registry
        )

    def observe(self, queue: Depth, feed: Aged, runs: Standing, leading: Callable[[], bool]) -> None:
        """Ask these for the present values."""
        registry = self.registry
        Gauge("retrain_queue_depth", "Runs that wait for a look", registry=registry).set_function(lambda: queue.depth)
        Gauge("retrain_is_leader", "Whether this replica leads", registry=registry).set_function(
            lambda: float(leading())
        )
        ages = Gauge("retrain_watch_age_seconds", "Time since a watch told anything", ["kind"], registry=registry)
        for kind in KINDS:
            ages.labels(kind).set_function(partial(feed.age, kind))
        self._observe_runs(runs)

    def _observe_runs(self, runs: Standing) -> None:
        """Every replica knows the runs, leader or not."""
        registry = self.registry
        counts = Gauge("retrain_runs", "Runs there are, by state", ["state"], registry=registry)
        longest = Gauge(
            "retrain_longest_in_state_seconds",
            "Longest time that a run has stood still in a state",
            ["state"],
            registry=registry,
        )
        for state in get_args(State):
            counts.labels(state).set_function(partial(_count, runs, state))
            if state not in FINAL_STATES:
                longest.labels(state).set_function(partial(_longest, runs, state))

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def requested(self, verb: str, resource: str, code: int) -> None:
        """The API server answered, or did not (code 0)."""
        self._requests.labels(verb, resource, str(code)).inc()

    def looked(self, seconds: float) -> None:
        """A look took so long."""
        self._looks.observe(seconds)

    def failed(self, kind: str) -> None:
        """A look failed."""
        self._errors.labels(kind).inc()

    def wrote(self, before: RetrainRunStatus, after: RetrainRunStatus) -> None:
        """A status was written: count what it tells that the one before did not."""
        if after.state in FINAL_STATES and before.state != after.state:
            self._finished.labels(after.state).inc()
        if after.gate is not None and (before.gate is None or before.gate.digest != after.gate.digest):
            self._verdicts.labels(after.gate.verdict).inc()
        known = {entry.symbol: entry.state for entry in before.symbols}
        for entry in after.symbols:
            if entry.state == "Failed" and known.get(entry.symbol) != "Failed":
                self._failures.labels(entry.reason if entry.reason in _REASONS else "Other").inc()
        for phase, seconds in durations(before, after):
            self._phases.labels(phase).observe(seconds)


def _count(runs: Standing, state: str) -> float:
    return len(runs.in_states().get(state, []))


def _longest(runs: Standing, state: str) -> float:
    return oldest(runs.in_states().get(state, []), datetime.now(UTC))


def oldest(times: Iterable[str], now: datetime) -> float:
    """Seconds since the first of these times; 0 where there is none."""
    return max([(now - datetime.fromisoformat(time)).total_seconds() for time in times if time] + [0.0])


def durations(before: RetrainRunStatus, after: RetrainRunStatus) -> Iterator[tuple[str, float]]:
    """The phases that ended just now and their seconds; a milestone's time is when it was reached."""
    for phase, begins, ends in _PHASES:
        reached, was = _reached(after, ends), _reached(before, ends)
        start = after.start_time if begins is None else _reached(after, begins)
        if reached is not None and was is None and start is not None:
            yield phase, max((datetime.fromisoformat(reached) - datetime.fromisoformat(start)).total_seconds(), 0.0)


def _reached(status: RetrainRunStatus, kind: str) -> str | None:
    found: Condition | None = next((one for one in status.conditions if one.type == kind), None)
    return found.last_transition_time if found is not None and found.status == "True" else None
