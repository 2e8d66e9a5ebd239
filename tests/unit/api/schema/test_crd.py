"""The CustomResourceDefinition: generated from the models, structural, and in step with what is checked in."""

from __future__ import annotations

import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.planning import run_document

from retrain_api.names import PLURAL, SCHEDULE_PLURAL
from retrain_api.run import parse_run
from retrain_api.schedule import parse_schedule
from retrain_api.schema.crd import crd, definitions, schedule_spec_schema, spec_schema
from retrain_api.schema.reference import fields, reference
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.wire import to_wire

ROOT = Path(__file__).resolve().parents[4]
SPEC = spec_schema()
FIELDS = list(fields(SPEC, "spec"))
STORED_SPEC = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def test_checked_in_files_are_what_the_models_say() -> None:
    generated = runpy.run_path(str(ROOT / "crds" / "generate.py"))["generated"]()
    stale = [path.name for path, text in generated.items() if path.read_text() != text]
    assert stale == [], "run `make generate`"


@pytest.mark.parametrize(
    ("plural", "short", "columns"),
    [
        (
            PLURAL,
            "rtr",
            ["State", "Trained", "Progress", "Gate", "Promoted", "Age", "Learnt*", "Observed*", "Message*"],
        ),
        (SCHEDULE_PLURAL, "rts", ["Schedule", "State", "Last", "Result", "Next", "Age", "Message*"]),
    ],
)
def test_names_columns_and_subresource(plural: str, short: str, columns: list[str]) -> None:
    spec = crd(plural)["spec"]
    version = spec["versions"][0]
    assert spec["names"]["shortNames"] == [short]
    assert spec["names"]["categories"] == ["all"]
    assert spec["scope"] == "Namespaced"
    assert version["subresources"] == {"status": {}}
    shown = [column["name"] + "*" * column.get("priority", 0) for column in version["additionalPrinterColumns"]]
    assert shown == columns


@pytest.mark.parametrize("plural", definitions())
def test_a_column_shows_a_field_that_there_is(plural: str) -> None:
    version = crd(plural)["spec"]["versions"][0]
    paths = {path for path, _, _ in nodes(version["schema"]["openAPIV3Schema"])}
    shown = {column["jsonPath"] for column in version["additionalPrinterColumns"]}
    assert shown - paths == {".metadata.creationTimestamp"}


def nodes(
    node: Mapping[str, Any], path: str = "", in_entry: bool = False
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every node of a schema: its path, its schema, and whether it belongs to the entry of a list, at any depth."""
    yield path, dict(node), in_entry
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}", in_entry)
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]", in_entry=True)
    if "additionalProperties" in node:
        yield from nodes(node["additionalProperties"], f"{path}.*", in_entry)


WHOLE_SCHEMA = [
    (f"{plural} {path}", node, in_entry)
    for plural in definitions()
    for path, node, in_entry in nodes(crd(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
]


def test_every_kind_of_place_is_in_the_schema() -> None:
    paths = {path for path, _, _ in WHOLE_SCHEMA}
    assert {f"retrainruns .{path}" for path in ("spec.pods.env[].value", "spec.pods.labels.*")} <= paths
    assert {
        f"retrainschedules .{path}" for path in ("spec.runTemplate.spec.pods.env[].value", "status.recent[].run")
    } <= paths


def test_every_node_is_structural() -> None:
    forbidden = {"$ref", "$defs", "title", "oneOf", "allOf", "not", "const", "prefixItems", "uniqueItems"}
    for path, node, _ in WHOLE_SCHEMA:
        assert not forbidden & set(node), path
        if node.get("x-kubernetes-int-or-string"):
            assert node["anyOf"] == [{"type": "integer"}, {"type": "string"}], path
            assert "type" not in node, path
        else:
            assert "anyOf" not in node, path
            assert node["type"] in {"object", "array", "string", "integer", "number", "boolean"}, path
        for bound in ("exclusiveMinimum", "exclusiveMaximum"):
            assert node.get(bound, True) is True, path


def test_no_regular_expression_is_an_answer() -> None:
    """The API server prints a `pattern` that is not met; a CEL rule answers with its sentence."""
    assert [path for path, node, _ in WHOLE_SCHEMA if "pattern" in node] == []


def test_an_entry_of_a_list_is_stored_as_it_was_written() -> None:
    """No default at any depth below `items`: Argo CD takes a list as one value and would report a difference for good."""
    assert [path for path, node, in_entry in WHOLE_SCHEMA if in_entry and "default" in node] == []


def test_every_field_is_described() -> None:
    found = [*FIELDS, *fields(schedule_spec_schema(), "schedule")]
    assert [path for path, node, _ in found if not node.get("description", "").endswith(".")] == []


def test_every_list_and_text_of_the_spec_is_bounded() -> None:
    """CEL's cost estimate takes an unbounded one for the largest there can be, and refuses the rule."""
    bounds = {"array": "maxItems", "string": "maxLength"}
    unbounded = [
        path
        for path, node, _ in (*nodes(SPEC, "spec"), *nodes(schedule_spec_schema(), "schedule"))
        if (node.get("type") in bounds and bounds[node["type"]] not in node and "enum" not in node)
        or ("additionalProperties" in node and "maxProperties" not in node)
    ]
    assert unbounded == []


HALF_WRITTEN: dict[str, dict[str, Any]] = {
    "nothing but what is required": {},
    "an empty training": {"training": {}},
    "an empty scheduler": {"training": {"scheduler": {}}},
    "an empty gate": {"gate": {}},
    "an empty evaluation": {"evaluation": {}},
    "a backup without what is optional": {"backups": [{"name": "drive", "uri": "s3://other/"}]},
    "a variable without a value": {"pods": {"env": [{"name": "HTTP_PROXY"}]}},
}


@pytest.mark.parametrize("given", HALF_WRITTEN.values(), ids=HALF_WRITTEN)
def test_the_api_server_and_the_models_fill_in_the_same(given: dict[str, Any]) -> None:
    document = run_document(**given)
    here = parse_run(document).spec
    stored = parse_run(document | {"spec": defaulted(STORED_SPEC, document["spec"])}).spec
    assert here.training.scheduler.resolved() == stored.training.scheduler.resolved()
    assert without_scheduler(here) == without_scheduler(stored)


def without_scheduler(spec: RetrainRunSpec) -> dict[str, Any]:
    """The spec without its union: a member has no defaults in the schema, or the rule of the union would refuse it."""
    wire = to_wire(spec)
    del wire["training"]["scheduler"]
    return wire


@pytest.mark.parametrize("given", HALF_WRITTEN.values(), ids=HALF_WRITTEN)
def test_argo_cd_finds_what_is_stored_in_sync_with_git(given: dict[str, Any]) -> None:
    git = run_document(**given)["spec"]
    live = defaulted(STORED_SPEC, git)
    assert merge_patched(live, git) == live


STORED_SCHEDULE = crd(SCHEDULE_PLURAL)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
OTHERS: list[dict[str, Any]] = [{}, {"walkForward": {"slots": 4}}, {"timeZone": "Europe/Berlin", "suspend": True}]


@pytest.mark.parametrize("given", HALF_WRITTEN.values(), ids=HALF_WRITTEN)
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_of_a_schedule_both_fill_in_the_same_and_argo_cd_finds_it_in_sync(
    given: dict[str, Any], other: dict[str, Any]
) -> None:
    template = run_document(**given, split={"test": "14d"})["spec"]
    document = run_document() | {"kind": "RetrainSchedule"}
    git = {"schedule": "@daily", "runTemplate": {"spec": template}} | other
    live = defaulted(STORED_SCHEDULE, git)
    assert merge_patched(live, git) == live
    here, there = (parse_schedule(document | {"spec": spec}).spec for spec in (git, live))
    assert here.model_copy(update={"run_template": None}) == there.model_copy(update={"run_template": None})
    assert without_scheduler(here.run_template.spec) == without_scheduler(there.run_template.spec)


def defaulted(node: Mapping[str, Any], value: Any) -> Any:
    """A value with the defaults of its schema, filled in as the API server does it."""
    if isinstance(value, list):
        return [defaulted(node["items"], entry) for entry in value]
    if not isinstance(value, Mapping):
        return value
    filled = dict(value)
    for name, child in node.get("properties", {}).items():
        if name not in filled and "default" in child:
            filled[name] = child["default"]
        if name in filled:
            filled[name] = defaulted(child, filled[name])
    return filled


def merge_patched(live: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386), by which Argo CD compares a custom resource: mappings are merged, lists replaced."""
    if not isinstance(live, Mapping) or not isinstance(patch, Mapping):
        return patch
    return {**live, **{name: merge_patched(live.get(name), part) for name, part in patch.items()}}


def test_the_reference_has_a_row_for_every_field() -> None:
    run, _, schedule = reference().partition("# RetrainSchedule\n")
    own = [
        path for path, _, _ in fields(schedule_spec_schema(), "spec") if not path.startswith("spec.runTemplate.spec.")
    ]
    assert [path for path, _, _ in FIELDS if f"| `{path}` |" not in run] == []
    assert [path for path in own if f"| `{path}` |" not in schedule] == []


def test_the_reference_has_the_fields_of_a_run_once() -> None:
    assert (
        reference().count("training.epochs` | integer") == 1
        and "Its fields are [those of a run](#spec)." in reference()
    )


@pytest.mark.parametrize(
    "row", ["`spec.backups[].required` | boolean | `false`", '`spec.pods.env[].value` | string | `""`']
)
def test_the_reference_has_the_defaults_that_the_models_fill_into_entries(row: str) -> None:
    assert f"| {row} |" in reference()


@pytest.mark.parametrize(("path", "default"), [("spec.backups[].required", "false"), ("spec.pods.env[].value", '""')])
def test_kubectl_explain_has_them_too(path: str, default: str) -> None:
    assert [
        node["description"].rpartition("Default: ")[2]
        for name, node, _ in WHOLE_SCHEMA
        if name == f"retrainruns .{path}"
    ] == [f"{default}."]
