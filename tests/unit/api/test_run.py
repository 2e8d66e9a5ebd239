"""A RetrainRun as it is read: metadata, annotations, nulls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.planning import run_document

from retrain_api.errors import ConfigurationError
from retrain_api.run import RetrainRun, as_stored, parse_run, parse_stored


def annotated(annotations: dict[str, str], **status: Any) -> RetrainRun:
    document = run_document()
    document["metadata"]["annotations"] = {f"retrain.crpbot.dev/{name}": text for name, text in annotations.items()}
    return parse_run(document | {"status": status})


@pytest.mark.parametrize(
    ("annotations", "handled", "token"),
    [
        ({}, None, None),
        ({"rerun": ""}, None, None),
        ({"rerun": "1"}, None, "1"),
        ({"rerun": "2"}, "1", "2"),
        ({}, "1", "1"),
        ({"rerun": ""}, "1", "1"),
    ],
    ids=[
        "none ever",
        "an empty one",
        "the first one",
        "a new one after an old one",
        "the handled one, taken away",
        "the handled one, emptied",
    ],
)
def test_the_rerun_token_in_force(annotations: dict[str, str], handled: str | None, token: str | None) -> None:
    status = {"lastHandledRerun": handled} if handled else {}
    assert annotated(annotations, **status).rerun == token


@pytest.mark.parametrize(("annotations", "token"), [({}, None), ({"retry": ""}, None), ({"retry": "1"}, "1")])
def test_the_retry_token_in_force(annotations: dict[str, str], token: str | None) -> None:
    assert annotated(annotations).retry == token


def test_words_of_a_person() -> None:
    run = annotated({"approve": "d by Ann", "reject": ""})
    assert run.approval == "d by Ann" and run.rejection is None and run.override is None


def test_metadata_of_which_nothing_is_known_is_passed_over() -> None:
    document = run_document()
    document["metadata"] |= {"managedFields": [{"x": 1}], "finalizers": ["a"], "labels": None}
    run = parse_run(document)
    assert run.metadata.labels == {} and run.metadata.uid == "uid-1" and run.metadata.generation == 1


def test_the_least_that_a_person_writes() -> None:
    document = run_document()
    document["metadata"] = {"name": "run"}
    run = parse_run(document)
    assert (run.metadata.namespace, run.metadata.uid, run.metadata.generation) == ("default", "", None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": None, "b": {"c": None, "d": 1}}, {"b": {"d": 1}}),
        ({"a": [{"b": None}, 1]}, {"a": [{}, 1]}),
        ([None, 1], [None, 1]),
        (0, 0),
        (50.0, 50),
        ([{"a": 1e3}], [{"a": 1000}]),
        (0.5, 0.5),
        ({"a": False, "b": "", "c": []}, {"a": False, "b": "", "c": []}),
    ],
    ids=[
        "nulls of mappings are left out",
        "nulls of mappings in lists too",
        "nulls of lists stay",
        "zero stays",
        "a whole fraction is an integer",
        "at every depth",
        "a fraction stays",
        "what is empty or false stays",
    ],
)
def test_as_the_api_server_stores_it(value: Any, expected: Any) -> None:
    stored = as_stored(value)
    assert stored == expected and repr(stored) == repr(expected)


@pytest.mark.parametrize(
    "document",
    [{}, {"kind": "RetrainRun"}, run_document() | {"spec": []}],
    ids=["nothing", "only a kind", "a list for the spec"],
)
def test_what_is_no_run_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_run(document)
    assert caught.value.reason == "InvalidRun" and caught.value.exit_code == 64


STORED_BEFORE: dict[str, dict[str, Any]] = {
    "a bar in percent": {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 68}]}},
    "GPUs among the resources": {"train": {"resources": {"limits": {"nvidia.com/gpu": 4}}}},
    "GPUs of a report": {"publish": {"resources": {"requests": {"amd.com/gpu": "1"}}}},
    "a request above its limit": {"evaluate": {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "500m"}}}},
    "a volume of the operator's name": {"pods": {"volumes": [{"name": "retrain-scratch", "emptyDir": {}}]}},
    "a volume with a number for a name": {"pods": {"volumes": [{"name": 5}]}},
    "a label of several words": {"pods": {"labels": {"my team": "a b"}}},
    "a node's label of several words": {"pods": {"nodeSelector": {"my team": "a b"}}},
    "an annotation of several words": {"pods": {"annotations": {"my team": "a b"}}},
}


@pytest.mark.parametrize("spec", STORED_BEFORE.values(), ids=STORED_BEFORE)
def test_what_was_stored_before_a_rule_came_is_read_and_what_is_written_now_is_refused(spec: dict[str, Any]) -> None:
    document = run_document(**spec)
    stored = parse_stored(json.dumps(document).encode())
    (part,) = spec
    assert getattr(stored.spec, part) != getattr(parse_run(run_document()).spec, part)
    with pytest.raises(ConfigurationError):
        parse_run(document)


def test_what_never_could_be_stored_is_refused_from_there_too() -> None:
    for spec in ({"symbols": ["../x"]}, {"data": {"uri": "gs://x"}}, {"pods": {"env": [{"name": "AWS_X"}]}}):
        document = run_document(**spec)
        with pytest.raises(ConfigurationError):
            parse_stored(json.dumps(document).encode())


def test_a_volume_is_kept_whole_beside_a_field_that_is_left_out() -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "features"}}]
    document = run_document(pods={"volumes": volumes}, ofTomorrow=1)
    stored = parse_stored(json.dumps(document).encode())
    assert stored.ignored == ("spec.ofTomorrow",)
    assert list(stored.spec.pods.volumes) == volumes
