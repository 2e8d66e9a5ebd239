"""A field explained from the models, and the answer to a path that leads nowhere."""

from __future__ import annotations

import pytest

from retrain_api.errors import ConfigurationError
from retrain_api.names import SCHEDULE_KIND
from retrain_api.schema.explain import explained
from retrain_api.schema.near import writable


def test_a_field_has_its_type_bounds_default_and_words() -> None:
    assert explained("spec.training.epochs", 80) == [
        "spec.training.epochs: integer, 1 to 10000, default 50",
        "Most epochs to train.",
    ]


def test_a_section_has_its_fields() -> None:
    lines = explained("spec.model", 80)
    assert lines[:5] == [
        "spec.model: object",
        "The network.",
        "",
        "hiddenSize: integer, 1 to 4096, default 128",
        "    Units of each LSTM layer and direction.",
    ]


def test_alone_it_is_the_run() -> None:
    lines = explained("", 80)
    assert lines[0] == "RetrainRun, retrain.crpbot.dev/v1alpha1"
    fields = [line for line in lines if ": " in line and not line.startswith(" ")]
    assert fields == [
        "apiVersion: string, required",
        "kind: string, required",
        "metadata: object, required",
        "spec: object, required",
        "status: object",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "RetrainRun.spec.gate.criteria[0].atLeast",
        "retrainrun.spec.gate.criteria.atLeast",
        ".spec.gate.criteria[].atLeast",
    ],
)
def test_a_path_is_taken_as_messages_and_kubectl_write_it(path: str) -> None:
    assert explained(path, 80)[0] == "spec.gate.criteria.atLeast: number"


@pytest.mark.parametrize("path", ["rts", "RetrainSchedule", "retrainschedules"])
def test_a_schedule_is_named_before_the_path(path: str) -> None:
    assert explained(path, 80)[0] == "RetrainSchedule, retrain.crpbot.dev/v1alpha1"
    assert explained(f"{path}.spec.suspend", 80)[1] == "Make no runs; those under way go on."
    assert explained(f"{path}.spec.runTemplate.spec.suspend", 80)[1].startswith("Stop the work")


def test_a_field_that_a_schedule_alone_has_needs_no_name_before_it() -> None:
    assert explained("spec.walkForward.slots", 80) == [
        "spec.walkForward.slots: integer, 1 to 52, default 6",
        "How many past slots are replayed.",
    ]


@pytest.mark.parametrize("path", writable(SCHEDULE_KIND))
def test_every_field_of_a_schedule_is_explained_within_the_width(path: str) -> None:
    assert all(len(line) <= 60 for line in explained(f"rts.{path}", 60))


def test_a_rule_stands_with_its_section() -> None:
    assert (
        "Rule: exactly one of secretName, serviceAccountName and rcloneConfigSecretName"
        in explained("spec.credentials", 90)[2]
    )


@pytest.mark.parametrize("path", writable())
def test_every_field_is_explained_within_the_width(path: str) -> None:
    lines = explained(path, 60)
    assert len(lines) > 1
    assert all(len(line) <= 60 for line in lines)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("spec.modle", "There is no field spec.modle; did you mean model?"),
        ("spec.epochs", "There is no field spec.epochs; epochs belongs in spec.training."),
        ("epochs", "There is no field epochs; epochs belongs in spec.training."),
        ("spec.device", "There is no field spec.device; device belongs in spec.train or spec.evaluate."),
        ("status.promotoin", "There is no field status.promotoin; did you mean promotion?"),
        ("rts.spec.xyzzy", "There is no field spec.xyzzy; `retrain explain rts.spec` lists what there is."),
        ("rts.spec.epochs", "There is no field spec.epochs; epochs belongs in spec.runTemplate.spec.training."),
        ("spec.xyzzy", "There is no field spec.xyzzy; `retrain explain spec` lists what there is."),
        ("xyzzy", "There is no field xyzzy; `retrain explain` lists what there is."),
        (
            "spec.training.epochs.x",
            "There is no field x known in spec.training.epochs, an integer, 1 to 10000: Most epochs to train.",
        ),
        ("spec.pods.affinity.x", "There is no field x known in spec.pods.affinity, an object: As in a pod."),
    ],
)
def test_a_path_that_leads_nowhere_is_a_sentence(path: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        explained(path, 80)
    assert caught.value.message == sentence
