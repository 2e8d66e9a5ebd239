"""What the cache believes: the newer of two versions, whatever the order they arrive in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_operator.cache import Cache
from retrain_operator.observed import Refusal
from support.bodies import job_body, pod_body, run_body

KEY = ("team", "improved-lstm")


def filled() -> Cache:
    cache = Cache()
    cache.put("runs", run_body())
    cache.put("jobs", job_body())
    cache.put("pods", pod_body())
    return cache


def test_a_run_a_job_and_a_pod_all_name_the_run_to_look_at() -> None:
    cache = Cache()
    assert cache.put("runs", run_body()) == KEY
    assert cache.put("jobs", job_body()) == KEY
    assert cache.put("pods", pod_body()) == KEY


def test_what_comes_before_its_owner_is_found_when_the_owner_comes() -> None:
    cache = Cache()
    assert cache.put("pods", pod_body()) is None
    assert cache.put("jobs", job_body()) is None
    assert cache.put("runs", run_body()) == KEY
    assert [len(job.pods) for job in cache.observed("run-1").jobs] == [1]


@pytest.mark.parametrize("version", ["9", "10"])
def test_the_same_or_an_older_version_is_no_news(version: str) -> None:
    assert filled().put("runs", run_body(version=version)) is None


def test_versions_are_numbers_not_words() -> None:
    cache = Cache()
    cache.put("runs", run_body(version="9"))
    assert cache.put("runs", run_body(version="10")) == KEY


def test_a_late_deletion_of_an_older_version_takes_nothing_away() -> None:
    cache = filled()
    assert cache.drop("jobs", "job-1", version="19") is None
    assert len(cache.observed("run-1").jobs) == 1


def test_a_run_made_anew_under_the_same_name_has_none_of_the_first_ones_jobs() -> None:
    cache = filled()
    cache.put("runs", run_body(uid="run-2", version="40"))
    assert cache.observed("run-2").jobs == ()
    assert cache.drop("runs", "run-1", version="41") is None
    assert cache.runs[KEY].uid == "run-2"


def test_a_job_that_is_gone_takes_its_notes_along() -> None:
    cache = filled()
    assert cache.drop("jobs", "job-1", version="21") == KEY
    assert cache.observed("run-1").jobs == ()
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
    assert cache.observed("run-1").refused == (Refusal("a", "QuotaExceeded", "two", False, first),)
    cache.admit("run-1", "a")
    assert cache.observed("run-1").refused == ()


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
    assert [job.attempts for job in cache.observed("run-1").jobs] == [2]
