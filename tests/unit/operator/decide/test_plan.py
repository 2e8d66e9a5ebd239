"""How a run goes: from nothing to promoted, rejected or waiting for a person."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import Cluster, approve, passing, task_of

from retrain_api.documents.tasks import DeliverTask, EvaluateTask, PublishTask, TrainTask
from retrain_api.measurement import Measurement
from retrain_api.status.run import RetrainRunStatus
from retrain_api.wire import to_wire

BACKUP = {"name": "vault", "uri": "s3://vault/models/"}


def condition(status: RetrainRunStatus, type_: str) -> tuple[str, str] | None:
    """Status and reason of a condition."""
    return next(((each.status, each.reason) for each in status.conditions if each.type == type_), None)


def states(cluster: Cluster) -> list[str]:
    return [entry.state for entry in cluster.run.status.symbols]


def finish(cluster: Cluster, *phases: str) -> None:
    """Every live Job of these phases, one phase after the other, succeeds."""
    for phase in phases:
        cluster.settle()
        for job in cluster.of_phase(phase):
            if job.live:
                cluster.finish(job)
    cluster.settle()


def test_a_whole_run_step_by_step() -> None:
    cluster = Cluster.of()
    assert cluster.settle().status.state == "Queued"
    assert [job.phase for job in cluster.jobs.values()] == ["train"] * 3
    for job in cluster.of_phase("train"):
        cluster.start(job)
    assert cluster.settle().status.state == "Training"
    finish(cluster, "train")
    assert cluster.run.status.state == "Evaluating" and cluster.run.status.trained == "3/3"
    assert len(cluster.of_phase("evaluate")) == 1
    finish(cluster, "evaluate")
    assert cluster.run.status.state == "Publishing" and cluster.run.status.gate_summary == "3/3 Pass"
    finish(cluster, "publish")
    status = cluster.run.status
    assert (status.state, status.promoted) == ("Promoted", "BTC-USD,ETH-USD,SOL-USD")
    assert status.report is not None and status.report.number == 1
    assert [entry.report for entry in status.history] == [status.report.markdown]
    assert status.observed_generation == 1 and status.image == "retrain-trainer:latest"
    assert len(cluster.created) == 5 and not cluster.deleted


def test_the_tasks_carry_what_the_spec_and_the_results_say() -> None:
    cluster = Cluster.of(backups=[BACKUP])
    cluster.to_the_end()
    tasks = [task_of(cluster.manifests[name]) for name in cluster.created]
    trains = [task for task in tasks if isinstance(task, TrainTask)]
    assert [task.data_uri for task in trains] == [
        f"s3://bucket/features/features_{symbol}_1m_latest.parquet" for symbol in ("BTC-USD", "ETH-USD", "SOL-USD")
    ]
    (evaluate,) = (task for task in tasks if isinstance(task, EvaluateTask))
    assert [item.train_key for item in evaluate.items] == [task.train_key for task in trains]
    assert {item.data.sha256 for item in evaluate.items} == {"d" * 32}
    (publish,) = (task for task in tasks if isinstance(task, PublishTask))
    assert [item.promote for item in publish.items] == [True] * 3 and publish.approved_by == "gate"
    (deliver,) = (task for task in tasks if isinstance(task, DeliverTask))
    assert [model.sha256 for model in deliver.promoted] == [item.model.sha256 for item in evaluate.items]
    assert [uri.rsplit("/", 1)[-1] for uri in deliver.files] == ["report.md", "report.html", "results.json"]
    results = [entry.result for entry in cluster.run.status.symbols]
    assert [to_wire(result.features) for result in results if result and result.features] == [
        {"count": 32, "own": 1, "digest": "f" * 16}
    ] * 3


@pytest.mark.parametrize("built_in", [None, True, False])
def test_the_training_is_told_whether_to_compute_the_built_in_features(built_in: bool | None) -> None:
    data = {"uri": "s3://bucket/features/"} | ({} if built_in is None else {"builtIn": built_in})
    cluster = Cluster.of(data=data)
    cluster.reconcile()
    tasks = [task_of(cluster.manifests[name]) for name in cluster.created]
    assert [task.built_in for task in tasks if isinstance(task, TrainTask)] == [built_in] * 3


@pytest.mark.parametrize(
    ("type_", "at_work", "promoted", "rejected"),
    [
        ("Ready", ("False", "PodPending"), ("True", "Promoted"), ("False", "GateRejected")),
        ("Reconciling", ("True", "PodPending"), None, None),
        ("Stalled", None, None, ("True", "GateRejected")),
        ("Finished", ("False", "PodPending"), ("True", "Promoted"), ("True", "GateRejected")),
        ("Suspended", None, None, None),
        ("Trained", ("False", "NotAllTrained"), ("True", "AllTrained"), ("True", "AllTrained")),
        ("Evaluated", ("False", "NotAllEvaluated"), ("True", "AllEvaluated"), ("True", "AllEvaluated")),
        ("GatePassed", ("Unknown", "NotJudged"), ("True", "GatePass"), ("False", "GateFail")),
        ("Promoted", ("False", "NotPromoted"), ("True", "Promoted"), ("False", "NotPromoted")),
        ("Reported", ("False", "NoReport"), ("True", "ReportWritten"), ("True", "ReportWritten")),
        ("BackedUp", None, None, None),
    ],
)
def test_conditions(type_: str, at_work: Any, promoted: Any, rejected: Any) -> None:
    cluster = Cluster.of()
    assert condition(cluster.settle().status, type_) == at_work
    assert condition(cluster.to_the_end().status, type_) == promoted
    cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.9}]})
    cluster.to_the_end()
    if type_ == "Promoted":  # a later judgement takes no promotion back
        assert condition(cluster.run.status, type_) == ("True", "Promoted")
        cluster = Cluster.of(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.9}]})
    assert condition(cluster.to_the_end().status, type_) == rejected


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    cluster = Cluster.of()
    cluster.settle()
    cluster.later(3600)
    finish(cluster, "train")
    times = {each.type: each.last_transition_time for each in cluster.run.status.conditions}
    assert condition(cluster.run.status, "Ready") == ("False", "Evaluating")
    assert times["Ready"] == times["Reconciling"] == "2026-01-05T12:00:00Z"
    assert times["Trained"] == "2026-01-05T13:00:00Z"


def test_start_and_completion_time() -> None:
    cluster = Cluster.of()
    assert cluster.settle().status.start_time == "2026-01-05T12:00:00Z"
    assert cluster.run.status.completion_time is None
    cluster.later(60)
    assert cluster.to_the_end().status.completion_time == "2026-01-05T12:01:00Z"
    cluster.later(60)
    assert cluster.settle().status.completion_time == "2026-01-05T12:01:00Z"
    cluster.annotate(rerun="1")
    assert cluster.settle().status.completion_time is None
    cluster.later(60)
    status = cluster.to_the_end().status
    assert (status.start_time, status.completion_time) == ("2026-01-05T12:02:00Z", "2026-01-05T12:03:00Z")


def test_one_event_a_transition() -> None:
    cluster = Cluster.of()
    for job in [*cluster.settle().create, *cluster.of_phase("train")]:
        if not isinstance(job, dict):
            cluster.start(job)
    cluster.settle()
    cluster.to_the_end()
    cluster.settle()
    assert [(event.type, event.reason) for event in cluster.events] == [
        ("Normal", "Training"),
        ("Normal", "Evaluating"),
        ("Normal", "Publishing"),
        ("Normal", "Promoted"),
    ]


def test_a_rejection_is_a_warning() -> None:
    cluster = Cluster.of(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.9}]})
    cluster.to_the_end()
    assert (cluster.events[-1].type, cluster.events[-1].reason) == ("Warning", "GateRejected")
    assert "BTC-USD fails: accuracy 71.0 % is 19.0 points below 90 %" in cluster.events[-1].message


def test_nothing_changes_when_nothing_happens() -> None:
    cluster = Cluster.of()
    cluster.settle()
    before = cluster.run.status
    cluster.later(86_400)
    decided = cluster.reconcile()
    assert decided.status == before and not (decided.create or decided.delete or decided.events)


@pytest.mark.parametrize("parallelism", [1, 2, 3, 64])
def test_parallelism(parallelism: int) -> None:
    cluster = Cluster.of(parallelism=parallelism)
    seen = 0
    while cluster.settle().status.state in ("Queued", "Training"):
        live = [job for job in cluster.of_phase("train") if job.live]
        assert 0 < len(live) <= parallelism
        seen = max(seen, len(live))
        waiting = [entry for entry in cluster.run.status.symbols if entry.reason == "Parallelism"]
        assert all(entry.state == "Pending" for entry in waiting)
        cluster.finish(live[0])
    assert seen == min(parallelism, 3)


# Suspend


def test_suspended_from_the_start_nothing_is_made() -> None:
    cluster = Cluster.of(suspend=True)
    status = cluster.settle().status
    assert (status.state, status.start_time, cluster.created) == ("Suspended", None, [])
    assert condition(status, "Suspended") == ("True", "Suspended") and condition(status, "Reconciling") is None
    cluster.edit(suspend=False)
    assert cluster.to_the_end().status.state == "Promoted"


@pytest.mark.parametrize("slow", [False, True])
def test_suspend_deletes_live_jobs_and_keeps_what_is_done(slow: bool) -> None:
    cluster = Cluster.of()
    cluster.slow = slow
    cluster.settle()
    cluster.finish(cluster.job("BTC-USD"))
    cluster.start(cluster.job("ETH-USD"))
    cluster.settle()
    cluster.edit(suspend=True)
    assert cluster.settle().status.state == "Suspended"
    assert [job.symbol for job in cluster.jobs.values()] == ["BTC-USD"]
    assert states(cluster) == ["Trained", "Pending", "Pending"]
    cluster.edit(suspend=False)
    cluster.to_the_end()
    assert cluster.run.status.state == "Promoted"
    assert [name.split("-")[3] for name in cluster.created if "-train-" in name] == ["btc", "eth", "sol", "eth", "sol"]


def test_a_finished_run_has_nothing_to_suspend() -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    cluster.edit(suspend=True)
    assert cluster.settle().status.state == "Promoted"
    assert condition(cluster.run.status, "Suspended") is None
    cluster.edit(evaluation={"calibration": "None"})
    assert cluster.settle().status.state == "Suspended"


# The rerun token


@pytest.mark.parametrize(
    ("tokens", "trainings"),
    [
        ([""], 3),
        (["1"], 6),
        (["1", "1"], 6),
        (["1", "2"], 9),
        (["1", ""], 6),
        (["1", "", "1"], 6),
        (["1", "", "2"], 9),
    ],
)
def test_a_new_token_trains_everything_again(tokens: list[str], trainings: int) -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    for token in tokens:
        cluster.annotate(rerun=token)
        assert cluster.to_the_end().status.state == "Promoted"
    assert sum("-train-" in name for name in cluster.created) == trainings
    assert cluster.run.status.last_handled_rerun == (max(tokens) or None)


def test_the_default_image_is_fixed_until_a_rerun() -> None:
    cluster = Cluster.of()
    cluster.settle()
    cluster.default_image = "retrain-trainer:2"
    cluster.to_the_end()
    assert cluster.images() == {"retrain-trainer:latest"}
    cluster.annotate(rerun="1")
    cluster.to_the_end()
    assert cluster.images() == {"retrain-trainer:latest", "retrain-trainer:2"}
    assert cluster.run.status.image == "retrain-trainer:2"


def test_an_image_that_is_taken_back_is_not_used_any_more() -> None:
    cluster = Cluster.of(pods={"image": "mine:1"})
    cluster.to_the_end()
    assert cluster.images() == {"mine:1"}
    cluster.edit(pods={})
    cluster.to_the_end()
    assert cluster.images() == {"mine:1", "retrain-trainer:latest"}


# Promotion


def test_only_what_passes_is_promoted() -> None:
    cluster = Cluster.of()
    cluster.measurements = {"BTC-USD": passing(0.712, 0.038), "ETH-USD": passing(0.694, 0.042)}
    cluster.measurements["SOL-USD"] = passing(0.668, 0.049)
    status = cluster.to_the_end().status
    assert (status.state, status.promoted, status.gate_summary) == ("Promoted", "BTC-USD,ETH-USD", "2/3 Pass")
    assert status.gate is not None and status.gate.outcome == "Acceptable"
    assert [entry.promoted for entry in status.symbols] == [True, True, False]
    assert status.symbol("SOL-USD").reasons == ("accuracy 66.8 % is 1.2 points below 68 %",)


@pytest.mark.parametrize(
    ("measurement", "reason"),
    [
        (passing(0.6), "GateRejected"),
        (passing().model_copy(update={"near_bounds": ((0.6, 0.6, 0.6),)}), "GateInconclusive"),
    ],
)
def test_a_gate_that_rejects_is_a_finished_run_with_a_report(measurement: Measurement, reason: str) -> None:
    confidence = {"confidencePercent": 95} if reason == "GateInconclusive" else {}
    cluster = Cluster.of(gate=confidence)
    cluster.measurements = dict.fromkeys(("BTC-USD", "ETH-USD", "SOL-USD"), measurement)
    status = cluster.to_the_end().status
    assert (status.state, condition(status, "Stalled")) == ("Rejected", ("True", reason))
    ready, stalled = (next(each for each in status.conditions if each.type == kind) for kind in ("Ready", "Stalled"))
    assert ready.message == stalled.message != "", "whoever waits for Ready reads why it will not come"
    assert status.report is not None and status.report.markdown and status.promoted == ""


@pytest.mark.parametrize("accuracy", [0.71, 0.6])
def test_where_gitops_tools_look_a_declined_run_says_who_declined_it(accuracy: float) -> None:
    cluster = Cluster.of(promotion={"policy": "Manual"})
    cluster.measurements = {"SOL-USD": passing(accuracy)}
    cluster.to_the_end()
    approve(cluster, "reject", " by Ann: not now")
    status = cluster.to_the_end().status
    stalled = next(each for each in status.conditions if each.type == "Stalled")
    assert (status.state, stalled.reason) == ("Rejected", "Declined")
    assert "Promotion was declined by Ann: not now" in stalled.message


def test_never_promotes_nothing_and_passes() -> None:
    cluster = Cluster.of(promotion={"policy": "Never"})
    status = cluster.to_the_end().status
    assert (status.state, status.promoted, condition(status, "Ready")) == ("Passed", "", ("True", "NotPromoted"))
    assert status.message.endswith("promotion.policy is Never, so nothing was promoted.")
    approve(cluster)
    assert cluster.to_the_end().status.state == "Passed"


def test_manual_reports_first_and_promotes_after_approval() -> None:
    cluster = Cluster.of(promotion={"policy": "Manual"})
    status = cluster.to_the_end().status
    assert status.state == "AwaitingApproval" and status.report is not None and status.promotion is not None
    assert status.gate is not None and f"approve: '{status.gate.digest} by NAME: REASON'" in status.message
    assert status.promotion.state == "AwaitingApproval" and status.completion_time is None
    assert condition(status, "Reconciling") is None and condition(status, "Stalled") is None
    approve(cluster)
    cluster.settle()
    assert cluster.run.status.promotion is not None and cluster.run.status.promotion.state == "Approved"
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Promoted", "BTC-USD,ETH-USD,SOL-USD")
    assert status.promotion is not None and status.promotion.by == "Ann: looks right"
    publish = [task_of(cluster.manifests[name]) for name in cluster.created if "-publish-" in name]
    assert [(task.number, task.approved_by) for task in publish] == [(1, None), (2, "Ann: looks right")]


@pytest.mark.parametrize(
    ("annotation", "state"),
    [
        ({"approve": "0123456789abcdef by Ann: wrong digest"}, "AwaitingApproval"),
        ({"approve": ""}, "AwaitingApproval"),
        ({"approve": "   "}, "AwaitingApproval"),
        ({"reject": "0123456789abcdef by Ann"}, "AwaitingApproval"),
        ({"approve": "{digest}"}, "Promoted"),
        ({"approve": " {digest} by Ann"}, "Promoted"),
        ({"reject": "{digest} by Ann: too risky"}, "Rejected"),
        ({"reject": "{digest} by Ann", "approve": "{digest} by Bob"}, "Rejected"),
    ],
)
def test_a_word_counts_only_for_the_judgement_it_names(annotation: dict[str, str], state: str) -> None:
    cluster = Cluster.of(promotion={"policy": "Manual"})
    gate = cluster.to_the_end().status.gate
    assert gate is not None
    cluster.annotate(**{verb: text.format(digest=gate.digest) for verb, text in annotation.items()})
    status = cluster.to_the_end().status
    assert status.state == state
    assert bool(status.promoted) == (state == "Promoted")
    assert "too risky" not in str(annotation) or "declined by Ann: too risky" in status.message


def test_an_approval_of_an_older_judgement_promotes_nothing() -> None:
    cluster = Cluster.of(promotion={"policy": "Manual"})
    cluster.to_the_end()
    approve(cluster)
    cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.5}]})
    assert cluster.to_the_end().status.state == "AwaitingApproval"


@pytest.mark.parametrize("after", ["forgotten", "rejected", "policy"])
def test_what_was_approved_and_done_stays_done(after: str) -> None:
    cluster = Cluster.of(promotion={"policy": "Manual"})
    cluster.to_the_end()
    approve(cluster)
    cluster.to_the_end()
    if after == "rejected":
        approve(cluster, "reject")
    if after == "policy":
        cluster.edit(promotion={"policy": "Never"})
    cluster.annotate(**({} if after == "rejected" else {"approve": ""}))
    made = len(cluster.created)
    status = cluster.to_the_end().status
    assert (status.state, len(cluster.created)) == ("Promoted", made)


def test_automatic_then_manual_asks_nobody_about_what_is_promoted() -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    cluster.edit(promotion={"policy": "Manual"})
    assert cluster.to_the_end().status.state == "Promoted"
    cluster.annotate(rerun="1")
    assert cluster.to_the_end().status.state == "AwaitingApproval"
    assert cluster.run.status.promoted == "BTC-USD,ETH-USD,SOL-USD"


# Copies


def test_copies_in_other_places() -> None:
    cluster = Cluster.of(backups=[BACKUP], report={"git": {"url": "https://git.example/reports"}})
    finish(cluster, "train", "evaluate", "publish")
    assert (cluster.run.status.state, cluster.run.status.promoted != "") == ("Publishing", True)
    status = cluster.to_the_end().status
    assert status.state == "Promoted" and status.backups is not None and status.backups.ok
    assert condition(status, "BackedUp") == ("True", "Copied")
    cluster.edit(backups=[], report={})
    assert cluster.settle().status.backups is None
