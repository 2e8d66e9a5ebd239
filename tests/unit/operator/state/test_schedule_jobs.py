"""The Jobs by which a schedule tells people: they are the schedule's, and no run's."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import child_body, job_body, pod_body, schedule_body

from retrain_operator.state.cache import Cache
from retrain_operator.state.schedules import ScheduleKey

KEY = ScheduleKey("team", "every-saturday")
UID = schedule_body()["metadata"]["uid"]


def notice(owner: str = UID, kind: str = "RetrainSchedule", **fields: Any) -> dict[str, Any]:
    body = job_body(labels={"retrain.crpbot.dev/phase": "notify"}, **fields)
    (reference,) = body["metadata"]["ownerReferences"]
    reference |= {"uid": owner, "kind": kind}
    return body


def filled(*jobs: dict[str, Any]) -> Cache:
    cache = Cache()
    cache.put("schedules", schedule_body())
    cache.put("runs", child_body())
    for job in jobs:
        cache.put("jobs", job)
    return cache


def test_news_of_a_job_and_of_its_pod_concern_the_schedule() -> None:
    cache = filled()
    assert cache.put("jobs", notice()) == KEY
    assert cache.put("pods", pod_body(status={"phase": "Running"})) == KEY
    assert cache.drop("pods", "pod-1") == KEY
    assert cache.drop("jobs", "job-1") == KEY


def test_its_plan_is_given_its_own_jobs_alone() -> None:
    of_run = job_body(uid="job-2", owner="run-1")
    of_another = notice("schedule-9", uid="job-3")
    cache = filled(notice(), of_run, of_another)
    assert [job.uid for job in cache.schedule_view(KEY).jobs] == ["job-1"]
    assert [job.uid for job in cache.view("run-1").jobs] == ["job-2"]


@pytest.mark.parametrize("kind", ["CronJob", "RetrainBackfill"])
def test_a_job_of_something_else_is_nobodys(kind: str) -> None:
    cache = filled(notice(kind=kind))
    assert cache.jobs == {} and cache.schedule_view(KEY).jobs == ()


def test_a_schedule_that_is_listed_after_its_job_has_it() -> None:
    cache = Cache()
    assert cache.put("jobs", notice()) is None
    cache.put("schedules", schedule_body())
    assert [job.uid for job in cache.schedule_view(KEY).jobs] == ["job-1"]
