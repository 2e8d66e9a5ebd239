"""What breaks is named, hides nothing else, and is tried again when there is a reason to."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import KILLED, Cluster, at_phase, failed, passing, published, task_of
from support.pod_status import Ended, Waits, unschedulable

from retrain_api.documents.results import (
    Delivered,
    DeliverResult,
    EvaluateResult,
    NotPromoted,
    Promoted,
    PublishResult,
)
from retrain_api.names import file_name

BACKUP = {"name": "vault", "uri": "s3://vault/models/"}
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")


def test_one_failing_symbol_does_not_hide_the_others() -> None:
    cluster = Cluster.of()
    cluster.settle()
    cluster.fail(cluster.job("SOL-USD"))
    status = cluster.to_the_end().status
    assert (status.state, status.promoted, status.trained) == ("Promoted", "BTC-USD,ETH-USD", "2/3")
    entry = status.symbol("SOL-USD")
    assert (entry.state, entry.reason, entry.message, entry.verdict) == ("Failed", "NoGPU", "no GPU here", "Error")
    assert entry.reasons == ("no GPU here",)
    assert [event.message for event in cluster.events if event.reason == "NoGPU"] == ["SOL-USD failed: no GPU here"]


@pytest.mark.parametrize(("when", "state", "trainings_ended"), [("Stop", "Failed", 1), ("Continue", "Failed", 0)])
def test_an_unreachable_quorum(when: str, state: str, trainings_ended: int) -> None:
    cluster = Cluster.of(gate={"whenUnreachable": when})
    cluster.settle()
    cluster.start(cluster.job("BTC-USD"))
    cluster.fail(cluster.job("SOL-USD"))
    cluster.fail(cluster.job("ETH-USD"))
    status = cluster.settle().status
    assert len(cluster.deleted) == trainings_ended
    assert status.symbol("BTC-USD").state == ("Stopped" if when == "Stop" else "Training")
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == (state, "")
    ready = next(each for each in status.conditions if each.type == "Stalled")
    assert ready.reason == "QuorumUnreachable"
    assert "report" in (status.report.markdown or "") if status.report else when == "Stop"
    assert "no GPU here" in status.message


def test_what_was_stopped_goes_on_when_the_reason_is_mended() -> None:
    cluster = Cluster.of()
    cluster.settle()
    cluster.fail(cluster.job("SOL-USD"))
    cluster.fail(cluster.job("ETH-USD"))
    cluster.settle()
    assert [entry.state for entry in cluster.run.status.symbols] == ["Stopped", "Failed", "Failed"]
    cluster.edit(train={"device": "CPU"})
    decided = cluster.reconcile()
    assert (decided.status.state, len(decided.create)) == ("Queued", 3), "at once, not at the next reconcile"
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_lower_quorum_lets_a_stopped_run_go_on() -> None:
    cluster = Cluster.of()
    cluster.settle()
    cluster.fail(cluster.job("SOL-USD"))
    cluster.fail(cluster.job("ETH-USD"))
    assert cluster.settle().status.state == "Failed"
    cluster.edit(gate={"minPassed": 1})
    assert cluster.to_the_end().status.promoted == "BTC-USD"


@pytest.mark.parametrize("when", ["Stop", "Continue"])
def test_all_failing_is_failed_and_says_each_reason(when: str) -> None:
    cluster = Cluster.of(gate={"whenUnreachable": when})
    cluster.settle()
    for number, symbol in enumerate(SYMBOLS):
        cluster.fail(cluster.job(symbol), reason="NotSorted", message=f"row {number} is out of order", code=65)
    status = cluster.settle().status
    assert status.state == "Failed" and status.gate is None
    assert status.message.startswith("All 3 symbols failed. ")
    for number, symbol in enumerate(SYMBOLS):
        assert f"{symbol} failed (NotSorted): row {number} is out of order" in status.message
    assert next(each for each in status.conditions if each.type == "Ready").reason == "AllFailed"
    assert cluster.settle().create == ()


def test_the_failure_of_a_single_symbol_is_not_counted() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    running = cluster.settle().status
    assert next(each for each in running.conditions if each.type == "Trained").message == "0 of 1 symbol trained."
    cluster.fail(cluster.job("BTC-USD"))
    assert cluster.settle().status.message == "BTC-USD failed (NoGPU): no GPU here."


# Why a Job failed


NO_GPU = failed("NoGPU", "no GPU", 78)
UNREACHABLE = failed("Unreachable", "no answer", 69)


@pytest.mark.parametrize(
    ("ends", "reason", "words"),
    [
        ([NO_GPU], "NoGPU", "no GPU"),
        ([KILLED], "OOMKilled", "spec.train.resources"),
        ([Ended(1)], "PodFailed", "ended with code 1 and left no message"),
        ([UNREACHABLE, KILLED], "OOMKilled", "more memory"),
        ([KILLED, UNREACHABLE], "Unreachable", "no answer"),
    ],
)
def test_why_a_training_failed(ends: list[Ended], reason: str, words: str) -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    cluster.exhaust(job, *ends)
    entry = cluster.settle().status.symbol("BTC-USD")
    assert (entry.state, entry.reason) == ("Failed", reason) and words in (entry.message or "")


def test_a_training_that_failed_and_left_no_pod_says_what_its_job_says() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    cluster.exhaust(job, KILLED)
    for pod in cluster.api.pods(job.name):
        cluster.api.lose_pod(pod)
    entry = cluster.settle().status.symbol("BTC-USD")
    assert (entry.reason, entry.message) == ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


def test_what_its_deadline_ended_failed_for_that_whatever_the_pod_said() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"], train={"activeDeadlineSeconds": 60})
    cluster.start(job)
    cluster.later(60)
    assert cluster.plan().status.symbol("BTC-USD").state == "Training", "its pod has not ended yet"
    cluster.bury()
    entry = cluster.settle().status.symbol("BTC-USD")
    assert (entry.state, entry.reason) == ("Failed", "DeadlineExceeded") and "raise it" in (entry.message or "")


def test_why_a_training_waits() -> None:
    cluster, job = at_phase("train", symbols=["BTC-USD"])

    def why() -> tuple[str, str | None]:
        status = cluster.settle().status
        return status.state, status.symbol("BTC-USD").reason

    assert why() == ("Queued", "PodPending")
    cluster.show(job, unschedulable("0/3 nodes are available", cluster.time))
    assert why() == ("Queued", "Unschedulable")
    cluster.wait(job, Waits("ImagePullBackOff", "Back-off pulling image"))
    assert why() == ("Queued", "ImagePullBackOff")
    cluster.start(job)
    assert why() == ("Training", None)
    cluster.api.quota = "exceeded quota"
    cluster.suspend(job)
    cluster.bury()
    assert why() == ("Queued", "JobSuspended")
    for pod in cluster.api.pods(job.name):
        cluster.api.lose_pod(pod)
    cluster.suspend(job, False)
    cluster.note(job, "FailedCreate", "exceeded quota")
    assert why() == ("Queued", "FailedCreate")


# Tried again


def test_more_memory_trains_the_killed_symbol_alone_again() -> None:
    cluster = Cluster.of()
    cluster.settle()
    sol = cluster.job("SOL-USD")
    cluster.exhaust(sol, KILLED)
    cluster.to_the_end()
    assert cluster.run.status.symbol("SOL-USD").reason == "OOMKilled"
    before = len(cluster.created)
    cluster.edit(train={"resources": {"limits": {"memory": "8Gi"}}})
    assert cluster.to_the_end().status.promoted == "BTC-USD,ETH-USD,SOL-USD"
    assert [name.split("-")[2] for name in cluster.created[before:]] == ["train", "evaluate", "publish"]
    assert cluster.run.status.symbol("SOL-USD").reason is None


def test_a_failure_is_not_tried_again_without_a_reason() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    cluster.settle()
    cluster.fail(cluster.job("BTC-USD"))
    cluster.settle()
    cluster.remove(cluster.of_phase("train")[0])
    cluster.bury()
    cluster.edit(parallelism=1, gate={"minPassed": 1}, evaluate={"backoffLimit": 1})
    assert cluster.settle().status.state == "Failed" and len(cluster.created) == 1
    cluster.annotate(rerun="1")
    cluster.settle()
    assert len(cluster.created) == 2


def test_more_memory_measures_the_killed_model_alone_again() -> None:
    cluster, job = at_phase("evaluate")
    cluster.exhaust(job, KILLED, index=1)
    cluster.finish(job)
    status = cluster.to_the_end().status
    entry = status.symbol("ETH-USD")
    assert (status.promoted, entry.state, entry.reason) == ("BTC-USD,SOL-USD", "Failed", "OOMKilled")
    assert "spec.evaluate.resources" in (entry.message or "")
    cluster.edit(evaluate={"resources": {"limits": {"memory": "8Gi"}}})
    assert cluster.to_the_end().status.promoted == "BTC-USD,SOL-USD,ETH-USD"
    assert sum("-train-" in name for name in cluster.created) == 3


@pytest.mark.parametrize("when", ["Stop", "Continue"])
def test_an_evaluation_that_failed_for_all_is_tried_again_with_other_pod_fields(when: str) -> None:
    cluster, job = at_phase("evaluate", gate={"whenUnreachable": when})
    cluster.exhaust(job, KILLED)
    assert cluster.settle().status.state == "Failed"
    assert cluster.settle().create == ()
    cluster.edit(evaluate={"resources": {"limits": {"memory": "8Gi"}}})
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_quorum_that_breaks_in_the_evaluation_is_reported() -> None:
    cluster, job = at_phase("evaluate")
    for index in (1, 2):
        cluster.exhaust(job, failed("Bug", "oh", 70), index=index)
    cluster.finish(job)
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Failed", "")
    assert status.gate is not None and status.gate.verdict == "Error" and status.report is not None


@pytest.mark.parametrize("phase", ["publish", "deliver"])
def test_a_broken_publication_or_copy_is_tried_again_with_other_pod_fields(phase: str) -> None:
    cluster, job = at_phase(phase, backups=[BACKUP | {"required": True}])
    cluster.fail(job, reason="DiskFull", message="no space left", code=70)
    status = cluster.to_the_end().status
    assert status.state == "Failed" and "DiskFull: no space left" in status.message
    assert [name for name in cluster.created if "-deliver-" in name] == ([job.name] if phase == "deliver" else [])
    made = len(cluster.created)
    assert cluster.settle().status.state == "Failed" and len(cluster.created) == made
    cluster.edit(publish={"resources": {"limits": {"memory": "8Gi"}}})
    assert cluster.to_the_end().status.state == "Promoted"


# Results that were lost with their pods


@pytest.mark.parametrize("phase", ["train", "evaluate", "publish", "deliver"])
def test_a_lost_result_is_read_from_the_store_by_a_second_job(phase: str) -> None:
    cluster, job = at_phase(phase, backups=[BACKUP])
    cluster.lose(job)
    cluster.reconcile()
    if phase == "train":
        assert cluster.run.status.symbol("BTC-USD").reason == "ResultLost"
    cluster.settle()
    again = [name for name in cluster.created if f"-{phase}-" in name and cluster.jobs[name].symbol == job.symbol]
    assert len(again) == len(set(again)) == 2
    assert cluster.to_the_end().status.state == "Promoted"


@pytest.mark.parametrize("phase", ["train", "evaluate", "publish", "deliver"])
def test_a_result_that_is_lost_twice_is_a_failure(phase: str) -> None:
    cluster, job = at_phase(phase, symbols=["BTC-USD"], backups=[BACKUP | {"required": True}])
    cluster.lose(job)
    cluster.settle()
    (second,) = (each for each in cluster.of_phase(phase) if each.live)
    cluster.lose(second)
    status = cluster.to_the_end().status
    assert status.state == "Failed" and "twice without a" in status.message
    assert sum(f"-{phase}-" in name for name in cluster.created) == 2


@pytest.mark.parametrize("lost", [(1,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("gone", [False, True])
def test_lost_measurements_alone_are_measured_again(lost: tuple[int, ...], gone: bool) -> None:
    cluster, job = at_phase("evaluate")
    outcomes = cluster.results(job)
    cluster.finish(job, [None if index in lost else outcome for index, outcome in enumerate(outcomes)])
    for pod in [cluster.api.pods(job.name)[index] for index in lost if gone]:
        cluster.api.lose_pod(pod)
    cluster.settle()
    (second,) = (each for each in cluster.of_phase("evaluate") if each.live)
    assert [item.symbol for item in task_of(cluster.manifests[second.name]).items] == [SYMBOLS[i] for i in lost]  # type: ignore[union-attr]
    assert cluster.to_the_end().status.promoted == "BTC-USD,ETH-USD,SOL-USD"


def test_a_lost_measurement_is_measured_again_where_another_failed_for_good() -> None:
    cluster, job = at_phase("evaluate", gate={"minPassed": 1})
    cluster.exhaust(job, KILLED, index=1)
    cluster.finish(job, [cluster.results(job)[0], None, None])
    cluster.settle()
    (second,) = (each for each in cluster.of_phase("evaluate") if each.live)
    assert [item.symbol for item in task_of(cluster.manifests[second.name]).items] == ["SOL-USD"]  # type: ignore[union-attr]
    assert cluster.to_the_end().status.promoted == "BTC-USD,SOL-USD"
    assert cluster.run.status.symbol("ETH-USD").reason == "OOMKilled"


def test_an_old_failure_of_a_job_that_completed_is_no_result() -> None:
    cluster, job = at_phase("train")
    cluster.end(job, failed("Bug", "oh", 70))
    cluster.finish(job, [None])
    assert cluster.to_the_end().status.state == "Promoted"


# Copies


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("how", ["job", "place"])
def test_a_copy_that_fails_is_an_error_only_where_it_is_required(required: bool, how: str) -> None:
    cluster, job = at_phase("deliver", backups=[BACKUP | {"required": required}, {"name": "b", "uri": "s3://bbb/"}])
    if how == "job":
        cluster.fail(job, reason="AccessDenied", message="the vault refused", code=77)
    else:
        targets = (Delivered(name="vault", ok=False, message="the vault refused"), Delivered(name="b", ok=True))
        cluster.finish(job, [DeliverResult(targets=targets)])
    status = cluster.to_the_end().status
    assert status.state == ("Failed" if required else "Promoted")
    assert status.promoted == "BTC-USD,ETH-USD,SOL-USD", "a copy is no condition of promotion"
    assert status.backups is not None and not status.backups.ok and "the vault refused" in status.backups.message
    made = len(cluster.created)
    cluster.to_the_end()
    assert len(cluster.created) == made


def test_another_place_that_fails_does_not_break_a_required_one() -> None:
    cluster, job = at_phase("deliver", backups=[BACKUP | {"required": True}, {"name": "b", "uri": "s3://bbb/"}])
    targets = (Delivered(name="vault", ok=True), Delivered(name="b", ok=False, message="full"))
    cluster.finish(job, [DeliverResult(targets=targets)])
    status = cluster.to_the_end().status
    assert (
        status.state == "Promoted"
        and status.backups is not None
        and status.backups.message == "b: full; vault: delivered"
    )


@pytest.mark.parametrize("others", [[], [{"name": "safe", "uri": "s3://safe/", "required": True}]])
def test_new_credentials_deliver_again_what_was_not_delivered_and_nothing_else(others: list[dict[str, Any]]) -> None:
    cluster, job = at_phase("deliver", backups=[BACKUP, *others])
    delivered = tuple(Delivered(name=place["name"], ok=True) for place in others)
    cluster.finish(job, [DeliverResult(targets=(Delivered(name="vault", ok=False, message="refused"), *delivered))])
    assert cluster.to_the_end().status.state == "Promoted"
    made = len(cluster.created)
    cluster.edit(backups=[BACKUP | {"credentials": {"secretName": "new"}}, *others])
    status = cluster.to_the_end().status
    assert [name for name in cluster.created[made:] if "-deliver-" not in name] == []
    assert (status.state, len(cluster.created)) == ("Promoted", made + 1)
    assert status.backups is not None and status.backups.ok


def test_copies_that_are_not_made_are_a_warning_once() -> None:
    cluster, job = at_phase("deliver", backups=[BACKUP], report={"git": {"url": "https://git.example/r"}})
    targets = (Delivered(name="vault", ok=True), Delivered(name="report.git", ok=False, message="It refused."))
    cluster.finish(job, [DeliverResult(targets=targets)])
    cluster.to_the_end()
    cluster.settle()
    events = [(event.type, event.message) for event in cluster.events if event.reason == "NotCopied"]
    assert events == [("Warning", "report.git: It refused; vault: delivered")]


# What the publication says


def test_a_model_that_the_store_would_not_promote_is_named() -> None:
    cluster, job = at_phase("publish")
    task = task_of(cluster.manifests[job.name])
    refused = tuple(NotPromoted(symbol=each, reason="OlderTest", message="tested on older bars") for each in SYMBOLS)
    outcome = PublishResult(
        publish_key=task.publish_key, markdown="s3://r/1/", results="s3://r/2", not_promoted=refused
    )  # type: ignore[union-attr]
    cluster.finish(job, [outcome])
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Passed", "")
    assert "BTC-USD: tested on older bars" in status.message


def test_promoted_models_are_named_even_where_the_message_had_no_room() -> None:
    cluster, job = at_phase("publish")
    task = task_of(cluster.manifests[job.name])
    whole = published(task)  # type: ignore[arg-type]
    cluster.finish(job, [whole.model_copy(update={"promoted": tuple(Promoted(symbol=each) for each in SYMBOLS)})])
    promotion = cluster.to_the_end().status.promotion
    assert promotion is not None
    evaluated = [cluster.run.status.symbol(each).result for each in SYMBOLS]
    assert [file_name(model.uri) for model in promotion.models] == [
        file_name(each.model.uri) for each in evaluated if each and each.model
    ]
    assert all(model.uri.startswith("s3://bucket/models/promoted/lstm_") for model in promotion.models)


def test_a_measurement_of_another_key_is_no_measurement() -> None:
    cluster, job = at_phase("evaluate", symbols=["BTC-USD"])
    (outcome,) = cluster.results(job)
    assert isinstance(outcome, EvaluateResult)
    cluster.finish(job, [outcome.model_copy(update={"evaluate_key": "0" * 16, "measurement": passing(0.99)})])
    assert cluster.settle().status.gate is None


def test_a_pod_that_is_done_does_not_show_as_queued_until_its_job_has_heard_of_it() -> None:
    cluster = Cluster.of()
    cluster.settle()
    job = cluster.job("BTC-USD")
    for pod in cluster.active(job):
        cluster.api.end(pod, Ended())
    assert cluster.plan().status.symbol("BTC-USD").state == "Training"


def test_between_two_pods_it_says_how_the_last_one_ended() -> None:
    cluster = Cluster.of()
    cluster.settle()
    job = cluster.job("BTC-USD")
    cluster.end(job, failed("SoftwareError", "It broke.", 70))
    entry = cluster.settle().status.symbol("BTC-USD")
    assert (entry.state, entry.reason) == ("Queued", "Retrying")
    assert "SoftwareError: It broke" in (entry.message or "")
