"""Jobs on one machine end as the Job controller would end them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import Cluster

from retrain_api.documents.encoding import encode_message
from retrain_api.documents.results import TaskFailure
from retrain_api.errors import ERRORS_BY_EXIT_CODE, PERMANENT_EXIT_CODES
from retrain_api.names import ANNOTATION_KEY, ANNOTATION_TEMPLATE, LABEL_PHASE, LABEL_SYMBOL
from retrain_api.status.run import PromotedModel
from retrain_client.local.jobs import (
    JobRecord,
    action_on,
    ended,
    from_json,
    job_view,
    new_record,
    overdue,
    resumed,
    runnable,
    started,
    timed_out,
    to_json,
)
from retrain_operator.manifests.jobs import manifest
from retrain_operator.manifests.tasks import evaluate_item, evaluate_task, observe_task, train_task

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def job(**spec: Any) -> JobRecord:
    """A Job with a spec made by hand."""
    labels = {LABEL_PHASE: "train", LABEL_SYMBOL: "BTC-USD"}
    annotations = {ANNOTATION_KEY: "key", ANNOTATION_TEMPLATE: "template"}
    metadata = {"name": "nightly-train-btc-usd-1", "labels": labels, "annotations": annotations}
    return new_record({"metadata": metadata, "spec": spec}, "uid", NOW)


def indexed(count: int, **spec: Any) -> JobRecord:
    """A Job with an index for each of `count` models."""
    return job(completionMode="Indexed", completions=count, parallelism=count, **spec)


def rule(action: str, *codes: int, operator: str = "In") -> dict[str, Any]:
    return {"action": action, "onExitCodes": {"containerName": "trainer", "operator": operator, "values": list(codes)}}


def end(record: JobRecord, code: int, index: int = 0, message: str | None = None) -> JobRecord:
    """A process of the index runs and ends."""
    return ended(started(record, index), index, code, message, NOW)


def state(record: JobRecord) -> tuple[str, str | None]:
    seen = job_view(record)
    return seen.state, seen.failure_reason


@pytest.mark.parametrize(("symbols", "shown"), [(1, ["S0-USD"]), (8, [None]), (9, [None, "S8-USD"])])
def test_a_look_at_one_symbol_is_shown_by_its_name(symbols: int, shown: list[str | None]) -> None:
    run = Cluster.of(symbols=[f"S{number}-USD" for number in range(symbols)]).run
    models = [PromotedModel(symbol=symbol, uri="s3://bucket/a.pt") for symbol in run.spec.symbols]
    record = new_record(manifest(run, observe_task(run, models, "k", "2026-11-28T03:00:00Z"), "k", "image"), "uid", NOW)
    assert [record.symbol_of(index) for index in range(len(record.indexes))] == shown


def of_the_plan(phase: str) -> JobRecord:
    """A Job as the plan makes it: three retries, and the failure policy of the project."""
    cluster = Cluster.of()
    cluster.settle()
    if phase == "train":
        task = train_task(cluster.run, "BTC-USD")
        return new_record(manifest(cluster.run, task, "key", "image"), "uid", NOW)
    cluster.finish_all()
    cluster.settle()
    items = [evaluate_item(cluster.run, entry) for entry in cluster.run.status.symbols]
    return new_record(manifest(cluster.run, evaluate_task(cluster.run, items), "key", "image"), "uid", NOW)


@pytest.mark.parametrize(
    ("code", "train", "evaluate"),
    [
        (0, ("Complete", 0), ("Succeeded", 0)),
        (64, ("Failed", 1), ("Failed", 1)),
        (65, ("Failed", 1), ("Failed", 1)),
        (66, ("Failed", 1), ("Failed", 1)),
        (71, ("Failed", 1), ("Failed", 1)),
        (77, ("Failed", 1), ("Failed", 1)),
        (78, ("Failed", 1), ("Failed", 1)),
        (69, ("Waiting", 1), ("Pending", 1)),
        (70, ("Waiting", 1), ("Pending", 1)),
        (75, ("Waiting", 0), ("Pending", 0)),
        (1, ("Waiting", 1), ("Pending", 1)),
        (137, ("Waiting", 1), ("Pending", 1)),
        (143, ("Waiting", 1), ("Pending", 1)),
    ],
)
def test_what_an_exit_code_means(code: int, train: tuple[str, int], evaluate: tuple[str, int]) -> None:
    record = end(of_the_plan("train"), code)
    assert (job_view(record).state, record.indexes[0].failures) == train
    record = end(of_the_plan("evaluate"), code, index=1)
    assert (job_view(record).pods[1].phase, record.indexes[1].failures) == evaluate
    assert job_view(record).live, "the other models are measured all the same"


def test_every_exit_code_of_the_project_has_its_row() -> None:
    assert {64, 65, 66, 69, 70, 71, 75, 77, 78} == set(ERRORS_BY_EXIT_CODE)
    assert set(PERMANENT_EXIT_CODES) == {64, 65, 66, 71, 77, 78}


@pytest.mark.parametrize(
    ("rules", "code", "action"),
    [
        ([], 1, "Count"),
        ([rule("FailJob", 64, 65)], 65, "FailJob"),
        ([rule("FailJob", 64, 65)], 66, "Count"),
        ([rule("FailIndex", 64)], 64, "FailIndex"),
        ([rule("Ignore", 75)], 75, "Ignore"),
        ([rule("Count", 70), rule("FailJob", 70)], 70, "Count"),
        ([rule("FailJob", 1, 2, operator="NotIn")], 3, "FailJob"),
        ([rule("FailJob", 1, 2, operator="NotIn")], 2, "Count"),
        ([{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}, rule("FailJob", 64)], 64, "FailJob"),
        ([{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}], 70, "Count"),
    ],
)
def test_the_first_rule_that_fits_decides(rules: list[dict[str, Any]], code: int, action: str) -> None:
    assert action_on({"podFailurePolicy": {"rules": rules}}, code) == action


def test_a_job_is_retried_as_often_as_its_limit_says() -> None:
    record = job(backoffLimit=2)
    for _ in range(2):
        record = end(record, 70)
        assert state(record) == ("Waiting", None)
    assert state(end(record, 70)) == ("Failed", "BackoffLimitExceeded")


def test_the_limit_is_six_where_none_is_given() -> None:
    record = job()
    for _ in range(6):
        record = end(record, 70)
    assert state(record) == ("Waiting", None)
    assert state(end(record, 70)) == ("Failed", "BackoffLimitExceeded")


def test_a_stop_on_request_is_never_counted() -> None:
    record = of_the_plan("train")
    for _ in range(20):
        record = end(record, 75)
    assert (record.indexes[0].failures, record.indexes[0].starts) == (0, 20)
    assert state(end(record, 0)) == ("Complete", None)


def test_retries_wait_longer_each_time_up_to_ten_seconds() -> None:
    record, waits = job(backoffLimit=9), []
    for _ in range(7):
        record = end(record, 70)
        waits.append(record.indexes[0].not_before - NOW.timestamp())
    assert waits == [1, 2, 4, 8, 10, 10, 10]
    assert runnable(record, NOW + timedelta(seconds=9.9)) == []
    assert runnable(record, NOW + timedelta(seconds=10)) == [0]


def test_each_index_has_its_own_limit() -> None:
    record = indexed(2, backoffLimitPerIndex=1)
    record = end(end(record, 70), 70, index=1)
    assert [entry.state for entry in record.indexes] == ["Waiting", "Waiting"]
    record = end(record, 70)
    assert [entry.state for entry in record.indexes] == ["Failed", "Waiting"]
    assert job_view(record).live
    assert state(end(record, 0, index=1)) == ("Failed", "FailedIndexes")


def test_without_a_limit_for_each_index_failures_count_together() -> None:
    record = indexed(3, backoffLimit=1)
    record = end(record, 70)
    assert state(end(record, 70, index=1)) == ("Failed", "BackoffLimitExceeded")


@pytest.mark.parametrize(("most", "ended_by"), [(0, 1), (1, 2), (2, 3)])
def test_too_many_failed_indexes_end_the_job(most: int, ended_by: int) -> None:
    record = indexed(4, backoffLimitPerIndex=0, maxFailedIndexes=most)
    for index in range(ended_by):
        assert job_view(record).live
        record = end(record, 70, index)
    assert state(record) == ("Failed", "MaxFailedIndexesExceeded")


def test_a_job_is_complete_when_every_index_is() -> None:
    record = indexed(3, backoffLimitPerIndex=1)
    for index in (2, 0):
        record = end(record, 0, index)
        assert job_view(record).live
    assert state(end(record, 0, 1)) == ("Complete", None)


@pytest.mark.parametrize("spec", [{}, {"parallelism": 1}, {"parallelism": 2}, {"parallelism": 5}])
def test_no_more_indexes_run_than_the_job_allows(spec: dict[str, int]) -> None:
    allowed = spec.get("parallelism", 1)
    record = job(completionMode="Indexed", completions=4, **spec)
    assert runnable(record, NOW) == list(range(4))[:allowed]
    assert len(runnable(started(record, 0), NOW)) == min(allowed - 1, 3)


def test_nothing_of_a_job_that_is_over_or_on_its_way_out_starts() -> None:
    assert runnable(end(job(), 0), NOW) == []
    assert runnable(timed_out(job(), NOW), NOW) == []
    assert runnable(replace(job(), deleting=True), NOW) == []


@pytest.mark.parametrize("late", [0, 75, 70, 143])
def test_what_ends_after_its_job_does_not_change_how_the_job_ended(late: int) -> None:
    over = {
        "DeadlineExceeded": timed_out(started(indexed(2), 1), NOW),
        "PodFailurePolicy": end(started(indexed(2, podFailurePolicy={"rules": [rule("FailJob", 64)]}), 1), 64),
    }
    for reason, record in over.items():
        after = ended(record, 1, late, None, NOW + timedelta(seconds=5))
        assert state(after) == ("Failed", reason)
        assert after.finished == record.finished


def test_the_deadline_counts_from_the_creation_and_only_while_somebody_runs_the_job() -> None:
    record = job(activeDeadlineSeconds=60)
    later = NOW + timedelta(seconds=61)
    assert not overdue(record, NOW + timedelta(seconds=60))
    assert overdue(record, later)
    assert not overdue(job(), later)
    assert not overdue(end(record, 0), later)
    assert not overdue(resumed(record, later), later)
    assert state(timed_out(record, later)) == ("Failed", "DeadlineExceeded")


def test_a_process_that_vanished_with_its_executor_starts_again_uncounted() -> None:
    record = started(end(indexed(3, backoffLimitPerIndex=3), 0, index=2), 0)
    again = resumed(record, NOW)
    assert [entry.state for entry in again.indexes] == ["Waiting", "Waiting", "Succeeded"]
    assert [entry.failures for entry in again.indexes] == [0, 0, 0]
    assert runnable(again, NOW) == [0, 1]


def test_a_finished_job_is_taken_up_as_it_ended() -> None:
    record = end(job(), 0)
    assert resumed(record, NOW + timedelta(days=1)) == record


def test_the_last_words_of_an_index_are_its_result() -> None:
    said = [TaskFailure(reason="First", message="one"), TaskFailure(reason="Second", message="two")]
    record = indexed(2, backoffLimitPerIndex=9)
    for each in said:
        record = end(record, 70, message=encode_message(each))
    record = end(record, 137)
    assert job_view(record).outcome(0) == said[1], "a process that was killed said nothing new"
    assert job_view(record).pods[0].exit_code == 137
    assert job_view(record).outcome(1) is None


def test_the_plan_sees_who_the_job_is_and_how_it_waits() -> None:
    seen = job_view(job())
    assert (seen.name, seen.uid, seen.phase, seen.symbol) == ("nightly-train-btc-usd-1", "uid", "train", "BTC-USD")
    assert (seen.key, seen.template, seen.created, seen.attempts) == ("key", "template", NOW, 0)
    assert seen.pods[0].waiting_reason == "NoFreeCore"
    assert job_view(started(job(), 0)).state == "Running"
    assert job_view(started(job(), 0)).attempts == 1
    failed = job_view(end(job(), 70)).pods[0]
    assert (failed.waiting_reason, failed.exit_code) == ("BackOff", 70)
    assert job_view(replace(end(job(), 0), deleting=True)).state == "Deleting"


@pytest.mark.parametrize("ends", [lambda record: timed_out(record, NOW), lambda record: replace(record, deleting=True)])
def test_an_index_of_a_job_that_is_over_waits_for_no_further_try(ends: Callable[[JobRecord], JobRecord]) -> None:
    record = end(indexed(2, backoffLimitPerIndex=9), 70)
    assert "will be retried" in (job_view(record).pods[0].waiting_message or "")
    over = [(pod.waiting_reason, pod.waiting_message) for pod in job_view(ends(record)).pods]
    assert over == [(None, None), (None, None)]


CODES = st.sampled_from([0, 1, 64, 69, 70, 75, 78, 137])
STEPS = st.lists(st.tuples(st.integers(0, 2), CODES), max_size=40)


@given(steps=STEPS, limit=st.integers(0, 3))
def test_laws_of_an_indexed_job(steps: list[tuple[int, int]], limit: int) -> None:
    """It survives being written and read at any moment, never starts what is over, and ends once."""
    policy = {"rules": [rule("FailIndex", 64, 78), rule("Ignore", 75)]}
    record, now = indexed(3, backoffLimitPerIndex=limit, maxFailedIndexes=3, podFailurePolicy=policy), NOW
    for index, code in steps:
        now += timedelta(seconds=11)
        if index not in runnable(record, now):
            continue
        before, record = record, ended(started(record, index), index, code, None, now)
        assert from_json(json.loads(json.dumps(to_json(record)))) == record
        assert before.finished is None
        assert record.indexes[index].failures <= limit + 1
    done = {entry.state for entry in record.indexes} <= {"Succeeded", "Failed"}
    assert done == (record.finished is not None)
    if done:
        failed = any(entry.state == "Failed" for entry in record.indexes)
        assert state(record) == (("Failed", "FailedIndexes") if failed else ("Complete", None))
