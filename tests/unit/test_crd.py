"""The CustomResourceDefinition: generated from the models, structural, and in step with what is checked in."""

from __future__ import annotations

import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from retrain_api.crd import crd, spec_schema
from retrain_api.reference import fields, reference
from retrain_api.run import parse_run
from retrain_api.schema import to_wire

ROOT = Path(__file__).resolve().parents[2]
SPEC = spec_schema()
NODES = list(fields(SPEC, "spec"))


def test_checked_in_files_are_what_the_models_say() -> None:
    generated = runpy.run_path(str(ROOT / "crds" / "generate.py"))["generated"]()
    stale = [path.name for path, text in generated.items() if path.read_text() != text]
    assert stale == [], "run `make generate`"


def test_names_columns_and_subresource() -> None:
    spec = crd()["spec"]
    version = spec["versions"][0]
    assert spec["names"]["shortNames"] == ["rtr"]
    assert spec["names"]["categories"] == ["all"]
    assert spec["scope"] == "Namespaced"
    assert version["subresources"] == {"status": {}}
    shown = [column["name"] for column in version["additionalPrinterColumns"] if not column.get("priority")]
    assert shown == ["State", "Trained", "Gate", "Promoted", "Age"]


def nodes(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(node.get(name), Mapping):
            yield from nodes(node[name], f"{path}[]")


ALL = list(nodes(crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))


@pytest.mark.parametrize(("path", "node"), ALL, ids=[path or "root" for path, _ in ALL])
def test_every_node_is_structural(path: str, node: Mapping[str, Any]) -> None:
    forbidden = {"$ref", "$defs", "title", "oneOf", "allOf", "not", "const", "prefixItems", "uniqueItems"}
    assert not forbidden & set(node)
    if node.get("x-kubernetes-int-or-string"):
        assert node["anyOf"] == [{"type": "integer"}, {"type": "string"}]
        assert "type" not in node
    else:
        assert "anyOf" not in node
        assert node["type"] in {"object", "array", "string", "integer", "number", "boolean"}
    for bound in ("exclusiveMinimum", "exclusiveMaximum"):
        assert node.get(bound, True) is True


@pytest.mark.parametrize("path", [path for path, _, _ in NODES])
def test_every_field_is_described(path: str) -> None:
    node = next(node for name, node, _ in NODES if name == path)
    assert node.get("description", "").endswith("."), f"{path} needs a sentence"


@pytest.mark.parametrize(("path", "node"), [(path, node) for path, node in nodes(SPEC, "spec")])
def test_every_list_and_string_of_the_spec_is_bounded(path: str, node: Mapping[str, Any]) -> None:
    """CEL's cost estimate takes an unbounded one for the largest there can be, and refuses the rule."""
    if node.get("type") == "array":
        assert "maxItems" in node
    if node.get("type") == "string":
        assert "maxLength" in node or "enum" in node
    if "additionalProperties" in node:
        assert "maxProperties" in node


def test_defaults_of_the_schema_are_those_of_the_models() -> None:
    """The API server and `retrain run` start from the same run."""
    smallest = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "a"},
        "spec": {"symbols": ["A-B"], "data": {"uri": "s3://abc/"}, "artifacts": {"uri": "s3://abc/"}},
    }
    run = parse_run(smallest)
    stored = parse_run({**smallest, "spec": defaulted(SPEC, smallest["spec"])})
    assert to_wire(run) == to_wire(stored)


def defaulted(node: Mapping[str, Any], value: Any) -> Any:
    """Server-side defaulting, as the API server does it."""
    if not isinstance(value, Mapping):
        return value
    filled = dict(value)
    for name, child in node.get("properties", {}).items():
        if name not in filled and "default" in child:
            filled[name] = child["default"]
        if name in filled:
            filled[name] = defaulted(child, filled[name])
    return filled


@pytest.mark.parametrize("given", [{"training": {}}, {"training": {"scheduler": {}}}, {"gate": {}}, {"evaluation": {}}])
def test_half_written_sections_get_the_same_defaults(given: dict[str, Any]) -> None:
    spec = {"symbols": ["A-B"], "data": {"uri": "s3://abc/"}, "artifacts": {"uri": "s3://abc/"}, **given}
    document = {"apiVersion": "retrain.crpbot.dev/v1alpha1", "kind": "RetrainRun", "metadata": {"name": "a"}}
    ours = parse_run({**document, "spec": spec}).spec
    stored = parse_run({**document, "spec": defaulted(SPEC, spec)}).spec
    assert ours.training.scheduler.resolved() == stored.training.scheduler.resolved()
    assert (ours.gate, ours.evaluation, ours.training.loss) == (stored.gate, stored.evaluation, stored.training.loss)


def test_the_reference_has_a_row_for_every_field() -> None:
    page = reference()
    assert [path for path, _, _ in NODES if f"| `{path}` |" not in page] == []
