"""What the API server makes of a half-written RetrainRun is what `retrain run` makes of it; who may write which half.

A section of which only what is required is written, a field that is null: both get the same defaults. The status is
written through its own subresource, and neither half can change the other.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.control_plane import ApiRefusal, ControlPlane
from support.whole import WHOLE, WHOLE_SCHEDULE, nodes, put, steps

from retrain_api.errors import ConfigurationError
from retrain_api.run import as_stored, parse_run
from retrain_api.schedule import parse_schedule
from retrain_api.status.run import UNSEEN
from retrain_api.status.schedule import UNSEEN_SCHEDULE
from retrain_api.wire import to_wire
from retrain_cli.inputs.run_file import load_run

RUNS = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/{namespace}/retrainruns"
TRIED = f"{RUNS.format(namespace='default')}?dryRun=All&fieldValidation=Strict"
SCHEDULES = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/{namespace}/retrainschedules"
SMALL = {name: WHOLE[name] for name in ("symbols", "data", "artifacts")}


def run(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "run"},
        "spec": spec,
    }


def written(value: Any) -> Any:
    """Without empty lists and objects: the models have them where the stored object has nothing."""
    if isinstance(value, Mapping):
        return {name: kept for name, part in value.items() if (kept := written(part)) not in ({}, [])}
    return [written(part) for part in value] if isinstance(value, list) else value


def at(spec: Mapping[str, Any], path: str) -> Any:
    value: Any = {"spec": spec}
    for step in steps(path):
        value = value[step]
    return value


def stored_by(plane: ControlPlane, spec: Mapping[str, Any]) -> Any:
    """The spec as the API server would store it."""
    return plane.request("POST", TRIED, run(spec))["spec"]


def sections() -> Iterator[str]:
    """Objects with named fields that are right with only their required ones."""
    for path, node in nodes():
        one_of = any("exactly one of" in rule["message"] for rule in node.get("x-kubernetes-validations", ()))
        if "properties" in node and path != "spec" and not one_of:
            yield path


def nullable() -> Iterator[str]:
    """Fields that may be left out: not required, and none of several of which one must be given."""
    for path, node in nodes():
        if "properties" not in node or "credentials" in path.rpartition(".")[2] or "criteria" in path:
            continue
        yield from (f"{path}.{name}" for name in node["properties"] if name not in node.get("required", ()))


def bare(path: str) -> dict[str, Any]:
    """The whole run with only the required fields of one section."""
    needed = next(node for name, node in nodes() if name == path).get("required", ())
    spec = copy.deepcopy(WHOLE)
    section = at(spec, path)
    kept = {name: section[name] for name in needed}
    section.clear()
    section.update(kept)
    return spec


@pytest.mark.parametrize("path", list(sections()))
def test_a_section_with_only_what_is_required_is_filled_in_alike(control_plane: ControlPlane, path: str) -> None:
    assert_alike(control_plane, bare(path))


@pytest.mark.parametrize("path", list(nullable()))
def test_a_null_field_is_filled_in_alike(control_plane: ControlPlane, path: str) -> None:
    spec = put(WHOLE, path, None)
    assert_alike(control_plane, spec)
    assert at(spec, path) is None


@pytest.mark.parametrize("name", sorted(set(WHOLE) - set(SMALL)))
def test_the_smallest_run_with_one_section_is_filled_in_alike(control_plane: ControlPlane, name: str) -> None:
    assert_alike(control_plane, SMALL | {name: WHOLE[name]})


def assert_alike(plane: ControlPlane, spec: Mapping[str, Any]) -> None:
    """The same spec from both, and nothing more to fill in when the stored one is read."""
    stored = stored_by(plane, spec)
    here, there = parse_run(run(spec)).spec, parse_run(run(stored)).spec
    # A scheduler of which only the type is stored gets its figures when it is used: a default would break the union.
    assert here.training.scheduler.resolved() == there.training.scheduler.resolved()
    assert to_wire(here) == to_wire(there)
    assert written(stored) == written(with_entries_as_given(to_wire(here), spec))


def with_entries_as_given(filled: Any, given: Any) -> Any:
    """A spec as the models fill it in, but for the entries of lists: into those the API server fills nothing."""
    if isinstance(filled, Mapping) and isinstance(given, Mapping):
        return {name: with_entries_as_given(part, given.get(name)) for name, part in filled.items()}
    return as_stored(given) if isinstance(filled, list) and given else filled


@pytest.mark.parametrize("path", ["spec.backups[0]", "spec.pods.env[0]", "spec.gate.criteria[0]"])
def test_an_entry_of_a_list_is_stored_as_it_was_written(control_plane: ControlPlane, path: str) -> None:
    """Argo CD takes a list as one value: a field filled into an entry would be OutOfSync with Git for good."""
    entry = {"spec.gate.criteria[0]": {"metric": "f1", "atLeast": 0.6}}.get(path, at(bare(path), path))
    assert at(stored_by(control_plane, put(WHOLE, path, entry)), path) == entry


def schedule(spec: Mapping[str, Any]) -> dict[str, Any]:
    return run(spec) | {"kind": "RetrainSchedule"}


def schedule_stored_by(plane: ControlPlane, spec: Mapping[str, Any]) -> Any:
    tried = f"{SCHEDULES.format(namespace='default')}?dryRun=All&fieldValidation=Strict"
    return plane.request("POST", tried, schedule(spec))["spec"]


TEMPLATE = "spec.runTemplate.spec"


@pytest.mark.parametrize(
    "change",
    [
        *(
            (f"spec.{name}", None)
            for name in ("timeZone", "suspend", "startingDeadlineSeconds", "walkForward", "pauseAfterFailures")
        ),
        *((f"spec.{name}", None) for name in ("runsHistoryLimit", "failedRunsHistoryLimit")),
        ("spec.walkForward", {}),
        ("spec.walkForward", {"slots": 4}),
        ("spec.walkForward.slots", None),
        ("spec.runTemplate.metadata", None),
        ("spec.runTemplate.metadata", {}),
        ("spec.runTemplate.metadata.labels", None),
        (f"{TEMPLATE}.training", {}),
        (f"{TEMPLATE}.gate", None),
        (f"{TEMPLATE}.suspend", None),
        (f"{TEMPLATE}.split", {"test": "14d"}),
    ],
    ids=str,
)
def test_a_schedule_is_filled_in_alike(control_plane: ControlPlane, change: tuple[str, Any]) -> None:
    spec = put(WHOLE_SCHEDULE, *change)
    stored = schedule_stored_by(control_plane, spec)
    here, there = parse_schedule(schedule(spec)).spec, parse_schedule(schedule(stored)).spec
    assert to_wire(here) == to_wire(there)
    assert written(stored) == written(with_entries_as_given(to_wire(here), spec))


@pytest.mark.parametrize("path", ["spec.backups[0]", "spec.pods.env[0]", "spec.gate.criteria[0]"])
def test_an_entry_of_a_list_in_a_template_is_stored_as_it_was_written(control_plane: ControlPlane, path: str) -> None:
    entry = {"spec.gate.criteria[0]": {"metric": "f1", "atLeast": 0.6}}.get(path, at(bare(path), path))
    where = path.replace("spec", TEMPLATE, 1)
    assert at(schedule_stored_by(control_plane, put(WHOLE_SCHEDULE, where, entry)), where) == entry


@pytest.mark.parametrize("path", ["spec.symbols[0]", "spec.data.features[0]", "spec.gate.criteria[0]"])
def test_a_null_entry_of_a_list_is_refused_by_both(control_plane: ControlPlane, path: str) -> None:
    spec = put(WHOLE, path, None)
    with pytest.raises(ApiRefusal) as refusal:
        stored_by(control_plane, spec)
    assert refusal.value.status == 422 and f"{path}: " in refusal.value.message
    with pytest.raises(ConfigurationError, match=f"^{re.escape(path)}: must be"):
        parse_run(run(spec))


@pytest.mark.parametrize("path", ["spec.pods.labels.team", "spec.train.resources.limits.memory"])
def test_a_null_entry_of_a_mapping_is_left_out_by_both(control_plane: ControlPlane, path: str) -> None:
    assert_alike(control_plane, put(WHOLE, path, None))


def test_a_whole_number_may_be_written_as_a_fraction_for_both(control_plane: ControlPlane) -> None:
    assert_alike(control_plane, put(put(WHOLE, "spec.training.epochs", 50.0), "spec.model.dropout", 0))


AS_WRITTEN = """
apiVersion: retrain.crpbot.dev/v1alpha1
kind: RetrainRun
metadata: {name: as-written}
spec:
  symbols: [BTC-USD, ETH-USD]
  data: {uri: s3://bucket/features/, features: ["yes", 'on', 2026-01-05, 1.5.0]}
  artifacts: {uri: s3://bucket/models/}
  label: {horizonBars: 0x10, ties: }
  split: {validationPercent: 20.0, testPercent: 2e1}
  model: {dropout: .25, bidirectional: no, lookbackBars: 0o74}
  training:
    learningRate: 1e-3
    weightDecay: 1_0e-6
    deterministic: on
    loss: {positiveWeight: 2.0}
    scheduler: {type: Constant, t0: ~}
  gate: {minPassed: 1.0, criteria: [{metric: f1, atLeast: 0}]}
  train: {resources: {limits: {memory: 4Gi, cpu: 2}}}
"""


def test_a_file_as_kubectl_reads_it_is_what_retrain_run_reads(control_plane: ControlPlane, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(AS_WRITTEN)
    sent = control_plane.kubectl("create", "--dry-run=server", "-o", "json", "-f", str(file))
    there, here = parse_run(json.loads(sent.stdout)).spec, load_run(file).spec
    assert to_wire(here) == to_wire(there)
    assert (here.label.horizon_bars, here.model.lookback_bars, here.split.test_percent) == (16, 60, 20)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("1e-3", "0"), "spec.training.learningRate"),
        (("BTC-USD, ETH", "BTC-USD, btc"), "spec.symbols[1]"),
        (("minPassed: 1.0", "minPassed: 3"), "spec.gate.minPassed"),
        (("atLeast", "atMost"), "spec.gate.criteria[0]"),
        (("t0: ~", "t0: 5"), "spec.training.scheduler"),
        (("weightDecay", "weightdecay"), "spec.training.weightdecay"),
        (("horizonBars: 0x10", "horizonBars: 1h"), "spec.label.horizonBars"),
    ],
)
def test_kubectl_and_retrain_run_name_the_same_field_of_a_wrong_file(
    control_plane: ControlPlane, tmp_path: Path, change: tuple[str, str], field: str
) -> None:
    file = tmp_path / "run.yaml"
    assert change[0] in AS_WRITTEN
    file.write_text(AS_WRITTEN.replace(*change))
    sent = control_plane.kubectl("create", "--dry-run=server", "-f", str(file), check=False)
    assert sent.returncode == 1 and re.search(rf"[\s\"]{re.escape(field)}[:\"]", sent.stderr), sent.stderr
    with pytest.raises(ConfigurationError, match=f"^{re.escape(str(file))}: {re.escape(field)}: "):
        load_run(file)


@pytest.fixture
def path(control_plane: ControlPlane, namespace: str) -> str:
    """Of a stored run."""
    runs = RUNS.format(namespace=namespace)
    control_plane.request("POST", runs, run(SMALL))
    return f"{runs}/run"


def test_the_status_is_not_taken_from_who_writes_the_spec(control_plane: ControlPlane, path: str) -> None:
    change = {"spec": {"suspend": True}, "status": {"state": "Promoted"}}
    after = control_plane.request("PATCH", path, change, kind="merge-patch+json")
    assert after["spec"]["suspend"] is True and after["status"] == UNSEEN
    assert after["metadata"]["generation"] == 2


def test_the_spec_is_not_taken_from_who_writes_the_status(control_plane: ControlPlane, path: str) -> None:
    change = {
        "spec": {"suspend": True},
        "metadata": {"labels": {"a": "b"}},
        "status": {"state": "Training", "observedGeneration": 1},
    }
    after = control_plane.request("PATCH", f"{path}/status", change, kind="merge-patch+json")
    assert after["status"] == UNSEEN | {"state": "Training", "observedGeneration": 1}
    assert after["spec"]["suspend"] is False and "labels" not in after["metadata"]
    assert after["metadata"]["generation"] == 1


def test_a_status_in_a_new_run_is_left_out(control_plane: ControlPlane, namespace: str) -> None:
    runs = RUNS.format(namespace=namespace)
    made = control_plane.request("POST", runs, run(SMALL) | {"status": {"state": "Promoted"}})
    assert made["status"] == UNSEEN


def test_a_schedule_that_no_operator_has_seen_says_so(control_plane: ControlPlane, namespace: str) -> None:
    made = control_plane.request("POST", SCHEDULES.format(namespace=namespace), schedule(WHOLE_SCHEDULE))
    assert made["status"] == UNSEEN_SCHEDULE
    rows = control_plane.kubectl("-n", namespace, "get", "rts", "-o", "wide").stdout.splitlines()
    assert rows[0].split() == ["NAME", "SCHEDULE", "STATE", "LAST", "RESULT", "NEXT", "AGE", "MESSAGE"]
    assert "30 3 * * MON-FRI   Pending" in rows[1] and rows[1].endswith("Waits for the operator.")
    assert "retrainschedule.retrain.crpbot.dev/run" in control_plane.kubectl("-n", namespace, "get", "all").stdout


@pytest.mark.parametrize("condition", ["Ready", "Finished"])
def test_kubectl_waits_for_a_run_that_no_operator_has_seen(
    control_plane: ControlPlane, namespace: str, path: str, condition: str
) -> None:
    arguments = ("-n", namespace, "wait", f"--for=condition={condition}", "rtr/run", "--timeout=1s")
    waited = control_plane.kubectl(*arguments, check=False)
    assert waited.returncode == 1 and "timed out waiting for the condition on retrainruns/run" in waited.stderr
    assert "Pending" in control_plane.kubectl("-n", namespace, "get", "rtr").stdout
    assert "Waits for the operator." in control_plane.kubectl("-n", namespace, "get", "rtr", "-o", "wide").stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gate": {"minPassed": 4}}, "spec.gate.minPassed: "),
        ({"symbols": ["BTC-USD", "BTC-USD"]}, "spec.symbols[1]: Duplicate value"),
        ({"split": {"testPercent": 50, "validationPercent": 50}}, "spec.split.testPercent: "),
        ({"training": {"epochs": 0}}, "spec.training.epochs: "),
    ],
)
def test_a_change_is_judged_as_a_new_run_is(control_plane: ControlPlane, path: str, change: object, said: str) -> None:
    with pytest.raises(ApiRefusal) as refusal:
        control_plane.request("PATCH", path, {"spec": change}, kind="merge-patch+json")
    assert refusal.value.status == 422 and said in refusal.value.message


def test_a_field_changed_to_null_is_its_default_again(control_plane: ControlPlane, path: str) -> None:
    send = {"spec": {"training": {"epochs": 5, "seed": 3}}}
    control_plane.request("PATCH", path, send, kind="merge-patch+json")
    after = control_plane.request("PATCH", path, {"spec": {"training": {"epochs": None}}}, kind="merge-patch+json")
    assert (after["spec"]["training"]["epochs"], after["spec"]["training"]["seed"]) == (50, 3)
