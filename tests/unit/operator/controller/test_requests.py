"""What a preflight costs the API server."""

from __future__ import annotations

from support.fake_cluster import FakeCluster
from support.planning import run_document
from support.replica import Node, Replica


def requests(preflight: str) -> list[str]:
    """All that the operator asks of the API server for a run of three symbols, its events included."""
    api = FakeCluster()
    replica = Replica(api)
    api.put(run_document(preflight=preflight))
    replica.live(Node(api))
    assert replica.metrics.states[-1] == "Promoted"
    return [f"{one.verb} {one.resource}" for one in api.asked] + [f"post {reason}" for reason, _ in replica.posted]


def test_a_run_with_a_preflight_costs_at_most_three_requests_more() -> None:
    with_one, without = requests("Always"), requests("Never")
    assert len(with_one) - len(without) <= 3, (with_one, without)
