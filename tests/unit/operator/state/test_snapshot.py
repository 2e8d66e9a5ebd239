"""What Jobs and pods say: state, why a pod waits, why it died."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bodies import container, job_body, pod_body

from retrain_api.documents.encoding import encode_message
from retrain_api.documents.results import TaskFailure
from retrain_operator.decide.job_reasons import failure, waiting
from retrain_operator.state.observe import observe
from retrain_operator.state.snapshot import JobSnapshot, Note, PodSnapshot, job_snapshot, pod_snapshot
from retrain_operator.state.view import JobView, PodView

ENDED = "2026-01-05T13:00:00Z"


def job_of(body: dict[str, Any]) -> JobSnapshot:
    seen = job_snapshot(body)
    assert seen is not None
    return seen


def pod_of(body: dict[str, Any]) -> PodSnapshot:
    seen = pod_snapshot(body)
    assert seen is not None
    return seen


def view_of(job: dict[str, Any], *pods: dict[str, Any], notes: dict[str, Note] | None = None) -> JobView:
    """The Job as the plan sees it."""
    return observe([job_of(job)], lambda uid: [pod_of(pod) for pod in pods], notes or {}, {}).jobs[0]


def condition(kind: str, **fields: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "lastTransitionTime": ENDED} | fields


STATES: list[tuple[str, dict[str, Any], list[dict[str, Any]], str]] = [
    ("new", job_body(), [], "Waiting"),
    ("its pod waits", job_body({"active": 1}), [pod_body()], "Waiting"),
    ("its pod runs", job_body({"active": 1}), [pod_body({"phase": "Running"})], "Running"),
    ("suspended", job_body(spec={"suspend": True}), [], "Suspended"),
    ("complete", job_body({"conditions": [condition("Complete")], "completionTime": ENDED}), [], "Complete"),
    ("failed", job_body({"conditions": [condition("Failed", reason="BackoffLimitExceeded")]}), [], "Failed"),
    (
        "about to fail",
        job_body({"conditions": [condition("FailureTarget")]}),
        [pod_body({"phase": "Running"})],
        "Running",
    ),
    ("complete and going", job_body({"conditions": [condition("Complete")]}, deletionTimestamp=ENDED), [], "Deleting"),
    ("not failed", job_body({"conditions": [condition("Failed") | {"status": "False"}]}), [], "Waiting"),
]


@pytest.mark.parametrize(("job", "pods", "state"), [case[1:] for case in STATES], ids=[case[0] for case in STATES])
def test_state_of_a_job(job: dict[str, Any], pods: list[dict[str, Any]], state: str) -> None:
    assert view_of(job, *pods).state == state


UNSCHEDULABLE = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        }
    ]
}
WAITS: list[tuple[str, dict[str, Any], str, str]] = [
    ("no GPU free", UNSCHEDULABLE, "Unschedulable", "3 Insufficient nvidia.com/gpu"),
    (
        "image not there",
        {"containerStatuses": container(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"})},
        "ImagePullBackOff",
        "registry.example/trainer:1 can't be pulled: Back-off",
    ),
    (
        "secret not there",
        {
            "containerStatuses": container(
                waiting={"reason": "CreateContainerConfigError", "message": 'secret "aws" not found'}
            )
        },
        "CreateContainerConfigError",
        'secret "aws" not found',
    ),
]


@pytest.mark.parametrize(("status", "reason", "words"), [case[1:] for case in WAITS], ids=[case[0] for case in WAITS])
def test_why_a_pod_waits(status: dict[str, Any], reason: str, words: str) -> None:
    found = waiting(view_of(job_body({"active": 1}), pod_body(status)), 3)
    assert found[0] == reason
    assert words in found[1]


def test_a_job_without_a_pod_says_what_its_event_says() -> None:
    note = Note("FailedCreate", 'pods "x" is forbidden: exceeded quota: gpus')
    assert waiting(view_of(job_body(), notes={"job-1": note}), 3) == ("FailedCreate", note.message)


def test_a_pod_whose_volume_is_missing_says_what_its_event_says() -> None:
    status = {"containerStatuses": container(waiting={"reason": "ContainerCreating"})}
    note = Note("FailedMount", 'MountVolume.SetUp failed: persistentvolumeclaim "data" not found')
    assert waiting(view_of(job_body(), pod_body(status), notes={"pod-1": note}), 3) == ("FailedMount", note.message)


def test_a_suspended_job_names_its_queue() -> None:
    body = job_body(spec={"suspend": True}, labels={"kueue.x-k8s.io/queue-name": "gpus"})
    reason, message = waiting(view_of(body, notes={"job-1": Note("Pending", "no flavor has room")}), 3)
    assert reason == "JobSuspended"
    assert "queue gpus" in message and "no flavor has room" in message


def terminated(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"containerStatuses": container(terminated={"exitCode": code, "reason": reason, "message": message})}


def disrupted(reason: str) -> dict[str, Any]:
    return {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": reason}]}


SENTENCE = encode_message(TaskFailure(reason="NoGPU", message="There is no GPU here."))


@pytest.mark.parametrize(
    ("message", "kept"), [(SENTENCE, SENTENCE), ("Traceback", None), (SENTENCE[:-1], None), ("", None)]
)
def test_of_a_termination_message_a_result_is_kept_as_text_and_nothing_else(message: str, kept: str | None) -> None:
    pod = pod_of(pod_body({"phase": "Failed"} | terminated(70, message=message))).pod
    assert pod.message == kept
    assert (pod.outcome is None) == (kept is None)


DEATHS: list[tuple[str, dict[str, Any], str, str]] = [
    ("memory", terminated(137, "OOMKilled"), "OOMKilled", "raise spec.train.resources.limits.memory"),
    ("its own sentence", terminated(78, message=SENTENCE), "NoGPU", "There is no GPU here."),
    ("no message", terminated(70), "PodFailed", "ended with code 70"),
    ("not its sentence", terminated(70, message="Traceback"), "PodFailed", "ended with code 70"),
    ("evicted", disrupted("EvictionByEvictionAPI"), "Evicted", "spec.train.resources.requests"),
    ("node lost", disrupted("DeletionByTaintManager"), "NodeLost", "node was lost"),
    ("preempted", disrupted("PreemptionByScheduler"), "Preempted", "priorityClassName"),
    ("disk", {"reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds"}, "EphemeralStorage", "disk"),
    ("never began", terminated(128, "StartError"), "StartError", "code 128"),
]


@pytest.mark.parametrize(("status", "reason", "words"), [case[1:] for case in DEATHS], ids=[case[0] for case in DEATHS])
def test_why_a_pod_died(status: dict[str, Any], reason: str, words: str) -> None:
    failed = job_body({"failed": 1, "conditions": [condition("Failed", reason="PodFailurePolicy", message="failed")]})
    found = failure(view_of(failed, pod_body({"phase": "Failed"} | status)))
    assert found[0] == reason
    assert words in found[1]


def test_a_pod_on_a_dead_node_is_named_with_its_node() -> None:
    unready = [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}]
    job = view_of(job_body({"active": 1}), pod_body({"phase": "Running", "conditions": unready}))
    reason, message = waiting(job, 3)
    assert reason == "NodeLost"
    assert "node-a" in message


def test_time_in_a_queue_is_in_no_deadline() -> None:
    job = view_of(job_body({"startTime": "2026-01-05T12:30:00Z"}))
    assert job.created == datetime(2026, 1, 5, 12, 30, tzinfo=UTC)


def test_the_newest_pod_comes_first() -> None:
    old = pod_body({"phase": "Failed"} | terminated(75), uid="pod-1")
    new = pod_body({"phase": "Running"}, uid="pod-2", creationTimestamp="2026-01-05T12:05:00Z")
    assert [pod.phase for pod in view_of(job_body(), old, new).pods] == ["Running", "Failed"]


def test_pods_that_the_counters_leave_out_count_as_attempts() -> None:
    interrupted = [pod_body({"phase": "Failed"} | terminated(75), uid=f"pod-{number}") for number in range(3)]
    assert view_of(job_body({"active": 1}), *interrupted).attempts == 3


def test_indexes() -> None:
    assert job_of(job_body({"failedIndexes": "1,3-5"})).failed_indexes == {1, 3, 4, 5}
    annotated = pod_body(annotations={"batch.kubernetes.io/job-completion-index": "2"})
    assert pod_of(annotated).pod.index == 2


@pytest.mark.parametrize(
    "body",
    [
        job_body() | {"metadata": job_body()["metadata"] | {"ownerReferences": []}},
        job_body() | {"metadata": job_body()["metadata"] | {"annotations": {}}},
        job_body(labels={"retrain.crpbot.dev/phase": "other"}),
    ],
    ids=["no owner", "no key", "another phase"],
)
def test_a_job_that_is_not_ours_is_not_seen(body: dict[str, Any]) -> None:
    assert job_snapshot(body) is None


def test_a_pod_without_a_job_is_not_seen() -> None:
    body = pod_body()
    del body["metadata"]["ownerReferences"]
    assert pod_snapshot(body) is None


SAMPLES = [
    job_body({"active": 1, "startTime": ENDED, "conditions": [condition("Failed", reason="x", message="y")]}),
    job_body({"failedIndexes": "0-1", "succeeded": 1, "failed": 2, "completionTime": ENDED}),
]
POD_SAMPLES = [
    pod_body({"phase": "Failed"} | terminated(1)),
    pod_body({"phase": "Running"} | disrupted("PreemptionByScheduler")),
    pod_body(UNSCHEDULABLE),
]


@given(st.sampled_from(SAMPLES), st.sampled_from(POD_SAMPLES), st.data())
def test_whatever_is_missing_of_a_status_nothing_breaks(job: dict[str, Any], pod: dict[str, Any], data: Any) -> None:
    """The status is written by others, in steps."""
    cut = [body | {"status": data.draw(part(body["status"]))} for body in (job, pod)]
    seen = view_of(cut[0], cut[1])
    assert isinstance(seen.pods[0], PodView)
    waiting(seen, 3), failure(seen)


def part(status: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sets(st.sampled_from(sorted(status))) if status else st.just(set())
    return names.map(lambda kept: {name: status[name] for name in kept})


@pytest.mark.parametrize(("spec", "completions"), [({"completions": 3}, 3), ({}, 1)])
def test_how_many_pods_must_succeed(spec: dict[str, Any], completions: int) -> None:
    found = job_snapshot(job_body(spec=spec))
    assert found is not None
    assert found.completions == completions
