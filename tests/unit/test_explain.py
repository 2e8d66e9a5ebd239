"""Every wrong field is named, with what is wrong and what is allowed, in one sentence."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from retrain_api.errors import ConfigurationError
from retrain_api.run import parse_run
from support.planning import run_document
from support.whole import WHOLE, nodes, put


def complaints(spec: dict[str, Any]) -> list[str]:
    """What is said of a spec; nothing where it is taken."""
    return complaints_about(run_document(**spec))


def complaints_about(document: dict[str, Any]) -> list[str]:
    try:
        parse_run(document)
    except ConfigurationError as error:
        return error.message.split("\n")
    return []


def test_the_whole_run_is_right() -> None:
    assert complaints(WHOLE) == []


def listed(names: list[Any]) -> str:
    quoted = [repr(name) for name in names]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


KINDS: dict[str, tuple[str, list[Any]]] = {
    "integer": ("must be an integer", ["50", 50.5, True, "yes"]),
    "number": ("must be a number", ["1e-3", True, "yes"]),
    "string": ("must be a string", [5, 50.5, True]),
    "boolean": ("must be true or false", ["yes", "true", 1, 0]),
    "array": ("must be a list", ["x", 5]),
    "object": ("must be a mapping", ["x", 5]),
}


def wrong_kinds(node: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    if "enum" in node:
        yield "/" if node["type"] == "string" else 91, f"must be {listed(node['enum'])}"
    elif node.get("x-kubernetes-int-or-string"):
        auto = bool(node.get("x-kubernetes-validations"))
        words = (
            "must be Auto or a positive number below 1000000 (a fraction in quotes)"
            if auto
            else "must be an integer or a string"
        )
        yield from ((value, words) for value in (1.5, True))
    else:
        words, values = KINDS[node["type"]]
        yield from ((value, words) for value in values)


def out_of_bounds(node: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and node.get("exclusiveMinimum"):
        yield low, f"must be greater than {low}"
    elif low is not None:
        yield low - 1, f"must be at least {low}"
    if high is not None and node.get("exclusiveMaximum"):
        yield high, f"must be less than {high}"
    elif high is not None:
        yield high + 1, f"must be at most {high}"


def wrong_texts(node: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    if "pattern" in node:
        yield "/", f"must match {node['pattern']}"
    elif "minLength" in node:
        yield "", f"must have at least {node['minLength']} character(s)"
    if "maxLength" in node:
        yield "a" * (node["maxLength"] + 1), f"must have at most {node['maxLength']} characters"


def generated() -> Iterator[tuple[str, Any, str]]:
    """A wrong value and what is said of it, for every type, bound, length, pattern and enum of the schema."""
    for where, node in nodes():
        for value, words in [*wrong_kinds(node), *out_of_bounds(node), *wrong_texts(node)]:
            shown = f", is {value!r}" if len(repr(value)) <= 80 else ""
            yield where, value, f"{where}: {words}{shown}"
        if "minItems" in node:
            yield where, [], f"{where}: must have at least {node['minItems']} entry"
        if "maxItems" in node:
            yield where, many(where, node["maxItems"] + 1), f"{where}: must have at most {node['maxItems']} entries"
        if "maxProperties" in node:
            too_many = {f"k{number}": "1" for number in range(node["maxProperties"] + 1)}
            yield where, too_many, f"{where}: must have at most {node['maxProperties']} entries"
        for name in node.get("required", ()):
            yield f"{where}.{name}", None, f"{where}.{name}: is required"


def many(where: str, count: int) -> list[Any]:
    """Entries like the one in the whole run."""
    document: Any = {"spec": WHOLE}
    for name in where.split("."):
        document = document[name]
    return [copy.deepcopy(document[0]) for _ in range(count)]


CASES = [case for case in generated() if case[0] != "spec"]


def test_the_schema_gave_cases_of_every_sort() -> None:
    words = " ".join(sentence for _, _, sentence in CASES)
    for part in (
        "at least",
        "at most",
        "greater than",
        "less than",
        "match",
        "entries",
        "characters",
        "required",
        " or ",
    ):
        assert part in words
    assert len(CASES) > 400


@pytest.mark.parametrize(
    ("where", "value", "sentence"), CASES, ids=[f"{path}={value!r:.20}" for path, value, _ in CASES]
)
def test_every_bound_of_the_schema(where: str, value: Any, sentence: str) -> None:
    # The quorum rule needs a spec that is right otherwise; a wrong symbol alone is what is said.
    assert complaints(put(WHOLE, where, value)) == [sentence]


ONE_SOURCE = "exactly one of secretName, serviceAccountName and rcloneConfigSecretName must be given"
ONE_BOUND = "exactly one of atLeast and atMost must be given"
DIRECTION = "calibrationError, brier and maxDrawdown take atMost; every other metric takes atLeast"
CONSTANT = "t0, tMult and etaMin belong to type CosineAnnealingWarmRestarts; leave them out with type Constant"
WEIGHT = "must be Auto or a positive number below 1000000 (a fraction in quotes)"
OURS = "names that begin with RETRAIN_ or AWS_ are set by the operator; use credentials for AWS_*"
NOT_RCLONE = (
    "must be s3:// or file://: a promotion needs conditional writes, which rclone does not have; data and backups may "
    "be rclone://"
)
WITHIN = "must be a folder in the repository, without . , .. or .git in it"
SHARES = "validationPercent and testPercent must add up to 80 or less, so that 20 percent are left to train on"

RULES: list[tuple[str, Any, str]] = [
    ("spec.symbols", ["BTC-USD", "BTC-USD", "ETH-USD"], "spec.symbols[1]: BTC-USD is there twice"),
    ("spec.data.features", ["rsi", "rsi"], "spec.data.features[1]: rsi is there twice"),
    ("spec.backups", [{"name": "a", "uri": "s3://aaa/"}] * 2, "spec.backups[1]: a is there twice"),
    ("spec.gate.criteria", [{"metric": "f1", "atLeast": 0}] * 2, "spec.gate.criteria[1]: f1 is there twice"),
    ("spec.pods.env", [{"name": "A"}] * 2, "spec.pods.env[1]: A is there twice"),
    (
        "spec.data.filename",
        "all.parquet",
        "spec.data.filename: with more than one symbol the name must contain {symbol}, or all would train on one file",
    ),
    ("spec.gate.minPassed", 4, "spec.gate.minPassed: minPassed must not be greater than the number of symbols"),
    ("spec.split", {"validationPercent": 41, "testPercent": 40}, f"spec.split.testPercent: {SHARES}, is 40"),
    ("spec.split", {"validationPercent": 50, "testPercent": 31}, f"spec.split.testPercent: {SHARES}, is 31"),
    ("spec.training.scheduler", {"type": "Constant", "t0": 5}, f"spec.training.scheduler: {CONSTANT}"),
    ("spec.training.scheduler", {"type": "Constant", "tMult": 5}, f"spec.training.scheduler: {CONSTANT}"),
    ("spec.training.scheduler", {"type": "Constant", "etaMin": 0.0}, f"spec.training.scheduler: {CONSTANT}"),
    ("spec.training.loss.positiveWeight", 0, f"spec.training.loss.positiveWeight: {WEIGHT}, is 0"),
    ("spec.training.loss.positiveWeight", -1, f"spec.training.loss.positiveWeight: {WEIGHT}, is -1"),
    ("spec.training.loss.positiveWeight", "0.0", f"spec.training.loss.positiveWeight: {WEIGHT}, is '0.0'"),
    ("spec.training.loss.positiveWeight", "auto", f"spec.training.loss.positiveWeight: {WEIGHT}, is 'auto'"),
    ("spec.training.loss.positiveWeight", "1e3", f"spec.training.loss.positiveWeight: {WEIGHT}, is '1e3'"),
    ("spec.training.loss.positiveWeight", "1\n", f"spec.training.loss.positiveWeight: {WEIGHT}, is '1\\n'"),
    ("spec.gate.criteria[0]", {"metric": "accuracy"}, f"spec.gate.criteria[0]: {ONE_BOUND}"),
    ("spec.gate.criteria[0]", {"metric": "f1", "atLeast": 1, "atMost": 1}, f"spec.gate.criteria[0]: {ONE_BOUND}"),
    ("spec.pods.env[0].name", "RETRAIN_TASK", f"spec.pods.env[0].name: {OURS}, is 'RETRAIN_TASK'"),
    ("spec.pods.env[0].name", "AWS_REGION", f"spec.pods.env[0].name: {OURS}, is 'AWS_REGION'"),
    ("spec.training.loss.positiveWeight", 1000000, f"spec.training.loss.positiveWeight: {WEIGHT}, is 1000000"),
    ("spec.evaluation.backtest.threshold", 0, "spec.evaluation.backtest.threshold: must be at least 0.5, is 0"),
    ("spec.artifacts.uri", "rclone://drive/m/", f"spec.artifacts.uri: {NOT_RCLONE}, is 'rclone://drive/m/'"),
    ("spec.report.git.path", "a/../..", f"spec.report.git.path: {WITHIN}, is 'a/../..'"),
    ("spec.report.git.path", ".GIT/hooks", f"spec.report.git.path: {WITHIN}, is '.GIT/hooks'"),
    ("spec.report.git.url", "https://me:token@git.example/r", "spec.report.git.url: must match ^https?://[^@ \\t\\n\\v\\f\\r]+$, is 'https://me:token@git.example/r'"),
]  # fmt: skip
RULES += [
    ("spec.gate.criteria[0]", {"metric": metric, side: 0.5}, f"spec.gate.criteria[0]: {DIRECTION}")
    for metric, side in [
        ("calibrationError", "atLeast"),
        ("maxDrawdown", "atLeast"),
        ("accuracy", "atMost"),
        ("sharpe", "atMost"),
    ]
]
RULES += [
    (where, given, f"{where}: {ONE_SOURCE}")
    for where in (
        "spec.credentials",
        "spec.data.credentials",
        "spec.artifacts.credentials",
        "spec.backups[0].credentials",
    )
    for given in (
        {},
        {"secretName": "a", "serviceAccountName": "b"},
        {"secretName": "a", "rcloneConfigSecretName": "b"},
    )
]


@pytest.mark.parametrize(("where", "value", "sentence"), RULES)
def test_every_rule_across_fields(where: str, value: Any, sentence: str) -> None:
    assert complaints(put(WHOLE, where, value)) == [sentence]


def test_every_cel_rule_and_every_set_has_a_case() -> None:
    said = {sentence for _, _, sentence in RULES}
    for where, node in nodes():
        for rule in node.get("x-kubernetes-validations", ()):
            field = where + rule.get("fieldPath", "")
            assert any(each.startswith(f"{field}: {rule['message']}") for each in said), (field, rule["message"])
        if node.get("x-kubernetes-list-type") in ("set", "map"):
            assert any(each.startswith(f"{where}[1]: ") for each in said), where


@pytest.mark.parametrize(
    ("where", "value", "sentence"),
    [
        ("spec.modle", {}, "spec.modle: unknown field; did you mean model?"),
        ("spec.training.epoch", 5, "spec.training.epoch: unknown field; did you mean epochs?"),
        ("spec.training.learning_rate", 5, "spec.training.learning_rate: unknown field; did you mean learningRate?"),
        ("spec.seed", 5, "spec.seed: unknown field; did you mean spec.training.seed?"),
        ("spec.horizonBars", 5, "spec.horizonBars: unknown field; did you mean spec.label.horizonBars?"),
        ("spec.gate.criteria[0].atleast", 5, "spec.gate.criteria[0].atleast: unknown field; did you mean atLeast?"),
        ("spec.backups[0].url", "x", "spec.backups[0].url: unknown field; did you mean uri?"),
        ("spec.xyzzy", 5, "spec.xyzzy: unknown field"),
        ("spec.xyzzy", None, "spec.xyzzy: unknown field"),
        ("spec.training.epoch", None, "spec.training.epoch: unknown field; did you mean epochs?"),
        ("spec.gate.criteria[0].atleast", None, "spec.gate.criteria[0].atleast: unknown field; did you mean atLeast?"),
    ],
)
def test_an_unknown_field_and_the_one_that_was_meant(where: str, value: Any, sentence: str) -> None:
    assert complaints(put(WHOLE, where, value)) == [sentence]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "Run"}, "kind: must be 'RetrainRun', is 'Run'"),
        ({"apiVersion": "v1"}, "apiVersion: must be 'retrain.crpbot.dev/v1alpha1', is 'v1'"),
        ({"spec": None}, "spec: is required"),
        ({"metadata": {"name": "No"}}, "metadata.name: must match ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$, is 'No'"),
        ({"metadata": {}}, "metadata.name: is required"),
        ({"spce": {}}, "spce: unknown field; did you mean spec?"),
    ],
)
def test_the_document_itself(change: dict[str, Any], sentence: str) -> None:
    assert complaints_about(run_document() | change) == [sentence]


def test_several_wrong_fields_are_several_sentences_each_once() -> None:
    spec = put(put(WHOLE, "spec.training.epochs", 0), "spec.symbols", ["btc", "ETH-USD"])
    assert [sentence.split(":")[0] for sentence in complaints(spec)] == ["spec.symbols[0]", "spec.training.epochs"]


OPTIONAL = [
    where for where, node in nodes() if "." in where and "[" not in where and "additionalProperties" not in node
]
REQUIRED = {"spec.symbols", "spec.data", "spec.data.uri", "spec.artifacts", "spec.artifacts.uri"}
NEEDED = {"spec.promotion.baseline.uri", "spec.report.git.url"}
KEYED = ("nodeSelector.", "labels.", "annotations.", "requests.", "limits.")


@pytest.mark.parametrize("where", [path for path in OPTIONAL if not any(key in path for key in KEYED)])
def test_a_null_field_is_an_unset_one(where: str) -> None:
    said = complaints(put(WHOLE, where, None))
    if where in REQUIRED | NEEDED:
        assert said == [f"{where}: is required"]
    elif where.endswith("credentials.secretName"):
        assert said == [f"{where.removesuffix('.secretName')}: {ONE_SOURCE}"]
    else:
        assert said == []


def test_what_is_no_json_is_said_of_its_field() -> None:
    spec = put(WHOLE, "spec.training.learningRate", float("nan"))
    assert complaints(spec) == ["spec.training.learningRate: must be a finite number, is nan"]
    assert complaints(put(WHOLE, "spec.pods.labels.team", datetime.date(2026, 1, 5))) == []


def test_a_long_value_is_not_repeated() -> None:
    assert complaints(put(WHOLE, "spec.data.uri", "x" * 100)) == [
        next(sentence for where, value, sentence in CASES if where == "spec.data.uri" and value == "/").removesuffix(
            ", is '/'"
        )
    ]
