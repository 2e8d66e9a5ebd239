"""What GitOps tools make of a run, and of a schedule, by kstatus, from the moment the API server stores it.

`kstatus` below follows sigs.k8s.io/cli-utils (pkg/kstatus/status, generic.go), which Flux uses: first a deletion, then the generation,
then Reconciling and Stalled. (What none of them settles depends on Ready; of a run that has ended, Ready agrees.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.planning import Cluster, passing, run_document
from support.schedule_world import World, schedule_document

from retrain_api.run import parse_run
from retrain_api.status.run import NEVER, UNSEEN, RetrainRunStatus, State
from retrain_api.status.schedule import UNSEEN_SCHEDULE
from retrain_api.wire import to_wire


def kstatus(document: dict[str, Any]) -> str:
    meta, status = document["metadata"], document.get("status", {})
    if meta.get("deletionTimestamp"):
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != meta["generation"]:
        return "InProgress"
    for condition in status.get("conditions", ()):
        if condition["status"] == "True" and condition["type"] in ("Reconciling", "Stalled"):
            return {"Reconciling": "InProgress", "Stalled": "Failed"}[condition["type"]]
    return "Current"


def unseen() -> dict[str, Any]:
    """A new run as the API server answers its creation."""
    return run_document() | {"status": UNSEEN}


def queued() -> dict[str, Any]:
    cluster = Cluster.of()
    cluster.settle()
    return to_wire(cluster.run)


def ended(accuracy: float, **spec: Any) -> dict[str, Any]:
    cluster = Cluster.of(**spec)
    cluster.measurements = dict.fromkeys(cluster.run.spec.symbols, passing(accuracy))
    cluster.to_the_end()
    return to_wire(cluster.run)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (unseen, "InProgress"),
        (queued, "InProgress"),
        (lambda: ended(0.71), "Current"),
        (lambda: ended(0.6), "Failed"),
        (lambda: ended(0.71) | {"metadata": run_document()["metadata"] | {"generation": 2}}, "InProgress"),
    ],
    ids=["never seen", "queued", "promoted", "rejected", "changed since"],
)
def test_a_tool_that_waits_goes_on_only_once_a_run_has_passed(
    make: Callable[[], dict[str, Any]], expected: str
) -> None:
    assert kstatus(make()) == expected


def test_a_run_that_no_operator_has_seen_has_no_invented_time_and_says_what_it_waits_for() -> None:
    assert NEVER not in str(UNSEEN) and "conditions" not in UNSEEN
    status = parse_run(unseen()).status
    assert (status.state, status.message) == ("Pending", "Waits for the operator.")


def test_a_time_that_an_older_release_invented_does_not_stay() -> None:
    """Its CRD gave every new run a condition Reconciling of 1970; such objects are still stored."""
    invented = {
        "type": "Reconciling",
        "status": "True",
        "reason": "Pending",
        "message": "",
        "lastTransitionTime": NEVER,
    }
    cluster = Cluster.of()
    old = RetrainRunStatus.model_validate({"state": "Pending", "message": "", "conditions": [invented]})
    cluster.run = cluster.run.model_copy(update={"status": old})
    cluster.settle()
    kept = {each.type: each.last_transition_time for each in cluster.run.status.conditions}
    assert kept["Reconciling"] == "2026-01-05T12:00:00Z"


def schedule_unseen() -> dict[str, Any]:
    return schedule_document() | {"status": UNSEEN_SCHEDULE}


def schedule_of(**spec: Any) -> dict[str, Any]:
    world = World.of(**spec)
    world.settle()
    return world.document


def schedule_after(state: State) -> dict[str, Any]:
    world = World.of(pauseAfterFailures=1)
    world.until("2026-11-28T03:00:00Z")
    world.end_all(state)
    world.settle()
    return world.document


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (schedule_unseen, "InProgress"),
        (schedule_of, "Current"),
        (lambda: schedule_of(walkForward={}), "Current"),
        (lambda: schedule_of(suspend=True), "Current"),
        (lambda: schedule_after("Promoted"), "Current"),
        (lambda: schedule_after("Rejected"), "Current"),
        (lambda: schedule_after("Failed"), "Failed"),
        (lambda: schedule_of() | {"metadata": schedule_document()["metadata"] | {"generation": 2}}, "InProgress"),
    ],
    ids=["never seen", "accepted", "proving", "suspended", "promoted", "rejected", "paused", "changed since"],
)
def test_a_tool_waits_for_a_schedule_until_it_is_accepted_and_no_longer(
    make: Callable[[], dict[str, Any]], expected: str
) -> None:
    assert kstatus(make()) == expected
