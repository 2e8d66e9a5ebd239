"""Runs that an earlier release stored, each of which breaks a rule that came later: they keep what they have, and go on.

`stored/` holds the definition of commit 6b2899b and runs as its operator left them, with their statuses. The control plane of
this module has that definition at first. The runs are put there, the definition of today is applied over it, and only then does
today's operator start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.control_plane import ApiRefusal, ControlPlane
from support.fates import Fates
from support.kubelet import Kubelet
from support.operator_process import OperatorProcess, Runs, until
from support.planning import run_document

ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).resolve().parent / "stored"
DEFINITION = yaml.safe_load((ROOT / "crds" / "retrainruns.yaml").read_text())
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/retrainruns.retrain.crpbot.dev"

Documents = Mapping[str, dict[str, Any]]
_RUNS = yaml.safe_load((STORED / "runs.yaml").read_text())
FINISHED: Documents = _RUNS["finished"]
GOING_ON: Documents = _RUNS["going-on"]
UNSEEN = ("gpu-in-limits", "no-such-day")
"""Stored as well without a status, as where no operator has seen them."""
BROKEN_RULES = {
    "bar-in-percent": "accuracy is a share: write 0.68 for 68 %",
    "bar-wide-open": "calibrationError is a share: write 0.05 for 5 %",
    "bar-below-all": "pnl is a share of the account, from -1 to 10",
    "reserved-volume": "volumes whose names begin with retrain- or rclone- are the operator's own",
    "gpu-in-limits": "GPUs are asked for in train.gpu",
    "relative-location": "a relative file:// location is for `retrain run` alone",
    "no-such-day": "the calendar has no such day",
    "request-above-limit": "a request must not be above the limit of the same resource",
    "wrong-label": "must be a label's value",
}
"""What today's definition says to each of the runs."""


@pytest.fixture(scope="module")
def control_plane(kube_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    plane = ControlPlane(kube_binaries, tmp_path_factory.mktemp("earlier-definition"))
    try:
        plane.start(crds=[STORED / "definition.yaml"])
        yield plane
    finally:
        plane.stop()


def document(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return run_document(symbols=["BTC-USD"], **spec) | {"metadata": {"name": name}}


def store(runs: Runs, name: str, stored: dict[str, Any], seen: bool = True) -> dict[str, Any]:
    """Put a run there under that name, with its status where an operator had `seen` it; the run."""
    made = runs.create(document(name, stored["spec"]))
    if not seen:
        return made
    found: dict[str, Any] = runs.plane.request("PUT", runs.path(name, "status"), made | {"status": stored["status"]})
    assert found["status"] == stored["status"]
    return found


def apply_definition_of_today(runs: Runs) -> None:
    """Apply it, and wait until each of its rules holds for new runs."""
    plane = runs.plane
    plane.request("PUT", DEFINITIONS, plane.request("GET", DEFINITIONS) | {"spec": DEFINITION["spec"]})
    until(lambda: "the calendar" in answer(runs, "no-such-day"), lambda: "today's definition does not hold")


def answer(runs: Runs, name: str) -> str:
    """What the API server says to a new run like that one; empty where it takes it."""
    try:
        runs.plane.request("POST", runs.path() + "?dryRun=All", document("new", FINISHED[name]["spec"]))
    except ApiRefusal as refusal:
        return refusal.message
    return ""


def test_stored_runs_keep_what_they_have_and_those_that_are_not_finished_go_on(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    kubelet.fate = Fates()
    runs = Runs(control_plane, namespace)
    for name, stored in FINISHED.items():
        store(runs, f"{name}-finished", stored)
    for name, stored in GOING_ON.items():
        store(runs, f"{name}-training", stored)
    for name in UNSEEN:
        store(runs, f"{name}-unseen", GOING_ON[name], seen=False)
    apply_definition_of_today(runs)
    with OperatorProcess(control_plane, namespace, tmp_path) as operator:
        for name, part in [*((name, "training") for name in GOING_ON), *((name, "unseen") for name in UNSEEN)]:
            ended = runs.until_state(f"{name}-{part}", "Promoted", "Rejected", "Failed", explain=operator.log_tail)
            assert goes_as_before(ended, FINISHED[name]["status"]), (name, part, ended)
        keep_all_they_have(runs)
        touched_and_held_to_the_rules(runs)
        keep_all_they_have(runs)


def keep_all_they_have(runs: Runs) -> None:
    """The finished runs have the states, conditions and figures that the earlier operator gave them."""
    for name, stored in FINISHED.items():
        assert without_sentences(runs.get(f"{name}-finished")["status"]) == without_sentences(stored["status"]), name


def without_sentences(part: Any) -> Any:
    """A status without its messages: a release may say the same in other words."""
    if isinstance(part, list):
        return [without_sentences(below) for below in part]
    if not isinstance(part, dict):
        return part
    return {field: without_sentences(below) for field, below in part.items() if field != "message"}


def goes_as_before(ended: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    """Whether a run ends in the state, with the verdict and figures, that the earlier operator brought the same spec to."""
    now, earlier = ended["symbols"][0], then["symbols"][0]
    return (
        ended["state"] == then["state"]
        and now["verdict"] == earlier["verdict"]
        and now["result"]["metrics"]["metrics"] == earlier["result"]["metrics"]["metrics"]
        and now["trainKey"] == earlier["trainKey"]
    )


def touched_and_held_to_the_rules(runs: Runs) -> None:
    """A change of anything else is taken, and what it does not touch is not asked again."""
    for name in FINISHED:
        runs.patch(f"{name}-finished", {"metadata": {"annotations": {"note": "x"}}})
    with pytest.raises(ApiRefusal, match="pnl is a share of the account, from -1 to 10"):
        runs.patch("bar-below-all-finished", {"spec": {"gate": {"criteria": [{"metric": "pnl", "atLeast": -6}]}}})
    with pytest.raises(ApiRefusal, match=r"GPUs are asked for in train\.gpu"):
        runs.patch("gpu-in-limits-finished", {"spec": {"train": {"resources": {"limits": {"nvidia.com/gpu": 8}}}}})


def test_new_runs_of_the_same_specs_are_refused(control_plane: ControlPlane, namespace: str) -> None:
    runs = Runs(control_plane, namespace)
    apply_definition_of_today(runs)
    answers = {name: answer(runs, name) for name in FINISHED}
    assert [name for name in FINISHED if BROKEN_RULES[name] not in answers[name]] == [], answers


def test_every_stored_run_breaks_a_rule_of_today() -> None:
    assert set(BROKEN_RULES) == set(FINISHED) > set(GOING_ON)
