"""Why a pod waits and why it died: on the resource, in words, and what the run does about it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from support.containers import Fate
from support.fates import Fates, fails, succeeds
from support.life import Life
from support.operator_process import until
from support.planning import trained
from support.pod_status import evicted, timestamp

GPU = "nvidia.com/gpu"
LINE = "Epoch 7/50: Train Loss=0.6543, Val Loss=0.6789, Val Acc=0.523, LR=0.001000"


def only(symbol: str, fate: Fate) -> Fates:
    """One symbol's training has that fate; everything else succeeds."""
    return Fates(train=lambda task: fate if task.symbol == symbol else None)


def test_where_gpus_are_short_the_third_waits_with_the_schedulers_sentence_and_then_trains(life: Life) -> None:
    release = threading.Event()
    life.kubelet.offer({GPU: 2})
    life.kubelet.fate = Fates(hold={"train": release})
    life.create()
    status = life.until(lambda s: sorted(e["state"] for e in s["symbols"]) == ["Queued", "Training", "Training"])
    waits = next(entry for entry in status["symbols"] if entry["state"] == "Queued")
    assert waits["reason"] == "Unschedulable"
    assert "Insufficient nvidia.com/gpu" in waits["message"]
    release.set()
    status = life.ends("Promoted")
    assert status["trained"] == "3/3"


@pytest.mark.parametrize(
    ("waiting", "words", "said"),
    [
        ("ImagePullBackOff", 'Back-off pulling image "x"', "The image trainer:test can't be pulled"),
        ("CreateContainerConfigError", 'secret "aws" not found', 'secret "aws" not found'),
    ],
)
def test_a_container_that_cant_be_made_is_named_and_goes_on_once_it_can(
    life: Life, waiting: str, words: str, said: str
) -> None:
    release = threading.Event()
    stuck = {"waiting_reason": waiting, "waiting_message": words, "hold": release}
    life.kubelet.fate = Fates(train=lambda task: succeeds(trained(task), **stuck) if task.symbol == "ETH-USD" else None)
    life.create()
    entry = life.until_symbol("ETH-USD", state="Queued", reason=waiting)
    assert said in entry["message"]
    release.set()
    life.ends("Promoted")


def test_pods_that_a_quota_forbids_are_named_and_come_once_it_is_lifted(life: Life) -> None:
    life.quota(pods=0)
    life.create()
    entry = life.until_symbol("BTC-USD", reason="FailedCreate")
    assert entry["state"] == "Queued"
    assert "exceeded quota" in entry["message"]
    life.lift_quota()
    life.ends("Promoted")


def test_pods_that_a_limit_range_forbids_are_named_and_are_no_error_of_the_operator(life: Life) -> None:
    small = {"type": "Container", "max": {"memory": "1Mi"}}
    body = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": {"limits": [small]}}
    life.plane.request("POST", f"/api/v1/namespaces/{life.namespace}/limitranges", body)
    life.create(train={"resources": {"limits": {"memory": "1Gi"}}})
    entry = life.until_symbol("BTC-USD", state="Queued", reason="FailedCreate")
    assert "maximum memory usage per Container is 1Mi" in entry["message"]
    assert reconcile_errors(life) == []


def test_a_value_that_the_api_server_refuses_fails_the_run_and_is_no_error_of_the_operator(life: Life) -> None:
    life.create(pods={"volumeMounts": [{"name": "nowhere", "mountPath": "/x"}]})
    status = life.ends("Failed")
    assert {entry["reason"] for entry in status["symbols"]} <= {"Invalid", "QuorumUnreachable"}
    assert 'volumeMounts[1].name: Not found: "nowhere"' in status["message"]
    assert reconcile_errors(life) == []


def reconcile_errors(life: Life) -> list[str]:
    """The lines of the metric that are not at zero, but for what another writer superseded."""
    lines = life.operator.get("/metrics")[1].splitlines()
    found = [line for line in lines if line.startswith("retrain_reconcile_errors_total") and "Superseded" not in line]
    return [line for line in found if not line.endswith(" 0.0")]


def test_jobs_that_a_quota_forbids_are_named_and_made_once_it_is_lifted(life: Life) -> None:
    life.quota(jobs=1)
    life.create()
    said = ("Queued", "QuotaExceeded")
    life.until(lambda s: sum((one["state"], one.get("reason")) == said for one in s["symbols"]) == 2)
    assert reconcile_errors(life) == []
    life.lift_quota()
    status = life.ends("Promoted")
    assert status["trained"] == "3/3"
    assert len(life.made()) == len(set(life.made())) == 5


def test_a_job_that_somebody_else_suspends_is_queued_and_goes_on_when_it_is_let_in(life: Life) -> None:
    release = threading.Event()
    life.kubelet.fate = Fates(hold={"train": release})
    life.create(symbols=["BTC-USD"], gate={"minPassed": 1})
    life.until_symbol("BTC-USD", state="Training")
    (job,) = life.jobs("train")
    path = f"/apis/batch/v1/namespaces/{life.namespace}/jobs/{job['metadata']['name']}"
    life.plane.request("PATCH", path, {"spec": {"suspend": True}}, kind="merge-patch+json")
    life.until_symbol("BTC-USD", state="Queued", reason="JobSuspended")
    release.set()
    life.plane.request("PATCH", path, {"spec": {"suspend": False}}, kind="merge-patch+json")
    life.ends("Promoted")


def test_what_remains_of_a_training_is_read_from_the_times_of_its_log(life: Life) -> None:
    """The API server passes the kubelet's times on; here both epochs end in the same moment, so nothing remains."""
    release, before = threading.Event(), LINE.replace("7/50", "6/50")
    life.kubelet.fate = Fates(train=lambda task: succeeds(trained(task), log=(before, LINE), hold=release))
    life.create(symbols=["BTC-USD"], gate={"minPassed": 1})
    entry = life.until(lambda s: "progress" in s["symbols"][0])["symbols"][0]
    assert (entry["progress"]["epoch"], entry["progress"]["remainingSeconds"]) == (7, 0)
    release.set()
    life.ends("Promoted")


def test_the_progress_of_a_training_is_read_from_its_log(life: Life) -> None:
    release = threading.Event()
    life.kubelet.fate = Fates(train=lambda task: succeeds(trained(task), log=(LINE,), hold=release))
    life.create(symbols=["BTC-USD"], gate={"minPassed": 1})
    entry = life.until(lambda s: "progress" in s["symbols"][0])["symbols"][0]
    assert entry["progress"] == {
        "epoch": 7,
        "epochs": 50,
        "trainLoss": 0.6543,
        "validationLoss": 0.6789,
        "validationAccuracy": 0.523,
        "learningRate": 0.001,
    }
    release.set()
    life.ends("Promoted")


SAID = "The sentence that the trainer said."
ENDS = [
    (64, "InvalidTask", 1),
    (65, "DataChanged", 1),
    (66, "NoData", 1),
    (77, "AccessDenied", 1),
    (78, "NoGPU", 1),
]


@pytest.mark.parametrize(("code", "reason", "pods"), ENDS)
def test_what_would_fail_again_is_not_retried_and_its_sentence_is_on_the_resource(
    life: Life, code: int, reason: str, pods: int
) -> None:
    life.kubelet.fate = only("ETH-USD", fails(code, reason, SAID))
    life.create()
    status = life.ends("Promoted")
    entry = next(each for each in status["symbols"] if each["symbol"] == "ETH-USD")
    assert (entry["state"], entry["reason"], entry["message"]) == ("Failed", reason, SAID)
    assert entry["attempts"] == pods
    assert status["gateSummary"] == "2/3 Pass", "one symbol that fails does not hide the others"


def test_a_loss_that_is_no_number_fails_its_symbol_with_the_trainers_sentence(life: Life) -> None:
    life.kubelet.fate = only("ETH-USD", fails(70, "LossNotFinite", SAID))
    life.create(train={"backoffLimit": 0})
    status = life.ends("Promoted")
    entry = next(each for each in status["symbols"] if each["symbol"] == "ETH-USD")
    assert (entry["state"], entry["reason"], entry["message"]) == ("Failed", "LossNotFinite", SAID)


FULL = {"reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."}
"""The one eviction by a kubelet that is the pod's own fault, and without the condition DisruptionTarget."""
KILLS = [
    ("OOMKilled", Fate(exit_code=137, reason="OOMKilled"), "raise spec.train.resources.limits.memory"),
    ("EphemeralStorage", Fate(exit_code=137, status=FULL), "raise spec.train.resources.limits of ephemeral-storage"),
]


@pytest.mark.parametrize(("reason", "fate", "words"), KILLS, ids=[kill[0] for kill in KILLS])
def test_what_ended_a_pod_from_outside_is_named_with_what_to_do(
    life: Life, reason: str, fate: Fate, words: str
) -> None:
    life.kubelet.fate = only("ETH-USD", fate)
    life.create(train={"backoffLimit": 0})
    entry = life.until_symbol("ETH-USD", state="Failed")
    assert entry["reason"] == reason
    assert words in entry["message"]
    life.ends("Promoted")


def take_away(life: Life, name: str, evicted: bool) -> None:
    """Delete a pod, as a person does or as a drain does."""
    path = f"/api/v1/namespaces/{life.namespace}/pods/{name}"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": life.namespace}}
    life.plane.request(*(("POST", f"{path}/eviction", body) if evicted else ("DELETE", path)))


@pytest.mark.parametrize("evicted", [True, False], ids=["evicted", "deleted by hand"])
def test_a_pod_that_is_taken_away_is_replaced_and_no_retry_is_used_up(life: Life, evicted: bool) -> None:
    release = threading.Event()
    life.kubelet.fate = Fates(train=lambda task: succeeds(trained(task), hold=release))
    life.create(symbols=["BTC-USD"], gate={"minPassed": 1}, train={"backoffLimit": 0})
    life.until_symbol("BTC-USD", state="Training")
    (pod,) = life.pods("train")
    name = pod["metadata"]["name"]
    take_away(life, name, evicted)
    until(lambda: [p["metadata"]["name"] for p in life.pods("train")] not in ([], [name]))
    release.set()
    status = life.ends("Promoted")
    assert status["symbols"][0]["attempts"] == 2


def test_a_pod_that_its_kubelet_evicts_is_replaced_and_no_retry_is_used_up(life: Life) -> None:
    ends = iter([Fate(exit_code=137, status=evicted(timestamp(datetime.now(UTC))).status)])
    life.kubelet.fate = Fates(train=lambda task: next(ends, None))
    life.create(symbols=["BTC-USD"], gate={"minPassed": 1}, train={"backoffLimit": 0})
    assert life.ends("Promoted")["symbols"][0]["attempts"] == 2


def taken_away(life: Life, evicted: bool) -> set[str]:
    """The names of the pods of a running evaluation that were all taken away."""
    until(lambda: [pod["status"]["phase"] for pod in life.pods("evaluate")] == ["Running"] * 3)
    names = {pod["metadata"]["name"] for pod in life.pods("evaluate")}
    for name in names:
        take_away(life, name, evicted)
    return names


@pytest.mark.parametrize("evicted", [True, False], ids=["evicted", "deleted by hand"])
def test_an_evaluation_that_is_taken_away_is_replaced_and_no_retry_is_used_up(life: Life, evicted: bool) -> None:
    """Its Job is an Indexed one, which counts the tries of each index by itself: without a limit to spare, none fails."""
    release = threading.Event()
    life.kubelet.fate = Fates(hold={"evaluate": release})
    life.create(evaluate={"backoffLimit": 0})
    gone = taken_away(life, evicted)
    until(lambda: len({pod["metadata"]["name"] for pod in life.pods("evaluate")} - gone) == 3)
    (job,) = life.jobs("evaluate")
    assert not job["status"].get("failedIndexes")
    release.set()
    status = life.ends("Promoted")
    assert status["gateSummary"] == "3/3 Pass"


def test_an_evaluation_that_has_to_be_killed_uses_up_a_retry(life: Life) -> None:
    """Why a task has to end by itself when it is asked to: a pod that was deleted by hand has no other excuse."""
    deaf = Fate(stop_code=137, stop_message="", hold=threading.Event())
    life.kubelet.fate = Fates(evaluate=lambda item: deaf)
    life.create(evaluate={"backoffLimit": 0})
    taken_away(life, evicted=False)
    life.ends("Failed")


def test_all_that_fail_is_failed_and_not_rejected(life: Life) -> None:
    life.kubelet.fate = Fates(train=lambda task: fails(66, "NoData", f"no file for {task.symbol}"))
    life.create()
    status = life.ends("Failed")
    assert {entry["state"] for entry in status["symbols"]} <= {"Failed", "Stopped"}
    ready = next(condition for condition in status["conditions"] if condition["type"] == "Stalled")
    assert ready["status"] == "True"


def held(symbol: str, release: threading.Event) -> Fates:
    """One symbol trains until released, the others fail."""

    def train(task: Any) -> Fate:
        return succeeds(trained(task), hold=release) if task.symbol == symbol else fails(66, "NoData", "no file")

    return Fates(train=train)


def test_what_cant_reach_the_quorum_any_more_is_stopped_with_that_reason(life: Life) -> None:
    life.kubelet.fate = held("SOL-USD", threading.Event())
    life.create()
    entry = life.until_symbol("SOL-USD", state="Stopped", reason="QuorumUnreachable")
    assert "minPassed" in entry["message"]
    life.ends("Failed")
    until(lambda: not [pod for pod in life.pods("train") if pod["status"]["phase"] == "Running"])


def test_an_option_keeps_it_going(life: Life) -> None:
    release = threading.Event()
    life.kubelet.fate = held("SOL-USD", release)
    life.create(gate={"whenUnreachable": "Continue"})
    life.until(lambda s: [entry["state"] for entry in s["symbols"]] == ["Failed", "Failed", "Training"])
    release.set()
    life.until_symbol("SOL-USD", state="Evaluated")
    life.ends("Failed", "Rejected")


def test_what_waits_longer_than_its_pending_deadline_ends_with_that_reason(life: Life) -> None:
    life.kubelet.offer({})
    life.create(symbols=["BTC-USD"], gate={"minPassed": 1}, train={"pendingDeadlineSeconds": 5})
    entry = life.until_symbol("BTC-USD", state="Failed")
    assert entry["reason"] == "PendingDeadlineExceeded"
    assert "Insufficient nvidia.com/gpu" in entry["message"]
    life.ends("Failed")


def test_what_runs_longer_than_its_active_deadline_ends_with_that_reason(life: Life) -> None:
    life.kubelet.fate = Fates(hold={"train": threading.Event()})
    life.create(symbols=["BTC-USD"], gate={"minPassed": 1}, train={"activeDeadlineSeconds": 1})
    entry = life.until_symbol("BTC-USD", state="Failed")
    assert entry["reason"] == "DeadlineExceeded"
    life.ends("Failed")
