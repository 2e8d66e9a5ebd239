"""A RetrainRun as it is read: metadata, annotations, nulls."""

from __future__ import annotations

from typing import Any

import pytest
from retrain_api.errors import ConfigurationError
from retrain_api.run import RetrainRun, as_stored, parse_run
from support.planning import run_document


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
)
def test_the_rerun_token_in_force(annotations: dict[str, str], handled: str | None, token: str | None) -> None:
    status = {"lastHandledRerun": handled} if handled else {}
    assert annotated(annotations, **status).rerun == token


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
)
def test_as_the_api_server_stores_it(value: Any, expected: Any) -> None:
    stored = as_stored(value)
    assert stored == expected and repr(stored) == repr(expected)


@pytest.mark.parametrize("document", [{}, {"kind": "RetrainRun"}, run_document() | {"spec": []}])
def test_what_is_no_run_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_run(document)
    assert caught.value.reason == "InvalidRun" and caught.value.exit_code == 64
