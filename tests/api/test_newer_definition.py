"""An upgrade as it is documented: the CRD first, then the operator. In between an operator meets fields that it does not
know, and where two of them share the CRD that is so for months.

The next release is made up from this one: see support.tomorrow.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.containers import Fate
from support.control_plane import ControlPlane
from support.fates import Fates
from support.kubelet import Kubelet
from support.operator_process import OperatorProcess, Runs, until
from support.planning import run_document
from support.tomorrow import FIELD, Tomorrow

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ("reason", "message", "count")
IN_A_TASK = re.compile(r'\\"warmupEpochs\\":\d+,?')


@pytest.fixture(scope="module")
def tomorrow(tmp_path_factory: pytest.TempPathFactory) -> Tomorrow:
    return Tomorrow.made(tmp_path_factory.mktemp("tomorrow"))


@pytest.fixture(scope="module")
def control_plane(kube_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of its own: the definition changes."""
    plane = ControlPlane(kube_binaries, tmp_path_factory.mktemp("upgrade"))
    try:
        plane.start(crds=[ROOT / "crds" / "retrainruns.yaml"])
        yield plane
    finally:
        plane.stop()


def create(runs: Runs, name: str, **spec: Any) -> None:
    runs.create(run_document(**spec) | {"metadata": {"name": name}})


@dataclass(frozen=True)
class BothReleases:
    """Pods that succeed at once, with the trainer of their operator's release: the tasks differ in the made-up field."""

    fates: Fates

    def __call__(self, pod: Mapping[str, Any]) -> Fate:
        return self.fates(json.loads(IN_A_TASK.sub("", json.dumps(pod))))


def ignored(status: dict[str, Any]) -> str:
    """What the condition on ignored fields says; "" where there is none."""
    found = (one for one in status["conditions"] if one["type"] == "FieldsIgnored" and one["status"] == "True")
    return str(next(found, {}).get("message", ""))


def said(runs: Runs, name: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(event.get(field) for field in EVENTS) for event in runs.events(name))


def poked(runs: Runs, name: str, operator: OperatorProcess) -> None:
    """The operator has reconciled the run once more after this."""
    metric = "retrain_reconcile_duration_seconds_count"
    before = operator.metric(metric)
    runs.patch(name, {"metadata": {"annotations": {"note": str(before)}}})
    until(lambda: operator.metric(metric) > before, operator.log_tail)


def stands(runs: Runs, name: str, operator: OperatorProcess) -> None:
    """A finished run is as it was, and nothing is said or counted of it again."""
    # Events are written in the background, after the status by which a test knows that a run has ended.
    until(lambda: "Promoted" in {reason for reason, *_ in said(runs, name)}, operator.log_tail)
    before, events, jobs = runs.get(name)["status"], said(runs, name), len(runs.jobs())
    finished = operator.metric("retrain_runs_finished_total")
    poked(runs, name, operator)
    assert runs.get(name)["status"] == before
    assert (said(runs, name), len(runs.jobs())) == (events, jobs)
    assert operator.metric("retrain_runs_finished_total") == finished


def watches_anew(runs: Runs, since: str) -> bool:
    """The watch that was open then has ended. It goes on by the older definition for a while: what it tells lacks the newer
    field, also after an answer to a write had it.
    """
    return any(
        event["requestReceivedTimestamp"] < since < event["stageTimestamp"]
        for event in runs.plane.audit()
        if event["verb"] == "watch"
        and event["objectRef"]["resource"] == "retrainruns"
        and event["objectRef"].get("namespace") == runs.namespace
    )


def noticed(runs: Runs, name: str) -> bool:
    """The operator has the run with the newer field."""
    runs.patch(name, {"metadata": {"annotations": {"note": str(time.monotonic())}}})
    return FIELD in ignored(runs.get(name)["status"])


def upgrade(plane: ControlPlane, tomorrow: Tomorrow, runs: Runs, name: str) -> None:
    """The newer definition, until the API server fills in its field."""
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(tomorrow.definition))
    until(lambda: "warmupEpochs" in runs.get(name)["spec"]["training"], lambda: "the definition does not hold")


def test_an_upgrade_with_runs_in_flight_and_back_again(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path, tomorrow: Tomorrow
) -> None:
    runs, gate = Runs(control_plane, namespace), threading.Event()
    kubelet.fate = BothReleases(Fates())
    with OperatorProcess(control_plane, namespace, tmp_path) as today:
        create(runs, "finished")
        runs.until_state("finished", "Promoted", explain=today.log_tail)
        kubelet.fate = BothReleases(Fates(hold={"train": gate}))
        create(runs, "in-flight")
        runs.until_state("in-flight", "Training", explain=today.log_tail)
        began = datetime.now(UTC).isoformat()
        upgrade(control_plane, tomorrow, runs, "finished")
        stands(runs, "finished", today)
        until(lambda: watches_anew(runs, began), today.log_tail)
        until(lambda: noticed(runs, "in-flight"), today.log_tail)
        gate.set()
        status = runs.until_state("in-flight", "Promoted", "Failed", explain=today.log_tail)
        assert status["state"] == "Promoted" and FIELD in ignored(status)
        assert len(said(runs, "in-flight")) == len(set(said(runs, "in-flight")))
        stands(runs, "in-flight", today)
        today.stop()
    with OperatorProcess(control_plane, namespace, tmp_path, packages=tomorrow.packages) as newer:
        for name in ("finished", "in-flight"):
            stands(runs, name, newer)
        create(runs, "of-tomorrow")
        status = runs.until_state("of-tomorrow", "Promoted", explain=newer.log_tail)
        assert not ignored(status)
        newer.stop()
    shelved(runs, "finished")
    with OperatorProcess(control_plane, namespace, tmp_path) as again:
        for name in ("finished", "in-flight", "of-tomorrow"):
            stands(runs, name, again)


def shelved(runs: Runs, name: str) -> None:
    """The newer release leaves it in a state that this one does not know."""
    status = runs.get(name)["status"] | {"state": "Shelved"}
    runs.plane.request("PATCH", runs.path(name, "status"), {"status": status}, kind="merge-patch+json")


def test_two_operators_of_different_releases_under_one_definition(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path, tomorrow: Tomorrow
) -> None:
    ours, theirs = Runs(control_plane, namespace), Runs(control_plane, f"{namespace}-newer")
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": theirs.namespace}})
    until(lambda: control_plane.has_account(theirs.namespace))
    kubelet.fate, kubelet.namespaces = BothReleases(Fates()), {namespace, theirs.namespace}
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(tomorrow.definition))
    with (
        OperatorProcess(control_plane, namespace, tmp_path) as older,
        OperatorProcess(control_plane, theirs.namespace, tmp_path, packages=tomorrow.packages) as newer,
    ):
        for runs in (ours, theirs):
            until(lambda runs=runs: accepted(runs), lambda: "the definition does not hold")
        assert FIELD in ignored(ours.until_state("run", "Promoted", explain=older.log_tail))
        assert not ignored(theirs.until_state("run", "Promoted", explain=newer.log_tail))
        stands(ours, "run", older)
        stands(theirs, "run", newer)


def accepted(runs: Runs) -> bool:
    """A run with the newer field is stored with it: the API server has the newer definition."""
    create(runs, "run", training={"warmupEpochs": 3})
    if "warmupEpochs" in runs.get("run")["spec"]["training"]:
        return True
    runs.delete("run")
    until(lambda: not any_run(runs))
    return False


def any_run(runs: Runs) -> bool:
    return bool(runs.plane.request("GET", runs.path())["items"])


def test_the_definition_of_tomorrow_is_one_field_and_one_state_ahead(tomorrow: Tomorrow) -> None:
    newer, ours = (yaml.safe_load(path.read_text()) for path in (tomorrow.definition, ROOT / "crds/retrainruns.yaml"))

    def training(definition: Any) -> set[str]:
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        return set(schema["properties"]["spec"]["properties"]["training"]["properties"])

    assert training(newer) - training(ours) == {"warmupEpochs"}
