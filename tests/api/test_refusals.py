"""Wrong RetrainRuns are refused by the API server and by `retrain run`, both naming the same field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.control_plane import ApiRefusal, ControlPlane
from support.refusals import COUNTED, HARMLESS, WHOLE, Case, Document, broken, by_rule, document, nodes, unknown

from retrain_api.errors import ConfigurationError
from retrain_api.run import parse_run
from retrain_api.wire import to_wire

ROOT = Path(__file__).resolve().parents[2]
PATH = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/default/retrainruns?dryRun=All&fieldValidation=Strict"
NODES = list(nodes())
CASES = [case for steps, node in NODES for case in (*broken(steps, node), *by_rule(steps, node))]
UNKNOWN = [case for steps, node in NODES for case in unknown(steps, node)]
OPTIONAL = [document({name: WHOLE[name] for name in ("symbols", "data", "artifacts", other)}) for other in WHOLE]


def said_here(spec: Document) -> str:
    """What `retrain run` says of it; empty where it takes it."""
    try:
        parse_run(document(spec))
    except ConfigurationError as error:
        return str(error)
    return ""


def names(sentences: str, field: str) -> bool:
    """Whether a sentence is about that field."""
    parent, _, name = field.rpartition(".")
    # Of a mapping's entries the API server writes spec.pods.labels[team] or spec.pods.labels.team.
    places = "|".join(map(re.escape, (field, f"{parent}[{name}]")))
    return re.search(rf"(^|[\s\[\"])({places})[:\"]", sentences) is not None


def test_no_constraint_of_the_schema_is_without_a_case() -> None:
    found = {keyword for _, node in NODES for keyword in node}
    assert found <= set(COUNTED) | HARMLESS, "a keyword that tests/support/refusals.py does not know"
    wanted = sum(
        len(node[keyword]) if keyword == "required" else 1
        for _, node in NODES
        for keyword in COUNTED
        if keyword in node and keyword != "x-kubernetes-validations"
    )
    assert len([case for steps, node in NODES for case in broken(steps, node)]) == wanted
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_breaks_a_constraint_is_refused_by_both_at_the_same_field(control_plane: ControlPlane, case: Case) -> None:
    with pytest.raises(ApiRefusal) as refusal:
        control_plane.request("POST", PATH, document(case.spec))
    assert refusal.value.status == 422
    assert names(refusal.value.message, case.field), refusal.value.message
    assert case.words in refusal.value.message
    assert not re.search(r"regex|[\^$]\(|\[a-z|\{1,", refusal.value.message), "a regular expression is no answer"
    if case.only_there:
        assert said_here(case.spec) == ""
        return
    assert names(said_here(case.spec), case.field), said_here(case.spec)
    assert case.words in said_here(case.spec)


@pytest.mark.parametrize("case", UNKNOWN, ids=[case.name for case in UNKNOWN])
def test_an_unknown_field_is_refused_by_both(control_plane: ControlPlane, case: Case) -> None:
    with pytest.raises(ApiRefusal) as refusal:
        control_plane.request("POST", PATH, document(case.spec))
    assert refusal.value.status == 400
    assert f'unknown field "{case.field}"' in refusal.value.message
    assert names(said_here(case.spec), case.field)


def given(value: Any) -> Any:
    """Without what is empty: lists and objects that nobody gave."""
    if isinstance(value, dict):
        return {name: kept for name, part in value.items() if (kept := given(part)) not in ({}, [])}
    return [given(part) for part in value] if isinstance(value, list) else value


def right() -> list[Document]:
    # On a cluster a location is not beside a file.
    texts = [
        re.sub(r"file://\.+/", "file:///", path.read_text()) for path in sorted((ROOT / "examples").glob("*.yaml"))
    ]
    examples = [yaml.safe_load(text) for text in texts]
    return [*examples, document(WHOLE), *OPTIONAL]


@pytest.mark.parametrize("wanted", right(), ids=lambda wanted: wanted["metadata"]["name"])
def test_right_ones_are_taken_and_get_the_same_defaults_from_both(
    control_plane: ControlPlane, wanted: Document
) -> None:
    stored = control_plane.request("POST", PATH, wanted)
    assert given(stored["spec"]) == given(to_wire(parse_run(wanted).spec))
    assert parse_run(stored).spec == parse_run(wanted).spec
