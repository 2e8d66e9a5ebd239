"""A retry token: what failed is tried again, alone; what succeeded, and what is at work, is kept."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import Cluster, at_phase, failed

from retrain_api.documents.results import Delivered, DeliverResult
from retrain_operator.state.view import JobView

BACKUP = {"name": "vault", "uri": "s3://vault/"}
TRAIN3 = ["train BTC-USD", "train ETH-USD", "train SOL-USD"]


def work(cluster: Cluster, since: int = 0) -> list[str]:
    """The Jobs created since the `since`-th, by phase and symbol."""
    labels = [cluster.manifests[name]["metadata"]["labels"] for name in cluster.created[since:]]
    return [
        " ".join(filter(None, [each["retrain.crpbot.dev/phase"], each.get("retrain.crpbot.dev/symbol")]))
        for each in labels
    ]


def uids(cluster: Cluster) -> dict[str, str]:
    return {job.name: job.uid for job in cluster.jobs.values()}


def fail(cluster: Cluster, job: JobView) -> None:
    """The key is wrong: every index of the Job fails for good."""
    cluster.fail(job, "CredentialsRefused", "The store refuses the key.", 77)


@pytest.mark.parametrize(
    ("phase", "spec", "again"),
    [
        ("train", {}, TRAIN3),
        ("evaluate", {}, ["evaluate"]),
        ("publish", {}, ["publish"]),
        ("deliver", {"backups": [BACKUP | {"required": True}]}, ["deliver"]),
        ("deliver", {"backups": [BACKUP]}, ["deliver"]),
    ],
    ids=["train", "evaluate", "publish", "a required copy", "a copy"],
)
def test_a_phase_that_failed_is_tried_again_and_no_phase_before_it(
    phase: str, spec: dict[str, Any], again: list[str]
) -> None:
    cluster, _ = at_phase(phase, **spec)
    for job in [job for job in cluster.of_phase(phase) if job.live]:
        fail(cluster, job)
    cluster.settle()
    before, made = uids(cluster), len(cluster.created)
    cluster.annotate(retry="one")
    cluster.settle()
    assert work(cluster, made) == again
    cluster.to_the_end()
    assert cluster.run.status.state == "Promoted"
    assert uids(cluster).items() >= before.items(), "what was there is kept"


def test_only_the_symbol_that_failed_trains_again_and_only_it_is_measured() -> None:
    cluster = Cluster.of(gate={"minPassed": 2})
    cluster.settle()
    fail(cluster, cluster.job("ETH-USD"))
    cluster.to_the_end()
    assert cluster.run.status.state == "Promoted"
    made = len(cluster.created)
    cluster.annotate(retry="one")
    cluster.to_the_end()
    assert work(cluster, made) == ["train ETH-USD", "evaluate", "publish"]
    measured = cluster.manifests[cluster.created[made + 1]]
    assert measured["spec"]["completions"] == 1
    assert {entry.symbol for entry in cluster.run.status.symbols if entry.promoted} == set(cluster.run.spec.symbols)


def test_a_symbol_whose_measurement_failed_is_measured_again_alone() -> None:
    cluster, job = at_phase("evaluate", gate={"minPassed": 2})
    cluster.exhaust(job, failed("CredentialsRefused", "The store refuses the key.", 77), index=1)
    cluster.finish(job)
    cluster.to_the_end()
    made = len(cluster.created)
    cluster.annotate(retry="one")
    cluster.to_the_end()
    assert work(cluster, made) == ["evaluate", "publish"]
    assert cluster.manifests[cluster.created[made]]["spec"]["completions"] == 1


def test_what_is_at_work_goes_on_and_what_was_stopped_for_the_quorum_starts() -> None:
    cluster = Cluster.of()
    cluster.settle()
    cluster.start(cluster.job("BTC-USD"))
    fail(cluster, cluster.job("ETH-USD"))
    cluster.settle()
    training = cluster.job("BTC-USD")
    cluster.annotate(retry="one")
    cluster.settle()
    assert cluster.job("BTC-USD").uid == training.uid
    fail(cluster, cluster.job("ETH-USD"))
    fail(cluster, cluster.job("SOL-USD"))
    cluster.settle()
    assert [entry.state for entry in cluster.run.status.symbols] == ["Stopped", "Failed", "Failed"]
    cluster.annotate(retry="two")
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_copy_that_was_not_made_is_made_and_those_that_were_are_no_failure() -> None:
    cluster, job = at_phase("deliver", backups=[BACKUP, {"name": "nas", "uri": "s3://nas/"}])
    refused = Delivered(name="vault", ok=False, message="CredentialsRefused: The store refuses the key.")
    cluster.finish(job, [DeliverResult(targets=(refused, Delivered(name="nas", ok=True)))])
    cluster.to_the_end()
    assert cluster.run.status.state == "Promoted"
    assert cluster.run.status.backups is not None and not cluster.run.status.backups.ok
    made = len(cluster.created)
    cluster.annotate(retry="one")
    cluster.to_the_end()
    assert work(cluster, made) == ["deliver"]
    assert cluster.run.status.backups is not None and cluster.run.status.backups.ok


@pytest.mark.parametrize("spec", [{}, {"backups": [BACKUP]}, {"promotion": {"policy": "Manual"}}])
def test_where_nothing_failed_a_token_does_nothing(spec: dict[str, Any]) -> None:
    cluster = Cluster.of(**spec)
    cluster.to_the_end()
    status, made = cluster.run.status, list(cluster.created)
    cluster.annotate(retry="one")
    cluster.to_the_end()
    handled = status.model_copy(update={"last_handled_retry": "one"})
    assert (cluster.run.status, cluster.created) == (handled, made)


def test_one_token_tries_once_and_a_failure_under_it_is_remembered() -> None:
    cluster = Cluster.of()
    for token in ("one", "two"):
        cluster.annotate(retry=token)
        cluster.settle()
        for job in [job for job in cluster.of_phase("train") if job.live]:
            fail(cluster, job)
        assert cluster.settle().status.state == "Failed"
        made = list(cluster.created)
        assert cluster.settle().status.state == "Failed" and cluster.created == made
    assert work(cluster) == TRAIN3 * 2


def test_a_job_that_the_api_server_refused_for_good_is_asked_for_again() -> None:
    cluster = Cluster.of()
    cluster.refusing = "for good"
    assert cluster.settle().status.state == "Failed"
    cluster.refusing = ""
    assert cluster.settle().status.state == "Failed"
    cluster.annotate(retry="one")
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_token_that_is_taken_away_again_stays_in_force() -> None:
    """A GitOps tool may remove what a person annotated, before the Job has even begun."""
    cluster, job = at_phase("train", symbols=["BTC-USD"])
    fail(cluster, job)
    cluster.settle()
    cluster.annotate(retry="one")
    cluster.settle()
    made = list(cluster.created)
    cluster.annotate(retry="")
    assert cluster.settle().status.state == "Queued"
    assert cluster.to_the_end().status.state == "Promoted"
    assert cluster.created[: len(made)] == made and len(made) == 2
