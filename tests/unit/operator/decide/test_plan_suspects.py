"""Figures that are too good to be believed wait for a person, whatever the policy."""

from __future__ import annotations

from support.planning import Cluster, approve, passing

from retrain_api.measurement import Measurement


def suspect(accuracy: float = 0.99) -> Measurement:
    return passing(accuracy).model_copy(update={"suspicions": ("its accuracy is above 97 %",)})


def test_a_suspect_model_makes_automatic_wait_for_a_person() -> None:
    cluster = Cluster.of()
    cluster.measurements["SOL-USD"] = suspect()
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("AwaitingApproval", "")
    assert status.symbol("SOL-USD").verdict == "Suspect"
    approve(cluster)
    assert cluster.to_the_end().status.promoted == "BTC-USD,ETH-USD,SOL-USD"


def test_suspects_alone_are_promoted_when_a_person_says_so() -> None:
    cluster = Cluster.of()
    cluster.measurements = dict.fromkeys(("BTC-USD", "ETH-USD", "SOL-USD"), suspect())
    assert cluster.to_the_end().status.state == "AwaitingApproval"
    assert cluster.run.status.gate is not None and cluster.run.status.gate.verdict == "Suspect"
    approve(cluster)
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Promoted", "BTC-USD,ETH-USD,SOL-USD")
    assert next(each.reason for each in status.conditions if each.type == "Ready") == "Promoted"


def test_suspects_that_miss_the_bar_are_rejected() -> None:
    cluster = Cluster.of()
    cluster.measurements = dict.fromkeys(("BTC-USD", "ETH-USD", "SOL-USD"), suspect(0.5))
    assert cluster.to_the_end().status.state == "Rejected"
