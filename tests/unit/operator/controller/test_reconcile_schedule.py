"""Slots through the real cache, writer and reconciler on an API server in memory: every write fails in turn, answers are lost, the
cache is behind. Every slot has one run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from support.fake_api import Fault, Lost, Request, internal_error, no_answer
from support.schedule_replica import RUNS, SCHEDULE, FailsAt, Replica

from retrain_operator.state.cache import Cache

SLOTS = ["every-saturday-202611280300", "every-saturday-202612050300", "every-saturday-202612120300"]


def lived(fault: Callable[[Request], Fault] = lambda request: None, dies: bool = False) -> Replica:
    """Three slots, each run promoted before the next."""
    replica = Replica(fault, dies)
    replica.settle()
    for _ in SLOTS:
        replica.to_next_slot()
        replica.finish()
    return replica


UNDISTURBED = lived()
WRITES = len(UNDISTURBED.api.writes())


def test_each_slot_has_its_run_and_the_status_says_what_came_of_it() -> None:
    assert UNDISTURBED.made() == Counter(SLOTS)
    status = UNDISTURBED.status()
    assert (status["state"], status["lastScheduleTime"]) == ("Active", "2026-12-12T03:00:00Z")
    assert [line["run"] for line in status["recent"]] == SLOTS[::-1]
    assert not status.get("pending") and not status.get("active")


def test_a_run_is_promised_in_the_status_before_it_is_made() -> None:
    promised = set()
    for request in UNDISTURBED.api.writes():
        if request.verb == "patch":
            promised |= {(request.body.get("status", {}).get("pending") or {}).get("name")}
        elif request.verb == "create":
            assert request.body["metadata"]["name"] in promised


def test_at_rest_nothing_is_asked_of_the_api_server() -> None:
    replica = lived()
    before = len(replica.api.asked)
    assert replica.reconcile() is None
    assert len(replica.api.asked) == before
    assert max(replica.later) > 86400, "it is looked at again at the next slot"


FAULTS = {
    "500": internal_error(),
    "no answer, not carried out": no_answer(),
    "no answer, carried out": Lost(),
    "500, carried out": Lost(internal_error()),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_whichever_two_writes_fail_the_end_is_the_same(number: int, fault: Fault) -> None:
    replica = lived(FailsAt(number, fault))
    assert replica.made() == Counter(SLOTS)
    assert [line["run"] for line in replica.status()["recent"]] == SLOTS[::-1]


@pytest.mark.parametrize("fault", [no_answer(), Lost()], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_wherever_it_dies_another_one_goes_on(number: int, fault: Fault) -> None:
    replica = lived(FailsAt(number, fault), dies=True)
    assert replica.made() == Counter(SLOTS)
    assert [line["run"] for line in replica.status()["recent"]] == SLOTS[::-1]


def test_a_run_whose_watch_is_late_is_read_and_not_taken_for_deleted() -> None:
    replica = Replica()
    replica.settle()
    replica.to_next_slot()
    assert [run["name"] for run in replica.status()["active"]] == SLOTS[:1]
    late = Cache()
    late.put("schedules", replica.api.objects[SCHEDULE])
    replica.fresh(late)
    assert replica.reconcile() is None
    assert replica.api.asked[-1] == Request("get", f"{RUNS}/{SLOTS[0]}")
    assert [run["name"] for run in replica.status()["active"]] == SLOTS[:1]


def test_a_run_that_was_deleted_by_hand_is_not_made_again() -> None:
    replica = Replica()
    replica.settle()
    replica.to_next_slot()
    replica.api.remove(f"{RUNS}/{SLOTS[0]}")
    replica.settle()
    assert replica.made() == Counter(SLOTS[:1])
    assert [(line["run"], line["state"]) for line in replica.status()["recent"]] == [(SLOTS[0], "Deleted")]


def test_a_spec_that_cant_be_read_is_invalid_and_says_why() -> None:
    replica = Replica()
    replica.api.edit(SCHEDULE, {"spec": {"schedule": 7}})
    replica.settle()
    assert replica.status()["state"] == "Invalid"
    assert "spec.schedule" in replica.status()["message"]
    assert replica.api.of("retrainruns") == []


def test_a_schedule_that_is_being_deleted_is_left_alone() -> None:
    replica = Replica()
    replica.api.mark(SCHEDULE)
    replica.watch()
    assert replica.reconcile() is None and replica.api.asked == []


def test_events_are_about_the_schedule() -> None:
    assert UNDISTURBED.posted
    assert {event["involvedObject"]["kind"] for event in UNDISTURBED.posted} == {"RetrainSchedule"}
