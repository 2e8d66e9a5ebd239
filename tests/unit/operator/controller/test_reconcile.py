"""A whole run through the real cache, writer and reconciler: every one of its writes fails in turn, another replica acts
at the same time, the run changes unnoticed. The end is the same, and nothing is made from what is no longer true.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_api import Fault, Lost, Request, collection, internal_error, no_answer
from support.fake_cluster import FakeCluster
from support.planning import run_document
from support.replica import Node, Replica

from retrain_operator.kube.api import ApiError
from retrain_operator.kube.apply import Superseded

RUN = f"{collection('retrainruns', 'team')}/improved-lstm"
TIMES = ("at", "lastTransitionTime", "startTime", "completionTime", "asOf")


@dataclass
class FailsAt:
    """The `number`-th write of the operator and those that follow it meet the fault, `length` in all."""

    number: int
    fault: Fault
    length: int = 1
    writes: int = 0

    def __call__(self, request: Request) -> Fault:
        self.writes += request.writes
        due = self.number <= self.writes < self.number + self.length
        return self.fault if request.writes and due else None


def lived(fault: Callable[[Request], Fault] = lambda request: None) -> Replica:
    """A run from its start to its end: suspended in the middle, and its Jobs deleted once they are over."""
    api = FakeCluster(fault=fault)
    replica = Replica(api)
    api.put(run_document(jobTTLSecondsAfterFinished=1))
    replica.live()
    api.edit(RUN, {"spec": {"suspend": True}})
    replica.live(api.collect)
    api.edit(RUN, {"spec": {"suspend": False}})
    replica.live(Node(api), api.collect)
    return replica


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_times(part) for name, part in value.items() if name not in TIMES}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def status(replica: Replica) -> Any:
    return without_times(replica.api.objects[RUN]["status"])


def made(replica: Replica) -> Counter[str]:
    """How often each Job was made."""
    added = (
        one.object["metadata"]["name"] for one in replica.api.watched if one.type == "ADDED" and one.resource == "jobs"
    )
    return Counter(added)


UNDISTURBED = lived()
WRITES = len(UNDISTURBED.api.writes())


def test_an_undisturbed_run_is_promoted_and_its_jobs_are_gone() -> None:
    assert status(UNDISTURBED)["state"] == "Promoted"
    assert UNDISTURBED.api.of("jobs") == []
    # Three trainings, suspended and made again; an evaluation and a publication.
    assert sorted(made(UNDISTURBED).values()) == [1, 1, 2, 2, 2]
    assert [request.verb for request in UNDISTURBED.api.writes()].count("delete") == 8


def test_an_undisturbed_run_costs_no_request_for_a_proof() -> None:
    """Every status write is one, so that one write for each plan and one request for each Job are all."""
    assert Counter(request.verb for request in UNDISTURBED.api.asked) == {"patch": 6, "create": 8, "delete": 8}
    assert all("status" in one.body for one in UNDISTURBED.api.asked if one.verb == "patch")


def test_what_follows_from_a_write_is_looked_at_but_not_before_all_that_others_wait_for() -> None:
    replica = Replica(FakeCluster())
    replica.api.put(run_document())
    replica.watch()
    replica.reconcile()
    assert replica.metrics.states == ["Queued"]
    assert [0 < seconds <= 5 for seconds in replica.asked_again] == [True]


FAULTS = {
    "500": internal_error(),
    "no answer, not carried out": no_answer(),
    "no answer, carried out": Lost(),
    "500, carried out": Lost(internal_error()),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_whichever_write_fails_the_end_is_the_same(number: int, length: int, fault: Fault) -> None:
    """Where two fail in a row, the second is the proof that the first one's failure made necessary."""
    replica = lived(FailsAt(number, fault, length))
    assert status(replica) == status(UNDISTURBED)
    assert replica.api.of("jobs") == []
    assert made(replica) == made(UNDISTURBED), "no Job is made twice"
    assert replica.unproven() == []
    assert set(Counter(replica.posted).values()) == {1}, "no event is posted twice"
    # An answer that is lost takes its event along: events tell people, nothing depends on them.
    assert isinstance(fault, Lost) or set(replica.posted) >= set(UNDISTURBED.posted)


def queued() -> tuple[FakeCluster, Replica]:
    """A replica that has written the status of a new run, and whose Jobs met a 500."""
    api = FakeCluster(fault=lambda request: internal_error() if request.verb == "create" else None)
    replica = Replica(api)
    api.put(run_document())
    replica.watch()
    assert isinstance(replica.reconcile(), ApiError)
    assert (status(replica)["state"], api.of("jobs")) == ("Queued", [])
    api.fault = lambda request: None
    return api, replica


def recreate(api: FakeCluster) -> None:
    api.remove(RUN)
    api.put(run_document(suspend=True))


CHANGES: dict[str, Callable[[FakeCluster], object]] = {
    "suspended": lambda api: api.edit(RUN, {"spec": {"suspend": True}}),
    "annotated": lambda api: api.edit(RUN, {"metadata": {"annotations": {"retrain.crpbot.dev/rerun": "1"}}}),
    "being deleted": lambda api: api.edit(RUN, {"metadata": {"deletionTimestamp": "2026-01-05T12:00:00Z"}}),
    "deleted": lambda api: api.remove(RUN),
    "deleted and made again": recreate,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_create_that_failed_is_not_repeated_once_the_run_has_changed(change: Callable[[FakeCluster], object]) -> None:
    """The status was written the first time, so no status write stops the plan; its watch is late."""
    api, replica = queued()
    change(api)
    before = api.version
    assert isinstance(replica.reconcile(), Superseded)
    assert api.version == before
    assert api.of("jobs") == []


def test_a_plan_that_was_superseded_is_made_anew_without_the_watch() -> None:
    api, replica = queued()
    api.edit(RUN, {"spec": {"suspend": True}})
    assert isinstance(replica.reconcile(), Superseded)
    assert replica.reconcile() is None
    assert (status(replica)["state"], api.of("jobs")) == ("Suspended", [])


def test_a_deletion_that_failed_is_not_repeated_once_the_run_has_changed() -> None:
    api = FakeCluster()
    replica = Replica(api)
    api.put(run_document())
    replica.live()
    api.edit(RUN, {"spec": {"suspend": True}})
    api.fault = lambda request: internal_error() if request.verb == "delete" else None
    replica.watch()
    assert isinstance(replica.reconcile(), ApiError)
    api.fault = lambda request: None
    api.edit(RUN, {"spec": {"suspend": False}})
    assert isinstance(replica.reconcile(), Superseded)
    assert ["deletionTimestamp" in job["metadata"] for job in api.of("jobs")] == [False] * 3
    replica.live(Node(api))
    assert set(made(replica).values()) == {1}, "the trainings went on"


@pytest.mark.parametrize("seen", range(len(UNDISTURBED.api.watched) + 1))
def test_whatever_a_second_replica_has_not_seen_yet_it_changes_nothing(seen: int) -> None:
    api = copy.deepcopy(UNDISTURBED.api)
    late = Replica(api)
    late.watch(upto=seen)
    before = api.version
    late.reconcile()
    assert api.version == before


ACTS = ("watch", "see", "reconcile")


@given(
    st.lists(
        st.tuples(st.sampled_from(["first", "second"]), st.sampled_from(ACTS)) | st.sampled_from(["node", "collect"])
    )
)
def test_two_replicas_that_both_write_come_to_the_same_end(acts: list[Any]) -> None:
    """As after a frozen leader: neither knows of the other, and each sees what happens as late as it likes."""
    api = FakeCluster()
    replicas, node = {"first": Replica(api), "second": Replica(api)}, Node(api)
    others: dict[Any, Callable[[], None]] = {"node": node, "collect": api.collect}
    api.put(run_document(jobTTLSecondsAfterFinished=1))
    for act in acts:
        if act in others:
            others[act]()
            continue
        replica = replicas[act[0]]
        if act[1] == "reconcile":
            replica.reconcile()
        else:
            replica.watch(replica.seen + 1 if act[1] == "see" else None)
    replicas["first"].live(node, api.collect)
    for replica in replicas.values():
        assert replica.unproven() == []
    assert status(replicas["first"]) == status(UNDISTURBED) | {"observedGeneration": 1}
    assert set(made(replicas["first"]).values()) == {1}
