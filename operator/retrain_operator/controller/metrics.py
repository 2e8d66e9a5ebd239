"""Prometheus metrics: how many runs there are and how they end, and how the operator itself is doing.

No label ever names a run, a symbol or a namespace. If one did, the number of time series would grow with the work done
and overload Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from retrain_api import reasons
from retrain_api.gate.judgement import Verdict
from retrain_api.status.condition import Condition
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus, State
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_operator.kube.clock import Clock, now_utc
from retrain_operator.state.promoted import Promoted
from retrain_operator.state.schedules import Schedules
from retrain_operator.state.snapshot import KINDS, Kind

from .gauges import LeadersGauge, oldest
from .promoted_metrics import Looks, observe_promoted
from .schedule_metrics import ended, observe_schedules, schedule_runs

_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
COUNTED_REASONS = frozenset(
    [
        reasons.OOM_KILLED,
        reasons.EVICTED,
        reasons.NODE_LOST,
        reasons.PREEMPTED,
        reasons.EPHEMERAL_STORAGE,
        reasons.DEADLINE_EXCEEDED,
        reasons.PENDING_DEADLINE_EXCEEDED,
        reasons.NO_GPU,
        reasons.DATA_CHANGED,
        reasons.STORE_UNREACHABLE,
        reasons.LOSS_NOT_FINITE,
        reasons.RESULT_LOST,
        reasons.POD_FAILED,
        reasons.QUOTA_EXCEEDED,
        reasons.INVALID,
        reasons.FORBIDDEN,
    ]
)
"""Reasons that are counted by name. A trainer may report any other, and labels must not grow without bound."""
_PHASES = (("preflight", "", "Checked"), ("train", "Checked", "Trained"), ("evaluate", "Trained", "Evaluated"))
"""Each phase that ends with a milestone, with the milestone that it begins at."""


class Depth(Protocol):
    """The queue."""

    @property
    def depth(self) -> int:
        """How many runs wait to be reconciled."""


class Aged(Protocol):
    """The watches."""

    def age(self, kind: Kind) -> float:
        """Seconds since the last change of a kind arrived."""


class Standing(Protocol):
    """The runs that exist."""

    def in_states(self) -> dict[str, list[str]]:
        """For each state, the times since when the runs in it have been standing still."""

    def waiting_since(self) -> list[str]:
        """The times since when the runs that are held up have been standing still."""

    def promoted(self) -> list[Promoted]:
        """The promoted models of each run that observes them."""

    @property
    def schedules(self) -> Schedules:
        """The schedules that exist."""


class Metrics:
    """All metrics of one replica."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._finished = Counter(
            "retrain_runs_finished",
            "runs that reached a final state: Passed, Promoted, Rejected, Skipped, Failed",
            ["result"],
            registry=registry,
        )
        self._verdicts = Counter("retrain_verdicts", "judgements of the gate", ["verdict"], registry=registry)
        self._failures = Counter(
            "retrain_symbol_failures",
            "symbols that failed; reasons that are not listed by name count as Other",
            ["reason"],
            registry=registry,
        )
        self._skips = Counter(
            "retrain_symbol_skips",
            "symbols that a preflight skipped, because they have nothing new to learn",
            registry=registry,
        )
        self._errors = Counter(
            "retrain_reconcile_errors",
            "reconciles that had to be repeated: an HTTP code of the API server, Unreachable, Superseded (harmless), Software (a bug in the operator); "
            "a Job that is refused for a quota, a policy or a value stands in the run's status instead",
            ["kind"],
            registry=registry,
        )
        self._requests = Counter(
            "retrain_api_requests",
            "requests to the API server; code 0 means no answer",
            ["verb", "resource", "code"],
            registry=registry,
        )
        self._slots = schedule_runs(registry)
        self._looks = Looks(registry)
        self._time_in(registry)
        self._begin_at_zero()

    def _time_in(self, registry: CollectorRegistry) -> None:
        """How long things take."""
        self._phases = Histogram(
            "retrain_phase_duration_seconds",
            "histogram: preflight, train, evaluate, publish, from one milestone to the next",
            ["phase"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._reconciles = Histogram(
            "retrain_reconcile_duration_seconds", "histogram: how long it takes to reconcile a run", registry=registry
        )

    def _begin_at_zero(self) -> None:
        """Alerts and the dashboard ask whether these rise, and Prometheus sees no rise in a series that begins at 1."""
        for result in FINAL_STATES:
            self._finished.labels(result)
            self._slots.labels(result)
        self._slots.labels("Deleted")
        for kind in ("Software", "Unreachable", "Superseded"):
            self._errors.labels(kind)
        for verdict in get_args(Verdict):
            self._verdicts.labels(verdict)
        for reason in sorted(COUNTED_REASONS | {"Other"}):
            self._failures.labels(reason)
        for phase in (*(phase for phase, _, _ in _PHASES), "publish"):
            self._phases.labels(phase)

    def observe(
        self,
        queue: Depth,
        watches: Aged,
        runs: Standing,
        leading: Callable[[], bool],
        schedules_on: Callable[[], bool] = lambda: True,
        clock: Clock = now_utc,
    ) -> None:
        """Read the gauges' values from these whenever the metrics are rendered."""
        registry = self.registry
        Gauge("retrain_queue_depth", "runs waiting to be reconciled; 0 on a standby", registry=registry).set_function(
            lambda: queue.depth
        )
        Gauge("retrain_is_leader", "1 on the replica that leads", registry=registry).set_function(
            lambda: float(leading())
        )
        ages = Gauge(
            "retrain_watch_age_seconds",
            "seconds since anything came from a watch; grows where nothing happens",
            ["kind"],
            registry=registry,
        )
        for kind in KINDS:
            ages.labels(kind).set_function(partial(watches.age, kind))
        self._observe_runs(runs, leading)
        observe_promoted(registry, runs.promoted, leading, clock)
        observe_schedules(registry, runs.schedules, leading, schedules_on, clock)

    def _observe_runs(self, runs: Standing, leading: Callable[[], bool]) -> None:
        registry = self.registry
        counts = LeadersGauge(
            "retrain_runs", "runs in the cluster; exported by the leader", ["state"], registry=registry
        )
        longest = LeadersGauge(
            "retrain_longest_in_state_seconds",
            "the longest time that an unfinished run has been without a change; exported by the leader",
            ["state"],
            registry=registry,
        )
        wait = LeadersGauge(
            "retrain_longest_wait_seconds",
            "the longest time that a run has been without a change, of those that say what they wait for; exported by the leader",
            registry=registry,
        )
        for gauge in (counts, longest, wait):
            gauge.leading = leading
        for state in get_args(State):
            counts.labels(state).set_function(partial(_count, runs, state))
            if state not in FINAL_STATES:
                longest.labels(state).set_function(partial(_longest, runs, state))
        wait.set_function(lambda: oldest(runs.waiting_since(), datetime.now(UTC)))

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def requested(self, verb: str, resource: str, code: int) -> None:
        """The API server answered a request, or did not (code 0)."""
        self._requests.labels(verb, resource, str(code)).inc()

    def reconciled(self, seconds: float) -> None:
        """A reconcile ended after this time."""
        self._reconciles.observe(seconds)

    def failed(self, kind: str) -> None:
        """A reconcile failed."""
        self._errors.labels(kind).inc()

    def wrote_schedule(self, before: RetrainScheduleStatus, after: RetrainScheduleStatus) -> None:
        """A schedule's status was written: count the runs of it that are over since."""
        for result in ended(before, after):
            self._slots.labels(result).inc()
        self._looks.told(before.notified, after.notified)

    def wrote(self, before: RetrainRunStatus, after: RetrainRunStatus) -> None:
        """A status was written: count what is new in it."""
        if after.state in FINAL_STATES and before.state != after.state:
            self._finished.labels(after.state).inc()
        if after.gate is not None and (before.gate is None or before.gate.digest != after.gate.digest):
            self._verdicts.labels(after.gate.verdict).inc()
        known = {entry.symbol: entry.state for entry in before.symbols}
        for entry in after.symbols:
            if entry.state == "Failed" and known.get(entry.symbol) != "Failed":
                self._failures.labels(entry.reason if entry.reason in COUNTED_REASONS else "Other").inc()
            if entry.state == "Skipped" and known.get(entry.symbol) != "Skipped":
                self._skips.inc()
        for phase, seconds in durations(before, after):
            self._phases.labels(phase).observe(seconds)
        self._looks.looked(before.observation, after.observation)
        self._looks.told(before.notified, after.notified)


def _count(runs: Standing, state: str) -> float:
    return len(runs.in_states().get(state, []))


def _longest(runs: Standing, state: str) -> float:
    return oldest(runs.in_states().get(state, []), datetime.now(UTC))


def durations(before: RetrainRunStatus, after: RetrainRunStatus) -> Iterator[tuple[str, float]]:
    """The phases that have just ended, each with its duration in seconds, none of which began before the present work.

    A milestone's time is when it was reached; a report's, when it was entered into the history.
    """
    began = after.start_time or ""
    for phase, begins, ends in _PHASES:
        if (reached := _reached(after, ends)) and not _reached(before, ends):
            yield phase, _seconds(max(began, _reached(after, begins) or ""), reached)
    reports = [status.report.publish_key if status.report else None for status in (before, after)]
    if reports[0] != reports[1] and after.history:
        yield "publish", _seconds(max(began, _reached(after, "Evaluated") or ""), after.history[-1].at)


def _seconds(begins: str, ends: str) -> float:
    """Both as the API writes times, whose order is that of the text."""
    return max((datetime.fromisoformat(ends) - datetime.fromisoformat(begins or ends)).total_seconds(), 0.0)


def _reached(status: RetrainRunStatus, kind: str) -> str | None:
    found: Condition | None = next((one for one in status.conditions if one.type == kind), None)
    return found.last_transition_time if found is not None and found.status == "True" else None
