"""One life for the Job of every phase, on the bodies that a Job controller and a kubelet write."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.planning import START, at_phase, failed
from support.pod_status import Ended, Waits, unschedulable

from retrain_operator.decide.context import Settings
from retrain_operator.decide.run.plan import plan
from retrain_operator.kube.paths import one

PHASES = ("train", "evaluate", "publish", "deliver")
BACKUP = {"name": "vault", "uri": "s3://vault/models/", "required": True}
WAITS = Waits("ImagePullBackOff", "not found")


def limits(phase: str, **fields: Any) -> dict[str, Any]:
    """A run in which this phase, and no other, has these fields."""
    return {"backups": [BACKUP], "publish" if phase == "deliver" else phase: fields}


# Waiting


@pytest.mark.parametrize("phase", PHASES)
def test_pending_pods_are_no_start(phase: str) -> None:
    cluster, job = at_phase(phase, **limits(phase, pendingDeadlineSeconds=600))
    cluster.show(job, unschedulable("0/3 nodes have a GPU", cluster.time))
    assert cluster.reconcile().requeue_at == START + timedelta(seconds=600)
    cluster.later(600)
    assert (job.name, "PendingDeadlineExceeded") in [(one.name, one.reason) for one in cluster.reconcile().delete]


@pytest.mark.parametrize("phase", PHASES)
def test_a_job_whose_pods_never_ran_is_replaced_when_its_pod_fields_change(phase: str) -> None:
    cluster, job = at_phase(phase, **limits(phase))
    cluster.show(job, unschedulable("0/3 nodes have a GPU", cluster.time))
    cluster.edit(**limits(phase, resources={"limits": {"memory": "8Gi"}}))
    cluster.reconcile()
    assert (job.name, "Superseded") in cluster.deleted
    assert cluster.to_the_end().status.state == "Promoted"


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("change", ["pod fields", "queue"])
def test_a_job_that_a_queue_holds_is_replaced_when_its_pod_fields_or_its_queue_change(phase: str, change: str) -> None:
    cluster, job = at_phase(phase, **limits(phase))
    cluster.suspend(job)
    if change == "queue":
        labels = {"kueue.x-k8s.io/queue-name": "night"}
        meta = cluster.run.metadata.model_copy(update={"labels": labels})
        cluster.run = cluster.run.model_copy(update={"metadata": meta})
    else:
        cluster.edit(**limits(phase, resources={"limits": {"memory": "8Gi"}}))
    cluster.reconcile()
    assert (job.name, "Superseded") in cluster.deleted
    cluster.settle()
    (second,) = (one for one in cluster.of_phase(phase) if one.live and one.symbol == job.symbol)
    labels = cluster.manifests[second.name]["metadata"]["labels"]
    assert labels.get("kueue.x-k8s.io/queue-name") == ("night" if change == "queue" else None)


def test_a_queue_that_the_cluster_chose_is_not_the_runs_to_change() -> None:
    """Kueue labels Jobs without a queue where a LocalQueue named default exists."""
    cluster, job = at_phase("train")
    labels = {"kueue.x-k8s.io/queue-name": "default"}
    cluster.api.edit(one("jobs", "team", job.name), {"metadata": {"labels": labels}})
    cluster.suspend(job)
    assert cluster.reconcile().delete == ()


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_says_what_it_waits_for(phase: str) -> None:
    cluster, job = at_phase(phase, symbols=["BTC-USD"], **limits(phase))
    cluster.wait(job, WAITS)
    status = cluster.reconcile().status
    ready = next(one for one in status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "ImagePullBackOff")
    assert ready.message == status.message and "can't be pulled: not found" in status.message
    if phase in ("train", "evaluate"):
        assert status.symbol("BTC-USD").reason == "ImagePullBackOff"


def test_after_resume_nothing_says_that_the_run_is_suspended() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    cluster.start(job)
    cluster.settle()
    cluster.slow = True
    cluster.edit(suspend=True)
    cluster.reconcile()
    cluster.edit(suspend=False)
    status = cluster.reconcile().status
    entry = status.symbol("BTC-USD")
    assert (entry.state, entry.reason) == ("Queued", "Terminating")
    assert "suspended" not in status.message + (entry.message or "")


@pytest.mark.parametrize(
    ("code", "tries", "reason"),
    [(1, 0, "PodFailed"), (1, 1, "Retrying"), (78, 3, "NoGPU"), (75, 0, "Retrying")],
    ids=["no try left", "one left", "an error that is not retried", "asked to stop"],
)
def test_it_is_said_to_be_retried_only_where_it_is(code: int, tries: int, reason: str) -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"], train={"backoffLimit": tries})
    (pod,) = cluster.active(job)
    cluster.api.end(pod, failed("NoGPU", "no GPU here", 78) if code == 78 else Ended(code))
    # The Job controller has not heard of it yet.
    entry = cluster.plan().status.symbol("BTC-USD")
    assert entry.reason == reason
    assert ("retried" in (entry.message or "")) == (reason == "Retrying")


# Outcomes


DEADLINE = {"evaluate": {"activeDeadlineSeconds": 60}}


def test_an_index_that_its_jobs_deadline_killed_is_not_a_lost_result() -> None:
    """Its pod is gone with the Job's end, and only index 1 is in failedIndexes: it had failed for good before."""
    cluster, job = at_phase("evaluate", **DEADLINE)
    cluster.finish(job, index=0)
    cluster.exhaust(job, failed("BadModel", "It can't be read.", 65), index=1)
    cluster.later(60)
    found = {entry.symbol: (entry.state, entry.reason) for entry in cluster.reconcile().status.symbols}
    assert found == {
        "BTC-USD": ("Evaluated", None),
        "ETH-USD": ("Failed", "BadModel"),
        "SOL-USD": ("Failed", "DeadlineExceeded"),
    }


def test_a_result_beside_a_deadline_counts() -> None:
    cluster, job = at_phase("evaluate", **DEADLINE)
    cluster.start(job)
    for index in (0, 1):
        cluster.finish(job, index=index)
    cluster.later(60)
    cluster.bury()
    assert [entry.state for entry in cluster.reconcile().status.symbols] == ["Evaluated", "Evaluated", "Failed"]
    assert cluster.to_the_end().status.promoted == "BTC-USD,ETH-USD"


def test_a_completed_index_whose_pod_is_gone_is_read_again() -> None:
    cluster, job = at_phase("evaluate", **DEADLINE)
    for index in (0, 1):
        cluster.finish(job, index=index)
    cluster.later(60)
    cluster.api.lose_pod(cluster.api.pods(job.name)[1])
    cluster.settle()
    assert [entry.state for entry in cluster.run.status.symbols] == ["Evaluated", "Evaluating", "Failed"]
    assert cluster.to_the_end().status.promoted == "BTC-USD,ETH-USD"


def test_the_job_that_measured_a_symbol_stays_in_its_status() -> None:
    cluster, job = at_phase("evaluate")
    assert {entry.job for entry in cluster.settle().status.symbols} == {job.name}
    assert {entry.job for entry in cluster.to_the_end().status.symbols} == {job.name}


# An image that is not allowed any more


def test_an_image_that_is_not_allowed_stops_its_jobs_and_keeps_their_results() -> None:
    cluster, _ = at_phase("train", pods={"image": "evil:1"}, jobTTLSecondsAfterFinished=60)
    cluster.start(cluster.job("ETH-USD"))
    cluster.finish(cluster.job("BTC-USD"))
    live = {job.name for job in cluster.jobs.values() if job.live}
    cluster.later(3600)
    decided = plan(cluster.run, cluster.view(), cluster.now, Settings(allowed_images=("ours:*",)))
    assert {one.name for one in decided.delete} == live, "the finished Job has a result that nobody has read yet"
    assert {one.reason for one in decided.delete} == {"ImageNotAllowed"}
    assert (decided.status.state, decided.create) == ("Failed", ())
    cluster.carry_out(decided)
    assert cluster.to_the_end().status.state == "Promoted", "once it is allowed"
    assert sum("-train-btc-" in name for name in cluster.created) == 1


# A publication that is superseded


@pytest.mark.parametrize("moment", ["before it was stopped", "while it was stopped"])
def test_what_a_superseded_publication_promoted_is_named(moment: str) -> None:
    cluster, old = at_phase("publish")
    cluster.start(old)
    cluster.settle()
    cluster.slow = True
    results = cluster.results(old)
    cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.99}]})
    if moment == "while it was stopped":
        cluster.reconcile()
        cluster.finish(cluster.jobs[old.name], results)
        assert cluster.jobs[old.name].state == "Deleting"
    else:
        cluster.finish(cluster.jobs[old.name], results)
    cluster.reconcile()
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Rejected", "BTC-USD,ETH-USD,SOL-USD")
    assert [entry.report and entry.report.split("/")[-2] for entry in status.history] == ["1", "2"]
    assert status.report is not None and status.report.number == 2
