"""What nodes do to pods: what is said of it, what counts as a failure of the task, and what is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from support.planning import Cluster, Ended, at_phase
from support.pod_status import condition

REFUSALS = (
    "UnexpectedAdmissionError",
    "OutOfmemory",
    "OutOfcpu",
    "OutOfnvidia.com/gpu",
    "NodeAffinity",
    "NodeShutdown",
    "TopologyAffinityError",
)


@dataclass(frozen=True)
class Refused:
    """How a kubelet leaves a pod that it does not take: no container was made, and there is no condition on it."""

    reason: str

    @property
    def status(self) -> dict[str, Any]:
        return {"phase": "Failed", "reason": self.reason, "message": f"Pod was rejected: {self.reason}"}


def refuse(cluster: Cluster, job: Any, reason: str) -> None:
    """The kubelets refuse its pods until Kubernetes makes no more."""
    while pods := cluster.active(job):
        for pod in pods:
            cluster.api.report(pod, Refused(reason).status)
        cluster.api.controllers()


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_node_that_refuses_the_pods_ends_no_run(reason: str) -> None:
    """As a node does whose GPU plugin is not up yet after a reboot: Kubernetes ends the Job after 70 seconds."""
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    refuse(cluster, job, reason)
    assert cluster.jobs[job.name].state == "Failed"
    cluster.reconcile()
    entry = cluster.run.status.symbols[0]
    assert (entry.state, cluster.run.status.state) == ("Queued", "Queued")
    assert entry.reason == (reason if reason.isalpha() else "OutOfResource")
    assert f"Pod was rejected: {reason}" in (entry.message or "")
    assert cluster.to_the_end().status.state == "Promoted"


@pytest.mark.parametrize("phase", ["train", "evaluate", "publish", "deliver"])
def test_a_job_that_nodes_refused_is_made_anew_in_every_phase(phase: str) -> None:
    backups = [{"name": "vault", "uri": "s3://vault/models/"}]
    cluster, job = at_phase(phase, backups=backups)
    for _ in range(3):
        refuse(cluster, job, "UnexpectedAdmissionError")
        cluster.settle()
        (job, *_) = [one for one in cluster.of_phase(phase) if one.live]
    assert cluster.to_the_end().status.state == "Promoted"


def test_one_refused_index_costs_the_others_nothing() -> None:
    cluster, job = at_phase("evaluate")
    cluster.finish(job, index=0)
    cluster.finish(job, index=1)
    refuse(cluster, job, "OutOfcpu")
    cluster.settle()
    states = [entry.state for entry in cluster.run.status.symbols]
    assert states == ["Evaluated", "Evaluated", "Evaluating"]
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_failure_of_the_task_is_one_whatever_nodes_did_before() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    for pod in cluster.active(job):
        cluster.api.report(pod, Refused("OutOfmemory").status)
    cluster.api.controllers()
    cluster.exhaust(job, Ended(1))
    cluster.settle()
    entry = cluster.run.status.symbols[0]
    assert (entry.state, entry.reason) == ("Failed", "PodFailed")


ENDS: dict[str, tuple[Ended, str, str]] = {
    "killed": (Ended(137), "PodFailed", "SIGKILL"),
    "killed, with the advice": (Ended(137), "PodFailed", "spec.train.resources.limits.memory"),
    "a segmentation fault": (Ended(139), "PodFailed", "SIGSEGV"),
    "an abort": (Ended(134), "PodFailed", "SIGABRT"),
    "asked to end": (Ended(143), "PodFailed", "SIGTERM"),
    "a bus error": (Ended(135), "PodFailed", "SIGBUS"),
    "an unknown signal": (Ended(250), "PodFailed", "code 250"),
    "an ordinary code": (Ended(3), "PodFailed", "code 3"),
}


@pytest.mark.parametrize(("end", "reason", "words"), ENDS.values(), ids=ENDS)
def test_an_end_without_a_message_is_explained(end: Ended, reason: str, words: str) -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    cluster.exhaust(job, end)
    cluster.settle()
    entry = cluster.run.status.symbols[0]
    assert (entry.state, entry.reason) == ("Failed", reason)
    assert words in (entry.message or "")


def test_the_tries_are_counted_although_the_operator_was_away() -> None:
    """It first looks when the Job has failed for good."""
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    cluster.watches = False
    cluster.exhaust(job, Ended(1))
    cluster.watches = True
    cluster.settle()
    assert cluster.run.status.symbols[0].attempts == 4


def test_a_container_that_the_node_lost_sight_of_is_tried_again() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    message = "The container could not be located when the pod was terminated"
    cluster.exhaust(job, Ended(137, message, reason="ContainerStatusUnknown"))
    cluster.reconcile()
    entry = cluster.run.status.symbols[0]
    assert (entry.state, entry.reason) == ("Queued", "ContainerStatusUnknown")
    assert message in (entry.message or "")
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_disrupted_pod_that_reports_no_condition_is_tried_again() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    cluster.exhaust(job, Ended(137, status={"reason": "Evicted", "message": "The node was low on resource: memory."}))
    cluster.reconcile()
    assert cluster.run.status.symbols[0].state == "Queued"


def test_a_disk_that_the_task_filled_is_its_own_fault() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    full = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."
    cluster.exhaust(job, Ended(137, status={"reason": "Evicted", "message": full}))
    cluster.settle()
    entry = cluster.run.status.symbols[0]
    assert (entry.state, entry.reason) == ("Failed", "EphemeralStorage")


def test_a_pod_that_stands_scheduled_keeps_that_condition_when_it_is_refused() -> None:
    """The scheduler's condition stays: the refusal is read from the pod's own reason."""
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    for pod in cluster.active(job):
        scheduled = [condition("PodScheduled", True, cluster.time)]
        cluster.api.report(pod, Refused("NodeAffinity").status | {"conditions": scheduled})
    cluster.api.controllers()
    cluster.settle()
    assert cluster.run.status.symbols[0].reason == "Retrying"
