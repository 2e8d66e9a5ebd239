"""As of when a run learns: one time for each piece of work, whatever is retried, measured or added later."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import START, Cluster, task_of

from retrain_api.documents.tasks import EvaluateTask, TrainTask
from retrain_api.wire import timestamp

FIRST = timestamp(START)
MODELS = ("BTC-USD", "ETH-USD", "SOL-USD")


def times(cluster: Cluster, kind: type = TrainTask) -> list[str | None]:
    """As of when each task of a kind was asked to work, in the order in which their Jobs were made."""
    tasks = map(task_of, cluster.manifests.values())
    return [task.as_of for task in tasks if isinstance(task, kind)]  # type: ignore[attr-defined]


def test_all_tasks_of_a_run_have_the_clock_of_its_first_job() -> None:
    cluster = Cluster.of(parallelism=1)
    for _ in range(4):
        cluster.settle()
        cluster.later(3_600)
        cluster.finish_all()
    cluster.to_the_end()
    assert cluster.run.status.as_of == FIRST
    assert times(cluster) == [FIRST] * 3 and times(cluster, EvaluateTask) == [FIRST]


def test_planning_again_asks_for_the_same_job() -> None:
    """The status is written before the first Job, so that an operator who dies in between goes on with that time."""
    cluster = Cluster.of()
    decided = cluster.plan()
    cluster.carry_out(decided, writes=1)
    assert not cluster.created and cluster.run.status.as_of == FIRST
    cluster.later(600)
    assert cluster.plan().create == decided.create


def test_a_refused_job_is_asked_for_with_the_time_of_the_first_try() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    cluster.refusing = "for now"
    cluster.settle()
    cluster.later(600)
    cluster.refusing = ""
    cluster.settle()
    assert times(cluster) == [FIRST]


@pytest.mark.parametrize(
    ("until", "as_of"),
    [
        ("2025-06-01T00:00:00Z", "2025-06-01T00:00:00Z"),
        ("2025-06-01T02:00:00.9+02:00", "2025-06-01T00:00:00Z"),
        ("2126-01-01T00:00:00Z", FIRST),
        ("9999-12-31T23:59:59-12:00", FIRST),
        ("1000-01-01T00:00:00+12:00", "0999-12-31T12:00:00Z"),
    ],
    ids=["UTC", "a zone and a fraction", "not yet", "the last one", "the first one"],
)
def test_until_is_that_time_unless_it_is_still_to_come(until: str, as_of: str) -> None:
    cluster = Cluster.of(data={"uri": "s3://bucket/", "until": until})
    cluster.to_the_end()
    assert {*times(cluster), *times(cluster, EvaluateTask), cluster.run.status.as_of} == {as_of}


def rerun(cluster: Cluster) -> None:
    cluster.annotate(rerun="tonight")


def retrain(cluster: Cluster) -> None:
    cluster.edit(training={"seed": 7})


def remeasure(cluster: Cluster) -> None:
    cluster.edit(evaluation={"calibration": "None"})


def rejudge(cluster: Cluster) -> None:
    cluster.edit(gate={"minPassed": 1})


def add(cluster: Cluster) -> None:
    cluster.edit(symbols=[*MODELS, "ADA-USD"])


def remove(cluster: Cluster) -> None:
    cluster.edit(symbols=["ETH-USD", "SOL-USD"])


@pytest.mark.parametrize(
    ("change", "anew"),
    [(rerun, True), (retrain, True), (remeasure, False), (rejudge, False), (add, False), (remove, False)],
)
def test_only_a_new_training_of_all_takes_it_anew(change: Any, anew: bool) -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    cluster.later(86_400)
    before, later = len(times(cluster)), timestamp(cluster.now)
    change(cluster)
    cluster.to_the_end()
    expected = later if anew else FIRST
    assert cluster.run.status.as_of == expected
    assert set(times(cluster)[before:]) <= {expected} and times(cluster, EvaluateTask)[-1] == expected


def test_a_retry_keeps_it() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    cluster.settle()
    cluster.fail(cluster.job("BTC-USD"))
    cluster.settle()
    cluster.later(86_400)
    cluster.annotate(retry="again")
    cluster.to_the_end()
    assert times(cluster) == [FIRST, FIRST]


def test_a_suspended_run_takes_it_when_it_goes_on_and_keeps_what_it_has() -> None:
    cluster = Cluster.of(suspend=True)
    cluster.settle()
    assert cluster.run.status.as_of is None
    cluster.later(600)
    begins = timestamp(cluster.now)
    for suspend in (False, True, False):
        cluster.edit(suspend=suspend)
        cluster.settle()
        cluster.later(600)
        assert cluster.run.status.as_of == begins


def of_an_earlier_release(cluster: Cluster) -> None:
    """The run as a release left it that knew of no such time."""
    cluster.run = cluster.run.model_copy(update={"status": cluster.run.status.model_copy(update={"as_of": None})})


def test_a_finished_run_of_an_earlier_release_stays_as_it_is() -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    of_an_earlier_release(cluster)
    before, made = cluster.run.status, len(cluster.created)
    cluster.later(600)
    cluster.settle()
    assert cluster.run.status == before and len(cluster.created) == made
    remeasure(cluster)
    cluster.to_the_end()
    assert times(cluster, EvaluateTask)[-1] is None and cluster.run.status.as_of is None
    assert len(times(cluster)) == 3


def test_a_run_that_an_earlier_release_began_gets_one_for_what_is_left() -> None:
    cluster = Cluster.of(parallelism=1)
    cluster.settle()
    cluster.finish_all()
    of_an_earlier_release(cluster)
    cluster.later(600)
    now = timestamp(cluster.now)
    cluster.to_the_end()
    assert times(cluster) == [FIRST, now, now] and cluster.run.status.as_of == now
