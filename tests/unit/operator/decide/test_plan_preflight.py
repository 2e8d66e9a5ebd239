"""Before anything is trained, one Job looks at data and store. It can stop a symbol, never admit one, and it is never in the way."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import KILLED, Cluster, at_phase, failed, run_document, task_of
from support.pod_status import Ended

from retrain_api.documents.results import PreflightResult, Refusal
from retrain_api.documents.tasks import EvaluateTask, PreflightTask, TrainTask
from retrain_api.run import parse_run
from retrain_api.status.condition import Condition
from retrain_api.status.lateness import Late
from retrain_api.status.run import RetrainRunStatus
from retrain_operator.manifests.jobs import PREFLIGHT
from retrain_operator.state.view import JobView

THREE = ("BTC-USD", "ETH-USD", "SOL-USD")
MANY = [f"S{number}-USD" for number in range(20)]


def checking(**spec: Any) -> Cluster:
    """A run whose preflight was just made."""
    cluster = Cluster.of(**{"preflight": "Always"} | spec)
    cluster.settle()
    return cluster


def live(cluster: Cluster) -> JobView:
    (job,) = (job for job in cluster.of_phase("preflight") if job.live)
    return job


def missing(symbol: str) -> Refusal:
    return Refusal(symbol=symbol, reason="NotFound", message=f"s3://bucket/{symbol} is not there.")


def stale(symbol: str) -> Refusal:
    return Refusal(symbol=symbol, reason="NoNewBars", message="No bar is new.", skipped=True)


def answer(cluster: Cluster, *refused: Refusal) -> RetrainRunStatus:
    """The preflight ends and refuses these."""
    job = live(cluster)
    task = task_of(cluster.manifests[job.name])
    assert isinstance(task, PreflightTask)
    parts = [{item.symbol for item in task.items_of(index)} for index in range(task.indexes)]
    found = [tuple(one for one in refused if one.symbol in part) for part in parts]
    cluster.finish(job, [PreflightResult(preflight_key=task.preflight_key, refused=each) for each in found])
    return cluster.settle().status


def condition(status: RetrainRunStatus, kind: str = "Checked") -> Condition | None:
    return next((one for one in status.conditions if one.type == kind), None)


def training(cluster: Cluster) -> list[str]:
    return sorted(job.symbol or "" for job in cluster.of_phase("train"))


def states(status: RetrainRunStatus) -> list[str]:
    return [entry.state for entry in status.symbols]


def test_its_job_is_made_at_once_and_alone() -> None:
    cluster = Cluster.of(preflight="Always")
    decided = cluster.reconcile()
    (manifest,) = decided.create
    assert manifest["metadata"]["labels"]["retrain.crpbot.dev/phase"] == "preflight"
    assert (decided.status.state, decided.status.progress) == ("Checking", None)
    found = condition(decided.status)
    assert found is not None and (found.status, found.reason) == ("False", "Checking")
    assert {entry.job for entry in decided.status.symbols} == {manifest["metadata"]["name"]}


def test_what_passes_is_trained_at_once() -> None:
    cluster = checking()
    cluster.finish(live(cluster))
    decided = cluster.reconcile()
    assert len(decided.create) == 3 and decided.status.state == "Queued"
    found = condition(decided.status)
    assert found is not None and (found.status, found.reason, found.message) == ("True", "AllChecked", "")
    assert [entry.checked_key == entry.train_key for entry in decided.status.symbols] == [True] * 3
    status = cluster.to_the_end().status
    assert status.state == "Promoted" and len(cluster.of_phase("preflight")) == 1
    assert not any(entry.checked_key for entry in status.symbols)  # 64 of them have no room for it beside their figures


def test_it_goes_by_its_own_clock_and_the_trainings_by_a_time_after_it() -> None:
    """It may wait for bars, which are to be learnt from."""
    cluster = checking()
    cluster.later(600)
    answer(cluster)
    cluster.to_the_end()
    tasks = [task_of(one) for one in cluster.manifests.values()]
    assert [task.as_of for task in tasks if isinstance(task, PreflightTask)] == [None]
    times = {task.as_of for task in tasks if isinstance(task, TrainTask | EvaluateTask)}
    assert times == {cluster.run.status.as_of} and None not in times


def test_never_asks_for_none() -> None:
    cluster = checking(preflight="Never")
    assert cluster.to_the_end().status.state == "Promoted"
    assert not cluster.of_phase("preflight") and condition(cluster.run.status) is None


CASES: dict[str, tuple[tuple[Refusal, ...], dict[str, Any], str, list[str], list[str]]] = {
    "one is refused": ((missing("SOL-USD"),), {}, "Queued", ["Queued", "Queued", "Failed"], ["BTC-USD", "ETH-USD"]),
    "one is skipped": ((stale("SOL-USD"),), {}, "Queued", ["Queued", "Queued", "Skipped"], ["BTC-USD", "ETH-USD"]),
    "too many are refused": (
        (missing("SOL-USD"), missing("ETH-USD")),
        {},
        "Failed",
        ["Stopped", "Failed", "Failed"],
        [],
    ),
    "too many are refused, and the rest goes on": (
        (missing("SOL-USD"), missing("ETH-USD")),
        {"gate": {"whenUnreachable": "Continue"}},
        "Queued",
        ["Queued", "Failed", "Failed"],
        ["BTC-USD"],
    ),
    "all are refused": (tuple(map(missing, THREE)), {}, "Failed", ["Failed"] * 3, []),
    "all are skipped": (tuple(map(stale, THREE)), {}, "Skipped", ["Skipped"] * 3, []),
    "too many are skipped": (
        (stale("SOL-USD"), stale("ETH-USD")),
        {},
        "Skipped",
        ["Stopped", "Skipped", "Skipped"],
        [],
    ),
    "too many are skipped, whatever may go on": (
        (stale("SOL-USD"), stale("ETH-USD")),
        {"gate": {"whenUnreachable": "Continue"}},
        "Skipped",
        ["Stopped", "Skipped", "Skipped"],
        [],
    ),
    "one is skipped and one refused": (
        (stale("SOL-USD"), missing("ETH-USD")),
        {},
        "Failed",
        ["Stopped", "Failed", "Skipped"],
        [],
    ),
    "one is skipped and one refused, and one is enough": (
        (stale("SOL-USD"), missing("ETH-USD")),
        {"gate": {"minPassed": 1}},
        "Queued",
        ["Queued", "Failed", "Skipped"],
        ["BTC-USD"],
    ),
    "too many are skipped, and another one refused": (
        (stale("SOL-USD"), stale("ETH-USD"), missing("BTC-USD")),
        {},
        "Skipped",
        ["Failed", "Skipped", "Skipped"],
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_it_refuses_is_not_trained(case: str) -> None:
    refused, spec, state, symbols, trained = CASES[case]
    cluster = checking(**spec)
    status = answer(cluster, *refused)
    assert (status.state, states(status), training(cluster)) == (state, symbols, trained)
    for one in refused:
        entry = status.symbol(one.symbol)
        assert (entry.reason, entry.message) == (one.reason, one.message)
    found = condition(status)
    assert found is not None and (found.status, found.reason) == ("False", "NotAllChecked")
    assert found.message == f"{len(refused)} of 3 symbols stopped by the preflight."
    # Planning again changes nothing, and asks nobody again.
    decided = cluster.plan()
    assert (decided.create, decided.delete, decided.status) == ((), (), cluster.run.status)
    assert len(cluster.of_phase("preflight")) == 1


def test_a_skipped_run_is_over_and_no_failure() -> None:
    cluster = checking()
    status = answer(cluster, *map(stale, THREE))
    flags = {one.type: (one.status, one.reason) for one in status.conditions}
    assert (flags["Ready"], flags["Finished"]) == (("True", "Skipped"), ("True", "Skipped"))
    assert "Stalled" not in flags and "Reconciling" not in flags
    assert status.gate is None and status.report is None and status.completion_time
    assert status.message.startswith("All 3 symbols have nothing new to learn. BTC-USD was skipped (NoNewBars): No bar")
    ready = condition(status, "Ready")
    assert ready is not None and ready.message == status.message
    (event,) = (event for event in cluster.events if event.reason == "Skipped")
    assert (event.type, event.message) == ("Normal", status.message)
    assert not [event for event in cluster.events if event.type == "Warning"]


def ends_with_nothing_new(cluster: Cluster, symbol: str) -> None:
    [job] = (job for job in cluster.of_phase("train") if job.live and job.symbol == symbol)
    cluster.fail(job, "NoNewBars", "No bar is new.", 65)


def test_without_a_preflight_a_training_skips_its_symbol() -> None:
    cluster = Cluster.of(preflight="Never")
    cluster.settle()
    ends_with_nothing_new(cluster, "SOL-USD")
    status = cluster.to_the_end().status
    assert (status.state, states(status)) == ("Promoted", ["Evaluated", "Evaluated", "Skipped"])
    assert cluster.settle().status == status


def test_without_a_preflight_trainings_skip_their_run() -> None:
    cluster = Cluster.of(preflight="Never")
    cluster.settle()
    ends_with_nothing_new(cluster, "SOL-USD")
    assert cluster.settle().status.state == "Queued"
    ends_with_nothing_new(cluster, "ETH-USD")
    status = cluster.settle().status
    assert status.state == "Skipped"
    assert states(status) == ["Stopped", "Skipped", "Skipped"]
    assert not any(job.live for job in cluster.of_phase("train"))
    assert cluster.settle().status == status


def test_a_symbol_that_is_skipped_counts_as_one_that_did_not_pass() -> None:
    cluster = checking()
    answer(cluster, stale("SOL-USD"))
    status = cluster.to_the_end().status
    assert (status.state, status.promoted, status.gate and status.gate.passed) == ("Promoted", "BTC-USD,ETH-USD", 2)
    assert status.symbol("SOL-USD").state == "Skipped"
    assert status.symbol("SOL-USD").reasons == ("it was skipped: No bar is new.",)
    assert [event.type for event in cluster.events if event.reason == "NoNewBars"] == ["Normal"]


def test_a_failure_after_a_skip_names_both() -> None:
    cluster = checking()
    answer(cluster, stale("SOL-USD"))
    cluster.fail(cluster.job("BTC-USD"))
    status = cluster.settle().status
    assert status.state == "Failed"
    assert status.message == (
        "1 of 3 symbols failed and 1 had nothing new to learn, which leaves 1; 2 must pass. "
        "BTC-USD failed (NoGPU): no GPU here; SOL-USD was skipped (NoNewBars): No bar is new."
    )


def _killed(cluster: Cluster) -> None:
    cluster.exhaust(live(cluster), KILLED)


def _unreadable(cluster: Cluster) -> None:
    cluster.fail(live(cluster), "BadCommand", "The command is preflight; it must be one of train.", 64)


def _too_late(cluster: Cluster) -> None:
    cluster.start(live(cluster))
    cluster.later((PREFLIGHT.active_deadline_seconds or 0) + 1)


def _never_began(cluster: Cluster) -> None:
    cluster.settle()
    cluster.later((PREFLIGHT.pending_deadline_seconds or 0) + 1)


def _lost_twice(cluster: Cluster) -> None:
    cluster.lose(live(cluster))
    cluster.settle()
    cluster.lose(live(cluster))


@pytest.mark.parametrize("lose", [_killed, _unreadable, _too_late, _never_began, _lost_twice])
def test_a_lost_preflight_stops_nobody(lose: Any) -> None:
    cluster = checking()
    lose(cluster)
    status = cluster.settle().status
    assert (status.state, training(cluster)) == ("Queued", list(THREE))
    found = condition(status)
    assert found is not None and (found.status, found.reason) == ("Unknown", "PreflightLost")
    assert cluster.to_the_end().status.state == "Promoted"
    assert not [job for job in cluster.of_phase("preflight") if job.live]


@pytest.mark.parametrize("refusing", ["for good", "for now"])
def test_a_preflight_that_the_server_refuses_stops_nobody(refusing: str) -> None:
    cluster = Cluster.of(preflight="Always", symbols=["BTC-USD"])
    cluster.refusing = refusing
    cluster.reconcile()
    if refusing == "for now":
        assert cluster.settle().status.state == "Checking"
        cluster.later((PREFLIGHT.pending_deadline_seconds or 0) + 1)
        cluster.settle()
    cluster.refusing = ""
    assert cluster.settle().status.state == "Queued"
    assert training(cluster) == ["BTC-USD"]


def test_an_index_that_is_lost_stops_none_of_its_symbols() -> None:
    cluster = checking(symbols=MANY)
    job = live(cluster)
    task = task_of(cluster.manifests[job.name])
    assert isinstance(task, PreflightTask) and task.indexes == 3
    refused = PreflightResult(preflight_key=task.preflight_key, refused=(missing(MANY[0]), missing(MANY[10])))
    cluster.finish(job, [refused, refused, refused], index=0)
    cluster.exhaust(job, KILLED, index=1)
    cluster.finish(job, [refused], index=2)
    status = cluster.settle().status
    assert [entry.symbol for entry in status.symbols if entry.state == "Failed"] == [MANY[0]]
    assert len(training(cluster)) == 19


def test_a_retry_looks_again_at_what_was_refused_and_at_nothing_else() -> None:
    cluster = checking()
    answer(cluster, missing("SOL-USD"))
    assert cluster.to_the_end().status.state == "Promoted"
    cluster.annotate(retry="1")
    status = cluster.settle().status
    assert (status.state, states(status)[2]) == ("Checking", "Pending")
    task = task_of(cluster.manifests[live(cluster).name])
    assert isinstance(task, PreflightTask) and [item.symbol for item in task.items] == ["SOL-USD"]
    answer(cluster)
    assert cluster.to_the_end().status.promoted == "BTC-USD,ETH-USD,SOL-USD"


@pytest.mark.parametrize("refuse", [missing, stale])
@pytest.mark.parametrize(
    "change",
    [
        {"credentials": {"secretName": "another"}},
        {"data": {"uri": "s3://bucket/features/", "maxAge": "2d"}},
        {"data": {"uri": "s3://bucket/features/", "minNewBars": 2}},
        {"preflight": "Never"},
    ],
)
def test_other_fields_make_a_refusal_void(refuse: Any, change: dict[str, Any]) -> None:
    cluster = checking()
    answer(cluster, *map(refuse, THREE))
    cluster.edit(**change)
    cluster.settle()
    if change.get("preflight") != "Never":
        answer(cluster)
    assert training(cluster) == list(THREE)
    assert cluster.to_the_end().status.state == "Promoted"


def test_fields_of_other_phases_keep_a_refusal() -> None:
    cluster = checking()
    answer(cluster, *map(missing, THREE))
    before = len(cluster.created)
    cluster.edit(train={"backoffLimit": 1}, evaluate={"backoffLimit": 1})
    assert cluster.settle().status.state == "Failed" and len(cluster.created) == before


def test_a_rerun_looks_again() -> None:
    cluster = checking()
    answer(cluster)
    cluster.to_the_end()
    cluster.annotate(rerun="1")
    assert cluster.settle().status.state == "Checking"
    found = condition(cluster.run.status)
    assert found is not None and found.status == "False"
    answer(cluster)
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_rerun_of_a_skipped_run_looks_again() -> None:
    cluster = checking()
    answer(cluster, *map(stale, THREE))
    cluster.annotate(rerun="1")
    assert cluster.settle().status.state == "Checking"
    answer(cluster)
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_suspension_ends_it_and_it_begins_anew() -> None:
    cluster = checking()
    cluster.start(live(cluster))
    cluster.edit(suspend=True)
    assert cluster.settle().status.state == "Suspended"
    assert not cluster.of_phase("preflight") and not cluster.of_phase("train")
    cluster.edit(suspend=False)
    assert cluster.settle().status.state == "Checking"
    answer(cluster)
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_suspension_after_it_keeps_what_it_found() -> None:
    cluster = checking()
    answer(cluster)
    cluster.edit(suspend=True)
    cluster.settle()
    cluster.edit(suspend=False)
    assert cluster.settle().status.state == "Queued"
    assert len(cluster.of_phase("preflight")) == 1


def test_symbols_that_wait_for_their_turn_are_looked_at_before() -> None:
    cluster = checking(parallelism=1)
    answer(cluster, missing("SOL-USD"))
    assert training(cluster) == ["BTC-USD"]
    status = cluster.to_the_end().status
    assert (status.promoted, training(cluster)) == ("BTC-USD,ETH-USD", ["BTC-USD", "ETH-USD"])
    assert len(cluster.of_phase("preflight")) == 1


def test_a_symbol_that_is_added_is_looked_at_while_the_others_train() -> None:
    cluster = checking()
    answer(cluster)
    cluster.start(cluster.job("BTC-USD"))
    cluster.edit(symbols=[*THREE, "ADA-USD"])
    status = cluster.settle().status
    assert (status.state, status.symbol("ADA-USD").state) == ("Training", "Pending")
    assert training(cluster) == list(THREE)
    status = answer(cluster, missing("ADA-USD"))
    assert (status.state, status.symbol("ADA-USD").state) == ("Training", "Failed")
    assert cluster.to_the_end().status.promoted == ",".join(THREE)


def test_another_key_ends_the_preflight_of_before() -> None:
    cluster = checking()
    first = live(cluster)
    cluster.start(first)
    cluster.edit(label={"horizonBars": 5})
    cluster.settle()
    assert live(cluster).key != first.key and first.name in [name for name, _ in cluster.deleted]
    answer(cluster)
    assert cluster.to_the_end().status.state == "Promoted"


def test_late_data_is_told() -> None:
    cluster = checking()
    job = live(cluster)
    cluster.start(job)
    late = Late("ETH-USD", 1, "2026-11-28T10:00:00Z", "2026-11-28T14:00:00Z")
    cluster.cache.reached(job.uid, late)
    status = cluster.settle().status
    assert (status.state, status.message, status.progress) == ("Checking", late.sentence, "DataLate")
    found = condition(status)
    assert found is not None and (found.status, found.reason) == ("False", "DataLate")


STAGES = ("queued", "training", "trained", "failed", "stopped", "promoted")


def _earlier(stage: str) -> Cluster:
    """A run that a release without preflight brought so far."""
    cluster = Cluster.of(preflight="Never")
    cluster.settle()
    match stage:
        case "training":
            cluster.start(cluster.job("BTC-USD"))
        case "trained":
            cluster.finish(cluster.job("BTC-USD"))
        case "failed" | "stopped":
            for symbol in THREE if stage == "failed" else THREE[:2]:
                cluster.fail(cluster.job(symbol))
        case "promoted":
            cluster.to_the_end()
    cluster.settle()
    return cluster


@pytest.mark.parametrize("ttl", [False, True], ids=["its Jobs are there", "its Jobs are gone"])
@pytest.mark.parametrize("stage", STAGES)
def test_an_upgrade_looks_at_nothing_that_has_begun(stage: str, ttl: bool) -> None:
    cluster = _earlier(stage)
    before, over = len(cluster.created), [job for job in cluster.jobs.values() if ttl and job.finished]
    for job in over:
        cluster.remove(job)
    cluster.bury()
    status = cluster.run.status
    spec = run_document(preflight="Always")
    spec["metadata"] |= {"annotations": cluster.run.metadata.annotations}
    cluster.run = parse_run(spec).model_copy(update={"status": status})
    decided = cluster.settle()
    assert decided.status == status and len(cluster.created) == before
    cluster.to_the_end()
    assert not cluster.of_phase("preflight")


def test_it_asks_the_cpu_alone() -> None:
    cluster = checking(symbols=MANY, pods={"image": "mine:1"}, train={"resources": {"limits": {"memory": "64Gi"}}})
    spec = cluster.manifests[live(cluster).name]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"], spec["maxFailedIndexes"]) == (
        "Indexed",
        3,
        3,
        3,
    )
    (container,) = spec["template"]["spec"]["containers"]
    assert container["command"][-1] == "preflight"
    assert container["resources"] == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    }


def test_what_is_asked_of_the_data_is_in_its_task_and_its_deadline() -> None:
    data = {"uri": "s3://bucket/features/", "window": "30d", "maxAge": "2h", "minNewBars": 60, "waitFor": "90m"}
    cluster = checking(data=data)
    manifest = cluster.manifests[live(cluster).name]
    task = task_of(manifest)
    assert isinstance(task, PreflightTask)
    assert (task.window, task.max_age, task.min_new_bars, task.wait_for) == ("30d", "2h", 60, "90m")
    assert manifest["spec"]["activeDeadlineSeconds"] == (PREFLIGHT.active_deadline_seconds or 0) + 5400


def test_a_preflight_that_waits_says_for_what() -> None:
    cluster, job = at_phase("preflight", preflight="Always")
    cluster.suspend(job)
    status = cluster.settle().status
    assert (status.state, status.progress) == ("Checking", "JobSuspended")
    cluster.suspend(job, suspended=False)
    cluster.end(job, failed("StoreUnreachable", "The store is away.", 69), Ended(message=""))
    status = cluster.settle().status
    assert status.message == "The preflight is waiting: its last pod failed; it is being retried."
