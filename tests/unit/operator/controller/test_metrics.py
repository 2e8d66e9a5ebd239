"""The operator's own metrics: what they say of the runs there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from support.planning import Cluster, at_phase, run_document
from support.pod_status import Waits

from retrain_api.wire import to_wire
from retrain_operator.controller.metrics import Metrics, durations, oldest
from retrain_operator.state.cache import Cache
from retrain_operator.state.snapshot import Kind

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class Still:
    """A queue and watches at rest."""

    depth: int = 0
    heard: dict[Kind, float] = field(default_factory=dict)

    def age(self, kind: Kind) -> float:
        return 0.0


def rendered(cache: Cache) -> dict[str, float]:
    """Each line of the metrics about runs, without those at zero."""
    metrics = Metrics()
    metrics.observe(Still(), Still(), cache, lambda: True)
    lines = [line.rsplit(" ", 1) for line in metrics.render().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines if name.startswith(("retrain_runs{", "retrain_longest"))}


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
    lines = {name: value for name, value in rendered(cache).items() if value}
    counts = {name: value for name, value in lines.items() if name.startswith("retrain_runs{")}
    times = {name: value / 3600 for name, value in lines.items() if name.startswith("retrain_longest")}
    runs = {"Queued": 2.0, "Rejected": 1.0, "Pending": 1.0}
    assert counts == {f'retrain_runs{{state="{state}"}}': count for state, count in runs.items()}
    still = {"Queued": pytest.approx(3.0, abs=0.01), "Pending": pytest.approx(2.0, abs=0.01)}
    assert times == {f'retrain_longest_in_state_seconds{{state="{state}"}}': hours for state, hours in still.items()}


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
