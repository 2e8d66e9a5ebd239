"""What happens to a run is told to whoever asked for it, at least once; what is told, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from support.planning import Cluster, approve, passing
from support.pod_status import Waits
from support.results import task_of

from retrain_api.documents.tasks import NotifyTask
from retrain_api.status.condition import Condition
from retrain_api.status.notified import Notified
from retrain_api.status.observation import ObservationStatus, ObservedState, ObservedSymbol
from retrain_api.status.run import RetrainRunStatus
from retrain_operator.decide.context import Context, Settings
from retrain_operator.decide.notification.notifying import KEPT, advance
from retrain_operator.decide.notification.words import LENGTH, text
from retrain_operator.decide.run.plan import plan
from retrain_operator.state.view import JobView

OPS = {"name": "ops", "secretName": "slack"}
TEAM = {"name": "team", "secretName": "mail"}


def told(cluster: Cluster) -> list[tuple[str, str]]:
    """Whom Jobs were made to tell what, in order."""
    tasks = [task_of(body) for body in cluster.manifests.values()]
    return [(task.receiver, task.key.partition("/")[2]) for task in tasks if isinstance(task, NotifyTask)]


def task(cluster: Cluster) -> NotifyTask:
    """The newest notification."""
    return next(one for one in map(task_of, reversed(cluster.manifests.values())) if isinstance(one, NotifyTask))


def entry(cluster: Cluster, name: str = "ops") -> Notified:
    return next(one for one in cluster.run.status.notified or () if one.name == name)


def notified(cluster: Cluster) -> Condition:
    return next(one for one in cluster.run.status.conditions if one.type == "Notified")


def until_it_tells(**spec: Any) -> tuple[Cluster, JobView]:
    """A run whose first notification is about to be made, and its Job."""
    cluster = Cluster.of(**{"notify": [OPS]} | spec)
    while not cluster.of_phase("notify"):
        cluster.settle()
        for job in [one for one in cluster.jobs.values() if one.live and one.phase != "notify"]:
            cluster.finish(job)
    return cluster, cluster.of_phase("notify")[0]


def breaks(cluster: Cluster, job: JobView, message: str = "The receiver (slack://) can't be reached.") -> None:
    cluster.fail(job, "ReceiverFailed", message, 70)
    cluster.settle()


def test_a_run_without_receivers_has_nothing_of_it_in_its_status() -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    status = cluster.run.status
    assert (status.notified, status.transitions) == (None, None)
    assert "Notified" not in {one.type for one in status.conditions}


def test_only_the_last_jobs_that_have_told_stay() -> None:
    cluster = Cluster.of(notify=[OPS])
    for number in range(KEPT + 3):
        cluster.later(86_400)
        cluster.annotate(rerun=str(number))
        cluster.to_the_end()
    assert len(told(cluster)) >= KEPT + 3
    left = cluster.of_phase("notify")
    assert [job.name for job in left] == [name for name in cluster.created if "-notify-" in name][-KEPT:]
    assert entry(cluster).key is not None and entry(cluster).pending is None


def test_what_the_telling_waits_for_is_said_while_it_waits() -> None:
    cluster, job = until_it_tells()
    cluster.wait(job, Waits("CreateContainerConfigError", 'secret "chat" not found'))
    cluster.settle()
    assert (notified(cluster).status, notified(cluster).reason) == ("Unknown", "Telling")
    assert 'secret "chat" not found' in notified(cluster).message
    cluster.finish(job)
    cluster.settle()
    assert (notified(cluster).reason, notified(cluster).message) == ("Told", "")


def test_each_receiver_is_told_of_the_end_one_after_the_other() -> None:
    cluster, _ = until_it_tells(notify=[OPS, TEAM])
    assert told(cluster) == [("ops", "1-Promoted")]
    assert (notified(cluster).status, notified(cluster).reason) == ("Unknown", "Telling")
    assert notified(cluster).message == "To be told: ops of Promoted, team of Promoted."
    cluster.to_the_end()
    assert told(cluster) == [("ops", "1-Promoted"), ("team", "1-Promoted")]
    assert cluster.run.status.transitions == 1
    assert [(one.name, one.key, one.pending, one.text) for one in cluster.run.status.notified or ()] == [
        ("ops", "1-Promoted", None, ""),
        ("team", "1-Promoted", None, ""),
    ]
    assert entry(cluster).at is not None
    assert (notified(cluster).status, notified(cluster).reason) == ("True", "Told")


@pytest.mark.parametrize(
    ("when", "keys"),
    [
        (None, ["1-AwaitingApproval", "2-Promoted"]),
        (["Promoted"], ["2-Promoted"]),
        (["AwaitingApproval"], ["1-AwaitingApproval"]),
        (["Failed", "Decaying"], []),
    ],
)
def test_a_receiver_is_told_of_what_it_asked_for(when: list[str] | None, keys: list[str]) -> None:
    receiver = OPS | ({"when": when} if when else {})
    cluster = Cluster.of(notify=[receiver], promotion={"policy": "Manual"})
    cluster.to_the_end()
    approve(cluster)
    cluster.to_the_end()
    assert cluster.run.status.state == "Promoted"
    assert told(cluster) == [("ops", key) for key in keys]


def test_of_several_that_wait_only_the_newest_is_told() -> None:
    cluster, job = until_it_tells(promotion={"policy": "Manual"})
    breaks(cluster, job)
    approve(cluster)
    cluster.to_the_end()
    assert told(cluster) == [("ops", "1-AwaitingApproval"), ("ops", "2-Promoted")]
    assert (entry(cluster).key, entry(cluster).pending) == ("2-Promoted", None)
    assert notified(cluster).status == "True"


def test_what_is_being_told_is_told_before_what_happened_since() -> None:
    cluster, job = until_it_tells(promotion={"policy": "Manual"})
    cluster.start(job)
    approve(cluster)
    cluster.settle()
    cluster.finish(cluster.of_phase("publish")[-1])
    cluster.settle()
    assert entry(cluster).pending == "2-Promoted"
    assert told(cluster) == [("ops", "1-AwaitingApproval")] and cluster.deleted == []
    cluster.finish(job)
    cluster.to_the_end()
    assert entry(cluster).key == "2-Promoted"


def test_what_only_waits_to_be_told_gives_way_to_what_happened_since() -> None:
    cluster, job = until_it_tells(promotion={"policy": "Manual"})
    approve(cluster)
    cluster.settle()
    cluster.finish(cluster.of_phase("publish")[-1])
    cluster.settle()
    assert cluster.deleted == [(job.name, "Superseded")]
    cluster.to_the_end()
    assert told(cluster) == [("ops", "1-AwaitingApproval"), ("ops", "2-Promoted")]


def test_a_receiver_that_is_added_later_is_not_told_of_the_past() -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    cluster.edit(notify=[OPS])
    cluster.to_the_end()
    assert told(cluster) == []
    assert (entry(cluster).key, entry(cluster).at, notified(cluster).status) == ("0-Promoted", None, "True")
    cluster.edit(notify=[OPS, TEAM])
    cluster.annotate(rerun="again")
    cluster.to_the_end()
    assert told(cluster) == [("ops", "1-Promoted"), ("team", "1-Promoted")]


def test_a_receiver_that_is_removed_is_forgotten_and_its_job_ended() -> None:
    cluster, job = until_it_tells(notify=[OPS, TEAM])
    cluster.edit(notify=[TEAM])
    cluster.settle()
    assert cluster.deleted == [(job.name, "Superseded")]
    cluster.to_the_end()
    assert [one.name for one in cluster.run.status.notified or ()] == ["team"]
    cluster.edit(notify=[])
    cluster.to_the_end()
    assert (cluster.run.status.notified, cluster.run.status.transitions) == (None, 1)
    assert "Notified" not in {one.type for one in cluster.run.status.conditions}


def test_numbers_go_on_where_a_receiver_comes_back_so_that_no_job_is_taken_for_an_earlier_one() -> None:
    cluster, _ = until_it_tells()
    cluster.to_the_end()
    cluster.edit(notify=[])
    cluster.to_the_end()
    cluster.edit(notify=[OPS])
    cluster.annotate(rerun="again")
    cluster.to_the_end()
    assert told(cluster) == [("ops", "1-Promoted"), ("ops", "2-Promoted")]


def test_a_failure_is_a_warning_told_once_and_changes_nothing_of_the_run() -> None:
    cluster, job = until_it_tells(notify=[OPS, TEAM])
    breaks(cluster, job)
    cluster.to_the_end()
    assert cluster.run.status.state == "Promoted"
    warning = "ops was not told of Promoted: ReceiverFailed: The receiver (slack://) can't be reached."
    assert (notified(cluster).status, notified(cluster).reason, notified(cluster).message) == (
        "False",
        "NotTold",
        warning,
    )
    assert [(one.type, one.message) for one in cluster.events if one.reason == "NotTold"] == [("Warning", warning)]
    assert entry(cluster, "team").key == "1-Promoted"
    cluster.later(100_000)
    cluster.to_the_end()
    assert told(cluster) == [("ops", "1-Promoted"), ("team", "1-Promoted")]


@pytest.mark.parametrize("mend", ["secret", "retry"])
def test_a_failed_notification_is_tried_again_with_another_secret_or_token(mend: str) -> None:
    cluster, job = until_it_tells(notify=[OPS, TEAM])
    breaks(cluster, job)
    cluster.to_the_end()
    if mend == "retry":
        cluster.annotate(retry="1")
    else:
        cluster.edit(notify=[OPS | {"secretName": "slack-2"}, TEAM])
    cluster.to_the_end()
    assert told(cluster) == [("ops", "1-Promoted"), ("team", "1-Promoted"), ("ops", "1-Promoted")]
    assert (entry(cluster).key, entry(cluster).message, notified(cluster).status) == ("1-Promoted", "", "True")


def test_a_secret_that_is_missing_is_waited_for_and_then_said() -> None:
    cluster, job = until_it_tells()
    cluster.later(901)
    cluster.settle()
    assert entry(cluster).message.startswith("PendingDeadlineExceeded: ")
    assert cluster.deleted == [(job.name, "PendingDeadlineExceeded")]


def test_a_suspended_run_still_tells_what_had_happened() -> None:
    cluster, job = until_it_tells(promotion={"policy": "Manual"})
    cluster.edit(suspend=True)
    cluster.settle()
    assert cluster.run.status.state == "Suspended" and cluster.deleted == []
    cluster.finish(job)
    cluster.settle()
    assert entry(cluster).key == "1-AwaitingApproval"


def test_a_lost_answer_is_told_again_and_not_a_third_time() -> None:
    cluster, job = until_it_tells()
    cluster.lose(job)
    cluster.to_the_end()
    assert told(cluster) == [("ops", "1-Promoted")] * 2
    assert entry(cluster).key == "1-Promoted"


def test_the_same_view_planned_twice_tells_nothing_twice() -> None:
    cluster, job = until_it_tells()
    cluster.finish(job)
    first, second = cluster.plan(), cluster.plan()
    assert first == second
    cluster.to_the_end()
    before = cluster.run.status
    cluster.settle()
    assert cluster.run.status == before and told(cluster) == [("ops", "1-Promoted")]


@pytest.mark.parametrize("writes", range(6))
def test_an_operator_that_dies_between_two_writes_tells_it_all_the_same(writes: int) -> None:
    cluster = Cluster.of(notify=[OPS], promotion={"policy": "Manual"})
    for _ in range(12):
        cluster.carry_out(cluster.plan(), writes=writes)
        cluster.finish_all()
        cluster.settle()
    assert cluster.run.status.state == "AwaitingApproval"
    assert told(cluster) == [("ops", "1-AwaitingApproval")]
    assert entry(cluster).key == "1-AwaitingApproval"


def test_a_run_whose_image_is_not_allowed_is_told_by_an_image_that_is() -> None:
    cluster = Cluster.of(notify=[OPS], pods={"image": "stranger:1"})
    settings = Settings(default_image="retrain-trainer:latest", allowed_images=("mine/*",))
    decided = plan(cluster.run, cluster.view(), cluster.now, settings)
    [job] = decided.create
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "retrain-trainer:latest"
    assert decided.status.state == "Failed" and decided.status.image is None
    assert isinstance(made := task_of(job), NotifyTask) and made.title == "improved-lstm: Failed"


# What a person reads.


def test_who_must_approve_reads_what_to_type() -> None:
    cluster, _ = until_it_tells(promotion={"policy": "Manual"})
    assert task(cluster).title == "improved-lstm: AwaitingApproval"
    assert task(cluster).body.splitlines() == [
        "Waits for a person. 3 of 3 models pass (BTC-USD, ETH-USD, SOL-USD), 2 required, judged by accuracy >= 68 % and "
        "calibrationError <= 5 %.",
        "To promote: retrain approve improved-lstm -n team --reason TEXT",
        "If not: retrain reject improved-lstm -n team --reason TEXT",
        "Report: s3://bucket/models/reports/team/improved-lstm/uid-1/1/report.html",
    ]
    assert not task(cluster).warning


def test_who_is_told_of_a_promotion_reads_what_is_in_service() -> None:
    cluster, _ = until_it_tells()
    assert task(cluster).body.splitlines()[1:] == [
        "In service: BTC-USD, ETH-USD, SOL-USD.",
        "Report: s3://bucket/models/reports/team/improved-lstm/uid-1/1/report.html",
    ]


def test_who_is_told_of_a_failure_reads_why_and_how_to_go_on() -> None:
    cluster = Cluster.of(notify=[OPS])
    cluster.settle()
    for symbol in ("BTC-USD", "ETH-USD"):
        cluster.fail(cluster.job(symbol), "NoGPU", "no GPU here", 78)
        cluster.settle()
    body = task(cluster).body
    assert "no GPU here" in body and body.endswith("Mend that, then: retrain retry improved-lstm -n team")
    assert task(cluster).warning and "Report" not in body


def test_who_is_told_of_a_rejection_reads_the_verdict() -> None:
    cluster = Cluster.of(notify=[OPS])
    cluster.measurements = dict.fromkeys(["BTC-USD", "ETH-USD", "SOL-USD"], passing(accuracy=0.5))
    cluster.to_the_end()
    assert task(cluster).title == "improved-lstm: Rejected" and task(cluster).warning
    assert task(cluster).body.startswith(cluster.run.status.message[:100])


def test_the_command_names_no_namespace_that_is_the_default_one() -> None:
    cluster, _ = until_it_tells(promotion={"policy": "Manual"})
    run = cluster.run
    run = run.model_copy(update={"metadata": run.metadata.model_copy(update={"namespace": "default"})})
    assert "retrain approve improved-lstm --reason TEXT" in text(run, run.status, "AwaitingApproval")


def test_a_long_reason_is_cut_and_what_to_type_is_not() -> None:
    cluster, _ = until_it_tells(promotion={"policy": "Manual"})
    gate = cluster.run.status.gate
    assert gate is not None
    status = cluster.run.status.model_copy(update={"gate": gate.model_copy(update={"summary": "why " * 500})})
    body = text(cluster.run, status, "AwaitingApproval")
    assert len(body) <= LENGTH
    assert body.splitlines()[0].endswith("...")
    assert body.splitlines()[1:] == task(cluster).body.splitlines()[1:]


def test_a_program_reads_which_run_what_happened_and_the_judgement() -> None:
    cluster, _ = until_it_tells(promotion={"policy": "Manual"})
    fields = task(cluster).fields
    gate = cluster.run.status.gate
    assert gate is not None
    assert not fields.keys() & {"version", "title", "message", "attachments", "type"}  # Apprise's own
    assert fields == {
        "kind": "RetrainRun",
        "namespace": "team",
        "name": "improved-lstm",
        "uid": "uid-1",
        "key": "1-AwaitingApproval",
        "event": "AwaitingApproval",
        "verdict": "Pass",
        "judgement": gate.digest,
        "promoted": [],
        "observed": None,
        "report": "s3://bucket/models/reports/team/improved-lstm/uid-1/1/report.html",
    }


# What an observation finds.


def after_a_look(cluster: Cluster, state: ObservedState, symbols: Sequence[str] = ("BTC-USD",)) -> RetrainRunStatus:
    found = tuple(ObservedSymbol(symbol=one, model=one, state=state, message=f"is {state}") for one in symbols)
    observation = ObservationStatus(state=state, symbols=found)
    return cluster.run.status.model_copy(update={"observation": observation})


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ("Holding", "Decaying", ["2-Decaying"]),
        ("Holding", "BelowPromise", ["2-BelowPromise"]),
        ("BelowPromise", "Decaying", ["2-Decaying"]),
        ("Holding", "Held", ["2-Held"]),
        ("Decaying", "Decaying", []),
        ("Observing", "Holding", []),
        ("Holding", "Unobserved", []),
        ("Holding", "NoNewBars", []),
        ("Decaying", "Superseded", []),
        (None, "Decaying", ["2-Decaying"]),
    ],
)
def test_the_observation_tells_what_a_person_may_have_to_act_upon(
    before: ObservedState | None, after: ObservedState, keys: list[str]
) -> None:
    cluster, _ = until_it_tells()
    cluster.to_the_end()
    if before is not None:
        cluster.run = cluster.run.model_copy(update={"status": after_a_look(cluster, before)})
    run = cluster.run
    telling = advance(_context(cluster), after_a_look(cluster, after))
    assert [one.pending for one in telling.status.notified or () if one.pending] == keys
    assert telling.status.transitions == 1 + len(keys)
    for job in telling.steps.create:
        made = task_of(job)
        assert isinstance(made, NotifyTask)
        assert made.title == f"{run.metadata.name}: {after}" and f"BTC-USD: is {after}." in made.body
        assert made.warning == (after != "Held")


def test_each_further_model_that_decays_is_told() -> None:
    cluster, _ = until_it_tells()
    cluster.to_the_end()
    cluster.run = cluster.run.model_copy(update={"status": after_a_look(cluster, "Decaying")})
    again = advance(_context(cluster), after_a_look(cluster, "Decaying", ["BTC-USD", "ETH-USD"]))
    assert [one.pending for one in again.status.notified or ()] == ["2-Decaying"]


def test_who_is_told_of_a_decay_reads_how_to_go_back_however_long_the_reason_is() -> None:
    cluster, _ = until_it_tells()
    status = after_a_look(cluster, "Decaying")
    assert status.observation is not None
    (symbol,) = status.observation.symbols
    long = symbol.model_copy(update={"message": "right less often than that " * 50})
    status = status.model_copy(update={"observation": status.observation.model_copy(update={"symbols": (long,)})})
    body = text(cluster.run, status, "Decaying")
    assert len(body) <= LENGTH and "retrain rollback BTC-USD --artifacts s3://bucket/models/" in body


def test_what_two_words_of_one_plan_say_is_told_by_the_newer() -> None:
    cluster, _ = until_it_tells(promotion={"policy": "Manual"})
    cluster.to_the_end()
    both = after_a_look(cluster, "Decaying").model_copy(update={"state": "Promoted"})
    status = advance(_context(cluster), both).status
    assert status.transitions == 3
    assert [one.pending for one in status.notified or ()] == ["3-Decaying"]


def _context(cluster: Cluster) -> Context:
    return Context(cluster.run, cluster.view(), cluster.now, "image")
