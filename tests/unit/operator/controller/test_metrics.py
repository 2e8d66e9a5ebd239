"""The operator's own metrics: what they say of the runs there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.planning import Cluster, at_phase, run_document
from support.pod_status import Waits
from support.still import Still

from retrain_api.wire import to_wire
from retrain_operator.controller.gauges import oldest
from retrain_operator.controller.metrics import Metrics, durations
from retrain_operator.state.cache import Cache

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def rendered(cache: Cache, leads: bool = True) -> dict[str, float]:
    """Each line of the metrics about runs."""
    metrics = Metrics()
    metrics.observe(Still(), Still(), cache, lambda: leads)
    return {name: value for name, value in lines(metrics) if name.startswith(("retrain_runs{", "retrain_longest"))}


def lines(metrics: Metrics) -> Iterator[tuple[str, float]]:
    """Each line, as Prometheus reads it."""
    for line in metrics.render().decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            yield name, float(value)


def stored(name: str, state: str | None, hours: float) -> dict[str, object]:
    """A run whose status changed so many hours ago."""
    document = run_document()
    time = (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    meta = {**document["metadata"], "name": name, "uid": name, "resourceVersion": "1", "creationTimestamp": time}
    older = (datetime.now(UTC) - timedelta(hours=hours + 50)).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [{"type": "Ready", "lastTransitionTime": time}, {"type": "Trained", "lastTransitionTime": older}]
    status = {"state": state, "conditions": conditions} if state else {}
    return {**document, "metadata": meta, "status": status}


def test_runs_are_counted_by_state_and_the_one_that_stands_still_the_longest_is_timed() -> None:
    cache = Cache()
    for name, state, hours in [("a", "Queued", 1), ("b", "Queued", 3), ("c", "Rejected", 9), ("d", None, 2)]:
        cache.put("runs", stored(name, state, hours))
    found = {name: value for name, value in rendered(cache).items() if value}
    counts = {name: value for name, value in found.items() if name.startswith("retrain_runs{")}
    times = {name: value / 3600 for name, value in found.items() if name.startswith("retrain_longest")}
    runs = {"Queued": 2.0, "Rejected": 1.0, "Pending": 1.0}
    assert counts == {f'retrain_runs{{state="{state}"}}': count for state, count in runs.items()}
    still = {"Queued": pytest.approx(3.0, abs=0.01), "Pending": pytest.approx(2.0, abs=0.01)}
    assert times == {f'retrain_longest_in_state_seconds{{state="{state}"}}': hours for state, hours in still.items()}


def test_a_run_is_counted_by_the_leader_alone_so_that_a_sum_over_the_replicas_counts_it_once() -> None:
    cache = Cache()
    cache.put("runs", stored("a", "Queued", 1))
    assert sum(value for name, value in rendered(cache).items() if name.startswith("retrain_runs{")) == 1.0
    assert rendered(cache, leads=False) == {}


@pytest.mark.parametrize(
    "line",
    [
        'retrain_runs_finished_total{result="Failed"}',
        'retrain_schedule_runs_finished_total{result="Deleted"}',
        'retrain_reconcile_errors_total{kind="Software"}',
        'retrain_reconcile_errors_total{kind="Unreachable"}',
        'retrain_verdicts_total{verdict="Inconclusive"}',
        'retrain_symbol_failures_total{reason="OOMKilled"}',
        'retrain_symbol_failures_total{reason="Other"}',
        'retrain_phase_duration_seconds_count{phase="preflight"}',
        'retrain_phase_duration_seconds_count{phase="publish"}',
    ],
)
def test_what_is_asked_for_its_increase_begins_at_zero_because_prometheus_sees_none_in_a_first_value(line: str) -> None:
    assert dict(lines(Metrics()))[line] == 0.0


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ([], 0.0),
        ([""], 0.0),
        (["2026-01-01T23:59:00Z", "2026-01-01T23:00:00Z"], 3600.0),
        (["2026-01-02T01:00:00Z"], 0.0),
    ],
)
def test_the_oldest_time_counts_and_none_lies_ahead(times: list[str], seconds: float) -> None:
    assert oldest(times, NOW) == seconds


def test_a_run_that_is_held_up_in_any_phase_is_timed_until_it_goes_on() -> None:
    cluster, job = at_phase("publish")
    cache = Cache()
    for version, reason in enumerate(["ImagePullBackOff", None], start=1):
        if reason:
            cluster.wait(job, Waits(reason, "no such image"))
        else:
            cluster.start(job)
        status = to_wire(cluster.settle().status)
        assert status["state"] == "Publishing"
        meta = run_document()["metadata"] | {"resourceVersion": str(version)}
        cache.put("runs", run_document() | {"metadata": meta, "status": status})
        waited = rendered(cache)["retrain_longest_wait_seconds"]
        assert (waited > 0) == (reason is not None)


def test_each_phase_of_each_work_is_timed_from_its_own_start() -> None:
    """A week lies between the run and its rerun: no phase of the rerun may have it in it."""
    cluster, found = Cluster.of(), []
    for token in (None, "again"):
        if token:
            cluster.later(7 * 86400)
            cluster.annotate(rerun=token)
        for _ in range(12):
            before = cluster.run.status
            cluster.reconcile()
            found += durations(before, cluster.run.status)
            if not any(job.live for job in cluster.jobs.values()) and before == cluster.run.status:
                break
            cluster.later(60)
            cluster.finish_all()
    assert [(phase, 0 < seconds <= 180) for phase, seconds in found] == [
        ("train", True),
        ("evaluate", True),
        ("publish", True),
    ] * 2
