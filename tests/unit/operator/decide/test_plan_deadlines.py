"""What waits longer than it may ends, by name; what ran, or waits in a queue, does not."""

from __future__ import annotations

import pytest
from support.planning import at_phase
from support.pod_status import evicted, unschedulable

BACKUP = {"name": "vault", "uri": "s3://vault/models/"}


@pytest.mark.parametrize("phase", ["train", "evaluate"])
@pytest.mark.parametrize("slow", [False, True])
def test_the_pending_deadline(phase: str, slow: bool) -> None:
    cluster, job = at_phase(phase, symbols=["BTC-USD"], **{phase: {"pendingDeadlineSeconds": 600}})
    cluster.slow = slow
    cluster.show(job, unschedulable("no node has a GPU", cluster.time))
    decided = cluster.settle()
    assert decided.requeue_at is not None and (decided.requeue_at - cluster.now).total_seconds() == 600
    cluster.later(599)
    assert cluster.settle().status.state in ("Queued", "Evaluating")
    cluster.later(1)
    seen = [cluster.reconcile().status.state for _ in range(4)]
    assert seen[-1] == "Failed" and "Queued" not in seen
    cluster.bury()
    entry = cluster.settle().status.symbol("BTC-USD")
    assert entry.reason == "PendingDeadlineExceeded" and not cluster.of_phase(phase)[:0]
    assert "(Unschedulable: no node has a GPU)" in (entry.message or "")
    assert cluster.deleted == [(job.name, "PendingDeadlineExceeded")]
    assert cluster.created.count(job.name) == 1


@pytest.mark.parametrize("phase", ["publish", "deliver"])
@pytest.mark.parametrize("slow", [False, True])
def test_the_pending_deadline_of_a_publication_and_of_copies(phase: str, slow: bool) -> None:
    cluster, job = at_phase(phase, backups=[BACKUP | {"required": True}], publish={"pendingDeadlineSeconds": 600})
    cluster.slow = slow
    assert (time := cluster.settle().requeue_at) is not None and (time - cluster.now).total_seconds() == 600
    cluster.later(600)
    assert {cluster.reconcile().status.state for _ in range(3)} == {"Failed"}
    cluster.bury()
    assert "PendingDeadlineExceeded: No pod ran" in cluster.settle().status.message
    assert cluster.deleted == [(job.name, "PendingDeadlineExceeded")] and cluster.created.count(job.name) == 1
    cluster.edit(publish={})
    assert cluster.to_the_end().status.state == "Promoted"


def test_the_pending_deadline_does_not_count_for_a_pod_that_ran() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"], train={"pendingDeadlineSeconds": 600})
    cluster.start(job)
    cluster.end(job, evicted(cluster.time))
    cluster.later(3600)
    assert [pod.phase for pod in cluster.jobs[job.name].pods] == ["Pending", "Failed"]
    cluster.settle()
    assert cluster.run.status.symbol("BTC-USD").state == "Queued"


def test_a_job_in_a_queue_has_no_pending_deadline() -> None:
    cluster, _ = at_phase("train", train={"pendingDeadlineSeconds": 600})
    for job in cluster.jobs.values():
        cluster.suspend(job)
    cluster.bury()
    cluster.later(3600)
    assert cluster.settle().status.symbol("BTC-USD").reason == "JobSuspended"


def test_mending_the_pods_at_the_deadline_gives_them_their_chance() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    cluster.later(3600)
    cluster.edit(train={"pendingDeadlineSeconds": 600}, pods={"nodeSelector": {"gpu": "yes"}})
    cluster.settle()
    assert cluster.run.status.symbol("BTC-USD").state == "Queued"
    assert cluster.deleted == [(job.name, "Superseded")] and cluster.to_the_end().status.state == "Promoted"
