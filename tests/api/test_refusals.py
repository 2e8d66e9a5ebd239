"""Wrong RetrainRuns and RetrainSchedules are refused by the API server and by the command line, both naming the same field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from support.control_plane import ApiRefusal, ControlPlane
from support.cron_texts import SCHEDULES as CRON_TEXTS
from support.refusals import (
    COUNTED,
    HARMLESS,
    SCHEDULE_RULES,
    TEMPLATE,
    WHOLE,
    WHOLE_SCHEDULE,
    Case,
    Document,
    broken,
    by_rule,
    document,
    in_a_template,
    nodes,
    schedule_nodes,
    unknown,
)

from retrain_api.errors import ConfigurationError
from retrain_api.names import KIND, PLURAL, SCHEDULE_KIND, SCHEDULE_PLURAL
from retrain_api.run import parse_run
from retrain_api.schedule import parse_schedule
from retrain_api.wire import to_wire

ROOT = Path(__file__).resolve().parents[2]
TRIED = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/default/{}?dryRun=All&fieldValidation=Strict"
PATH, SCHEDULES = TRIED.format(PLURAL), TRIED.format(SCHEDULE_PLURAL)
NODES = list(nodes())
CASES = [case for steps, node in NODES for case in (*broken(steps, node), *by_rule(steps, node))]
UNKNOWN = [case for steps, node in NODES for case in unknown(steps, node)]
SCHEDULE_NODES = list(schedule_nodes())
# Of the run's spec as a whole a schedule has the same constraints; what is below it is tried again, as it stands in a template.
IN_TEMPLATES = [in_a_template(case) for case in (*CASES, *UNKNOWN)]
OWN = [
    case
    for steps, node in SCHEDULE_NODES
    if steps != TEMPLATE
    for case in (
        *broken(steps, node, WHOLE_SCHEDULE),
        *by_rule(steps, node, WHOLE_SCHEDULE, SCHEDULE_RULES),
        *unknown(steps, node, WHOLE_SCHEDULE),
    )
]
OPTIONAL = [document({name: WHOLE[name] for name in ("symbols", "data", "artifacts", other)}) for other in WHOLE]


def said_here(spec: Document, kind: str = KIND) -> str:
    """What the command line says of it; empty where it takes it."""
    try:
        (parse_run if kind == KIND else parse_schedule)(document(spec, kind))
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
    assert_alike(refusal.value.message, case, said_here(case.spec))


@pytest.mark.parametrize("case", [*OWN, *IN_TEMPLATES], ids=[case.name for case in (*OWN, *IN_TEMPLATES)])
def test_a_wrong_schedule_is_refused_by_both_at_the_same_field(control_plane: ControlPlane, case: Case) -> None:
    with pytest.raises(ApiRefusal) as refusal:
        control_plane.request("POST", SCHEDULES, document(case.spec, SCHEDULE_KIND))
    if "unknown field" in refusal.value.message:
        assert f'unknown field "{case.field}"' in refusal.value.message
        assert names(said_here(case.spec, SCHEDULE_KIND), case.field)
    else:
        assert refusal.value.status == 422
        assert_alike(refusal.value.message, case, said_here(case.spec, SCHEDULE_KIND))


def assert_alike(there: str, case: Case, here: str) -> None:
    assert names(there, case.field), there
    assert case.words in there
    assert not re.search(r"regex|[\^$]\(|\[a-z|\{1,", there), "a regular expression is no answer"
    if case.only_there:
        assert here == ""
        return
    assert names(here, case.field), here
    assert case.words in here


@pytest.mark.parametrize("case", UNKNOWN, ids=[case.name for case in UNKNOWN])
def test_an_unknown_field_is_refused_by_both(control_plane: ControlPlane, case: Case) -> None:
    with pytest.raises(ApiRefusal) as refusal:
        control_plane.request("POST", PATH, document(case.spec))
    assert refusal.value.status == 400
    assert f'unknown field "{case.field}"' in refusal.value.message
    assert names(said_here(case.spec), case.field)


def filled(value: Any) -> Any:
    """Without what is empty: lists and objects that nobody gave."""
    if isinstance(value, dict):
        return {name: kept for name, part in value.items() if (kept := filled(part)) not in ({}, [])}
    return [filled(part) for part in value] if isinstance(value, list) else value


def examples(kind: str) -> list[Document]:
    # On a cluster a location is not beside a file.
    texts = [
        re.sub(r"file://\.+/", "file:///", path.read_text()) for path in sorted((ROOT / "examples").glob("*.yaml"))
    ]
    return [found for found in map(yaml.safe_load, texts) if found["kind"] == kind]


RIGHT = [*examples(KIND), document(WHOLE), *OPTIONAL]


@pytest.mark.parametrize("wanted", RIGHT, ids=lambda wanted: wanted["metadata"]["name"])
def test_right_ones_are_taken_and_get_the_same_defaults_from_both(
    control_plane: ControlPlane, wanted: Document
) -> None:
    stored = control_plane.request("POST", PATH, wanted)
    assert filled(stored["spec"]) == filled(to_wire(parse_run(wanted).spec))
    assert parse_run(stored).spec == parse_run(wanted).spec


ONLY_NEEDED = {"schedule": "@daily", "runTemplate": {"spec": {name: WHOLE[name] for name in ("symbols", "artifacts")}}}
ONLY_NEEDED["runTemplate"]["spec"]["data"] = {"uri": "s3://bucket/features/"}  # type: ignore[index]
RIGHT_SCHEDULES: dict[str, Document] = {
    "with everything": WHOLE_SCHEDULE,
    "with what is needed": ONLY_NEEDED,
    **{f"with {name}": ONLY_NEEDED | {name: WHOLE_SCHEDULE[name]} for name in WHOLE_SCHEDULE if name != "walkForward"},
    "with a proof": WHOLE_SCHEDULE | {"walkForward": {}},
    **{f"example {found['metadata']['name']}": found["spec"] for found in examples(SCHEDULE_KIND)},
}


@pytest.mark.parametrize("spec", RIGHT_SCHEDULES.values(), ids=RIGHT_SCHEDULES)
def test_right_schedules_are_taken_and_get_the_same_defaults_from_both(
    control_plane: ControlPlane, spec: Document
) -> None:
    wanted = document(spec, SCHEDULE_KIND)
    stored = control_plane.request("POST", SCHEDULES, wanted)
    assert filled(stored["spec"]) == filled(to_wire(parse_schedule(wanted).spec))
    assert parse_schedule(stored).spec == parse_schedule(wanted).spec


@pytest.mark.parametrize("length", [1, 39, 40, 41, 63])
def test_the_name_of_a_schedule_leaves_room_for_those_of_its_runs(control_plane: ControlPlane, length: int) -> None:
    wanted = document(ONLY_NEEDED, SCHEDULE_KIND) | {"metadata": {"name": "n" * length}}
    if length <= 40:
        parse_schedule(wanted)
        assert control_plane.request("POST", SCHEDULES, wanted)["metadata"]["name"] == "n" * length
        return
    with pytest.raises(ApiRefusal) as refusal:
        control_plane.request("POST", SCHEDULES, wanted)
    with pytest.raises(ConfigurationError) as here:
        parse_schedule(wanted)
    for words in (refusal.value.message, str(here.value)):
        assert names(words, "metadata.name") and "must have at most 40 characters" in words


def test_a_zone_that_there_is_not_is_refused_here_alone(control_plane: ControlPlane) -> None:
    """The API server has no list of zones; the operator says Invalid of such a schedule."""
    spec = ONLY_NEEDED | {"timeZone": "Europe/Berlim"}
    control_plane.request("POST", SCHEDULES, document(spec, SCHEDULE_KIND))
    assert said_here(spec, SCHEDULE_KIND).startswith("spec.timeZone: write Europe/Berlin")


@given(CRON_TEXTS.filter(lambda text: len(text) <= 100))
@settings(max_examples=300, derandomize=True)
def test_a_schedule_is_taken_by_both_or_by_none(control_plane: ControlPlane, text: str) -> None:
    """The API server has no cron: its rules say in CEL what cronsim says here."""
    spec = ONLY_NEEDED | {"schedule": text}
    here, there = said_here(spec, SCHEDULE_KIND), ""
    try:
        control_plane.request("POST", SCHEDULES, document(spec, SCHEDULE_KIND))
    except ApiRefusal as refusal:
        there = refusal.message
    sentence = here.removeprefix("spec.schedule: ").removesuffix(f", is {text!r}")
    assert bool(here) == bool(there) and sentence in there
