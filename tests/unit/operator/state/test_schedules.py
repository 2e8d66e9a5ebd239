"""Which runs are a schedule's, what its plan is given of them, and which of their changes it hears of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bodies import child_body, run_body, schedule_body

from retrain_operator.state.cache import Cache
from retrain_operator.state.schedules import ScheduleKey
from retrain_operator.state.view import Refusal

KEY = ScheduleKey("team", "every-saturday")
OTHER = ScheduleKey("team", "every-saturday-wf")
REFUSAL = Refusal("every-saturday-202611280300", "NameTaken", "It exists.", False, datetime(2026, 1, 1, tzinfo=UTC))


def filled(*runs: dict[str, Any]) -> tuple[Cache, list[ScheduleKey]]:
    """A cache with a schedule and these runs, and the list that fills with the schedules that it names from then on."""
    cache, concerned = Cache(), list[ScheduleKey]()
    cache.put("schedules", schedule_body())
    for run in runs:
        cache.put("runs", run)
    cache.schedules.concerned = concerned.append
    return cache, concerned


def test_a_schedule_names_itself_and_a_run_of_the_same_name_is_something_else() -> None:
    cache = Cache()
    assert cache.put("schedules", schedule_body()) == KEY
    assert cache.put("runs", run_body(name="every-saturday")) == ("team", "every-saturday")
    assert len({KEY, ("team", "every-saturday")}) == 2


WHOSE = {
    "controlled, with the label": (child_body(), [True]),
    "controlled, without the label": (child_body(label=None), [True]),
    "left by an earlier schedule of that name": (child_body(owner="schedule-0"), [False]),
    "orphaned": (child_body(owner=None), [False]),
    "of a schedule whose name begins alike": (child_body(owner="schedule-9", label="every-saturday-wf"), []),
    "of nobody": (run_body(), []),
}


@pytest.mark.parametrize(("run", "owned"), WHOSE.values(), ids=WHOSE)
def test_a_run_is_a_schedules_by_control_and_its_history_by_label(run: dict[str, Any], owned: list[bool]) -> None:
    cache, _ = filled(run)
    assert [child.owned for child in cache.schedule_view(KEY).runs] == owned


def test_a_run_that_has_the_name_about_to_be_used_is_in_the_view() -> None:
    cache, _ = filled(run_body(name="taken"))
    assert [(run.name, run.owned) for run in cache.schedule_view(KEY, ["taken", "free"]).runs] == [("taken", False)]


def test_runs_come_oldest_first_with_what_a_plan_reads_of_them() -> None:
    later = child_body(uid="run-2", name="b", creationTimestamp="2026-01-06T12:00:00Z", state="Promoted")
    gone = child_body(uid="run-1", name="a", deletionTimestamp="2026-01-07T12:00:00Z")
    cache, _ = filled(later, gone)
    runs = cache.schedule_view(KEY).runs
    assert [(run.name, run.uid, run.status.state, run.deleting) for run in runs] == [
        ("a", "run-1", "Pending", True),
        ("b", "run-2", "Promoted", False),
    ]
    assert runs[1].created == datetime(2026, 1, 6, 12, tzinfo=UTC)
    assert runs[0].spec is not None and runs[0].spec.symbols == ("BTC-USD",)


def test_a_run_that_this_release_cant_read_has_a_state_and_no_spec() -> None:
    cache, _ = filled(child_body(state="Promoted") | {"spec": {"symbols": 7}})
    (run,) = cache.schedule_view(KEY).runs
    assert (run.spec, run.status.state) == (None, "Promoted")


def other(**fields: Any) -> dict[str, Any]:
    return child_body(version="11", **fields)


def looked(**observation: Any) -> dict[str, Any]:
    return other() | {"status": {"state": "Pending", "observation": observation}}


CHANGES = {
    "its state": (other(state="Training"), [KEY]),
    "its deletion": (other(deletionTimestamp="2026-01-07T12:00:00Z"), [KEY]),
    "its owner is taken away": (other(owner=None), [KEY]),
    "another verdict": (other() | {"status": {"state": "Pending", "gate": {"digest": "d"}}}, [KEY]),
    "an epoch": (other() | {"status": {"state": "Pending", "progress": {"epoch": 1, "epochs": 2}}}, []),
    "a model that decays": (looked(symbols=[{"symbol": "BTC-USD", "state": "Decaying", "model": "1a2b"}]), [KEY]),
    "its observation begins": (looked(state="Observing", nextTime="2026-01-08T12:00:00Z"), [KEY]),
    "a model that holds": (looked(state="Holding", symbols=[{"symbol": "BTC-USD", "state": "Holding"}]), []),
    "an older version": (child_body(version="9", state="Training"), []),
}


@pytest.mark.parametrize(("run", "concerned"), CHANGES.values(), ids=CHANGES)
def test_a_schedule_hears_of_a_change_that_matters_to_it(run: dict[str, Any], concerned: list[ScheduleKey]) -> None:
    cache, heard = filled(child_body())
    cache.put("runs", run)
    assert heard == concerned


def test_a_schedule_hears_of_a_run_that_is_made_and_of_one_that_is_gone() -> None:
    cache, heard = filled()
    cache.put("runs", child_body())
    cache.drop("runs", "run-1", "12")
    assert heard == [KEY, KEY]
    assert cache.schedule_view(KEY).runs == ()


def test_a_run_in_another_namespace_is_nobodys() -> None:
    cache, heard = filled()
    cache.put("runs", child_body(owner=None, namespace="other"))
    assert heard == [] and cache.schedule_view(KEY).runs == ()


def test_a_refused_name_is_free_once_the_run_that_has_it_is_gone() -> None:
    cache, heard = filled(run_body(name=REFUSAL.name))
    cache.refuse("schedule-1", REFUSAL)
    assert cache.schedule_view(KEY).refused == (REFUSAL,)
    cache.drop("runs", "run-1", "12")
    assert cache.schedule_view(KEY).refused == () and heard == [KEY]


def test_a_name_about_to_be_used_is_free_once_the_run_of_nobody_that_has_it_is_gone() -> None:
    """After a restart nothing was refused yet: the view told that the name is taken."""
    cache, heard = filled(run_body(name="taken"))
    pending = {"slot": "2026-11-28T03:00:00Z", "name": "taken"}
    cache.put("schedules", schedule_body(version="6", status={"pending": pending}))
    cache.drop("runs", "run-1", "12")
    assert heard == [KEY]


def test_a_schedule_made_anew_controls_none_of_the_first_ones_runs() -> None:
    cache, _ = filled(child_body())
    cache.refuse("schedule-1", REFUSAL)
    cache.put("schedules", schedule_body(uid="schedule-2", version="20"))
    view = cache.schedule_view(KEY)
    assert ([run.owned for run in view.runs], view.refused) == ([False], ())


def test_nothing_is_kept_of_a_schedule_and_its_runs_once_they_are_gone() -> None:
    cache, _ = filled(child_body())
    cache.refuse("schedule-1", REFUSAL)
    cache.drop("schedules", "schedule-1", "30")
    cache.drop("runs", "run-1", "30")
    empty = Cache()
    empty.schedules.concerned = cache.schedules.concerned
    empty._gone = cache._gone
    assert cache == empty


def test_the_schedules_whose_slot_has_come_are_due() -> None:
    cache, _ = filled()
    cache.put("schedules", schedule_body(version="6", status={"nextTime": "2026-11-28T03:00:00Z"}))
    cache.put("schedules", schedule_body(uid="s-2", name="none", status={"state": "Suspended"}))
    at = datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert cache.schedules.due(at) == [KEY]
    assert cache.schedules.due(at.replace(hour=2)) == []


RUNS = [
    child_body(uid=uid, owner=owner, label=label, state=state)
    for uid in ("run-1", "run-2")
    for owner in ("schedule-1", "schedule-0", None)
    for label in ("every-saturday", None)
    for state in ("Pending", "Promoted")
]


@given(st.lists(st.sampled_from(RUNS) | st.sampled_from(["run-1", "run-2"]), max_size=12))
def test_whatever_comes_and_goes_the_index_agrees_with_the_runs(steps: list[dict[str, Any] | str]) -> None:
    cache, _ = filled()
    for number, step in enumerate(steps):
        version = str(100 + number)
        if isinstance(step, str):
            cache.drop("runs", step, version)
        else:
            cache.put("runs", step | {"metadata": step["metadata"] | {"resourceVersion": version}})
    bodies = [run.body["metadata"] for run in cache.runs.values()]
    theirs = {
        meta["uid"]: any(owner["uid"] == "schedule-1" for owner in meta["ownerReferences"])
        for meta in bodies
        if meta["labels"] or any(owner["uid"] == "schedule-1" for owner in meta["ownerReferences"])
    }
    assert {run.uid: run.owned for run in cache.schedule_view(KEY).runs} == theirs


def test_ten_thousand_runs_at_rest_are_kept_in_little_memory() -> None:
    """Bytes, not seconds: a run of 10 KB is kept in a fifth of it."""
    cache = Cache()
    symbols = [{"symbol": f"S-{number}", "state": "Promoted", "message": "Promoted."} for number in range(100)]
    body = run_body() | {"status": {"state": "Promoted", "symbols": symbols}}
    cache.put("runs", body)
    (run,) = cache.runs.values()
    assert len(run.text) > 5_000 and len(run.packed) < len(run.text) / 5
    assert run.body["status"] == body["status"]
