"""GPUs that are short, and GPUs that are not there. The node's are made up: the scheduler counts them, no pod gets one."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from support.kind_cluster import Cluster
from support.team import LONG, Team

DEVICE = "example.com/accelerator"
"""Asked for in train.resources, where a GPU's own name is refused: with train.gpu the trainer would miss the device."""


GPU = "nvidia.com/gpu"


@pytest.fixture(autouse=True)
def two_of_each(cluster: Cluster) -> Iterator[None]:
    for name in (DEVICE, GPU):
        cluster.fake_gpus(2, name)
    yield
    for name in (DEVICE, GPU):
        cluster.fake_gpus(0, name)


def test_where_two_are_there_for_three_the_third_waits_with_the_reason_and_trains_then(team: Team) -> None:
    # On the CPU, for there is no GPU behind the number; the scheduler does not know.
    train = copy.deepcopy(team.spec()["train"])
    train["resources"]["limits"][DEVICE] = 1
    # So long that the two are at it when the third is let in, however fast this machine is.
    team.apply(train=train, training=LONG)
    status = team.until(lambda s: sorted(e["state"] for e in s["symbols"]) == ["Queued", "Training", "Training"])
    waits = next(entry for entry in status["symbols"] if entry["state"] == "Queued")
    assert waits["reason"] == "Unschedulable"
    assert f"Insufficient {DEVICE}" in waits["message"]
    team.cluster.fake_gpus(3, DEVICE)
    team.until(lambda s: [e["state"] for e in s["symbols"]] == ["Training"] * 3)
    assert len(team.pods("train")) == 3, "the pod that waited is the one that trains"


def test_where_a_gpu_is_asked_for_and_none_is_found_it_fails_at_once_and_says_so(team: Team) -> None:
    team.apply(symbols=["USD1A-USDT"], train={**team.spec()["train"], "device": "GPU"})
    status = team.ends("Failed")
    entry = status["symbols"][0]
    assert (entry["state"], entry["reason"]) == ("Failed", "NoGPU")
    assert "GPU" in entry["message"]
    assert len(team.pods("train")) == 1, "not tried again"
    assert "Epoch" not in team.log("USD1A-USDT"), "and not on the CPU instead"
