"""Jobs that the API server will not create, images that the operator's owner does not allow, nodes that are gone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from support.planning import START, Cluster
from support.pod_status import stranded

from retrain_operator.decide.context import Settings
from retrain_operator.decide.run.plan import plan
from retrain_operator.state.effects import Plan
from retrain_operator.state.view import Refusal, RunView

WORDS = 'Job.batch "x" is invalid: spec.template.spec.containers[0].image: Required value'
QUOTA = "exceeded quota: jobs, requested: count/jobs.batch=1, used: 3, limited: 3"


def reconciled(cluster: Cluster, *refusals: Refusal, now: datetime = START, settings: Settings | None = None) -> Plan:
    """The plan where these refusals are remembered; its status is kept."""
    decided = plan(cluster.run, RunView(tuple(cluster.jobs.values()), refusals), now, settings or Settings())
    cluster.run = cluster.run.model_copy(update={"status": decided.status})
    return decided


def names(decided: Plan) -> list[str]:
    return [manifest["metadata"]["name"] for manifest in decided.create]


def refusal(name: str, lasting: bool) -> Refusal:
    reason, message = ("Invalid", WORDS) if lasting else ("QuotaExceeded", QUOTA)
    return Refusal(name, reason, message, lasting, START)


def test_a_job_refused_for_good_fails_its_symbol_with_the_servers_words_and_is_not_asked_for_again() -> None:
    cluster = Cluster.of(gate={"minPassed": 1})
    btc, *others = names(reconciled(cluster))
    again = reconciled(cluster, refusal(btc, lasting=True))
    failed = again.status.symbol("BTC-USD")
    assert (failed.state, failed.reason) == ("Failed", "Invalid")
    assert WORDS in (failed.message or "")
    assert names(again) == others


def test_it_stays_failed_after_a_restart_and_is_tried_when_its_pod_fields_change() -> None:
    cluster = Cluster.of(gate={"minPassed": 1})
    btc = names(reconciled(cluster))[0]
    reconciled(cluster, refusal(btc, lasting=True))
    assert btc not in names(reconciled(cluster))
    cluster.edit(gate={"minPassed": 1}, pods={"image": "other:1"})
    assert any("btc-usd" in name for name in names(reconciled(cluster)))


def test_when_every_job_is_refused_for_good_the_run_has_failed() -> None:
    cluster = Cluster.of()
    refusals = [refusal(name, lasting=True) for name in names(reconciled(cluster))]
    status = reconciled(cluster, *refusals).status
    assert status.state == "Failed"
    assert {c.type for c in status.conditions if c.status == "True"} >= {"Stalled", "Finished"}


def test_a_job_refused_for_now_is_asked_for_again_and_says_why_it_waits() -> None:
    cluster = Cluster.of()
    first = names(reconciled(cluster))
    again = reconciled(cluster, *(refusal(name, lasting=False) for name in first))
    assert names(again) == first
    assert again.status.state == "Queued"
    assert QUOTA in again.status.message
    assert {entry.reason for entry in again.status.symbols} == {"QuotaExceeded"}
    assert reconciled(cluster, *(refusal(name, lasting=False) for name in first)).status == again.status


def test_waiting_for_a_job_ends_with_the_pending_deadline() -> None:
    cluster = Cluster.of(train={"pendingDeadlineSeconds": 60})
    refusals = [refusal(name, lasting=False) for name in names(reconciled(cluster))]
    soon = reconciled(cluster, *refusals, now=START + timedelta(seconds=59))
    assert soon.requeue_at == START + timedelta(seconds=60)
    late = reconciled(cluster, *refusals, now=START + timedelta(seconds=60))
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
    cluster.remove(job)
    cluster.bury()
    refused = refusal(job.name, lasting=True)
    reconciled(cluster, refused)
    status = reconciled(cluster, refused).status
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
    decided = reconciled(Cluster.of(pods={"image": image}), settings=Settings(allowed_images=allowed))
    assert bool(decided.create) is started
    assert decided.status.state == ("Queued" if started else "Failed")
    assert started or (image in decided.status.message and allowed[0] in decided.status.message)


def test_the_operators_own_default_image_needs_no_leave() -> None:
    assert reconciled(Cluster.of(), settings=Settings(default_image="mine:1", allowed_images=("other/*",))).create


def test_a_pinned_evaluator_measures_and_publishes_whatever_trains() -> None:
    settings = Settings(evaluator_image="evaluator:1")
    cluster = Cluster.of(pods={"image": "trainer:mine"})
    images: dict[str, set[str]] = {}
    for _ in range(12):
        decided = plan(cluster.run, cluster.view(), cluster.now, settings)
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
    cluster.show(job, stranded(cluster.time))
    entry = cluster.settle().status.symbol("BTC-USD")
    assert (entry.state, entry.reason) == ("Queued", "NodeLost")
    assert "test-node" in (entry.message or "")
