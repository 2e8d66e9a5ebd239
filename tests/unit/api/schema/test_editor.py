"""The JSON Schema for editors: what a run or a schedule may be it accepts, and what has a wrong name or type it refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from support.json_schema import violations
from support.places import ROOT
from support.whole import WHOLE_SCHEDULE

from retrain_api.errors import ConfigurationError
from retrain_api.run import parse_run
from retrain_api.schedule import parse_schedule
from retrain_api.schema.crd import schedule_spec_schema, spec_schema
from retrain_api.schema.editor import editor_schema

SCHEMA = editor_schema()
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def run(**spec: Any) -> dict[str, Any]:
    places = {"data": {"uri": "file:///data/"}, "artifacts": {"uri": "file:///artifacts/"}}
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "nightly"},
        "spec": {"symbols": ["BTC-USD"], **places, **spec},
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_accepted(path: Any) -> None:
    document = yaml.safe_load(path.read_text())
    assert violations(SCHEMA, document) == []
    assert violations(SCHEMA, document | {"status": {"state": "Passed"}}) == []


ACCEPTED: list[dict[str, Any]] = [
    {},
    {"label": None, "gate": None, "credentials": None, "parallelism": None, "train": {"gpu": None, "device": None}},
    {"training": {"epochs": 50.0, "loss": {"positiveWeight": "1.5"}, "learningRate": 1}},
    {"train": {"resources": {"limits": {"cpu": 2, "memory": "8Gi"}}}},
    {"data": {"uri": "s3://bucket/", "features": ["rsi", "funding"], "builtIn": True}},
    {"pods": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "x"}}], "env": [{"name": "A"}]}},
    {"pods": {"affinity": {"nodeAffinity": {}}, "tolerations": [{"operator": "Exists"}], "labels": {"team": "a"}}},
    {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.6}], "minPassed": 1, "confidencePercent": 95}},
    {"observation": {"every": "12h", "for": None}, "notify": [{"name": "ops", "secretName": "chat", "when": ["Held"]}]},
]


@pytest.mark.parametrize("spec", ACCEPTED, ids=str)
def test_what_a_run_takes_is_accepted(spec: dict[str, Any]) -> None:
    parse_run(run(**spec))
    assert violations(SCHEMA, run(**spec)) == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"labels": {}}, "spec: additionalProperties (labels)"),
    ({"label": {"horizon_bars": 5}}, "spec.label: additionalProperties (horizon_bars)"),
    ({"train": {"gpu": {"limit": 1}}}, "spec.train.gpu: additionalProperties (limit)"),
    ({"gate": {"criteria": [{"metric": "accuracy", "atleast": 1}]}}, "spec.gate.criteria[0]: additionalProperties"),
    ({"gate": {"criteria": [{"atLeast": 0.5}]}}, "spec.gate.criteria[0]: required (metric)"),
    ({"gate": {"criteria": [{"metric": "wins", "atLeast": 1}]}}, "spec.gate.criteria[0].metric: one of"),
    ({"training": {"epochs": "50"}}, "spec.training.epochs: type ['integer', 'null']"),
    ({"training": {"epochs": 1.5}}, "spec.training.epochs: type ['integer', 'null']"),
    ({"training": {"epochs": 0}}, "spec.training.epochs: minimum 1"),
    ({"model": {"dropout": 1}}, "spec.model.dropout: exclusiveMaximum 1"),
    ({"model": {"bidirectional": "yes"}}, "spec.model.bidirectional: type"),
    ({"symbols": "BTC-USD"}, "spec.symbols: type array"),
    ({"symbols": []}, "spec.symbols: minItems 1"),
    ({"symbols": None}, "spec.symbols: type array"),
    ({"train": {"device": "gpu"}}, "spec.train.device: one of"),
    ({"train": {"resources": {"limits": {"cpu": 0.5}}}}, "spec.train.resources.limits.cpu: type"),
    ({"data": {}}, "spec.data: required (uri)"),
    ({"suspend": 1}, "spec.suspend: type"),
    ({"observation": {"minBars": 0}}, "spec.observation.minBars: minimum 1"),
    ({"notify": [{"name": "ops", "url": "json://a"}]}, "spec.notify[0]: "),
    ({"notify": [{"name": "ops", "secretName": "chat", "when": ["Won"]}]}, "spec.notify[0].when[0]: one of"),
]


@pytest.mark.parametrize(("spec", "said"), REFUSED, ids=str)
def test_unknown_fields_wrong_types_and_bounds_are_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_run(run(**spec))
    found = violations(SCHEMA, run(**spec))
    assert found and all(line.startswith(said) for line in found), found


@pytest.mark.parametrize("missing", ["apiVersion", "kind", "metadata", "spec"])
def test_a_document_of_another_kind_is_refused(missing: str) -> None:
    document = {name: part for name, part in run().items() if name != missing}
    assert violations(SCHEMA, document) == [f": required ({missing})"]
    assert violations(SCHEMA, run() | {"kind": "Deployment"}) == ["kind: one of ['RetrainRun', 'RetrainSchedule']"]


def schedule(template: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {"name": "every-saturday"},
        "spec": {"schedule": "0 3 * * 6", "runTemplate": {"spec": run(**(template or {}))["spec"]}, **spec},
    }


@pytest.mark.parametrize(
    "document",
    [
        schedule(),
        schedule(walkForward=None, timeZone=None, startingDeadlineSeconds=None),
        schedule({"split": {"test": "14d"}}, walkForward={"slots": 8}, suspend=True),
        schedule() | {"spec": WHOLE_SCHEDULE},
    ],
    ids=["the least", "with nothing yet", "with a proof", "with everything"],
)
def test_what_a_schedule_takes_is_accepted(document: dict[str, Any]) -> None:
    parse_schedule(document)
    assert violations(SCHEMA, document) == []


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (schedule(timezone="UTC"), "spec: additionalProperties (timezone)"),
        (schedule({"epochs": 5}), "spec.runTemplate.spec: additionalProperties (epochs)"),
        (schedule({"training": {"epochs": 0}}), "spec.runTemplate.spec.training.epochs: minimum 1"),
        (schedule(walkForward={"slots": 100}), "spec.walkForward.slots: maximum 52"),
        (schedule(schedule=5), "spec.schedule: type string"),
        (schedule() | {"metadata": {"name": "n" * 41}}, "metadata.name: maxLength 40"),
        (schedule() | {"spec": run()["spec"]}, "spec: required (schedule)"),
    ],
    ids=str,
)
def test_a_wrong_schedule_is_refused(document: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_schedule(document)
    assert said in violations(SCHEMA, document)


def fields(node: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, child in node.get("properties", {}).items():
        yield (*path, name)
        yield from fields(child.get("items", child), (*path, name))


def described(kind: str, path: tuple[str, ...]) -> dict[str, Any]:
    """The schema of a field, references and alternatives resolved."""
    node: dict[str, Any] = SCHEMA["definitions"][kind]["properties"]["spec"]
    for name in path:
        node = next(option["properties"][name] for option in resolved(node) if name in option.get("properties", {}))
    return node


def resolved(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        yield from resolved(SCHEMA["definitions"][node["$ref"].rpartition("/")[2]])
        return
    yield node
    for option in (*node.get("anyOf", ()), *node.get("allOf", ()), *([node["items"]] if "items" in node else ())):
        yield from resolved(option)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        *(("RetrainRun", path) for path in fields(spec_schema())),
        *(("RetrainSchedule", path) for path in fields(schedule_spec_schema())),
    ],
    ids=lambda part: part if isinstance(part, str) else ".".join(part),
)
def test_every_field_that_the_api_server_knows_is_described(kind: str, path: tuple[str, ...]) -> None:
    assert any(option.get("description") for option in resolved(described(kind, path)))


def test_no_pattern_and_nothing_of_kubernetes_is_left() -> None:
    text = json.dumps(SCHEMA)
    assert '"pattern"' not in text and "x-kubernetes" not in text and "$defs" not in text


def test_it_is_made_anew_each_time() -> None:
    before = copy.deepcopy(SCHEMA)
    editor_schema()["definitions"]["RetrainRun"]["properties"].clear()
    assert editor_schema() == before
