"""A memory limit that is too small: named, and mended by raising it."""

from __future__ import annotations

import contextlib
from typing import Any

from support.kind_cluster import KubectlFailed
from support.life import entry_of
from support.team import LONG, Team

# Makes the kernel run out of the container's memory, and choose the training as the one to end.
DEVOUR = """
open("/proc/1/oom_score_adj", "w").write("1000")
taken = []
while True:
    taken.append(b"x" * (16 << 20))
"""


def limited(team: Team, memory: str) -> dict[str, Any]:
    resources = {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"memory": memory}}
    return {**team.spec()["train"], "resources": resources, "backoffLimit": 0}


def test_a_training_that_runs_out_of_memory_goes_on_once_it_has_more(team: Team) -> None:
    team.apply(
        symbols=["USD1A-USDT", "USD1B-USDT"],
        training={**LONG, "epochs": 40},
        train=limited(team, "700Mi"),
        gate={**team.spec()["gate"], "minPassed": 1},
    )
    team.until_epoch("USD1B-USDT", 5)
    (pod,) = team.running("train", "USD1B-USDT")
    devour(team, pod)
    entry = team.until_symbol("USD1B-USDT", lambda e: e.get("state") == "Failed")
    assert entry["reason"] == "OOMKilled"
    assert "spec.train.resources.limits.memory" in entry["message"]
    other = team.until_symbol("USD1A-USDT", lambda e: "result" in e)
    team.patch(train=limited(team, "1500Mi"))
    status = team.until(lambda s: s["state"] == "Promoted" and s["trained"] == "2/2")
    assert entry_of(status, "USD1B-USDT")["result"]["resumedEpochs"] >= 5
    assert trained(entry_of(status, "USD1A-USDT")) == trained(other)
    assert len(team.pods("train", "USD1A-USDT")) == 1, "the other symbol was not touched"


def devour(team: Team, pod: str) -> None:
    with contextlib.suppress(KubectlFailed):  # it ends with the training
        team.kubectl("exec", pod, "--", "python", "-c", DEVOUR)


def trained(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry["result"][name] for name in ("model", "durationSeconds")}


def test_a_limit_below_what_torch_needs_is_named_with_what_to_raise(team: Team) -> None:
    team.apply(symbols=["USD1A-USDT"], train=limited(team, "64Mi"))
    entry = team.ends("Failed")["symbols"][0]
    assert entry["reason"] == "OOMKilled"
    assert "spec.train.resources.limits.memory" in entry["message"]
    team.patch(train=limited(team, "1500Mi"))
    team.ends("Promoted")
