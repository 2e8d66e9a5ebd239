"""A RetrainSchedule as it is read: its rules, its tokens, and a file of the other kind."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from support.planning import run_document
from support.whole import WHOLE_SCHEDULE, put

from retrain_api.errors import ConfigurationError
from retrain_api.run import parse_run
from retrain_api.schedule import parse_schedule, parse_stored_schedule


def document(spec: dict[str, Any] = WHOLE_SCHEDULE, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {"name": "every-saturday", **metadata},
        "spec": copy.deepcopy(spec),
    }


def message(given: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        parse_schedule(given)
    return refused.value.message


TEMPLATE = "spec.runTemplate"
WRONG: dict[str, tuple[str, Any, str]] = {
    "five fields": (
        "spec.schedule",
        "0 0 3 * * 6",
        "spec.schedule: has too many fields; seconds and years are not read: write",
    ),
    "no such day": (
        "spec.schedule",
        "0 3 31 2 *",
        "spec.schedule: names a day that never comes: no such month has so many days",
    ),
    "no such zone": (
        "spec.timeZone",
        "Berlin",
        "spec.timeZone: write Europe/Berlin; zones have their names of the IANA list",
    ),
    "too few slots": (
        "spec.walkForward.slots",
        2,
        "spec.walkForward.minPassed: minPassed must not be greater than slots",
    ),
    "a run that waits": (
        f"{TEMPLATE}.spec.suspend",
        True,
        f"{TEMPLATE}.spec.suspend: a run that is made suspended never ends",
    ),
    "its own time": (
        f"{TEMPLATE}.spec.data.until",
        "2026-11-28T03:00:00Z",
        f"{TEMPLATE}.spec.data.until: each run learns as of its own slot; leave until out",
    ),
    "shares of a part": (
        f"{TEMPLATE}.spec.split",
        {"testPercent": 20},
        f"{TEMPLATE}.spec.split.test: walkForward needs the length of the test part in time, such as 14d",
    ),
    "an approval": (
        f"{TEMPLATE}.metadata.annotations",
        {"retrain.crpbot.dev/approve": "x"},
        f"{TEMPLATE}.metadata.annotations: annotations of retrain.crpbot.dev are a person's answers and tokens to one run",
    ),
    "a mark of Argo CD": (
        f"{TEMPLATE}.metadata.labels",
        {"app.kubernetes.io/instance": "models"},
        f"{TEMPLATE}.metadata.labels: labels of argocd.argoproj.io and app.kubernetes.io/instance say what Argo CD tracks",
    ),
    "a label of the operator's": (
        f"{TEMPLATE}.metadata.labels",
        {"retrain.crpbot.dev/schedule": "other"},
        f"{TEMPLATE}.metadata.labels: of the labels of retrain.crpbot.dev a template may have retrain.crpbot.dev/cpu-queue alone",
    ),
    "a rule of the run": (
        f"{TEMPLATE}.spec.gate.minPassed",
        9,
        f"{TEMPLATE}.spec.gate.minPassed: minPassed must not be greater",
    ),
    "a slip": ("spec.timezone", "UTC", "spec.timezone: unknown field; did you mean timeZone?"),
    "a field of the run": (
        "spec.symbols",
        ["BTC-USD"],
        "spec.symbols: unknown field; symbols belongs in spec.runTemplate.spec",
    ),
}


def test_one_with_everything_is_right() -> None:
    schedule = parse_schedule(document())
    assert schedule.spec.run_template.spec.required == 2
    assert parse_stored_schedule(json.dumps(document()).encode()).spec == schedule.spec


@pytest.mark.parametrize(("path", "value", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_sentence_about_its_field(path: str, value: Any, sentence: str) -> None:
    said = message(document(put(WHOLE_SCHEDULE, path, value)))
    assert said.startswith(sentence) and "\n" not in said


def test_a_long_name_leaves_no_room_for_its_runs() -> None:
    parse_schedule(document(name="n" * 40))
    assert message(document(name="n" * 41)).startswith(
        "metadata.name: must have at most 40 characters: the names of its runs"
    )


def test_a_kind_that_is_missing_is_to_be_its_own() -> None:
    given = document()
    del given["kind"]
    assert message(given) == "kind: is required: write RetrainSchedule"


def test_a_document_of_the_other_kind_is_one_sentence() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_run(document())
    assert refused.value.message == (
        "kind: it is a RetrainSchedule, not a RetrainRun; `retrain schedule run -f FILE` carries it out"
    )
    assert (
        message(run_document())
        == "kind: it is a RetrainRun, not a RetrainSchedule; `retrain run -f FILE` carries it out"
    )


def test_what_a_newer_definition_lets_in_is_left_out_and_named() -> None:
    newer = document(put(WHOLE_SCHEDULE, "spec.whenHolding", "Wait"), labels={"team": "alpha"})
    schedule = parse_stored_schedule(json.dumps(newer).encode())
    assert schedule.ignored == ("spec.whenHolding",)
    assert schedule.metadata.labels == {"team": "alpha"}


@pytest.mark.parametrize(
    ("path", "value"),
    [("spec.timeZone", "Mars/Base"), ("spec.schedule", "0 3 30 2 *"), (f"{TEMPLATE}.spec.suspend", True)],
)
def test_a_stored_one_that_breaks_a_rule_is_invalid(path: str, value: Any) -> None:
    stored = document(put(WHOLE_SCHEDULE, path, value))
    with pytest.raises(ConfigurationError) as refused:
        parse_stored_schedule(json.dumps(stored).encode())
    assert refused.value.reason == "InvalidSchedule" and refused.value.message.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("annotation", "handled", "token"),
    [(None, None, None), ("", None, None), ("1", None, "1"), ("1", "1", None), ("2", "1", "2")],
)
def test_a_token_is_acted_upon_once(annotation: str | None, handled: str | None, token: str | None) -> None:
    given = document()
    if annotation is not None:
        names = ("retrain.crpbot.dev/trigger", "retrain.crpbot.dev/resume")
        given["metadata"]["annotations"] = dict.fromkeys(names, annotation)
    if handled is not None:
        given["status"] = {"lastHandledTrigger": handled, "lastHandledResume": handled}
    schedule = parse_schedule(given)
    assert (schedule.trigger, schedule.resume) == (token, token)
