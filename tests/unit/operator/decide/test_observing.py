"""When promoted models are looked at, by which Job, and what becomes of its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.observed_run import ObservedRun
from support.planning import KILLED, Cluster
from support.results import DECAYED, looked, observed, task_of

from retrain_api.documents.results import Looked, Refusal
from retrain_operator.decide.context import Settings
from retrain_operator.decide.observation.looks import Looks
from retrain_operator.decide.run.plan import plan

THREE = ("BTC-USD", "ETH-USD", "SOL-USD")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOURS = timedelta(hours=1)


def test_the_first_look_is_at_once() -> None:
    run = ObservedRun(THREE)
    task = run.task()
    assert [item.symbol for item in task.items] == list(THREE) and task.bar == 0.68
    assert task.as_of == run.status.began == run.cluster.time
    assert (run.status.state, run.cluster.run.status.state) == ("Observing", "Promoted")
    assert "for the first time" in run.status.message


def test_eight_symbols_are_one_index() -> None:
    symbols = tuple(f"C{number:02}-USD" for number in range(17))
    run = ObservedRun(symbols)
    (job,) = run.live
    assert job.indexes == 3
    run.find()
    assert [one.state for one in run.status.symbols] == ["Holding"] * 17


@pytest.mark.parametrize("spec", [{}, {"promotion": {"policy": "Never"}, "observation": {"every": "1d"}}])
def test_nothing_is_observed_that_is_not_promoted_or_not_asked_for(spec: dict[str, Any]) -> None:
    cluster = Cluster.of(**spec)
    cluster.to_the_end()
    status = cluster.run.status
    assert (status.observation, status.observed, cluster.of_phase("observe")) == (None, None, [])
    assert "Holding" not in {one.type for one in status.conditions}


@pytest.mark.parametrize(
    ("last", "now", "end", "next_look"),
    [
        (None, 0, None, 0),  # the first
        (None, 5, 3, 3),  # of a run that was promoted long ago
        (0, 1, None, 24),
        (0, 30, None, 30),  # overdue: now
        (0, 1, 10, 10),  # the last
        (0, 30, 10, 10),  # the last, overdue: as of the end
        (10, 11, 10, None),
        (30, 31, 10, None),  # a look that was repeated after the end
    ],
)
def test_when_the_next_look_is(last: int | None, now: int, end: int | None, next_look: int | None) -> None:
    """In hours, with a look a day."""
    looks = Looks(24 * HOURS, None if end is None else NOON + end * HOURS)
    found = looks.after(None if last is None else NOON + last * HOURS, NOON + now * HOURS)
    assert found == (None if next_look is None else NOON + next_look * HOURS)


def test_a_finished_run_is_reconciled_again_at_its_next_look() -> None:
    run = ObservedRun()
    decided = run.find()
    assert run.status.next_time == "2026-01-06T12:00:00Z"
    assert decided.requeue_at == NOON + timedelta(days=1)
    run.later(0.5)
    assert not run.live
    run.later(0.5)
    assert run.task().as_of == "2026-01-06T12:00:00Z"


def test_a_look_that_is_late_judges_what_a_punctual_one_would_have() -> None:
    run = ObservedRun()
    run.find()
    run.later(1.25)
    assert run.task().as_of == "2026-01-06T12:00:00Z"
    run.find()
    assert (run.status.last_time, run.status.next_time) == ("2026-01-06T12:00:00Z", "2026-01-07T12:00:00Z")


def test_a_look_that_is_still_at_work_is_waited_for() -> None:
    run = ObservedRun()
    (first,) = run.live
    run.cluster.start(first)
    run.later(3.5)
    assert [job.name for job in run.live] == [first.name]
    run.find()
    assert (run.status.last_time, run.status.next_time) == ("2026-01-05T12:00:00Z", "2026-01-09T00:00:00Z")
    assert len(run.live) == 1


def test_after_its_time_what_held_has_held() -> None:
    run = ObservedRun(observation={"for": "60h"})
    for _ in range(3):
        run.find()
        run.later()
    assert run.task().as_of == "2026-01-08T00:00:00Z"
    run.find()
    assert (run.status.state, run.symbol().state, run.status.next_time) == ("Held", "Held", None)
    assert run.status.message == "Held for 60h: right in 70 % of 600 bars since the test."
    assert run.condition() == ("True", "Held") and run.events == ["Held"]
    assert run.later(30).requeue_at is None and len(run.made) == 4


@pytest.mark.parametrize(
    ("numbers", "state"),
    [
        ({"promise": 5.0}, "BelowPromise"),
        (DECAYED, "Decaying"),
        ({"reason": "NotMeasurable", "problem": "Its card names no blocks."}, "NotMeasurable"),
        ({"bars": 10}, "Observing"),
    ],
)
def test_what_does_not_hold_stays_what_it_is_after_its_time(numbers: dict[str, Any], state: str) -> None:
    run = ObservedRun(observation={"for": "1h"})
    run.find()
    run.later()
    run.find(numbers)
    assert (run.status.state, run.status.next_time) == (state, None)
    run.later()
    assert (run.status.state, run.live) == (state, [])


def test_a_longer_time_takes_the_observation_up_again() -> None:
    run = ObservedRun(observation={"for": "1h"})
    run.find()
    run.later(0.5)
    run.find()
    assert run.status.state == "Held"
    run.cluster.edit(observation={"every": "1d", "for": "7d"})
    run.cluster.settle()
    assert (run.status.state, run.symbol().state) == ("Holding", "Holding")
    assert run.status.next_time == "2026-01-06T13:00:00Z"


@pytest.mark.parametrize(
    ("every", "next_time"),
    [("2d", "2026-01-07T12:00:00Z"), ("18h", "2026-01-06T06:00:00Z"), ("1h", "2026-01-06T00:00:00Z")],
)
def test_another_every_moves_the_next_look(every: str, next_time: str) -> None:
    run = ObservedRun()
    run.find()
    run.later(0.5)
    run.cluster.edit(observation={"every": every})
    run.cluster.settle()
    assert run.status.next_time == next_time
    assert len(run.live) == (every == "1h")


def test_suspend_stops_it_and_afterwards_it_looks_at_once() -> None:
    run = ObservedRun()
    run.find()
    run.later()
    assert len(run.live) == 1
    run.cluster.edit(suspend=True)
    run.cluster.settle()
    assert (run.status.state, run.live, run.cluster.run.status.state) == ("Suspended", [], "Promoted")
    assert run.condition() == ("Unknown", "Suspended") and run.symbol().state == "Holding"
    before = run.cluster.run.status
    assert run.later(10).requeue_at is None and run.cluster.run.status == before
    run.cluster.edit(suspend=False)
    run.cluster.settle()
    assert run.status.state == "Holding" and run.task().as_of == "2026-01-16T12:00:00Z"


def test_what_is_over_is_not_suspended() -> None:
    run = ObservedRun(observation={"for": "1h"})
    run.find()
    run.later()
    run.find()
    run.cluster.edit(suspend=True)
    run.cluster.settle()
    assert run.status.state == "Held"


def test_without_an_observation_in_the_spec_nothing_is_left_of_it() -> None:
    run = ObservedRun()
    run.find()
    run.later()
    run.cluster.edit(observation=None)
    run.cluster.settle()
    status = run.cluster.run.status
    assert (status.observation, status.observed, run.condition(), run.looks) == (None, None, None, [])


def test_a_run_that_works_anew_is_observed_meanwhile() -> None:
    run = ObservedRun()
    run.find()
    run.cluster.edit(training={"seed": 1})
    run.later()
    assert run.cluster.run.status.state == "Queued" and len(run.live) == 1
    run.decay()
    assert run.status.state == "Decaying"
    assert run.cluster.run.status.state == "Queued"


def test_a_run_that_has_nothing_new_to_learn_is_observed_all_the_same() -> None:
    run = ObservedRun(preflight="Always")
    run.find()
    run.cluster.annotate(rerun="1")
    run.later()
    (preflight,) = (job for job in run.cluster.of_phase("preflight") if job.live)
    skipped = Refusal(symbol="BTC-USD", reason="NoNewBars", message="It has none.", skipped=True)
    result = run.cluster.results(preflight)[0]
    run.cluster.finish(preflight, [result.model_copy(update={"refused": (skipped,)})])
    run.cluster.settle()
    assert run.cluster.run.status.state == "Skipped" and len(run.live) == 1


def test_another_model_is_observed_from_the_beginning() -> None:
    run = ObservedRun()
    run.decay()
    began = run.status.began
    run.cluster.annotate(rerun="1")
    run.later(0.5)
    while not run.live:
        run.cluster.finish_all()
        run.cluster.settle()
    assert (run.status.state, run.status.last_time, run.symbol().bars) == ("Observing", None, None)
    assert run.status.began != began and run.task().as_of == run.cluster.time
    run.find()
    assert run.status.state == "Holding"


def test_what_is_promoted_later_joins_what_is_observed() -> None:
    run = ObservedRun(THREE)
    run.find(BTC=DECAYED)
    run.later(0.5)
    promotion = run.cluster.run.status.promotion
    assert promotion is not None
    fewer = promotion.model_copy(update={"models": promotion.models[:2]})
    before = run.cluster.run
    smaller = before.model_copy(update={"status": before.status.model_copy(update={"promotion": fewer})})
    first = plan(smaller, run.cluster.view(), run.cluster.now, Settings()).status.observation
    assert first is not None
    assert [(one.symbol, one.state) for one in first.symbols] == [("BTC-USD", "Decaying"), ("ETH-USD", "Holding")]
    smaller = smaller.model_copy(update={"status": before.status.model_copy(update={"observation": first})})
    again = plan(smaller, run.cluster.view(), run.cluster.now, Settings()).status.observation
    assert again is not None and again.next_time == run.cluster.time
    assert [one.state for one in again.symbols] == ["Decaying", "Holding", "Observing"]


NEWER = {"model": "b" * 64, "run": "uid-2"}


def test_a_newer_runs_model_ends_it() -> None:
    run = ObservedRun(("BTC-USD", "ETH-USD"))
    run.find(BTC=NEWER)
    assert (run.symbol("BTC-USD").state, run.status.state) == ("Superseded", "Holding")
    run.later()
    assert [item.symbol for item in run.task().items] == ["ETH-USD"]
    decided = run.find(NEWER)
    assert (run.status.state, run.status.next_time, decided.requeue_at) == ("Superseded", None, None)
    assert run.status.message == "BTC-USD and ETH-USD: replaced by the model of a newer run."
    assert run.condition() == ("Unknown", "NewerModel") and run.events == ["NewerModel"]
    run.cluster.edit(observation={"every": "1h"})
    run.later(30)
    assert run.status.state == "Superseded" and not run.live


def test_where_nothing_is_promoted_any_more_it_ends() -> None:
    run = ObservedRun()
    run.find({"model": "", "run": ""})
    assert (run.status.state, run.status.next_time) == ("Superseded", None)


def test_a_model_rolled_back_to_is_observed_by_the_run_that_promoted_last() -> None:
    run = ObservedRun()
    run.find({"model": "a" * 64, "run": "uid-0", "rolled_back": True})
    assert (run.status.state, run.symbol().model) == ("Holding", "a" * 12)
    assert "rolled back to aaaaaaaa" in run.status.message
    run.later()
    run.find({"model": "a" * 64, "run": "uid-0", "rolled_back": True} | DECAYED)
    assert run.status.state == "Decaying"


def test_what_decays_no_longer_does_once_somebody_rolled_back() -> None:
    run = ObservedRun()
    run.decay()
    run.later()
    run.find({"model": "a" * 64, "run": "uid-0", "rolled_back": True})
    assert run.status.state == "Holding"


def test_a_look_that_fails_is_made_again_at_the_next_time_or_when_somebody_asks() -> None:
    run = ObservedRun()
    run.find()
    run.later()
    run.fail()
    assert (run.status.state, run.symbol().bars, run.events) == ("Unobserved", 600, ["Unobserved"])
    assert run.status.message == (
        "BTC-USD: could not be judged (StoreUnavailable): The store is away. "
        "The next look tries again, retrain retry improved-lstm at once."
    )
    assert (run.status.next_time, run.live) == ("2026-01-07T12:00:00Z", [])
    run.cluster.annotate(retry="1")
    run.later(0.25)
    assert run.task().as_of == "2026-01-06T18:00:00Z"
    run.fail()
    assert run.events == ["Unobserved"] and run.status.next_time == "2026-01-07T18:00:00Z"
    run.later()
    run.find()
    assert (run.status.state, run.status.failed_key) == ("Holding", None)


@pytest.mark.parametrize("fails", [False, True])
def test_only_after_a_failure_a_retry_looks_at_once(fails: bool) -> None:
    run = ObservedRun()
    run.find({"reason": "DataNotFound", "problem": "The file is gone."} if fails else {})
    run.cluster.annotate(retry="1")
    run.later(0.25)
    assert len(run.live) == fails


def test_one_index_that_fails_costs_the_others_nothing() -> None:
    symbols = tuple(f"C{number:02}-USD" for number in range(9))
    run = ObservedRun(symbols)
    (job,) = run.live
    run.cluster.finish(job, [observed(run.task().model_copy(update={"items": run.task().items_of(0)}))], index=0)
    run.cluster.exhaust(job, KILLED, index=1)
    run.cluster.settle()
    assert [one.state for one in run.status.symbols] == ["Holding"] * 8 + ["Unobserved"]
    assert (run.status.state, run.cluster.run.status.observed) == ("Unobserved", "Unobserved C08-USD")
    assert run.status.failed_key is not None and run.status.key is not None


def test_a_result_that_is_lost_is_read_by_a_second_job() -> None:
    run = ObservedRun()
    (job,) = run.live
    run.cluster.lose(job)
    run.cluster.settle()
    assert len(run.made) == 2
    run.find()
    assert run.status.state == "Holding"
    run.later()
    run.find()
    assert len(run.looks) == 1


def test_a_job_that_somebody_deletes_is_made_again() -> None:
    run = ObservedRun()
    (job,) = run.live
    run.cluster.remove(job)
    run.cluster.settle()
    assert [one.key for one in run.live] == [job.key] and run.status.state == "Observing"


def test_a_look_that_waits_for_too_long_means_that_nobody_knows() -> None:
    run = ObservedRun()
    run.find()
    run.later()
    (job,) = run.live
    run.cluster.suspend(job)
    decided = run.cluster.settle()
    assert run.status.state == "Holding" and "is waiting (JobSuspended)" in run.status.message
    assert decided.requeue_at == NOON + timedelta(days=2)
    run.later()
    assert (run.status.state, run.events) == ("Unobserved", ["Unobserved"])
    assert "retrain retry" not in run.status.message
    run.cluster.suspend(job, False)
    run.find()
    assert run.status.state == "Holding"


def test_a_pod_that_never_comes_ends_a_look() -> None:
    run = ObservedRun(evaluate={"pendingDeadlineSeconds": 600})
    run.later(0.5)
    assert (run.status.state, run.live) == ("Unobserved", [])
    assert "PendingDeadlineExceeded" in run.status.message


def test_a_late_result_of_another_look_is_not_accepted() -> None:
    run = ObservedRun()
    old = observed(run.task(), **DECAYED)
    run.find()
    run.later()
    (job,) = run.live
    run.cluster.finish(job, [old])
    run.cluster.settle()
    assert run.status.state == "Unobserved" and "ResultLost" in run.status.message


def test_a_bar_that_is_edited_meanwhile_is_asked_for_anew() -> None:
    run = ObservedRun()
    (old,) = run.live
    run.cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.6}]})
    run.cluster.settle()
    (job,) = run.live
    assert job.name != old.name and run.task().bar == 0.6


def test_looks_leave_one_job_behind() -> None:
    run = ObservedRun()
    for _ in range(5):
        run.find()
        run.later()
    assert len(run.made) == 6 and len(run.looks) == 2
    run.find()
    assert len(run.looks) == 1


def test_a_job_that_is_removed_in_time_is_not_made_again() -> None:
    run = ObservedRun(jobTTLSecondsAfterFinished=60)
    run.find()
    run.later(0.5)
    assert (run.looks, len(run.made), run.status.state) == ([], 1, "Holding")


def test_an_image_that_is_not_allowed_stops_it() -> None:
    run = ObservedRun(pods={"image": "mine:1"})
    run.find(DECAYED)
    strict = Settings(allowed_images=("ours:*",))
    found = plan(run.cluster.run, run.cluster.view(), run.cluster.now + timedelta(days=1), strict)
    assert found.create == () and found.status.observation is not None
    assert found.status.observation.state == "Decaying" and "is not allowed here" in found.status.observation.message


def test_an_operator_that_starts_anew_makes_no_second_job() -> None:
    run = ObservedRun()
    decided = plan(run.cluster.run, run.cluster.view(), run.cluster.now + timedelta(minutes=5), Settings())
    assert (decided.create, decided.delete, decided.events) == ((), (), ())
    assert decided.status == run.cluster.run.status


@pytest.mark.parametrize("days", [0, 1, 9])
def test_whoever_leaves_looks_to_others_makes_none_and_says_nothing_of_those_that_are_due(days: int) -> None:
    run = ObservedRun()
    run.find()
    later = run.cluster.now + timedelta(days=days)
    decided = plan(run.cluster.run, run.cluster.view(), later, Settings(looks=False))
    assert (decided.create, decided.delete, decided.events) == ((), (), ())
    assert decided.status.observation == run.status


def test_it_touches_no_look_that_another_command_has_begun() -> None:
    run = ObservedRun()
    decided = plan(run.cluster.run, run.cluster.view(), run.cluster.now + timedelta(days=9), Settings(looks=False))
    assert (decided.create, decided.delete) == ((), ())
    assert decided.status.observation == run.status


def test_a_test_that_is_too_slow_is_told_once() -> None:
    run = ObservedRun(observation={"for": "7d"})
    slow: Looked = looked(run.task(), run.task().items[0], days_to_see=41.2)
    run.answer({"BTC-USD": slow})
    run.later()
    run.find({"days_to_see": 41.2})
    assert run.status.sees == "42d" and run.events == ["SlowToShow"]
    assert run.status.message.endswith(
        "A fall of ten points below the bar would show after 42d, and observation.for is 7d."
    )


def test_the_pods_are_the_runs_own() -> None:
    run = ObservedRun()
    (job,) = run.live
    manifest = run.cluster.manifests[job.name]
    assert manifest["metadata"]["labels"]["retrain.crpbot.dev/phase"] == "observe"
    assert manifest["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert task_of(manifest) == run.task()
