"""What is put together of Jobs, their pods and their events: order, counts, and which words win."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bodies import job_body

from retrain_api.documents.encoding import encode_message
from retrain_api.documents.results import DeliverResult
from retrain_api.status.progress import Progress
from retrain_operator.decide.job_reasons import waiting
from retrain_operator.state.observe import observe
from retrain_operator.state.snapshot import JobSnapshot, Note, PodSnapshot, job_snapshot
from retrain_operator.state.view import PodView, Refusal, RunView

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def job(**given: Any) -> JobSnapshot:
    """A train Job of BTC-USD that has just been created."""
    facts = {"uid": "job-1", "name": "train-btc", "namespace": "team", "version": "1", "owner": "run-1"}
    keys = {"phase": "train", "symbol": "BTC-USD", "key": "k1", "template": "t1", "created": NOON}
    return JobSnapshot(**{**facts, **keys, **given})


def pod(name: str = "a", minutes: int = 0, job_uid: str = "job-1", **given: Any) -> PodSnapshot:
    """A pod of that Job, pending, so many minutes after noon."""
    pod_view = PodView(**{"index": 0, "phase": "Pending", **given})
    return PodSnapshot(f"uid-{name}", name, "team", "1", job_uid, NOON + timedelta(minutes=minutes), pod_view)


def view(jobs: list[JobSnapshot], pods: list[PodSnapshot], **notes: Note) -> RunView:
    by_uid = {uid.replace("_", "-"): note for uid, note in notes.items()}
    return observe(jobs, lambda uid: [one for one in pods if one.job_uid == uid], by_uid, {})


def test_each_job_gets_its_own_pods_and_progress() -> None:
    known = Progress(epoch=3, epochs=50)
    pods = {"job-1": [pod(phase="Running")], "job-2": []}
    seen = observe([job(), job(uid="job-2", name="train-eth")], lambda uid: pods[uid], {}, {"job-2": known})
    assert [(one.name, len(one.pods), one.progress) for one in seen.jobs] == [
        ("train-btc", 1, None),
        ("train-eth", 0, known),
    ]


def test_jobs_come_in_the_order_of_their_creation() -> None:
    later = job(uid="job-2", name="a", created=NOON + timedelta(minutes=1))
    assert [one.uid for one in view([later, job(name="b")], []).jobs] == ["job-1", "job-2"]


def test_what_was_refused_is_passed_on() -> None:
    refusal = Refusal("train-btc", "Forbidden", "exceeded quota", True, NOON)
    assert observe([], lambda uid: [], {}, {}, [refusal]).refused == (refusal,)


FAILED_CREATE = Note("FailedCreate", "exceeded quota: gpus")
WHY: list[tuple[str, JobSnapshot, list[PodSnapshot], tuple[str | None, str | None]]] = [
    ("no pod, and an event", job(), [], ("FailedCreate", "exceeded quota: gpus")),
    ("a pod came after all", job(), [pod()], (None, None)),
    ("complete", job(complete=True, finished=NOON), [], (None, None)),
    (
        "failed",
        job(finished=NOON, failure_reason="BackoffLimitExceeded", failure_message="reached its limit"),
        [],
        ("BackoffLimitExceeded", "reached its limit"),
    ),
]


@pytest.mark.parametrize(("seen", "pods", "why"), [case[1:] for case in WHY], ids=[case[0] for case in WHY])
def test_what_an_event_said_of_a_job_counts_only_while_it_has_no_pod(
    seen: JobSnapshot, pods: list[PodSnapshot], why: tuple[str | None, str | None]
) -> None:
    found = view([seen], pods, job_1=FAILED_CREATE).jobs[0]
    assert (found.failure_reason, found.failure_message) == why


NO_VOLUME = Note("FailedMount", 'claim "data" not found')
POD_WAITS = [
    ("nothing known", {}, "FailedMount"),
    ("container is being made", {"waiting_reason": "ContainerCreating"}, "FailedMount"),
    ("a better reason", {"waiting_reason": "Unschedulable", "waiting_message": "no GPU"}, "Unschedulable"),
    ("runs by now", {"phase": "Running"}, "PodPending"),
]


@pytest.mark.parametrize(("facts", "reason"), [case[1:] for case in POD_WAITS], ids=[case[0] for case in POD_WAITS])
def test_what_an_event_said_of_a_pod_counts_while_nothing_better_is_known(facts: dict[str, Any], reason: str) -> None:
    assert waiting(view([job()], [pod(**facts)], uid_a=NO_VOLUME).jobs[0], 3)[0] == reason


def test_a_job_suspended_by_hand_names_no_queue() -> None:
    reason, message = waiting(view([job(suspended=True)], []).jobs[0], 3)
    assert (reason, "queue" in message) == ("JobSuspended", False)


def test_a_suspended_job_is_not_running_while_its_pod_still_ends() -> None:
    assert view([job(suspended=True)], [pod(phase="Running")]).jobs[0].state == "Suspended"


def test_a_view_has_the_indexes_that_the_job_controller_has_decided() -> None:
    (decided,) = view([job(failed_indexes=frozenset({1}), completed_indexes=frozenset({0}))], []).jobs
    assert (decided.failed_indexes, decided.completed_indexes) == ({1}, {0})


PODS = st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.integers(0, 3)), unique_by=lambda one: one[0])


@given(PODS, st.randoms(use_true_random=False))
def test_the_order_in_which_pods_were_seen_changes_nothing(made: list[tuple[str, int]], random: Any) -> None:
    pods = [pod(name, minutes, exit_code=number) for number, (name, minutes) in enumerate(made)]
    shuffled = random.sample(pods, len(pods))
    assert view([job()], pods) == view([job()], shuffled)
    ages = {number: made[number][1] for number in range(len(made))}
    newest_first = [ages[one.exit_code or 0] for one in view([job()], pods).jobs[0].pods]
    assert newest_first == sorted(newest_first, reverse=True)


def test_a_job_whose_time_is_missing_counts_as_the_oldest() -> None:
    body = job_body(uid="job-0")
    del body["metadata"]["creationTimestamp"]
    timeless = job_snapshot(body)
    assert timeless is not None
    assert [one.uid for one in view([job(), timeless], []).jobs] == ["job-0", "job-1"]


@pytest.mark.parametrize("complete", [True, False])
def test_a_job_has_not_ended_while_the_watch_of_its_pods_lags_behind(complete: bool) -> None:
    """The result of the pod is still to come: taken as ended, the Job would have lost its result, or its reason."""
    ended = job(finished=NOON, complete=complete)
    late = pod(phase="Running")
    assert view([ended], [late]).jobs[0].state == "Running"
    ended_pod = pod(phase="Succeeded" if complete else "Failed", exit_code=0 if complete else 70)
    assert view([ended], [ended_pod]).jobs[0].state == ("Complete" if complete else "Failed")
    assert view([ended], [replace(late, deleting=True)]).jobs[0].state == ("Complete" if complete else "Failed")
    assert view([ended], []).jobs[0].state == ("Complete" if complete else "Failed")


SAID = encode_message(DeliverResult())
DONE = {"phase": "Succeeded", "exit_code": 0, "message": SAID}
TOLD: list[tuple[str, JobSnapshot, list[PodSnapshot], str]] = [
    ("its pod left a result", job(), [pod(**DONE)], "Complete"),
    ("after one that failed", job(), [pod("b", phase="Failed", exit_code=70), pod("a", 1, **DONE)], "Complete"),
    ("a pod that succeeded and left no result", job(), [pod(phase="Succeeded", exit_code=0)], "Waiting"),
    ("a result of a pod that runs still", job(), [pod(phase="Running", message=SAID)], "Running"),
    ("one of two indexes", job(completions=2), [pod(**DONE)], "Waiting"),
    ("one of two indexes, twice", job(completions=2), [pod("a", **DONE), pod("b", **DONE)], "Waiting"),
    ("both indexes", job(completions=2), [pod("a", **DONE), pod("b", **DONE | {"index": 1})], "Complete"),
    ("on its way out", job(deleting=True), [pod(**DONE)], "Deleting"),
]


@pytest.mark.parametrize(("seen", "pods", "state"), [case[1:] for case in TOLD], ids=[case[0] for case in TOLD])
def test_a_job_is_complete_once_all_its_pods_left_their_results(
    seen: JobSnapshot, pods: list[PodSnapshot], state: str
) -> None:
    assert view([seen], pods).jobs[0].state == state
