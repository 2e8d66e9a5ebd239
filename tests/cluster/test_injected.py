"""What a mesh or an injector puts into the run's pods: the trainer's own end counts, and what can't start is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.injector import injector
from support.kind_cluster import Cluster, until
from support.life import entry_of
from support.team import Team

SYMBOL = "USD1A-USDT"


@pytest.fixture(scope="module", autouse=True)
def webhook(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with injector(cluster, tmp_path_factory.mktemp("injector")):
        yield


def containers(team: Team) -> set[str]:
    """Names of all containers of the training's pods."""
    specs = [pod["spec"] for pod in team.pods("train")]
    return {one["name"] for spec in specs for one in (*spec["containers"], *spec.get("initContainers", ()))}


@pytest.mark.parametrize("what", ["proxy", "native"])
def test_a_run_ends_although_a_container_that_never_does_stands_beside_each_task(team: Team, what: str) -> None:
    team.cluster.kubectl("label", "namespace", team.namespace, f"inject={what}")
    team.apply(symbols=[SYMBOL])
    team.until_symbol(SYMBOL, lambda entry: entry.get("state") != "Pending")
    until(lambda: "proxy" in containers(team), team.pods_said)
    status = team.ends("Promoted")
    assert entry_of(status, SYMBOL)["result"]["epochs"] == 4
    # The Jobs of an old sidecar are deleted with their pods, a minute later; no pod goes on holding what it asked for.
    until(lambda: not any(team.running(phase) for phase in ("train", "evaluate", "publish")), team.pods_said)


def test_a_container_that_cannot_start_is_named_while_the_run_waits(team: Team) -> None:
    team.cluster.kubectl("label", "namespace", team.namespace, "inject=broken")
    team.apply(symbols=[SYMBOL])
    entry = team.until_symbol(SYMBOL, lambda entry: entry.get("reason") == "ErrImageNeverPull")
    assert "secrets" in entry["message"]
