"""Every wrong field is named, with what is wrong and what is allowed, in one sentence.

One case for each rule and each kind of field that it applies to. That each single field obeys its own bounds is proved against the real
API server, in tests/api/test_refusals.py.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from support.planning import run_document
from support.refusals import FORM_RULES, ON_A_CLUSTER
from support.whole import WHOLE, nodes, put, steps

from retrain_api.errors import ConfigurationError
from retrain_api.run import parse_run
from retrain_api.spec.bounds import bar_rule
from retrain_api.wire import to_wire


def messages(spec: Mapping[str, Any]) -> list[str]:
    """What is wrong with a spec; nothing where it is accepted."""
    return messages_about(run_document(**spec))


def messages_about(document: Mapping[str, Any]) -> list[str]:
    try:
        parse_run(document)
    except ConfigurationError as error:
        return error.message.split("\n")
    return []


def test_the_whole_run_is_right() -> None:
    assert messages(WHOLE) == []


MANY_LABELS = {f"k{number}": "1" for number in range(33)}
MANY_SYMBOLS = [f"C{number}-USD" for number in range(65)]

Case = tuple[str, str, Any, str]  # keyword of the schema, field, value, what is said of the field

BROKEN: dict[str, Case] = {
    "text for an integer": ("type", "spec.training.epochs", "50", "must be an integer, is '50'"),
    "a fraction for an integer": ("type", "spec.training.epochs", 50.5, "must be an integer, is 50.5"),
    "true for an integer": ("type", "spec.training.epochs", True, "must be an integer, is True"),
    "text for a number": ("type", "spec.training.learningRate", "1e-3", "must be a number, is '1e-3'"),
    "true for a number": ("type", "spec.training.learningRate", True, "must be a number, is True"),
    "text for a number in an entry": ("type", "spec.gate.criteria[0].atLeast", "1", "must be a number, is '1'"),
    "a number for text": ("type", "spec.data.filename", 5, "must be a string, is 5"),
    "true for text": ("type", "spec.data.filename", True, "must be a string, is True"),
    "a number for an entry of text": ("type", "spec.symbols[0]", 600519, 'must be a string: write "600519", is 600519'),
    "a symbol that YAML reads as true": ("type", "spec.symbols[0]", True, "must be a string: write it in quotes, is True"),
    "a number for text in an entry": ("type", "spec.pods.env[0].value", 5, "must be a string, is 5"),
    "a number for text in a mapping": ("type", "spec.pods.labels.team", 5, "must be a string, is 5"),
    "text for a truth value": ("type", "spec.suspend", "yes", "must be true or false, is 'yes'"),
    "a number for a truth value": ("type", "spec.suspend", 1, "must be true or false, is 1"),
    "text for a truth value in an entry": ("type", "spec.backups[0].required", "no", "must be true or false, is 'no'"),
    "text for a list": ("type", "spec.symbols", "BTC-USD", "must be a list, is 'BTC-USD'"),
    "text for a list of an entry": ("type", "spec.notify[0].when", "Promoted", "must be a list, is 'Promoted'"),
    "text for a section": ("type", "spec.training", "fast", "must be a mapping, is 'fast'"),
    "text for a mapping": ("type", "spec.pods.labels", "team", "must be a mapping, is 'team'"),
    "text for an object of Kubernetes": ("type", "spec.pods.affinity", "x", "must be a mapping, is 'x'"),
    "text for an entry": ("type", "spec.backups[0]", "drive", "must be a mapping, is 'drive'"),
    "text for an entry of Kubernetes": ("type", "spec.pods.tolerations[0]", "x", "must be a mapping, is 'x'"),
    "text for an entry with a name": ("type", "spec.pods.volumes[0]", "x", "must be a mapping, is 'x'"),
    "text for a section of an entry": ("type", "spec.backups[0].credentials", "x", "must be a mapping, is 'x'"),
    "a fraction for a quantity": ("type", "spec.train.resources.limits.memory", 1.5, 'write "1.5" or 1500m, is 1.5'),
    "true for a quantity": ("type", "spec.train.resources.limits.memory", True, "must be an integer or a string, is True"),
    "a word that is none of the choices": ("enum", "spec.label.ties", "Up", "must be 'Drop' or 'Down', is 'Up'"),
    "a number that is none of the choices": ("enum", "spec.gate.confidencePercent", 91, "must be 90, 95 or 99, is 91"),
    "a choice of an entry": ("enum", "spec.gate.criteria[0].metric", "roc", "must be 'accuracy', 'calibrationError', 'f1', 'auc', 'brier', 'winRate', 'pnl', 'sharpe', 'maxDrawdown' or 'leadOverLogistic', is 'roc'"),
    "an integer below its least": ("minimum", "spec.training.epochs", 0, "must be at least 1, is 0"),
    "a choice in a list of an entry": ("enum", "spec.notify[0].when[0]", "Won", "must be 'AwaitingApproval', 'Promoted', 'Passed', 'Rejected', 'Failed', 'Skipped', 'Decaying', 'BelowPromise' or 'Held', is 'Won'"),
    "a number below its least": ("minimum", "spec.model.dropout", -0.1, "must be at least 0, is -0.1"),
    "a quantity below nothing": ("minimum", "spec.train.resources.limits.memory", -1, "must be at least 0, is -1"),
    "a number at an open lower bound": ("exclusiveMinimum", "spec.training.learningRate", 0, "must be greater than 0, is 0"),
    "an integer above its most": ("maximum", "spec.training.epochs", 10001, "must be at most 10000, is 10001"),
    "a number above its most": ("maximum", "spec.training.learningRate", 1.5, "must be at most 1, is 1.5"),
    "a number at an open upper bound": ("exclusiveMaximum", "spec.model.dropout", 1, "must be less than 1, is 1"),
    "empty text": ("minLength", "spec.pods.image", "", "must have at least 1 character(s), is ''"),
    "an empty entry": ("minLength", "spec.data.features[0]", "", "must have at least 1 character(s), is ''"),
    "empty text in an entry": ("minLength", "spec.pods.imagePullSecrets[0].name", "", "must have at least 1 character(s), is ''"),
    "long text": ("maxLength", "spec.pods.image", "a" * 513, "must have at most 512 characters"),
    "a long entry": ("maxLength", "spec.symbols[0]", "a" * 42, f"must have at most 41 characters, is {'a' * 42!r}"),
    "long text in an entry": ("maxLength", "spec.pods.env[0].value", "a" * 4097, "must have at most 4096 characters"),
    "long text in a mapping": ("maxLength", "spec.pods.labels.team", "a" * 1025, "must have at most 1024 characters"),
    "a long quantity": ("maxLength", "spec.train.resources.limits.memory", "1" * 33, f"must have at most 32 characters, is {'1' * 33!r}"),
    "a list without entries": ("minItems", "spec.symbols", [], "must have at least 1 entry"),
    "a list of an entry without entries": ("minItems", "spec.notify[0].when", [], "must have at least 1 entry"),
    "too many entries of an entry": ("maxItems", "spec.notify[0].when", ["Held"] * 10, "must have at most 9 entries"),
    "too many entries": ("maxItems", "spec.symbols", MANY_SYMBOLS, "must have at most 64 entries"),
    "too many pairs": ("maxProperties", "spec.pods.labels", MANY_LABELS, "must have at most 32 entries"),
    "no value for what a section needs": ("required", "spec.data.uri", None, "is required"),
    "no value for what an entry needs": ("required", "spec.backups[0].name", None, "is required"),
}  # fmt: skip


@pytest.mark.parametrize(("_", "where", "value", "sentence"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_the_rule_of_one_field(_: str, where: str, value: Any, sentence: str) -> None:
    assert messages(put(WHOLE, where, value)) == [f"{where}: {sentence}"]


def test_every_rule_of_the_schema_has_a_case_for_each_kind_of_field() -> None:
    kinds = {where: kind(where, node) for where, node in nodes()}
    cases = {
        (keyword, kinds[where.rpartition(".")[0] if keyword == "required" else where])
        for keyword, where, _, _ in BROKEN.values()
    }
    assert {(keyword, kinds[where]) for where, node in nodes() for keyword in keywords(node)} <= cases


def kind(where: str, node: Mapping[str, Any]) -> tuple[str, str]:
    """What a field holds, and where it stands: two of a kind are read by the same code."""
    holds = "quantity" if node.get("x-kubernetes-int-or-string") else node["type"]
    if holds == "object":
        holds = "section" if "properties" in node else "mapping" if "additionalProperties" in node else "any object"
    parent, _, name = where.rpartition(".")
    place = "an entry" if name.endswith("]") else "in an entry" if "[" in parent else "on its own"
    return holds, place


BOUNDS = ("minimum", "maximum")
OTHERS = ("minLength", "maxLength", "minItems", "maxItems", "maxProperties", "required")


def where_of_weight(node: Mapping[str, Any]) -> bool:
    return bool(node.get("x-kubernetes-int-or-string")) and "maxLength" not in node


def keywords(node: Mapping[str, Any]) -> Iterator[str]:
    """The rules of one field, but for those across fields."""
    if where_of_weight(node):
        return  # its own rule says it all
    yield "enum" if "enum" in node else "type"
    for bound in BOUNDS:
        if bound in node:
            yield f"exclusive{bound.capitalize()}" if node.get(f"exclusive{bound.capitalize()}") else bound
    yield from (keyword for keyword in OTHERS if keyword in node)


ONE_SOURCE = "exactly one of secretName, serviceAccountName and rcloneConfigSecretName must be given"
ONE_BOUND = "exactly one of atLeast and atMost must be given"
DIRECTION = "calibrationError, brier and maxDrawdown take atMost; every other metric takes atLeast"
CONSTANT = "t0, tMult and etaMin belong to type CosineAnnealingWarmRestarts; leave them out with type Constant"
OURS = "names that begin with RETRAIN_ or AWS_ are set by the operator; AWS_* and ca.crt belong into the Secret of credentials"
NOT_RCLONE = (
    "must be s3:// or file://: a promotion needs conditional writes, which rclone does not have; data and backups may "
    "be rclone://"
)
WITHIN = "must be a folder in the repository, without . , .. or .git in it"
SHARES = "validationPercent and testPercent must add up to 80 or less, so that 20 percent are left to train on"
NO_SYMBOL = "with more than one symbol the name must contain {symbol}, or all would train on one file"
SCHEDULER, CRITERION, GIT_PATH = "spec.training.scheduler", "spec.gate.criteria[0]", "spec.report.git.path"
WEIGHT, WEIGHT_WORDS = (
    "spec.training.loss.positiveWeight",
    "must be Auto or a positive number below 1000000 (a fraction in quotes)",
)

GPUS = "GPUs are asked for in train.gpu (resourceName, count), not in train.resources"
RESOURCES = "spec.train.resources"
ABOVE = "a request must not be above the limit of the same resource"
AN_HOUR = "must be at least an hour, such as 1h or 1d: each look is a Job"
VOLUMES = "volumes whose names begin with retrain- or rclone- are the operator's own; choose another name"
KEYS = (
    "names of labels are at most 63 letters, digits, ., - and _, with a letter or digit at both ends, and may have a domain "
    "before them, as in example.com/team"
)

BAR_RULES = {bar_rule(field)["rule"] for field in ("atLeast", "atMost")}
ACROSS: dict[str, tuple[str, Any, str]] = {
    "a symbol twice": ("spec.symbols", ["BTC-USD", "BTC-USD", "ETH-USD"], "spec.symbols[1]: BTC-USD is listed twice"),
    "a feature twice": ("spec.data.features", ["rsi", "rsi"], "spec.data.features[1]: rsi is listed twice"),
    "a backup twice": ("spec.backups", [{"name": "a", "uri": "s3://aaa/"}] * 2, "spec.backups[1]: a is listed twice"),
    "a metric twice": ("spec.gate.criteria", [{"metric": "f1", "atLeast": 0}] * 2, "spec.gate.criteria[1]: f1 is listed twice"),
    "a variable twice": ("spec.pods.env", [{"name": "A"}] * 2, "spec.pods.env[1]: A is listed twice"),
    "one file for several symbols": ("spec.data.filename", "all.parquet", f"spec.data.filename: {NO_SYMBOL}"),
    "a quorum of more than there are": ("spec.gate.minPassed", 4, "spec.gate.minPassed: minPassed must not be greater than the number of symbols"),
    "nothing left to train on": ("spec.split", {"validationPercent": 41, "testPercent": 40}, f"spec.split.testPercent: {SHARES}, is 40"),
    "a test part by two sizes": ("spec.split", {"test": "14d", "testPercent": 20}, "spec.split.testPercent: test and testPercent both say how long this part is; leave testPercent out"),
    "a validation part by two sizes": ("spec.split", {"validation": "14d", "validationPercent": 20}, "spec.split.validationPercent: validation and validationPercent both say how long this part is; leave validationPercent out"),
    "a constant rate with restarts": (SCHEDULER, {"type": "Constant", "t0": 5}, f"{SCHEDULER}: {CONSTANT}"),
    "a constant rate with a factor": (SCHEDULER, {"type": "Constant", "tMult": 5}, f"{SCHEDULER}: {CONSTANT}"),
    "a constant rate with a lowest one": (SCHEDULER, {"type": "Constant", "etaMin": 0.0}, f"{SCHEDULER}: {CONSTANT}"),
    "a weight of nothing": (WEIGHT, 0, f"{WEIGHT}: {WEIGHT_WORDS}, is 0"),
    "a weight of nothing in quotes": (WEIGHT, "0.0", f"{WEIGHT}: {WEIGHT_WORDS}, is '0.0'"),
    "a weight that is too large": (WEIGHT, 1000000, f"{WEIGHT}: {WEIGHT_WORDS}, is 1000000"),
    "a weight without quotes": (WEIGHT, 1.5, f"{WEIGHT}: {WEIGHT_WORDS}, is 1.5"),
    "a weight that is a truth value": (WEIGHT, True, f"{WEIGHT}: {WEIGHT_WORDS}, is True"),
    "auto in small letters": (WEIGHT, "auto", f"{WEIGHT}: {WEIGHT_WORDS}, is 'auto'"),
    "a weight with an exponent": (WEIGHT, "1e3", f"{WEIGHT}: {WEIGHT_WORDS}, is '1e3'"),
    "a weight with a line break": (WEIGHT, "1\n", f"{WEIGHT}: {WEIGHT_WORDS}, is '1\\n'"),
    "a criterion without a bar": (CRITERION, {"metric": "accuracy"}, f"{CRITERION}: {ONE_BOUND}"),
    "a criterion with two bars": (CRITERION, {"metric": "f1", "atLeast": 1, "atMost": 1}, f"{CRITERION}: {ONE_BOUND}"),
    "the least of an error": (CRITERION, {"metric": "calibrationError", "atLeast": 0.5}, f"{CRITERION}: {DIRECTION}"),
    "the most of a success": (CRITERION, {"metric": "sharpe", "atMost": 0.5}, f"{CRITERION}: {DIRECTION}"),
    "a variable of ours": ("spec.pods.env[0].name", "RETRAIN_TASK", f"spec.pods.env[0].name: {OURS}, is 'RETRAIN_TASK'"),
    "a variable of AWS": ("spec.pods.env[0].name", "AWS_REGION", f"spec.pods.env[0].name: {OURS}, is 'AWS_REGION'"),
    "a threshold below one half": ("spec.evaluation.backtest.threshold", 0, "spec.evaluation.backtest.threshold: must be at least 0.5, is 0"),
    "models on rclone": ("spec.artifacts.uri", "rclone://drive/m/", f"spec.artifacts.uri: {NOT_RCLONE}, is 'rclone://drive/m/'"),
    "an accuracy in percent": ("spec.gate.criteria[0].atLeast", 68, "spec.gate.criteria[0].atLeast: accuracy is a share: write 0.68 for 68 %"),
    "a percent sign": ("spec.gate.criteria[0].atLeast", "60%", "spec.gate.criteria[0].atLeast: accuracy is a share: write 0.6 for 60 %"),
    "a percent sign after a number of its own kind": (CRITERION, {"metric": "sharpe", "atLeast": "2%"}, f"{CRITERION}.atLeast: sharpe is a number from -100 to 100, without a percent sign"),
    "an error in percent": ("spec.gate.criteria[1].atMost", 5, "spec.gate.criteria[1].atMost: brier is a share: write 0.05 for 5 %"),
    "a GPU among the limits": (f"{RESOURCES}.limits", {"nvidia.com/gpu": 4}, f"{RESOURCES}: {GPUS}"),
    "a GPU among the requests": (f"{RESOURCES}.requests", {"amd.com/gpu": 1}, f"{RESOURCES}: {GPUS}"),
    "the GPU's own name": ("spec.train", {"device": "CPU", "gpu": {"resourceName": "example.org/chip"}, "resources": {"limits": {"example.org/chip": 1}}}, f"{RESOURCES}: {GPUS}"),
    "a GPU of an evaluation": ("spec.evaluate.resources.limits", {"nvidia.com/gpu": 1}, "spec.evaluate.resources: GPUs are asked for in evaluate.gpu (resourceName, count), not in evaluate.resources"),
    "a GPU of a report": ("spec.publish.resources.limits", {"nvidia.com/gpu": 1}, "spec.publish.resources: GPUs are asked for in train.gpu and evaluate.gpu, not in publish.resources"),
    "more asked for than allowed": (RESOURCES, {"requests": {"cpu": 1}, "limits": {"cpu": "999m"}}, f"{RESOURCES}.requests: {ABOVE}"),
    "a volume of the operator's name": ("spec.pods.volumes[0]", {"name": "retrain-scratch", "emptyDir": {}}, f"spec.pods.volumes[0].name: {VOLUMES}"),
    "a label of several words": ("spec.pods.labels", {"my team": "x"}, f"spec.pods.labels: {KEYS}"),
    "an annotation of several words": ("spec.pods.annotations", {"my team": "x"}, f"spec.pods.annotations: {KEYS}"),
    "a node's label of several words": ("spec.pods.nodeSelector", {"my team": "x"}, f"spec.pods.nodeSelector: {KEYS}"),
    "a report out of the repository": (GIT_PATH, "a/../..", f"{GIT_PATH}: {WITHIN}, is 'a/../..'"),
    "a report among Git's own files": (GIT_PATH, ".GIT/hooks", f"{GIT_PATH}: {WITHIN}, is '.GIT/hooks'"),
    "a look every half an hour": ("spec.observation.every", "30m", f"spec.observation.every: {AN_HOUR}, is '30m'"),
    "a receiver twice": ("spec.notify", [{"name": "ops", "secretName": "a"}, {"name": "ops", "secretName": "b"}], "spec.notify[1]: ops is listed twice"),
    "a word twice": ("spec.notify[0].when", ["Held", "Held"], "spec.notify[0].when[1]: Held is listed twice"),
    "an address in place of a Secret's name": ("spec.notify[0].secretName", "slack://T1/B2/xyz", "spec.notify[0].secretName: must be the name of a Secret; the address belongs into that Secret, as its key url"),
    "no source of credentials": ("spec.credentials", {}, f"spec.credentials: {ONE_SOURCE}"),
    "two sources of credentials": ("spec.data.credentials", {"secretName": "a", "serviceAccountName": "b"}, f"spec.data.credentials: {ONE_SOURCE}"),
    "two sources in an entry": ("spec.backups[0].credentials", {"secretName": "a", "rcloneConfigSecretName": "b"}, f"spec.backups[0].credentials: {ONE_SOURCE}"),
}  # fmt: skip


@pytest.mark.parametrize(("where", "value", "sentence"), ACROSS.values(), ids=ACROSS)
def test_what_breaks_a_rule_across_fields(where: str, value: Any, sentence: str) -> None:
    assert messages(put(WHOLE, where, value)) == [sentence]


def test_every_rule_across_fields_and_every_set_has_a_case() -> None:
    sentences = {sentence for _, _, sentence in ACROSS.values()}
    for where, node in nodes():
        for rule in node.get("x-kubernetes-validations", ()):
            if rule["rule"] in FORM_RULES or rule == ON_A_CLUSTER or rule["rule"] in BAR_RULES:
                continue  # test_forms.py has cases for each form and bar, and a relative location is right here
            assert any(f": {rule['message']}" in sentence for sentence in sentences), (where, rule["message"])
        if node.get("x-kubernetes-list-type") in ("set", "map"):
            assert any(sentence.startswith(f"{where}[1]: ") for sentence in sentences), where


UNKNOWN: dict[str, tuple[str, Any, str]] = {
    "in the words of Python, of a quorum": ("spec.gate.min_passed", 2, "; did you mean minPassed?"),
    "in the words of Python, of an entry": ("spec.gate.criteria[0].at_least", 0.6, "; did you mean atLeast?"),
    "with dashes": ("spec.training.early-stopping", {}, "; did you mean earlyStopping?"),
    "of the run": ("spec.modle", {}, "; did you mean model?"),
    "of a section": ("spec.training.epoch", 5, "; did you mean epochs?"),
    "in the words of Python": ("spec.training.learning_rate", 5, "; did you mean learningRate?"),
    "of another section": ("spec.seed", 5, "; seed belongs in spec.training"),
    "of an entry": ("spec.backups[0].url", "x", "; did you mean uri?"),
    "that YAML reads as true": ("spec.notify[0].true", ["Held"], "; did you mean when?"),
    "in quotes": ("spec.notify[0].on", ["Held"], "; did you mean when?"),
    "of an address": (
        "spec.notify[0].url",
        "json://a",
        "; the address belongs into a Secret, as its key url, and the Secret's name into secretName",
    ),
    "like no other": ("spec.xyzzy", 5, ""),
    "without a value": ("spec.xyzzy", None, ""),
    "of a section, without a value": ("spec.training.epoch", None, "; did you mean epochs?"),
    "of an entry, without a value": ("spec.gate.criteria[0].atleast", None, "; did you mean atLeast?"),
}


@pytest.mark.parametrize(("where", "value", "meant"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_field_and_the_one_that_was_meant(where: str, value: Any, meant: str) -> None:
    assert messages(put(WHOLE, where, value)) == [f"{where}: unknown field{meant}"]


def test_no_name_that_python_has_for_a_field_is_taken() -> None:
    """The API server knows the camelCase names alone."""
    wrong = {
        f"{parent}.{re.sub('[A-Z]+', lambda capital: '_' + capital[0].lower(), name)}": name
        for parent, _, name in (where.rpartition(".") for where, _ in nodes())
        if name != name.lower() and "[" not in name and "_" not in name
    }
    assert len(wrong) > 30
    for where, name in wrong.items():
        assert f"{where}: unknown field; did you mean {name}?" in messages(put(WHOLE, where, 1))


NEAR_WORDS: dict[str, tuple[str, str, str]] = {
    "in small letters": ("spec.label.ties", "drop", "must be 'Drop' or 'Down': write Drop, is 'drop'"),
    "with a slip": ("spec.promotion.policy", "Automated", "must be 'Automatic', 'Manual' or 'Never': write Automatic, is 'Automated'"),
    "in the words of Python": ("spec.gate.criteria[0].metric", "win_rate", "write winRate, is 'win_rate'"),
    "another form of the word": ("spec.notify[0].when[0]", "Promotion", "write Promoted, is 'Promotion'"),
    "in two words": ("spec.notify[0].when[0]", "awaiting-approval", "write AwaitingApproval, is 'awaiting-approval'"),
}  # fmt: skip


@pytest.mark.parametrize(("where", "value", "sentence"), NEAR_WORDS.values(), ids=NEAR_WORDS)
def test_a_choice_that_is_nearly_right_is_answered_with_the_one_to_write(where: str, value: str, sentence: str) -> None:
    (message,) = messages(put(WHOLE, where, value))
    assert message.startswith(f"{where}: ") and message.endswith(sentence)


IN_OTHER_UNITS: dict[str, tuple[str, Any, str]] = {
    "a share of the rows": ("spec.split.testPercent", 0.15, "must be an integer: write 15, is 0.15"),
    "a percentage with its sign": ("spec.split.testPercent", "15%", "must be an integer: write 15, is '15%'"),
    "a confidence as a share": ("spec.gate.confidencePercent", 0.95, "must be 90, 95 or 99: write 95, is 0.95"),
    "a confidence with a percent sign": (
        "spec.gate.confidencePercent",
        "95%",
        "must be 90, 95 or 99: write 95, is '95%'",
    ),
    "luck as a share": ("spec.gate.maxLuckPercent", 0.05, "must be an integer: write 5, is 0.05"),
    "luck with a percent sign": ("spec.gate.maxLuckPercent", "5%", "must be an integer: write 5, is '5%'"),
    "a fee in percent": ("spec.evaluation.backtest.feeBps", "0.1%", "must be a number: write 10, is '0.1%'"),
    "a dropout in percent": ("spec.model.dropout", "35%", "must be a number: write 0.35, is '35%'"),
    "hours for seconds": ("spec.train.activeDeadlineSeconds", "2h", "must be an integer: write 7200, is '2h'"),
    "days for seconds": ("spec.jobTTLSecondsAfterFinished", "1d", "must be an integer: write 86400, is '1d'"),
    "something else for seconds": ("spec.jobTTLSecondsAfterFinished", "soon", "must be an integer, is 'soon'"),
}


@pytest.mark.parametrize(("where", "value", "sentence"), IN_OTHER_UNITS.values(), ids=IN_OTHER_UNITS)
def test_a_number_in_another_unit_is_answered_with_the_number_to_write(where: str, value: Any, sentence: str) -> None:
    assert messages(put(WHOLE, where, value)) == [f"{where}: {sentence}"]


def test_a_key_in_two_spellings_is_refused() -> None:
    spec = put(put(WHOLE, "spec.gate.min_passed", 1), "spec.gate.minPassed", 2)
    assert messages(spec) == ["spec.gate.min_passed: unknown field; did you mean minPassed?"]


DOCUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "another kind": ({"kind": "Run"}, "kind: must be 'RetrainRun', is 'Run'"),
    "another version": ({"apiVersion": "v1"}, "apiVersion: must be 'retrain.crpbot.dev/v1alpha1', is 'v1'"),
    "no kind": ({"kind": None}, "kind: is required: write RetrainRun"),
    "no version": ({"apiVersion": None}, "apiVersion: is required: write retrain.crpbot.dev/v1alpha1"),
    "a part of the spec": ({"symbols": ["BTC-USD"]}, "symbols: unknown field; symbols belongs in spec"),
    "a part of the metadata": ({"name": "nightly"}, "name: unknown field; name belongs in metadata"),
    "no spec": ({"spec": None}, "spec: is required"),
    "a name that Kubernetes refuses": (
        {"metadata": {"name": "No"}},
        "metadata.name: write no; a name is small letters, digits, - and ., with a letter or digit at both ends, is 'No'",
    ),
    "no name": ({"metadata": {}}, "metadata.name: is required"),
    "an unknown part": ({"spce": {}}, "spce: unknown field; did you mean spec?"),
}


@pytest.mark.parametrize(("change", "sentence"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_what_is_wrong_with_the_document_itself(change: dict[str, Any], sentence: str) -> None:
    assert messages_about(run_document() | change) == [sentence]


def test_several_wrong_fields_are_several_sentences_each_once() -> None:
    spec = put(put(WHOLE, "spec.training.epochs", 0), "spec.symbols", ["btc", "ETH-USD"])
    assert [sentence.split(":")[0] for sentence in messages(spec)] == ["spec.symbols[0]", "spec.training.epochs"]


UNSET = {
    "text": ("spec.data.filename", "features_{symbol}_{interval}_latest.parquet"),
    "a choice": ("spec.label.ties", "Drop"),
    "an integer": ("spec.training.epochs", 50),
    "a number": ("spec.model.dropout", 0.35),
    "a truth value": ("spec.suspend", False),
    "an integer or text": ("spec.training.loss.positiveWeight", "Auto"),
    "a list": ("spec.backups", []),
    "a list without a default": ("spec.data.features", None),
    "a mapping": ("spec.pods.labels", {}),
    "a section": ("spec.training.earlyStopping", {"patience": 7, "minDelta": 0.001}),
    "a field without a default": ("spec.gate.confidencePercent", None),
    "a section without a default": ("spec.promotion.baseline", None),
    "a field of an entry": ("spec.backups[0].required", False),
    "text of an entry": ("spec.pods.env[0].value", ""),
    "a section of an entry": ("spec.backups[0].credentials", None),
}


@pytest.mark.parametrize(("where", "default"), UNSET.values(), ids=UNSET)
def test_a_null_field_is_an_unset_one(where: str, default: Any) -> None:
    """As the API server takes it: the field has its default, or stays unset."""
    read: Any = to_wire(parse_run(run_document(**put(WHOLE, where, None))))
    for step in steps(where)[:-1]:
        read = read[step]
    assert read.get(steps(where)[-1]) == default


NEEDED = {
    "a field": ("spec.data.uri", "spec.data.uri: is required"),
    "a section": ("spec.artifacts", "spec.artifacts: is required"),
    "a list": ("spec.symbols", "spec.symbols: is required"),
    "a field of a section that is not": ("spec.report.git.url", "spec.report.git.url: is required"),
    "a field of an entry": ("spec.backups[0].uri", "spec.backups[0].uri: is required"),
    "one of several": ("spec.credentials.secretName", f"spec.credentials: {ONE_SOURCE}"),
}


@pytest.mark.parametrize(("where", "sentence"), NEEDED.values(), ids=NEEDED)
def test_a_null_field_that_is_needed_is_missing(where: str, sentence: str) -> None:
    assert messages(put(WHOLE, where, None)) == [sentence]


def test_what_json_can_not_say_is_named_by_its_field() -> None:
    spec = put(WHOLE, "spec.training.learningRate", float("nan"))
    assert messages(spec) == ["spec.training.learningRate: must be a finite number, is nan"]
    assert messages(put(WHOLE, "spec.pods.labels.team", datetime.date(2026, 1, 5))) == []


def test_a_long_value_is_not_repeated() -> None:
    short, long = (messages(put(WHOLE, "spec.data.uri", value)) for value in ("x", "x" * 100))
    assert short == [f"{long[0]}, is 'x'"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("artifacts.uri", "rclone://:sftp,host=x,pass=hunter2:models/"),
        ("data.uri", ":s3,secret_access_key=hunter2:bucket"),
        ("report.git.url", "https://me:hunter2@git.example/reports.git"),
        ("report.git.url", "https://hunter2@git.example/reports.git"),
    ],
)
def test_a_location_that_may_hold_a_secret_is_not_repeated(field: str, value: str) -> None:
    document = run_document(**put(WHOLE, f"spec.{field}", value))
    (message,) = messages_about(document)
    assert message.startswith(f"spec.{field}: ") and "hunter2" not in message


@pytest.mark.parametrize("namespace", ["..", "../../etc", "/etc", "a/b", "", "Team", "x" * 64])
def test_a_namespace_is_a_name_that_kubernetes_takes(namespace: str) -> None:
    """`retrain run` keeps a run in a folder of that name, which "../.." would leave."""
    document = run_document()
    document["metadata"]["namespace"] = namespace
    assert [message.partition(":")[0] for message in messages_about(document)] == ["metadata.namespace"]
