"""How runs end, without one pod: the statuses that the operator's own plan of runs writes, over a cluster in memory.

ended(run, "Promoted", at="2040-01-07T04:00:00Z")     # the status of that body, to be patched in
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from support.planning import Cluster, passing

from retrain_api.wire import to_wire

_OWN = ("symbols", "data", "label", "split", "model", "gate", "promotion", "artifacts", "evaluation", "preflight")
"""What of a spec shapes a status."""


def ended(run: Mapping[str, Any], state: str, at: str) -> dict[str, Any]:
    """The status of a run that ended so, at that time."""
    spec = {name: run["spec"][name] for name in _OWN if name in run["spec"]}
    spec["promotion"] = spec.get("promotion", {}) | _POLICY.get(state, {})
    spec["data"] = {name: value for name, value in spec["data"].items() if name != "until"}
    status: dict[str, Any] = json.loads(_ended(json.dumps(spec, sort_keys=True), state))
    conditions = [one | {"lastTransitionTime": at} for one in status["conditions"]]
    if "at" in (status.get("promotion") or {}):
        status["promotion"]["at"] = at
    times = {"startTime": at} | ({} if state == "AwaitingApproval" else {"completionTime": at})
    return status | times | {"conditions": conditions, "observedGeneration": run["metadata"]["generation"]}


@cache
def _ended(spec: str, state: str) -> str:
    # A thread of its own: the cluster in memory has an event loop for each plan, and so may who asks.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_played, spec, state).result()


def _played(spec: str, state: str) -> str:
    cluster = Cluster.of(**json.loads(spec))
    _PLAYS[state](cluster)
    status = cluster.run.status
    assert status.state == state, f"{status.state}: {status.message}"
    return json.dumps(to_wire(status))


def _succeed(cluster: Cluster) -> None:
    cluster.to_the_end()


def _disappoint(cluster: Cluster) -> None:
    cluster.measurements = {symbol: passing(accuracy=0.5) for symbol in cluster.run.spec.symbols}
    cluster.to_the_end()


def _fail(cluster: Cluster) -> None:
    _each_job_fails(cluster, "NoGPU", "No GPU here.", 78)


def _skip(cluster: Cluster) -> None:
    _each_job_fails(cluster, "NoNewBars", "The file has no bar that closed since the last training.", 65)


def _each_job_fails(cluster: Cluster, reason: str, message: str, code: int) -> None:
    cluster.settle()
    while live := [job for job in cluster.jobs.values() if job.live]:
        cluster.fail(live[0], reason, message, code)
        cluster.settle()


_POLICY = {
    "Promoted": {"policy": "Automatic"},
    "AwaitingApproval": {"policy": "Manual"},
    "Passed": {"policy": "Never"},
}
"""By which policy a run ends so. What a person approved is taken as what the gate promoted."""
_PLAYS: dict[str, Callable[[Cluster], None]] = {
    "Promoted": _succeed,
    "Passed": _succeed,
    "AwaitingApproval": _succeed,
    "Rejected": _disappoint,
    "Failed": _fail,
    "Skipped": _skip,
}
