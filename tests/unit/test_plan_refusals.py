"""Jobs that the API server will not create, images that the operator's owner does not allow, nodes that are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from retrain_operator.observed import Observed, ObservedPod, Refusal
from retrain_operator.plan import Plan, Settings, plan
from support.planning import START, Cluster

WORDS = 'Job.batch "x" is invalid: spec.template.spec.containers[0].image: Required value'
QUOTA = "exceeded quota: jobs, requested: count/jobs.batch=1, used: 3, limited: 3"


def looked(cluster: Cluster, *refusals: Refusal, now: datetime = START, settings: Settings | None = None) -> Plan:
    """A look with refusals in memory; its status is kept."""
    decided = plan(cluster.run, Observed(tuple(cluster.jobs.values()), refusals), now, settings or Settings())
    cluster.run = cluster.run.model_copy(update={"status": decided.status})
    return decided


def names(decided: Plan) -> list[str]:
    return [manifest["metadata"]["name"] for manifest in decided.create]


def refusal(name: str, lasting: bool) -> Refusal:
    reason, message = ("Invalid", WORDS) if lasting else ("QuotaExceeded", QUOTA)
    return Refusal(name, reason, message, lasting, START)


def test_a_job_refused_for_good_fails_its_symbol_with_the_servers_words_and_is_not_asked_for_again() -> None:
    cluster = Cluster.of(gate={"minPassed": 1})
    btc, *others = names(looked(cluster))
    again = looked(cluster, refusal(btc, lasting=True))
    failed = again.status.symbol("BTC-USD")
    assert (failed.state, failed.reason) == ("Failed", "Invalid")
    assert WORDS in (failed.message or "")
    assert names(again) == others


def test_it_stays_failed_after_a_restart_and_is_tried_when_its_pod_fields_change() -> None:
    cluster = Cluster.of(gate={"minPassed": 1})
    btc = names(looked(cluster))[0]
    looked(cluster, refusal(btc, lasting=True))
    assert btc not in names(looked(cluster))
    cluster.edit(gate={"minPassed": 1}, pods={"image": "other:1"})
    assert any("btc-usd" in name for name in names(looked(cluster)))


def test_when_every_job_is_refused_for_good_the_run_has_failed() -> None:
    cluster = Cluster.of()
    refusals = [refusal(name, lasting=True) for name in names(looked(cluster))]
    status = looked(cluster, *refusals).status
    assert status.state == "Failed"
    assert {c.type for c in status.conditions if c.status == "True"} >= {"Stalled", "Finished"}


def test_a_job_refused_for_now_is_asked_for_again_and_says_why_it_waits() -> None:
    cluster = Cluster.of()
    first = names(looked(cluster))
    again = looked(cluster, *(refusal(name, lasting=False) for name in first))
    assert names(again) == first
    assert again.status.state == "Queued"
    assert QUOTA in again.status.message
    assert {entry.reason for entry in again.status.symbols} == {"QuotaExceeded"}
    assert looked(cluster, *(refusal(name, lasting=False) for name in first)).status == again.status


def test_waiting_for_a_job_ends_with_the_pending_deadline() -> None:
    cluster = Cluster.of(train={"pendingDeadlineSeconds": 60})
    refusals = [refusal(name, lasting=False) for name in names(looked(cluster))]
    soon = looked(cluster, *refusals, now=START + timedelta(seconds=59))
    assert soon.look_again_at == START + timedelta(seconds=60)
    late = looked(cluster, *refusals, now=START + timedelta(seconds=60))
    assert late.status.state == "Failed"
    assert {entry.reason for entry in late.status.symbols} == {"PendingDeadlineExceeded"}
    assert names(late) == []


@pytest.mark.parametrize("phase", ["evaluate", "publish"])
def test_a_later_job_refused_for_good_fails_the_run_with_the_servers_words(phase: str) -> None:
    cluster = Cluster.of()
    cluster.settle()
    for _ in range(5):
        if cluster.of_phase(phase):
            break
        cluster.finish_all()
        cluster.settle()
    (job,) = cluster.of_phase(phase)
    del cluster.jobs[job.name]
    refused = refusal(job.name, lasting=True)
    looked(cluster, refused)
    status = looked(cluster, refused).status
    assert status.state == "Failed"
    assert "Required value" in status.message


IMAGES = [
    ((), "anything:1", True),
    (("registry.example/*",), "registry.example/trainer:2", True),
    (("registry.example/*",), "elsewhere.example/trainer:2", False),
    (("registry.example/trainer:*", "own/*"), "own/trainer", True),
]


@pytest.mark.parametrize(("allowed", "image", "started"), IMAGES)
def test_only_allowed_images_are_started(allowed: tuple[str, ...], image: str, started: bool) -> None:
    decided = looked(Cluster.of(pods={"image": image}), settings=Settings(allowed_images=allowed))
    assert bool(decided.create) is started
    assert decided.status.state == ("Queued" if started else "Failed")
    assert started or (image in decided.status.message and allowed[0] in decided.status.message)


def test_the_operators_own_default_image_needs_no_leave() -> None:
    assert looked(Cluster.of(), settings=Settings(default_image="mine:1", allowed_images=("other/*",))).create


def test_a_pinned_evaluator_measures_and_publishes_whatever_trains() -> None:
    settings = Settings(evaluator_image="evaluator:1")
    cluster = Cluster.of(pods={"image": "trainer:mine"})
    images: dict[str, set[str]] = {}
    for _ in range(12):
        decided = plan(cluster.run, cluster.observed(), cluster.now, settings)
        cluster.carry_out(decided)
        if not decided.create:
            cluster.finish_all()
    for manifest in cluster.manifests.values():
        phase = manifest["metadata"]["labels"]["retrain.crpbot.dev/phase"]
        images.setdefault(phase, set()).add(manifest["spec"]["template"]["spec"]["containers"][0]["image"])
    assert images == {"train": {"trainer:mine"}, "evaluate": {"evaluator:1"}, "publish": {"evaluator:1"}}


def test_a_training_on_a_node_that_does_not_answer_says_so() -> None:
    cluster = Cluster.of()
    cluster.settle()
    job = cluster.job("BTC-USD")
    cluster.start(job)
    stranded = ObservedPod(0, "Running", waiting_reason="NodeLost", waiting_message="It is on node a, which is silent.")
    cluster.jobs[job.name] = replace(cluster.jobs[job.name], pods=(stranded,))
    entry = cluster.settle().status.symbol("BTC-USD")
    assert (entry.state, entry.reason) == ("Queued", "NodeLost")
    assert "node a" in (entry.message or "")
