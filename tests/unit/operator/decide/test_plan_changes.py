"""A changed run does again only what depends on the change, and takes nothing back."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import Cluster, passing, task_of

from retrain_api.documents.tasks import EvaluateTask


def made(cluster: Cluster, since: int = 0) -> list[str]:
    """Phases (and symbols) of the Jobs that were made, in order."""
    jobs = [cluster.manifests[name]["metadata"]["labels"] for name in cluster.created[since:]]
    short = [(each["retrain.crpbot.dev/phase"], each.get("retrain.crpbot.dev/symbol", "")) for each in jobs]
    return [f"{phase} {symbol}".strip() for phase, symbol in short]


TRAININGS = ["train BTC-USD", "train ETH-USD", "train SOL-USD"]


@pytest.mark.parametrize(
    ("edit", "again"),
    [
        ({"gate": {"minPassed": 3}}, ["publish"]),
        ({"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.7}]}}, ["publish"]),
        ({"promotion": {"requireImprovement": True}}, []),
        ({"promotion": {"expiresAfter": "21d"}}, ["publish"]),
        ({"promotion": {"baseline": {"uri": "s3://bucket/old.pt"}}}, ["evaluate", "publish"]),
        ({"evaluation": {"calibrationBins": 10}}, ["evaluate", "publish"]),
        ({"evaluation": {"backtest": {"feeBps": 5}}}, ["evaluate", "publish"]),
        ({"training": {"seed": 1}}, [*TRAININGS, "evaluate", "publish"]),
        ({"label": {"horizonBars": 5}}, [*TRAININGS, "evaluate", "publish"]),
        ({"symbols": ["BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD"]}, ["train ADA-USD", "evaluate", "publish"]),
        ({"symbols": ["ETH-USD", "BTC-USD"]}, ["publish"]),
        ({"train": {"resources": {"limits": {"memory": "8Gi"}}}}, []),
        ({"evaluate": {"backoffLimit": 0}}, []),
        ({"pods": {"nodeSelector": {"gpu": "yes"}}}, []),
        ({"parallelism": 1, "jobTTLSecondsAfterFinished": 5, "suspend": False}, []),
        ({"artifacts": {"uri": "s3://elsewhere/models/"}}, ["publish"]),
        ({"backups": [{"name": "vault", "uri": "s3://vault/"}]}, ["deliver"]),
        ({"report": {"git": {"url": "https://git.example/reports"}}}, ["deliver"]),
    ],
)
def test_a_finished_run_does_again_what_depends_on_the_change(edit: dict[str, Any], again: list[str]) -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    before = len(cluster.created)
    cluster.edit(**edit)
    assert cluster.to_the_end().status.state == "Promoted"
    assert made(cluster, before) == again
    cluster.edit(**edit)  # applied again: nothing to do
    cluster.to_the_end()
    assert made(cluster, before) == again


def test_a_changed_gate_never_undoes_a_promotion() -> None:
    cluster = Cluster.of()
    promoted = cluster.to_the_end().status.promotion
    cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.99}]})
    status = cluster.to_the_end().status
    assert status.state == "Rejected" and status.promotion == promoted
    assert [entry.promoted for entry in status.symbols] == [True] * 3
    assert [entry.line.split(" ")[0] for entry in status.history] and len(status.history) == 2
    cluster.edit(gate={})
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Promoted", "BTC-USD,ETH-USD,SOL-USD")


def test_a_gate_that_was_too_strict_promotes_without_training_again() -> None:
    cluster = Cluster.of(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.99}]})
    assert cluster.to_the_end().status.state == "Rejected"
    cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.7}]})
    assert cluster.to_the_end().status.state == "Promoted"
    assert made(cluster) == [*TRAININGS, "evaluate", "publish", "publish"]


def test_only_the_last_five_judgements_are_remembered() -> None:
    cluster = Cluster.of()
    for bar in range(50, 58):
        cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": bar / 100}]})
        cluster.to_the_end()
    assert [entry.report and entry.report.split("/")[-2] for entry in cluster.run.status.history] == list("45678")


def test_going_back_to_an_older_training_publishes_it_again() -> None:
    cluster = Cluster.of()
    first = cluster.to_the_end().status.promotion
    cluster.edit(training={"seed": 1})
    second = cluster.to_the_end().status.promotion
    assert first is not None and second is not None
    assert {model.uri for model in first.models}.isdisjoint(model.uri for model in second.models)
    before = len(cluster.created)
    cluster.edit(training={})
    third = cluster.to_the_end().status.promotion
    assert made(cluster, before) == ["publish"], "the models are there; the pointer must be flipped back"
    assert third is not None and third.models == first.models
    assert cluster.run.status.report is not None and cluster.run.status.report.number == 3


def test_one_more_symbol_measures_and_trains_only_that_one() -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    cluster.edit(symbols=["BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD"])
    cluster.to_the_end()
    task = task_of(cluster.manifests[next(name for name in reversed(cluster.created) if "-evaluate-" in name)])
    assert isinstance(task, EvaluateTask) and [item.symbol for item in task.items] == ["ADA-USD"]


@pytest.mark.parametrize("slow", [False, True])
def test_jobs_of_an_old_key_are_deleted(slow: bool) -> None:
    cluster = Cluster.of()
    cluster.slow = slow
    cluster.settle()
    old = set(cluster.jobs)
    cluster.start(cluster.job("BTC-USD"))
    cluster.edit(training={"epochs": 5})
    cluster.settle()
    assert {name for name, _ in cluster.deleted} == old and {why for _, why in cluster.deleted} == {"Superseded"}
    assert cluster.to_the_end().status.state == "Promoted"


@pytest.mark.parametrize("phase", ["train", "evaluate", "publish"])
def test_a_symbol_that_is_taken_out_is_worked_on_no_more(phase: str) -> None:
    cluster = Cluster.of()
    cluster.settle()
    while not any(job.live for job in cluster.of_phase(phase)):
        cluster.finish_all()
        cluster.settle()
    at_work = [job.name for job in cluster.of_phase(phase) if job.symbol in (None, "SOL-USD")]
    cluster.edit(symbols=["BTC-USD", "ETH-USD"])
    cluster.settle()
    assert [name for name, _ in cluster.deleted] == at_work
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Promoted", "BTC-USD,ETH-USD")
    assert sum("-train-" in name for name in cluster.created) == 3


@pytest.mark.parametrize(
    "edit", [{"training": {"epochs": 5}}, {"evaluation": {"calibration": "None"}}, {"gate": {"minPassed": 1}}]
)
@pytest.mark.parametrize("slow", [False, True])
def test_a_publication_is_ended_when_what_it_judged_changes(edit: dict[str, Any], slow: bool) -> None:
    cluster = Cluster.of()
    cluster.settle()
    for _ in range(2):
        cluster.finish_all()
        cluster.settle()
    (old,) = cluster.of_phase("publish")
    cluster.start(old)
    cluster.slow = slow
    cluster.edit(**edit)
    cluster.reconcile()
    assert (old.name, "Superseded") in cluster.deleted
    cluster.reconcile()
    assert sum(job.live for job in cluster.of_phase("publish")) == (edit == {"gate": {"minPassed": 1}} and not slow)
    assert cluster.to_the_end().status.state == "Promoted"
    status = cluster.run.status
    assert status.report is not None and status.report.number == 2, "report 1 may be written: it is not written over"
    first, second = status.history
    assert first.line == "Superseded while it was being published: Pass, Ideal: 3 of 3 models pass, 2 required"
    assert (first.job, first.report, second.report) == (old.name, None, status.report.markdown)


def test_a_running_job_keeps_running_when_only_its_pod_fields_change() -> None:
    cluster = Cluster.of()
    cluster.settle()
    cluster.start(cluster.job("BTC-USD"))
    cluster.edit(train={"resources": {"limits": {"memory": "8Gi"}}})
    cluster.settle()
    assert sorted(name.split("-")[3] for name, _ in cluster.deleted) == ["eth", "sol"], "they had not started"
    assert cluster.to_the_end().status.state == "Promoted"
    assert sum("-train-btc-" in name for name in cluster.created) == 1


def test_a_replaced_job_is_gone_before_the_next_is_made() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    cluster.settle()
    cluster.slow = True
    cluster.edit(pods={"nodeSelector": {"gpu": "yes"}})
    cluster.reconcile()
    assert [job.state for job in cluster.jobs.values()] == ["Deleting"] and not cluster.reconcile().create
    cluster.bury()
    assert len(cluster.reconcile().create) == 1


@pytest.mark.parametrize("phase", ["evaluate", "publish", "deliver"])
def test_a_result_counts_whatever_the_pod_fields_are_by_then(phase: str) -> None:
    cluster = Cluster.of(backups=[{"name": "vault", "uri": "s3://vault/"}])
    cluster.settle()
    while not cluster.of_phase(phase):
        cluster.finish_all()
        cluster.settle()
    (job,) = cluster.of_phase(phase)
    cluster.start(job)
    section = "evaluate" if phase == "evaluate" else "publish"
    cluster.edit(**{section: {"resources": {"limits": {"memory": "8Gi"}}}})
    cluster.settle()
    cluster.finish(cluster.jobs[job.name])
    assert cluster.to_the_end().status.state == "Promoted"
    assert sum(f"-{phase}-" in name for name in cluster.created) == 1


@pytest.mark.parametrize("phase", ["train", "evaluate", "publish", "deliver"])
@pytest.mark.parametrize("slow", [False, True])
def test_a_job_deleted_by_hand_is_made_again(phase: str, slow: bool) -> None:
    cluster = Cluster.of(backups=[{"name": "vault", "uri": "s3://vault/"}])
    cluster.settle()
    while not cluster.of_phase(phase):
        cluster.finish_all()
        cluster.settle()
    job = cluster.of_phase(phase)[0]
    cluster.start(job)
    cluster.settle()
    cluster.remove(job)
    if slow:
        cluster.reconcile()
        assert cluster.created.count(job.name) == 1, "the old one must be gone first"
        cluster.bury()
    cluster.bury()
    assert cluster.to_the_end().status.state == "Promoted"
    assert cluster.created.count(job.name) == 2


# Time to live


def test_jobs_go_when_their_time_is_over_and_come_back_never() -> None:
    cluster = Cluster.of(jobTTLSecondsAfterFinished=60)
    decided = cluster.to_the_end()
    assert len(cluster.jobs) == 5 and decided.requeue_at is not None
    assert (decided.requeue_at - cluster.now).total_seconds() == 60
    cluster.later(59)
    assert not cluster.settle().delete
    cluster.later(1)
    cluster.settle()
    assert not cluster.jobs and {why for _, why in cluster.deleted} == {"Expired"}
    status = cluster.settle().status
    assert (status.state, len(cluster.created)) == ("Promoted", 5)
    cluster.edit(gate={"minPassed": 3})
    cluster.to_the_end()
    assert made(cluster, 5) == ["publish"]


def test_no_job_goes_before_the_run_is_finished() -> None:
    cluster = Cluster.of(jobTTLSecondsAfterFinished=60)
    cluster.settle()
    cluster.finish(cluster.job("BTC-USD"))
    cluster.later(3600)
    assert not cluster.settle().delete


def test_failed_jobs_expire_too_and_are_not_tried_again() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"], jobTTLSecondsAfterFinished=60)
    cluster.settle()
    cluster.fail(cluster.job("BTC-USD"))
    cluster.settle()
    cluster.later(60)
    cluster.settle()
    assert not cluster.jobs and len(cluster.created) == 1
    assert cluster.run.status.state == "Failed" and cluster.run.status.symbol("BTC-USD").reason == "NoGPU"


def test_a_measurement_is_that_of_the_models_of_today() -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    cluster.measurements["BTC-USD"] = passing(0.75)
    cluster.edit(evaluation={"calibrationBins": 20})
    cluster.settle()
    assert cluster.run.status.state == "Evaluating" and cluster.run.status.gate is None
    result = cluster.to_the_end().status.symbol("BTC-USD").result
    assert result is not None and result.metrics is not None and result.metrics.metrics.accuracy == 0.75
