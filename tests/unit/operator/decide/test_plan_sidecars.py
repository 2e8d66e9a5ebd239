"""Pods with more in them than the trainer: what a service mesh or a secrets injector puts there, and what a cluster does
with it. Bodies as a 1.34 kubelet writes them. The trainer's own end counts.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from support.planning import START, Cluster, at_phase, result_of, task_of
from support.results import parts_of

from retrain_api.documents.encoding import encode_message
from retrain_api.documents.results import TaskFailure
from retrain_api.status.symbol import SymbolStatus
from retrain_operator.decide.context import Settings
from retrain_operator.decide.phase_job import LINGERING
from retrain_operator.decide.run.plan import plan
from retrain_operator.state.effects import Plan
from retrain_operator.state.observe import observe
from retrain_operator.state.snapshot import job_snapshot, pod_snapshot

ENDED = "2026-01-05T12:10:00Z"
RUNS = {"running": {"startedAt": "2026-01-05T12:00:05Z"}}
LATE = START + timedelta(days=3)
SOON = START + timedelta(minutes=10, seconds=5)


@dataclass(frozen=True)
class Beside:
    """One train Job and its pod, with whatever stands in the pod's status."""

    cluster: Cluster
    job: dict[str, Any]

    @classmethod
    def of(cls, **spec: Any) -> Beside:
        cluster = Cluster.of(symbols=["BTC-USD"], **spec)
        job = copy.deepcopy(cluster.plan().create[0])
        job["metadata"] |= {"uid": "job-1", "resourceVersion": "1", "creationTimestamp": "2026-01-05T12:00:01Z"}
        job["status"] = {"startTime": "2026-01-05T12:00:02Z", "active": 1}
        return cls(cluster, job)

    @property
    def result(self) -> str:
        """What its trainer leaves where it succeeds."""
        return encode_message(result_of(parts_of(task_of(self.job))[0]))

    def plan(self, now: Any = LATE, **status: Any) -> Plan:
        pod = {
            "metadata": {
                "uid": "pod-1",
                "name": "pod-1",
                "namespace": "team",
                "resourceVersion": "1",
                "creationTimestamp": "2026-01-05T12:00:03Z",
                "ownerReferences": [{"kind": "Job", "uid": "job-1", "controller": True}],
            },
            "spec": {"nodeName": "node-1"},
            "status": status,
        }
        job, seen = job_snapshot(self.job), pod_snapshot(pod)
        assert job is not None and seen is not None
        view = observe([job], lambda uid: [seen], {}, {})
        return plan(self.cluster.run, view, now, Settings())


def trainer(**state: Any) -> dict[str, Any]:
    return {"name": "trainer", "image": "trainer:1", "state": state}


def proxy(**state: Any) -> dict[str, Any]:
    return {"name": "istio-proxy", "image": "proxy:1", "state": state or RUNS}


def ended(code: int, message: str = "") -> dict[str, Any]:
    reason = "Completed" if code == 0 else "Error"
    return {"terminated": {"exitCode": code, "reason": reason, "message": message, "finishedAt": ENDED}}


def entry(decided: Plan) -> SymbolStatus:
    return decided.status.symbols[0]


FAILED = encode_message(TaskFailure(reason="ObjectNotFound", message="s3://x does not exist."))
AGAIN = encode_message(TaskFailure(reason="StoreUnreachable", message="s3://x does not answer."))


@pytest.mark.parametrize("phase", ["Running", "Pending"], ids=["it runs on", "it never started"])
def test_a_result_counts_beside_a_container_that_never_ends(phase: str) -> None:
    """A pod is Pending as long as one of its containers waits."""
    beside = Beside.of()
    other = proxy() if phase == "Running" else proxy(waiting={"reason": "ImagePullBackOff", "message": "no such image"})
    decided = beside.plan(phase=phase, containerStatuses=[trainer(**ended(0, beside.result)), other])
    assert (entry(decided).state, entry(decided).result is not None) == ("Evaluating", True)
    assert [each["metadata"]["labels"]["retrain.crpbot.dev/phase"] for each in decided.create] == ["evaluate"]


def test_a_result_counts_although_the_container_beside_it_failed() -> None:
    """The pod is Failed for the other's sake."""
    beside = Beside.of()
    statuses = [trainer(**ended(0, beside.result)), proxy(**ended(1))]
    assert entry(beside.plan(phase="Failed", containerStatuses=statuses)).state == "Evaluating"


def test_a_failure_for_good_counts_beside_a_container_that_never_ends() -> None:
    statuses = [trainer(**ended(66, FAILED)), proxy()]
    decided = Beside.of().plan(phase="Running", containerStatuses=statuses)
    assert (entry(decided).state, entry(decided).reason) == ("Failed", "ObjectNotFound")
    assert [each.uid for each in decided.delete] == ["job-1"]


def test_a_failure_that_would_be_tried_again_says_what_keeps_the_pod_alive() -> None:
    statuses = [trainer(**ended(69, AGAIN)), proxy()]
    decided = Beside.of().plan(phase="Running", containerStatuses=statuses)
    assert (entry(decided).state, entry(decided).reason) == ("Failed", "StoreUnreachable")
    assert "istio-proxy" in (entry(decided).message or "")
    assert [each.uid for each in decided.delete] == ["job-1"]


@pytest.mark.parametrize("code", [66, 69])
def test_a_container_is_given_a_moment_to_end_after_the_trainer(code: int) -> None:
    """Some end by themselves; Kubernetes then counts and tries again as ever."""
    beside = Beside.of()
    decided = beside.plan(SOON, phase="Running", containerStatuses=[trainer(**ended(code, AGAIN)), proxy()])
    assert (entry(decided).state, decided.delete) == ("Queued", ())
    assert decided.requeue_at == START + timedelta(minutes=10) + LINGERING


def test_a_native_sidecar_is_ended_by_the_kubelet_and_keeps_no_pod_alive() -> None:
    statuses = {"initContainerStatuses": [proxy()], "containerStatuses": [trainer(**ended(69, AGAIN))]}
    decided = Beside.of().plan(phase="Running", **statuses)
    assert (entry(decided).state, entry(decided).reason, decided.delete) == ("Queued", "Retrying", ())


def test_a_trainer_that_runs_beside_a_container_that_cannot_start_is_at_work() -> None:
    """The pod is Pending, and no deadline for pods that never ran may end it."""
    other = proxy(waiting={"reason": "ImagePullBackOff", "message": "no such image"})
    beside = Beside.of(train={"pendingDeadlineSeconds": 60})
    assert entry(beside.plan(phase="Pending", containerStatuses=[trainer(**RUNS), other])).state == "Training"


BLOCKED: dict[str, dict[str, Any]] = {
    "an init container": {
        "initContainerStatuses": [
            {
                "name": "vault-agent-init",
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
            }
        ],
        "containerStatuses": [trainer(waiting={"reason": "PodInitializing"})],
    },
    "a native sidecar": {
        "initContainerStatuses": [
            {
                "name": "istio-proxy",
                "started": False,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting"}},
            }
        ],
        "containerStatuses": [trainer(waiting={"reason": "PodInitializing"})],
    },
    "a sidecar": {
        "containerStatuses": [
            trainer(waiting={"reason": "ContainerCreating"}),
            proxy(waiting={"reason": "CreateContainerConfigError", "message": 'secret "mesh" not found'}),
        ],
    },
}


@pytest.mark.parametrize("statuses", BLOCKED.values(), ids=BLOCKED)
def test_a_container_that_cannot_start_is_named_with_its_reason(statuses: dict[str, Any]) -> None:
    others = [*statuses.get("initContainerStatuses", ()), *statuses["containerStatuses"]]
    other = next(each for each in others if each["name"] != "trainer")
    found = entry(Beside.of().plan(phase="Pending", **statuses))
    waiting = other["state"]["waiting"]
    assert (found.state, found.reason) == ("Queued", waiting["reason"])
    assert other["name"] in (found.message or "") and waiting["message"] in (found.message or "")


def test_an_init_container_that_fails_is_named_when_the_job_has_failed() -> None:
    beside = Beside.of()
    over = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "backoff limit"}
    beside.job["status"] = {"failed": 4, "conditions": [over | {"lastTransitionTime": ENDED}]}
    init = {"name": "vault-agent-init", "state": ended(2, "permission denied")}
    waits = trainer(waiting={"reason": "PodInitializing"})
    found = entry(beside.plan(phase="Failed", initContainerStatuses=[init], containerStatuses=[waits]))
    assert (found.state, found.reason, found.attempts) == ("Failed", "ContainerFailed", 4)
    assert "vault-agent-init" in (found.message or "") and "code 2" in (found.message or "")


@pytest.mark.parametrize("phase", ["train", "evaluate", "publish", "deliver"])
def test_a_job_whose_pod_is_kept_alive_goes_once_its_result_is_known(phase: str) -> None:
    backups = [{"name": "vault", "uri": "s3://vault/models/"}]
    cluster, job = at_phase(phase, symbols=["BTC-USD"], backups=backups)
    cluster.start(job)
    for pod, result in zip(cluster.active(job), cluster.results(job), strict=True):
        over = trainer(**{"terminated": ended(0, encode_message(result))["terminated"] | {"finishedAt": cluster.time}})
        cluster.api.report(pod, {"phase": "Running", "containerStatuses": [over, proxy()]})
    cluster.settle()
    assert cluster.deleted == []
    cluster.later(LINGERING.total_seconds())
    cluster.settle()
    assert (job.name, "Superseded") in cluster.deleted
    assert cluster.to_the_end().status.state == "Promoted"
