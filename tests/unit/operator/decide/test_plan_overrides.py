"""Promotion against the gate: on a person's authority over this very judgement, and on record for good."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import Cluster, approve, passing, task_of

from retrain_api.documents.tasks import PublishTask

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")


def failing(*symbols: str, **spec: Any) -> Cluster:
    """A run whose named symbols miss the bar, at rest."""
    cluster = Cluster.of(**spec)
    cluster.measurements = dict.fromkeys(symbols or SYMBOLS, passing(0.6))
    cluster.to_the_end()
    return cluster


def override(cluster: Cluster, by: str = " by Ann: a trial on paper") -> Cluster:
    approve(cluster, "override", by)
    cluster.to_the_end()
    return cluster


def published(cluster: Cluster) -> PublishTask:
    """The last publication."""
    task = task_of(cluster.manifests[[name for name in cluster.created if "-publish-" in name][-1]])
    assert isinstance(task, PublishTask)
    return task


def against(cluster: Cluster) -> dict[str, str]:
    promotion = cluster.run.status.promotion
    return {model.symbol: model.override for model in promotion.models if model.override} if promotion else {}


def test_an_override_promotes_what_fails_and_everything_says_so() -> None:
    cluster = override(failing())
    status = cluster.run.status
    assert (status.state, status.promoted) == ("Promoted", "BTC-USD,ETH-USD,SOL-USD")
    assert status.gate is not None and status.gate.verdict == "Fail"
    assert status.promotion is not None and status.promotion.override is True
    assert against(cluster) == dict.fromkeys(SYMBOLS, "Ann: a trial on paper")
    sentence = "BTC-USD, ETH-USD, SOL-USD promoted by override, not by the gate: Ann: a trial on paper. "
    assert status.message.startswith(sentence)
    condition = next(each for each in status.conditions if each.type == "Promoted")
    assert (condition.status, condition.reason, condition.message) == ("True", "PromotedByOverride", sentence.strip())
    event = cluster.events[-1]
    assert (event.type, event.reason) == ("Warning", "PromotedByOverride") and event.message.startswith(sentence)
    assert status.history[-1].line.endswith("; promoted by override: Ann: a trial on paper")
    assert published(cluster).override and published(cluster).approved_by == "Ann: a trial on paper"


def test_nothing_is_trained_or_measured_for_it() -> None:
    cluster = failing()
    made = len(cluster.created)
    override(cluster)
    assert [name for name in cluster.created[made:] if "-publish-" not in name] == []


def test_what_the_gate_has_promoted_already_is_left_alone() -> None:
    """Its pointer may name a newer model by now."""
    cluster = override(failing("SOL-USD"))
    assert [item.symbol for item in published(cluster).items if item.promote] == ["SOL-USD"]
    assert against(cluster) == {"SOL-USD": "Ann: a trial on paper"}
    assert cluster.run.status.promoted == "BTC-USD,ETH-USD,SOL-USD"


def test_what_was_never_measured_stays_out() -> None:
    cluster = Cluster.of(gate={"whenUnreachable": "Continue"})
    cluster.measurements = dict.fromkeys(SYMBOLS, passing(0.6))
    cluster.settle()
    cluster.fail(cluster.job("SOL-USD"))
    cluster.to_the_end()
    assert override(cluster).run.status.promoted == "BTC-USD,ETH-USD"


@pytest.mark.parametrize(
    ("spec", "words", "note"),
    [
        ({}, {"override": "0123456789abcdef by Ann: why"}, ""),
        ({}, {"override": "{digest}"}, "because it lacks a name or a reason"),
        ({}, {"override": "{digest} by Ann"}, "because it lacks a name or a reason"),
        ({}, {"approve": "{digest} by Ann: why"}, ""),
        ({}, {"override": "{digest} by Ann: why", "reject": "{digest} by Bob: no"}, ""),
        ({"promotion": {"policy": "Never"}}, {"override": "{digest} by Ann: why"}, "because promotion.policy is Never"),
    ],
)
def test_what_overrides_nothing(spec: dict[str, Any], words: dict[str, str], note: str) -> None:
    cluster = failing(**spec)
    gate = cluster.run.status.gate
    assert gate is not None
    cluster.annotate(**{verb: text.format(digest=gate.digest) for verb, text in words.items()})
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Rejected", "")
    assert note in status.message and ("override" in status.message) == bool(note)


def test_an_override_promotes_what_waits_too() -> None:
    cluster = override(failing("SOL-USD", promotion={"policy": "Manual"}))
    assert (cluster.run.status.state, set(against(cluster))) == ("Promoted", set(SYMBOLS))


@pytest.mark.parametrize("after", ["forgotten", "rejected", "Never"])
def test_what_was_overridden_and_done_stays_done(after: str) -> None:
    cluster = override(failing())
    if after == "forgotten":
        cluster.annotate(override="")
    if after == "rejected":
        approve(cluster, "reject")
    if after == "Never":
        cluster.edit(promotion={"policy": "Never"})
    made = len(cluster.created)
    status = cluster.to_the_end().status
    assert (status.state, len(cluster.created)) == ("Promoted", made)
    assert status.message.startswith("BTC-USD, ETH-USD, SOL-USD promoted by override, not by the gate: Ann")


def test_a_later_judgement_needs_a_word_of_its_own_and_the_old_one_stays_told() -> None:
    cluster = override(failing())
    cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.65}]})
    status = cluster.to_the_end().status
    assert status.state == "Rejected" and len(against(cluster)) == 3
    cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.55}]})
    status = cluster.to_the_end().status
    assert (status.state, against(cluster), status.promotion.by) == ("Promoted", {}, "gate")  # type: ignore[union-attr]
