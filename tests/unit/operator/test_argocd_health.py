"""What Argo CD makes of a RetrainRun: its health and its actions, run by Lua 5.1 on statuses that `plan` wrote."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from support.argo_cd import lua
from support.planning import START, Cluster, at_phase, passing, run_document, task_of

from retrain_api.documents.results import PreflightResult, Refusal
from retrain_api.documents.tasks import PreflightTask
from retrain_api.run import parse_run
from retrain_api.status.run import UNSEEN, State
from retrain_api.wire import to_wire
from retrain_operator.decide.conditions import unreadable

ARGOCD = Path(__file__).resolve().parents[3] / "manifests" / "argocd"
ARGO_CD = "system:serviceaccount:argocd:argocd-server"
NAMES = ("suspend", "resume", "retry", "rerun", "approve", "reject")


def script(name: str) -> str:
    return (ARGOCD / name).read_text()


def health(document: dict[str, Any]) -> tuple[str, str]:
    health = lua(script("health.lua"), document)
    assert set(health) == {"status", "message"}
    return health["status"], health["message"]


def enabled(document: dict[str, Any]) -> set[str]:
    found = lua(script("actions/discovery.lua"), document)
    assert set(found) == set(NAMES)
    assert all(action["displayName"] and action["iconClass"] for action in found.values())
    return {name for name, action in found.items() if not action["disabled"]}


def acted(name: str, cluster: Cluster) -> Cluster:
    """The same run after an action, as the operator would see it."""
    changed = lua(script(f"actions/{name}.lua"), document(cluster))
    annotations = changed["metadata"].get("annotations") or {}
    spec = to_wire(cluster.run.spec) | ({"suspend": changed["spec"]["suspend"]} if "suspend" in changed["spec"] else {})
    if spec != to_wire(cluster.run.spec):
        cluster.edit(suspend=spec["suspend"])
    cluster.annotate(**{key.rpartition("/")[2]: text for key, text in annotations.items()})
    return cluster


def document(cluster: Cluster) -> dict[str, Any]:
    """The run as the API server has it."""
    found = to_wire(cluster.run)
    assert parse_run(found).status == cluster.run.status
    return found


def finish(cluster: Cluster, *phases: str) -> Cluster:
    for phase in phases:
        cluster.settle()
        for job in [job for job in cluster.of_phase(phase) if job.live]:
            cluster.finish(job)
    cluster.settle()
    return cluster


def pending() -> Cluster:
    """Never reconciled, but with the status that the models give it by default."""
    cluster = Cluster.of()
    status = cluster.run.status.model_copy(update={"observed_generation": 1})
    cluster.run = cluster.run.model_copy(update={"status": status})
    return cluster


def queued() -> Cluster:
    cluster = Cluster.of()
    cluster.settle()
    return cluster


def training() -> Cluster:
    cluster = queued()
    for job in cluster.of_phase("train"):
        cluster.start(job)
    cluster.settle()
    return cluster


def suspended() -> Cluster:
    cluster = Cluster.of(suspend=True)
    cluster.settle()
    return cluster


def awaiting() -> Cluster:
    cluster = Cluster.of(promotion={"policy": "Manual"})
    cluster.to_the_end()
    return cluster


def promoted() -> Cluster:
    cluster = Cluster.of()
    cluster.to_the_end()
    return cluster


def passed() -> Cluster:
    cluster = Cluster.of(promotion={"policy": "Never"})
    cluster.to_the_end()
    return cluster


def rejected() -> Cluster:
    cluster = Cluster.of()
    cluster.measurements = dict.fromkeys(cluster.run.spec.symbols, passing(accuracy=0.53))
    cluster.to_the_end()
    return cluster


def checking() -> Cluster:
    cluster = Cluster.of(preflight="Always")
    cluster.settle()
    return cluster


def skipped() -> Cluster:
    cluster, job = at_phase("preflight", preflight="Always", symbols=["BTC-USD"])
    task = task_of(cluster.manifests[job.name])
    assert isinstance(task, PreflightTask)
    none = Refusal(symbol="BTC-USD", reason="NoNewBars", message="No bar is new.", skipped=True)
    cluster.finish(job, [PreflightResult(preflight_key=task.preflight_key, refused=(none,))])
    cluster.settle()
    return cluster


def failed() -> Cluster:
    cluster = queued()
    for job in cluster.of_phase("train"):
        cluster.fail(job)
    cluster.settle()
    return cluster


CASES: dict[str, tuple[Callable[[], Cluster], str, set[str]]] = {
    "Pending": (pending, "Progressing", {"suspend"}),
    "Suspended": (suspended, "Suspended", {"resume"}),
    "Checking": (checking, "Progressing", {"suspend"}),
    "Queued": (queued, "Progressing", {"suspend"}),
    "Training": (training, "Progressing", {"suspend"}),
    "Evaluating": (lambda: finish(Cluster.of(), "train"), "Progressing", {"suspend"}),
    "AwaitingApproval": (awaiting, "Suspended", {"suspend", "rerun", "approve", "reject"}),
    "Publishing": (lambda: finish(Cluster.of(), "train", "evaluate"), "Progressing", {"suspend"}),
    "Passed": (passed, "Healthy", {"rerun"}),
    "Promoted": (promoted, "Healthy", {"rerun"}),
    "Rejected": (rejected, "Degraded", {"rerun"}),
    "Skipped": (skipped, "Healthy", {"rerun"}),
    "Failed": (failed, "Degraded", {"retry", "rerun"}),
}


def test_every_state_of_the_status_has_a_case() -> None:
    assert set(CASES) == set(get_args(State))


@pytest.mark.parametrize("state", CASES)
def test_health_says_what_the_state_means_and_why(state: str) -> None:
    make, expected, _ = CASES[state]
    found = document(make())
    assert found["status"]["state"] == state
    status, message = health(found)
    assert status == expected
    assert message.startswith(state)
    assert found["status"]["message"] in message


@pytest.mark.parametrize("state", CASES)
def test_only_actions_that_make_sense_in_a_state_are_enabled(state: str) -> None:
    make, _, expected = CASES[state]
    assert enabled(document(make())) == expected


def test_a_run_that_no_operator_has_seen_is_progress_and_says_so() -> None:
    run = run_document() | {"status": UNSEEN}
    assert health(run) == ("Progressing", "Waits for the operator to see the run.")
    assert enabled(run) == {"suspend"}


OUTDATED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a run without a status": lambda run: run.pop("status"),
    "a status without a generation": lambda run: run["status"].pop("observedGeneration"),
    "a status of an older spec": lambda run: run["metadata"].update(generation=2),
    "a status of the time before a rerun token": lambda run: run["metadata"].update(
        annotations={"retrain.crpbot.dev/rerun": "second"}
    ),
    "a status of the time before a retry token": lambda run: run["metadata"].update(
        annotations={"retrain.crpbot.dev/retry": "second"}
    ),
    "a run that is being deleted": lambda run: run["metadata"].update(deletionTimestamp="2026-01-05T12:00:00Z"),
}


@pytest.mark.parametrize("case", OUTDATED)
@pytest.mark.parametrize("make", [promoted, rejected, awaiting])
def test_an_outdated_status_is_progress_whatever_it_says(case: str, make: Callable[[], Cluster]) -> None:
    run = document(make())
    OUTDATED[case](run)
    assert health(run)[0] == "Progressing"


@pytest.mark.parametrize("case", [case for case in OUTDATED if "deleted" not in case])
@pytest.mark.parametrize("make", [promoted, rejected])
def test_an_outdated_end_cannot_be_run_again(case: str, make: Callable[[], Cluster]) -> None:
    run = document(make())
    OUTDATED[case](run)
    assert "rerun" not in enabled(run)


@pytest.mark.parametrize(
    "case", ["a run without a status", "a status without a generation", "a status of an older spec"]
)
def test_an_outdated_failure_cannot_be_retried(case: str) -> None:
    run = document(failed())
    OUTDATED[case](run)
    assert "retry" not in enabled(run)


@pytest.mark.parametrize("case", ["a run without a status", "a status of an older spec"])
def test_an_outdated_judgement_cannot_be_approved(case: str) -> None:
    run = document(awaiting())
    OUTDATED[case](run)
    assert not {"approve", "reject"} & enabled(run)


@pytest.mark.parametrize("token", ["", "first"])
@pytest.mark.parametrize(("kind", "handled"), [("rerun", "lastHandledRerun"), ("retry", "lastHandledRetry")])
def test_a_token_that_is_empty_or_was_acted_upon_holds_nothing_up(token: str, kind: str, handled: str) -> None:
    run = document(promoted())
    run["metadata"]["annotations"] = {f"retrain.crpbot.dev/{kind}": token}
    run["status"][handled] = "first"
    assert health(run)[0] == "Healthy"
    assert enabled(run) == {"rerun"}


def test_a_run_that_the_operator_cannot_read_is_degraded_and_says_why_even_with_a_new_token() -> None:
    run = document(promoted())
    run["metadata"]["annotations"] = {"retrain.crpbot.dev/rerun": "second"}
    run["status"] = to_wire(unreadable(run, "spec.symbols: must not be empty", START))
    assert health(run) == ("Degraded", "Failed: spec.symbols: must not be empty")


def test_a_finished_run_is_no_less_finished_for_being_suspended() -> None:
    cluster = promoted()
    cluster.edit(suspend=True)
    cluster.settle()
    assert health(document(cluster))[0] == "Healthy"
    assert enabled(document(cluster)) == {"resume"}


OBSERVED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "Observing": ({"message": "120 of 1440 bars.", "nextTime": "2026-11-29T03:00:00Z"}, {"suspend"}),
    "Holding": ({"message": "All hold.", "nextTime": "2026-11-29T03:00:00Z"}, {"suspend"}),
    "Decaying": ({"message": "ETH-USD: right in 0.60 of 9000 bars.", "nextTime": "2026-11-29T03:00:00Z"}, {"suspend"}),
    "Unobserved": ({"nextTime": "2026-11-29T03:00:00Z", "failedKey": "a"}, {"suspend", "retry"}),
    "Held": ({"message": "For 14d."}, set()),
}


@pytest.mark.parametrize("state", OBSERVED)
def test_what_becomes_of_promoted_models_is_said_and_changes_no_health(state: str) -> None:
    observation, actions = OBSERVED[state]
    run = document(promoted())
    before = health(run)[1]
    run["status"]["observation"] = observation | {"state": state}
    found = health(run)
    since = state + (f": {observation['message']}" if "message" in observation else "")
    assert found == ("Healthy", f"{before}. Since then {since}")
    assert enabled(run) == {"rerun"} | actions


def test_a_notification_that_failed_can_be_tried_again() -> None:
    run = document(promoted())
    run["status"]["notified"] = [{"name": "ops", "key": "1-Promoted"}, {"name": "mail", "failedKey": "a"}]
    assert health(run)[0] == "Healthy" and enabled(run) == {"rerun", "retry"}


def test_a_state_of_a_newer_release_is_progress() -> None:
    run = document(promoted())
    run["status"]["state"] = "Packing"
    assert health(run)[0] == "Progressing"


def test_the_approve_action_promotes_and_names_argo_cd() -> None:
    cluster = acted("approve", awaiting())
    status = cluster.to_the_end().status
    assert status.state == "Promoted"
    assert status.promotion is not None
    assert (status.promotion.by or "").startswith(f"{ARGO_CD}: approved in Argo CD at 2")


def test_the_reject_action_ends_the_run_as_declined() -> None:
    cluster = acted("reject", awaiting())
    status = cluster.to_the_end().status
    assert status.state == "Rejected"
    assert status.promotion is not None and status.promotion.state == "Declined"
    assert (status.promotion.by or "").startswith(f"{ARGO_CD}: rejected in Argo CD at 2")


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_nothing_can_be_answered_before_there_is_a_judgement(name: str) -> None:
    with pytest.raises(Exception, match=f"there is no judgement to {name} yet"):
        lua(script(f"actions/{name}.lua"), document(queued()))


def test_the_rerun_action_trains_everything_again() -> None:
    cluster = acted("rerun", promoted())
    token = cluster.run.rerun
    assert token is not None and token.endswith("Z")
    before = len(cluster.created)
    assert cluster.settle().status.state == "Queued"
    assert len(cluster.created) == before + 3
    assert cluster.run.status.last_handled_rerun == token


def partly_failed() -> Cluster:
    """Promoted by a quorum of two; the third could not be trained."""
    cluster = queued()
    cluster.fail(cluster.job("ETH-USD"))
    return finish(cluster, "train", "evaluate", "publish")


def undelivered() -> Cluster:
    """Promoted, and a copy was not made."""
    cluster = Cluster.of(backups=[{"name": "vault", "uri": "s3://vault/"}])
    finish(cluster, "train", "evaluate", "publish")
    cluster.fail(cluster.of_phase("deliver")[0])
    cluster.settle()
    return cluster


def unpublished() -> Cluster:
    """Measured, and the report could not be written."""
    cluster = finish(Cluster.of(), "train", "evaluate")
    cluster.fail(cluster.of_phase("publish")[0])
    cluster.settle()
    return cluster


def half_way() -> Cluster:
    """One symbol failed while the others are at work."""
    cluster = training()
    cluster.fail(cluster.job("ETH-USD"))
    cluster.settle()
    return cluster


@pytest.mark.parametrize("make", [failed, partly_failed, undelivered, unpublished, half_way])
def test_the_retry_action_is_there_wherever_work_failed_and_tries_that_again(make: Callable[[], Cluster]) -> None:
    cluster = make()
    assert "retry" in enabled(document(cluster))
    trained = {job.uid for job in cluster.of_phase("train") if job.state == "Complete"}
    acted("retry", cluster).to_the_end()
    assert cluster.run.status.state == "Promoted"
    assert "retry" not in enabled(document(cluster))
    assert trained <= {job.uid for job in cluster.of_phase("train")}, "what succeeded is kept"


def test_a_run_that_the_operator_cannot_read_has_nothing_to_retry() -> None:
    run = document(failed())
    run["status"] = to_wire(unreadable(run, "spec.symbols: must not be empty", START))
    assert "retry" not in enabled(run)


def test_suspend_and_resume_undo_each_other() -> None:
    cluster = acted("suspend", training())
    assert cluster.settle().status.state == "Suspended"
    assert health(document(cluster))[0] == "Suspended"
    acted("resume", cluster)
    assert cluster.settle().status.state == "Queued"


@pytest.mark.parametrize("name", NAMES)
def test_an_action_keeps_the_annotations_and_fields_that_are_there(name: str) -> None:
    run = document(awaiting())
    run["metadata"]["annotations"] = {"team": "alpha"}
    changed = lua(script(f"actions/{name}.lua"), run)
    assert changed["metadata"]["annotations"]["team"] == "alpha"
    assert changed["spec"]["symbols"] == run["spec"]["symbols"]
    assert changed["status"]["gate"]["digest"] == run["status"]["gate"]["digest"]


def test_the_patch_carries_exactly_these_scripts() -> None:
    generated = runpy.run_path(str(ARGOCD / "generate.py"))["generated"]()
    assert script("argocd-cm.yaml") == generated, "run `make generate`"
    data = yaml.safe_load(generated)["data"]
    assert data.pop("resource.customizations.health.retrain.crpbot.dev_RetrainRun") == script("health.lua")
    actions = yaml.safe_load(data.pop("resource.customizations.actions.retrain.crpbot.dev_RetrainRun"))
    assert actions.pop("discovery.lua") == script("actions/discovery.lua")
    assert [each["name"] for each in actions["definitions"]] == list(NAMES)
    for each in actions["definitions"]:
        assert each["action.lua"] == script(f"actions/{each['name']}.lua")
    assert all(name.endswith("RetrainSchedule") for name in data)


def test_every_script_is_in_use() -> None:
    found = {path.stem for path in (ARGOCD / "actions").glob("*.lua")}
    assert found == {*NAMES, "discovery"}
