"""An answer to a judgement that has changed promotes nothing, and is told so: in the status, and by one event."""

from __future__ import annotations

import pytest
from support.planning import Cluster, approve, passing

from retrain_api.status.condition import Condition

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
OLD = "0123456789abcdef"


def judged(accuracy: float = 0.71, policy: str = "Manual") -> Cluster:
    """A run whose models are measured, reported and, under Manual, wait for a person."""
    cluster = Cluster.of(promotion={"policy": policy})
    cluster.measurements = dict.fromkeys(SYMBOLS, passing(accuracy))
    cluster.to_the_end()
    return cluster


def stale(cluster: Cluster) -> Condition | None:
    return next((one for one in cluster.run.status.conditions if one.type == "AnswerStale"), None)


def told(cluster: Cluster) -> str:
    """What the condition says; empty where there is none."""
    condition = stale(cluster)
    return condition.message if condition is not None else ""


def events(cluster: Cluster) -> list[str]:
    """The messages of the events about answers."""
    return [event.message for event in cluster.events if event.reason == "JudgementChanged"]


def now(cluster: Cluster) -> str:
    gate = cluster.run.status.gate
    assert gate is not None and gate.digest is not None
    return gate.digest


def change_the_gate(cluster: Cluster, bar: float = 0.7) -> None:
    """Another judgement of the same models."""
    cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": bar}]})
    cluster.to_the_end()


def test_an_approval_of_a_judgement_that_has_changed_is_answered_and_promotes_nothing() -> None:
    cluster = judged()
    old = now(cluster)
    change_the_gate(cluster)
    assert told(cluster) == "" and events(cluster) == []
    approve(cluster, digest=old)
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("AwaitingApproval", "")
    condition = stale(cluster)
    assert condition is not None and (condition.status, condition.reason) == ("True", "JudgementChanged")
    assert "retrain.crpbot.dev/approve" in condition.message and f"{old} by Ann: looks right" in condition.message
    assert f"approves a judgement that has changed; now: {now(cluster)}" in condition.message
    assert condition.message in status.message
    assert events(cluster) == [condition.message]


def test_it_is_told_by_one_event_however_often_the_run_is_reconciled_and_judged_anew() -> None:
    cluster = judged()
    approve(cluster, digest=OLD)
    for bar in (0.7, 0.69, 0.7):
        cluster.to_the_end()
        assert told(cluster).endswith(f"; now: {now(cluster)}.")
        change_the_gate(cluster, bar)
    cluster.annotate(rerun="again")
    cluster.settle()
    assert told(cluster).endswith(
        f"{OLD} by Ann: looks right) approves a judgement that has changed; there is none now."
    )
    cluster.to_the_end()
    assert len(events(cluster)) == 1
    approve(cluster, by=" by Bob: me too", digest=OLD)
    cluster.to_the_end()
    assert len(events(cluster)) == 2, "another answer"


def test_it_is_gone_once_the_judgement_of_now_is_answered() -> None:
    cluster = judged()
    approve(cluster, digest=OLD)
    cluster.to_the_end()
    approve(cluster)
    status = cluster.to_the_end().status
    assert status.state == "Promoted"
    assert stale(cluster) is None and OLD not in status.message


def test_it_is_gone_once_the_annotation_is_removed() -> None:
    cluster = judged()
    approve(cluster, digest=OLD)
    cluster.to_the_end()
    cluster.annotate(approve="")
    cluster.to_the_end()
    assert stale(cluster) is None


@pytest.mark.parametrize(
    ("answer", "verb"), [("approve", "approves"), ("reject", "rejects"), ("override", "overrides")]
)
def test_every_kind_of_answer_is_told_of(answer: str, verb: str) -> None:
    cluster = judged()
    approve(cluster, answer, digest=OLD)
    assert cluster.to_the_end().status.state == "AwaitingApproval"
    assert f"{verb} a judgement that has changed; now: {now(cluster)}" in told(cluster)


def test_a_word_that_is_no_digest_is_told_to_be_none() -> None:
    cluster = judged()
    cluster.annotate(approve="yes please")
    cluster.to_the_end()
    assert f"names no judgement; now: {now(cluster)}" in told(cluster)


def test_an_answer_as_long_as_an_annotation_may_be_fits_into_a_message() -> None:
    cluster = judged()
    cluster.annotate(approve="x" * 200_000 + " by " + "y" * 50_000)
    cluster.to_the_end()
    assert len(told(cluster)) < 500 and told(cluster) in cluster.run.status.message


def test_where_nothing_waits_for_an_answer_an_old_one_is_not_spoken_of() -> None:
    for policy in ("Automatic", "Never"):
        cluster = judged(policy=policy)
        approve(cluster, digest=OLD)
        cluster.to_the_end()
        assert told(cluster) == "" and events(cluster) == []


def test_an_override_of_an_older_judgement_is_told_of_beside_what_the_gate_promoted() -> None:
    cluster = judged(policy="Automatic")
    approve(cluster, "override", digest=OLD)
    assert cluster.to_the_end().status.state == "Promoted"
    assert f"overrides a judgement that has changed; now: {now(cluster)}" in told(cluster)


def test_an_override_that_was_carried_out_is_not_spoken_of_when_the_gate_passes_later() -> None:
    cluster = judged(0.6, policy="Automatic")
    approve(cluster, "override")
    assert cluster.to_the_end().status.state == "Promoted"
    change_the_gate(cluster, 0.55)
    assert cluster.run.status.state == "Promoted"
    assert told(cluster) == ""


def test_a_run_that_was_never_judged_says_nothing_of_an_answer() -> None:
    cluster = Cluster.of(promotion={"policy": "Manual"})
    cluster.annotate(approve=f"{OLD} by Ann: looks right")
    cluster.settle()
    assert told(cluster) == ""


def test_a_rejected_run_tells_of_it_beside_its_message() -> None:
    cluster = judged()
    old = now(cluster)
    change_the_gate(cluster, 0.8)
    approve(cluster, digest=old)
    status = cluster.to_the_end().status
    assert status.state == "Rejected"
    assert f"now: {now(cluster)}" in told(cluster) and len(events(cluster)) == 1
