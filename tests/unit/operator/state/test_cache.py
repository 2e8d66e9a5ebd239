"""What the cache believes: the newer of two versions, whatever the order they arrive in; and what is gone stays gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bodies import job_body, pod_body, run_body, schedule_body

from retrain_api.status.progress import Progress
from retrain_operator.state.cache import Cache
from retrain_operator.state.gone import Gone
from retrain_operator.state.snapshot import KINDS, Kind, Note
from retrain_operator.state.view import Refusal

KEY = ("team", "improved-lstm")
RUNS = {"phase": "Running"}


def filled() -> Cache:
    cache = Cache()
    for kind, body in BODIES.items():
        cache.put(kind, body())
    return cache


def test_a_run_a_job_and_a_pod_all_name_the_run_to_look_at() -> None:
    cache = Cache()
    assert cache.put("runs", run_body()) == KEY
    assert cache.put("jobs", job_body()) == KEY
    assert cache.put("pods", pod_body(status=RUNS)) == KEY


def test_what_comes_before_its_owner_is_found_when_the_owner_comes() -> None:
    cache = Cache()
    assert cache.put("pods", pod_body()) is None
    assert cache.put("jobs", job_body()) is None
    assert cache.put("runs", run_body()) == KEY
    assert [len(job.pods) for job in cache.view("run-1").jobs] == [1]


@pytest.mark.parametrize("version", ["9", "10"])
def test_the_same_or_an_older_version_is_no_news(version: str) -> None:
    assert filled().put("runs", run_body(version=version)) is None


def test_versions_are_numbers_not_words() -> None:
    cache = Cache()
    cache.put("runs", run_body(version="9"))
    assert cache.put("runs", run_body(version="10")) == KEY


@pytest.mark.parametrize(
    ("kind", "change", "looked", "detailed"),
    [
        ("jobs", {}, False, False),
        ("jobs", {"status": {"active": 1, "startTime": "2026-11-01T00:00:09Z"}}, False, True),
        ("jobs", {"spec": {"suspend": True}}, True, False),
        ("pods", {"metadata": {"finalizers": []}}, False, False),
        ("pods", {"spec": {"nodeName": "node-b"}}, False, True),
        ("pods", {"status": RUNS}, True, False),
    ],
    ids=["bookkeeping", "started", "suspended", "a pod's bookkeeping", "scheduled", "running"],
)
def test_a_jobs_new_state_is_looked_at_and_a_detail_can_wait(
    kind: Kind, change: dict[str, Any], looked: bool, detailed: bool
) -> None:
    cache, details = filled(), list[object]()
    cache.detail = details.append
    before = BODIES[kind](version="98")
    body = before | {part: before.get(part, {}) | value for part, value in change.items()}
    assert cache.put(kind, body) == (KEY if looked else None)
    assert details == ([KEY] if detailed else [])
    assert cache.version(kind, before["metadata"]["uid"]) == "98"


def test_a_late_deletion_of_an_older_version_takes_nothing_away() -> None:
    cache = filled()
    assert cache.drop("jobs", "job-1", version="19") is None
    assert len(cache.view("run-1").jobs) == 1


def test_a_run_made_anew_under_the_same_name_has_none_of_the_first_ones_jobs() -> None:
    cache = filled()
    cache.put("runs", run_body(uid="run-2", version="40"))
    assert cache.view("run-2").jobs == ()
    assert cache.drop("runs", "run-1", version="41") is None
    assert cache.runs[KEY].uid == "run-2"


def test_a_job_that_is_gone_takes_its_notes_along() -> None:
    cache = filled()
    assert cache.drop("jobs", "job-1", version="21") == KEY
    assert cache.view("run-1").jobs == ()
    assert cache.progress == {} and cache.notes == {}


def test_what_others_noted_in_the_metadata_is_not_kept() -> None:
    noted = run_body(
        managedFields=[{"manager": "kubectl"}],
        annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}", "retrain.crpbot.dev/rerun": "1"},
    )
    cache = Cache()
    cache.put("runs", noted)
    kept = cache.runs[KEY].body["metadata"]
    assert "managedFields" not in kept
    assert kept["annotations"] == {"retrain.crpbot.dev/rerun": "1"}


def test_of_a_job_refused_again_the_first_refusals_time_stays() -> None:
    cache, first, later = filled(), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    cache.refuse("run-1", Refusal("a", "QuotaExceeded", "one", False, first))
    cache.refuse("run-1", Refusal("a", "QuotaExceeded", "two", False, later))
    assert cache.view("run-1").refused == (Refusal("a", "QuotaExceeded", "two", False, first),)
    cache.admit("run-1", "a")
    assert cache.view("run-1").refused == ()


@given(st.permutations([job_body(version=str(number)) for number in (8, 9, 10, 11)]))
def test_whatever_the_order_the_newest_version_stays(bodies: list[dict[str, object]]) -> None:
    cache = Cache()
    for body in bodies:
        cache.put("jobs", body)
    assert cache.version("jobs", "job-1") == "11"


def test_pods_that_ran_and_are_gone_still_count_as_attempts() -> None:
    cache = filled()
    for number in (1, 2):
        cache.put("pods", pod_body(uid=f"pod-{number}", version=f"{50 + number}", status={"phase": "Running"}))
        cache.drop("pods", f"pod-{number}")
    assert [job.attempts for job in cache.view("run-1").jobs] == [2]


BODIES: dict[Kind, Callable[..., dict[str, Any]]] = {
    "schedules": schedule_body,
    "runs": run_body,
    "jobs": job_body,
    "pods": pod_body,
}
UIDS: dict[Kind, str] = {"schedules": "schedule-1", "runs": "run-1", "jobs": "job-1", "pods": "pod-1"}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


@EVERY_KIND
def test_a_late_answer_does_not_bring_back_what_the_watch_saw_deleted(kind: Kind) -> None:
    cache = filled()
    cache.drop(kind, UIDS[kind], version="45")
    assert cache.put(kind, BODIES[kind](version="44")) is None
    assert cache.version(kind, UIDS[kind]) is None


@EVERY_KIND
def test_an_answer_that_the_deletion_overtook_is_no_news(kind: Kind) -> None:
    """The watch brought DELETED before the answer to the create came."""
    cache = Cache()
    cache.drop(kind, UIDS[kind], version="45")
    assert cache.put(kind, BODIES[kind](version="44")) is None
    assert cache.version(kind, UIDS[kind]) is None


@EVERY_KIND
def test_what_the_api_server_calls_gone_is_gone_for_good(kind: Kind) -> None:
    cache = filled()
    cache.drop(kind, UIDS[kind])
    assert cache.put(kind, BODIES[kind](version="99")) is None


def test_an_object_that_lost_its_label_is_there_again_once_it_has_it_back() -> None:
    """To a watch that selects by label it was deleted meanwhile."""
    cache = filled()
    cache.drop("jobs", "job-1", version="45")
    assert cache.put("jobs", job_body(version="46")) == KEY
    assert len(cache.view("run-1").jobs) == 1


def test_a_late_answer_about_a_run_does_not_outlive_the_one_that_took_its_name() -> None:
    cache = filled()
    cache.put("runs", run_body(uid="run-2", version="40"))
    cache.drop("runs", "run-2", version="50")
    assert cache.put("runs", run_body(version="12")) is None
    assert cache.runs == {}


def test_nothing_is_kept_for_what_is_gone() -> None:
    cache, refusal = filled(), Refusal("a", "QuotaExceeded", "one", False, datetime(2026, 1, 1, tzinfo=UTC))
    for kind in KINDS:
        cache.drop(kind, UIDS[kind], version="45")
    cache.refuse("run-1", refusal)
    cache.note("pod-1", Note("FailedMount", "no such Secret"))
    cache.reached("job-1", Progress(epoch=1, epochs=2))
    cache.put("pods", pod_body(uid="pod-2", version="46", status={"phase": "Running"}))
    assert (cache.refused, cache.notes, cache.progress, cache.pods_started) == ({}, {}, {}, {})


def test_of_too_many_that_are_gone_the_oldest_are_forgotten() -> None:
    gone = Gone(most=2)
    for uid in ("a", "b", "a", "c"):
        gone.add(uid, "7")
    assert [uid for uid in "abc" if uid in gone] == ["a", "c"]
    assert gone.covers("a", "7") and not gone.covers("a", "8")


@dataclass(frozen=True)
class Life:
    """An object's versions, from its creation to the last; `ended` is the version of its deletion."""

    kind: Kind
    uid: str
    versions: tuple[int, ...]
    ended: int | None


@st.composite
def histories(draw: st.DrawFn) -> list[Life]:
    """What was true, one after the other: two schedules and two runs of the same name, Jobs of the first one's UID, and a pod."""
    lives, clock = list[Life](), 0
    for kind, uid in [
        ("schedules", "schedule-1"),
        ("schedules", "schedule-2"),
        ("runs", "run-1"),
        ("runs", "run-2"),
        ("jobs", "job-1"),
        ("jobs", "job-2"),
        ("pods", "pod-1"),
    ]:
        count = draw(st.integers(1, 3))
        # A name is free only once its first run is gone.
        ends = uid in ("run-1", "schedule-1") or draw(st.booleans())
        versions = tuple(range(clock + 1, clock + count + 1))
        clock += count + 1
        lives.append(Life(kind, uid, versions, clock if ends else None))  # type: ignore[arg-type]
    return lives


Message = tuple[Kind, str, int, str]
"""Kind, UID, version; and "is" (an event, an answer, an item of a list), "gone" (DELETED, or left out of a list at that
version) or "not found"."""


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Life], list[Message]]:
    """A history, and its messages in any order and any number. The last word on each object is among them."""
    lives = draw(histories())
    final, more = list[Message](), list[Message]()
    for life in lives:
        more += [(life.kind, life.uid, version, "is") for version in life.versions]
        if life.ended is None:
            final.append((life.kind, life.uid, life.versions[-1], "is"))
        else:
            final.append((life.kind, life.uid, life.ended, "gone"))
            more += [(life.kind, life.uid, life.ended + 1, "gone"), (life.kind, life.uid, 0, "not found")]
    return lives, draw(st.permutations(final + draw(st.lists(st.sampled_from(more), max_size=12))))


def deliver(cache: Cache, message: Message) -> None:
    kind, uid, version, what = message
    if what == "is":
        cache.put(kind, BODIES[kind](uid=uid, version=str(version)))
    else:
        cache.drop(kind, uid, str(version) if what == "gone" else None)


@given(arrivals())
def test_whatever_the_order_of_events_answers_and_lists_the_cache_ends_in_the_true_state(
    case: tuple[list[Life], list[Message]],
) -> None:
    lives, messages = case
    cache = Cache()
    for message in messages:
        deliver(cache, message)
    for kind in KINDS:
        there = {one.uid: str(one.versions[-1]) for one in lives if one.kind == kind and one.ended is None}
        assert cache.versions(kind) == there
    jobs = {one.uid for one in lives if one.kind == "jobs" and one.ended is None}
    assert {job.uid for job in cache.jobs_of("run-1")} == jobs


@given(arrivals())
def test_what_was_said_to_be_gone_never_comes_back(case: tuple[list[Life], list[Message]]) -> None:
    cache, gone = Cache(), set[str]()
    for message in case[1]:
        deliver(cache, message)
        gone |= {message[1]} if message[3] != "is" else set()
        assert not gone & {uid for kind in KINDS for uid in cache.versions(kind)}
