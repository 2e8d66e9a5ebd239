"""A wrong RetrainRun, or RetrainSchedule, for every constraint of its schema, made from the schema itself, so that none is forgotten."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from support.spellings import SPELLINGS
from support.whole import SECRET, WHOLE, WHOLE_SCHEDULE

from retrain_api.names import KIND
from retrain_api.schema.crd import schedule_spec_schema, spec_schema
from retrain_api.spec.forms import FORMS

Document = dict[str, Any]
Steps = tuple[str | int, ...]
Node = Mapping[str, Any]

_INSTEAD: dict[str, Document] = {
    "serviceAccountName": {"serviceAccountName": "trainer"},
    "rcloneConfigSecretName": {"rcloneConfigSecretName": "rclone"},
    "validation": {"validation": "7d"},
    "test": {"test": "14d"},
    "atMost": {"metric": "maxDrawdown", "atMost": 0.3},
}
"""Fields that WHOLE can't have beside others, and the object that has them."""


@dataclass(frozen=True)
class Case:
    """A spec that breaks one constraint, and the field that must be named; `only_there` where `retrain run` takes it."""

    name: str
    field: str
    spec: Document
    words: str = ""
    only_there: bool = False


def document(spec: Document, kind: str = KIND) -> Document:
    """The RetrainRun, or the RetrainSchedule, with that spec."""
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "wrong"},
        "spec": spec,
    }


def nodes() -> Iterator[tuple[Steps, Node]]:
    """Every place of the spec that the schema describes, with the first entry of each list and map of WHOLE."""
    yield from _nodes(spec_schema(), (), WHOLE)


TEMPLATE = ("runTemplate", "spec")
"""Where a schedule has the spec of a run."""


def schedule_nodes() -> Iterator[tuple[Steps, Node]]:
    """Every place that is a schedule's own: all of its spec but the run's in it."""
    found = _nodes(schedule_spec_schema(), (), WHOLE_SCHEDULE)
    yield from ((steps, node) for steps, node in found if steps[:2] != TEMPLATE or steps == TEMPLATE)


def in_a_template(case: Case) -> Case:
    """The case of a run's spec as one of a schedule that has it in its template."""
    spec, wrong = copy.deepcopy(WHOLE_SCHEDULE), copy.deepcopy(case.spec)
    if isinstance(wrong, dict):
        wrong = _as_template(wrong)
    spec["runTemplate"]["spec"] = wrong
    where = f"spec.{'.'.join(TEMPLATE)}{case.field.removeprefix('spec')}"
    return Case(f"template {case.name}", where, spec, case.words, case.only_there)


def _as_template(spec: Document) -> Document:
    """A run's spec with what a schedule asks of it, where nothing wrong stands there."""
    if spec.get("suspend") is True:
        spec["suspend"] = False
    data, split = spec.get("data"), spec.get("split")
    if isinstance(data, dict) and data.get("until") == WHOLE["data"]["until"]:
        del data["until"]
    if isinstance(split, dict) and split == WHOLE["split"]:
        spec["split"] = copy.deepcopy(WHOLE_SCHEDULE["runTemplate"]["spec"]["split"])
    return spec


def _nodes(node: Node, steps: Steps, value: Any) -> Iterator[tuple[Steps, Node]]:
    yield steps, node
    for name, child in node.get("properties", {}).items():
        yield from _nodes(child, (*steps, name), value.get(name) if isinstance(value, Mapping) else None)
    if "items" in node:
        yield from _nodes(node["items"], (*steps, 0), value[0])
    if isinstance(node.get("additionalProperties"), Mapping):
        key = next(iter(value))
        yield from _nodes(node["additionalProperties"], (*steps, key), value[key])


def field(steps: Steps) -> str:
    """A place as the API server writes it."""
    return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def at(steps: Steps, spec: Document) -> Any:
    """The value at a place."""
    value: Any = spec
    for step in steps:
        value = value[step]
    return value


def whole_for(steps: Steps, whole: Document = WHOLE) -> Document:
    """WHOLE, or another, with the alternative that a place belongs to."""
    spec = copy.deepcopy(whole)
    if steps and (instead := _INSTEAD.get(str(steps[-1]))):
        at(steps[:-2], spec)[steps[-2]] = dict(instead)
    return spec


def with_value(steps: Steps, value: Any, spec: Document | None = None) -> Document:
    """WHOLE, or another spec, with another value at a place."""
    spec = whole_for(steps) if spec is None else spec
    at(steps[:-1], spec)[steps[-1]] = value
    return spec


WRONG_TYPES = {
    "object": "text",
    "array": "text",
    "string": 5,
    "integer": "text",
    "number": "text",
    "boolean": "text",
}


def _many(count: int, sample: Any, key: str | None) -> list[Any]:
    if key is not None and key != "metric":  # of metrics there are only so many
        return [sample | {key: f"{'N' if sample[key].isupper() else 'n'}{number}"} for number in range(count)]
    if isinstance(sample, str):
        return [f"N{number}-USD" for number in range(count)]
    return [copy.deepcopy(sample) for _ in range(count)]


def broken(steps: Steps, node: Node, whole: Document = WHOLE) -> Iterator[Case]:
    """A case for every constraint of a place but its CEL rules."""
    where = field(steps)
    value = at(steps, whole_for(steps, whole)) if steps else whole
    for name, wrong in _wrong_values(node, value):
        yield Case(f"{where} {name}", where, with_value(steps, wrong, whole_for(steps, whole)) if steps else wrong)
    for needed in node.get("required", ()):
        spec = whole_for(steps, whole)
        del at(steps, spec)[needed]
        yield Case(f"{where} required {needed}", f"{where}.{needed}", spec)
    yield from _doubles(steps, node, value, whole)


def _doubles(steps: Steps, node: Node, value: Any, whole: Document) -> Iterator[Case]:
    kind = node.get("x-kubernetes-list-type")
    if kind in ("set", "map"):
        again = [*value, copy.deepcopy(value[0])]
        yield Case(
            f"{field(steps)} {kind}", f"{field(steps)}[{len(value)}]", with_value(steps, again, whole_for(steps, whole))
        )


def _wrong_values(node: Node, value: Any) -> Iterator[tuple[str, Any]]:
    """Name of the constraint, and a value that breaks it."""
    if "type" in node:
        yield "type", WRONG_TYPES[node["type"]]
    if node.get("x-kubernetes-int-or-string"):
        yield "int-or-string", True
    if "enum" in node:
        yield "enum", "NoSuchValue" if isinstance(node["enum"][0], str) else 7
    if "minimum" in node:
        yield "minimum", node["minimum"] - (0 if node.get("exclusiveMinimum") else 1)
    if "maximum" in node:
        yield "maximum", node["maximum"] + (0 if node.get("exclusiveMaximum") else 1)
    if "minLength" in node:
        yield "minLength", "a" * (node["minLength"] - 1)
    if "maxLength" in node:
        yield "maxLength", str(value) + "a" * (node["maxLength"] + 1 - len(str(value)))
    yield from _wrong_sizes(node, value)


def _wrong_sizes(node: Node, value: Any) -> Iterator[tuple[str, Any]]:
    if "minItems" in node:
        yield "minItems", []
    if "maxItems" in node:
        key = next(iter(node.get("x-kubernetes-list-map-keys", ())), None)
        one_of_a_few = "enum" in node["items"]
        count = node["maxItems"] + 1
        yield "maxItems", [value[0]] * count if one_of_a_few else _many(count, value[0], key)
    if "maxProperties" in node:
        sample = next(iter(value.values()))
        yield "maxProperties", {f"k{number}": sample for number in range(node["maxProperties"] + 1)}


COUNTED = (
    *("type", "x-kubernetes-int-or-string", "enum", "minimum", "maximum", "minLength", "maxLength"),
    *("minItems", "maxItems", "maxProperties", "required", "x-kubernetes-list-type", "x-kubernetes-validations"),
)
"""Keywords of the schema that refuse something."""
HARMLESS = frozenset(
    {
        *("description", "default", "properties", "items", "additionalProperties", "anyOf", "format"),
        *("exclusiveMinimum", "exclusiveMaximum", "x-kubernetes-list-map-keys", "x-kubernetes-preserve-unknown-fields"),
    }
)
"""Keywords that refuse nothing, or belong to one above: a format's range is wider than its bounds."""


class Refusal(NamedTuple):
    """A value that breaks a rule, and the sentence for it, where that depends on the value."""

    value: Any
    words: str


FORM_RULES = {rule["rule"]: name for name, form in FORMS.items() for rule in (form.rule, form.rule_of_text_or_integer)}
"""The CEL rules that come from a form, with the form's name."""
ON_A_CLUSTER = next(
    rule
    for rule in spec_schema()["properties"]["data"]["properties"]["uri"]["x-kubernetes-validations"]
    if "file://." in rule["rule"]
)
"""The one rule that holds on a cluster alone."""
_EVERY = ("observation", "every")
_BOTH = SECRET | {"serviceAccountName": "trainer"}
_GIT_PATH = ("report", "git", "path")
_SCHEDULER, _FIRST = ("training", "scheduler"), ("gate", "criteria", 0)
_WEIGHT, _THRESHOLD = ("training", "loss", "positiveWeight"), ("evaluation", "backtest", "threshold")
Rules = tuple[tuple[Steps, str, str, Steps, tuple[Any, ...]], ...]
RULES: Rules = (
    ((), "minPassed must not", "spec.gate.minPassed", ("gate", "minPassed"), (4,)),
    ((), "with more than one symbol", "spec.data.filename", ("data", "filename"), ("one.parquet",)),
    (
        ("split",),
        "validationPercent and",
        "spec.split.testPercent",
        ("split",),
        ({"validationPercent": 41, "testPercent": 40},),
    ),
    *(
        (
            ("split",),
            f"{part} and",
            f"spec.split.{part}Percent",
            ("split",),
            ({part: "14d", f"{part}Percent": 20}, {part: "14d", f"{part}Percent": 1}),
        )
        for part in ("validation", "test")
    ),
    (_WEIGHT, "must be Auto", field(_WEIGHT), _WEIGHT, ("auto", "-1", "0", 0, -3, 1000000, "1e3", "")),
    (_THRESHOLD, "must be at least 0.5", field(_THRESHOLD), _THRESHOLD, (0,)),
    (_EVERY, "must be at least an hour", field(_EVERY), _EVERY, ("59m", "1m", "30m", "5m")),
    (("artifacts", "uri"), "must be s3:// or", "spec.artifacts.uri", ("artifacts", "uri"), ("rclone://drive/models/",)),
    (_GIT_PATH, "must be a folder", field(_GIT_PATH), _GIT_PATH, ("../x", "a/..", "a/./b", ".git/hooks", "a/.GIT")),
    (_SCHEDULER, "t0, tMult and", field(_SCHEDULER), (*_SCHEDULER, "type"), ("Constant",)),
    (_FIRST, "exactly one of atLeast", field(_FIRST), (*_FIRST, "atMost"), (0.9,)),
    (_FIRST, "calibrationError, brier", field(_FIRST), (*_FIRST, "metric"), ("maxDrawdown",)),
    *(
        (
            (*holder, "credentials"),
            "exactly one of",
            field((*holder, "credentials")),
            (*holder, "credentials"),
            (_BOTH, {}),
        )
        for holder in ((), ("data",), ("artifacts",), ("backups", 0))
    ),
    (
        ("pods", "env", 0),
        "names that begin",
        "spec.pods.env[0].name",
        ("pods", "env", 0, "name"),
        ("RETRAIN_TASK", "AWS_KEY"),
    ),
    (
        _FIRST,
        "atLeast is not",
        field((*_FIRST, "atLeast")),
        (*_FIRST, "atLeast"),
        (
            Refusal(68, "accuracy is a share: write 0.68 for 68 %"),
            Refusal(62.8, "accuracy is a share: write 0.628 for 62.8 %"),
            Refusal(36.7, "accuracy is a share: write 0.367 for 36.7 %"),
            Refusal(680, "accuracy is a share, from 0 to 1"),
            Refusal(-0.5, "accuracy is a share, from 0 to 1"),
        ),
    ),
    *(
        (
            _FIRST,
            f"{bound} is not",
            field((*_FIRST, bound)),
            _FIRST,
            (Refusal({"metric": metric, bound: value}, words),),
        )
        for metric, bound, value, words in (
            ("calibrationError", "atMost", 5, "calibrationError is a share: write 0.05 for 5 %"),
            ("pnl", "atLeast", 36.7, "pnl is a share: write 0.367 for 36.7 %"),
            ("pnl", "atLeast", -5, "pnl is a share of the account, from -1 to 10"),
            ("sharpe", "atLeast", 250, "sharpe is a number from -100 to 100"),
        )
    ),
    *(
        (
            (phase,),
            "GPUs are asked",
            f"spec.{phase}.resources",
            (phase, "resources", kind),
            (
                {"nvidia.com/gpu": 4},
                {"amd.com/gpu": 1},
                {"example.org/gpu": "2"},
                {"nvidia.com/gpu.shared": 1},
                {"nvidia.com/mig-1g.5gb": 1},
                {"gpu.intel.com/i915": 1},
                {"aliyun.com/gpu-mem": 4},
            ),
        )
        for phase in ("train", "evaluate", "publish")
        for kind in ("requests", "limits")
    ),
    *(
        (
            (phase, "resources"),
            "a request must",
            f"spec.{phase}.resources.requests",
            (phase, "resources", "requests"),
            ({"memory": "3Gi"}, {"memory": 2**32}, {"memory": "2049Mi"}),
        )
        for phase in ("train", "evaluate", "publish")
    ),
    (
        ("pods", "volumes", 0),
        "volumes whose names",
        "spec.pods.volumes[0].name",
        ("pods", "volumes", 0),
        ({"name": "retrain-scratch", "emptyDir": {}}, {"name": "rclone-data", "emptyDir": {}}),
    ),
    *(
        (
            ("pods", labels),
            "names of labels",
            f"spec.pods.{labels}",
            ("pods", labels),
            ({"my team": "x"}, {"-a": "x"}, {"a/b/c": "x"}, {"a" * 64: "x"}, {"A.com/x": "y"}, {"": "x"}),
        )
        for labels in ("labels", "nodeSelector", "annotations")
    ),
)
"""For each CEL rule, by its place and the beginning of its message: the field that is named, the one to change, and
values for it that break the rule."""


_SCHEDULE = ("schedule",)
_LABELS, _ANNOTATIONS = (("runTemplate", "metadata", part) for part in ("labels", "annotations"))
SCHEDULE_RULES: Rules = (
    ((), "walkForward needs", "spec.runTemplate.spec.split.test", (*TEMPLATE, "split"), ({}, {"testPercent": 20})),
    (
        ("walkForward",),
        "minPassed must",
        "spec.walkForward.minPassed",
        ("walkForward",),
        ({"slots": 3}, {"minPassed": 7}),
    ),
    (("runTemplate",), "a run that is made", "spec.runTemplate.spec.suspend", (*TEMPLATE, "suspend"), (True,)),
    (
        ("runTemplate",),
        "each run learns",
        "spec.runTemplate.spec.data.until",
        (*TEMPLATE, "data", "until"),
        ("2026-11-28T03:00:00Z",),
    ),
    (
        _LABELS,
        "of the labels of",
        field(_LABELS),
        _LABELS,
        (
            {"retrain.crpbot.dev/schedule": "mine"},
            {"retrain.crpbot.dev/cpu-queues": "x"},
            {"retrain.crpbot.dev/run": "x"},
        ),
    ),
    (
        _LABELS,
        "labels of argocd",
        field(_LABELS),
        _LABELS,
        ({"argocd.argoproj.io/instance": "models"}, {"app.kubernetes.io/instance": "models"}),
    ),
    (
        _ANNOTATIONS,
        "annotations of",
        field(_ANNOTATIONS),
        _ANNOTATIONS,
        (
            {"retrain.crpbot.dev/approve": "0123456789abcdef by Ann"},
            {"retrain.crpbot.dev/override": "x"},
            {"retrain.crpbot.dev/rerun": "1"},
            {"argocd.argoproj.io/tracking-id": "app:retrain.crpbot.dev/RetrainSchedule:ns/name"},
            {"argocd.argoproj.io/sync-options": "Prune=false"},
        ),
    ),
    *(
        (
            (*("runTemplate", "metadata"), part),
            "names of labels",
            f"spec.runTemplate.metadata.{part}",
            ("runTemplate", "metadata", part),
            ({"my team": "x"}, {"a/b/c": "x"}, {"": "x"}),
        )
        for part in ("labels", "annotations")
    ),
    *(
        (_SCHEDULE, begins, "spec.schedule", _SCHEDULE, values)
        for begins, values in (
            ("the minute", ("60 3 * * *", "*/0 3 * * *", "5-1 3 * * *", "1,,2 3 * * *", "MON 3 * * *", "L 3 * * *")),
            ("the hour", ("0 24 * * *", "0 1-25 * * *", "0 5-1 * * *", "0 1-2-3 * * *", "0 1/2/3 * * *")),
            ("the day of the month", ("0 3 0 * *", "0 3 32 * *", "0 3 LW-2 * *", "0 3 15W * *", "0 3 1#2 * *")),
            ("the month", ("0 3 * 13 *", "0 3 * 0 *", "0 3 * DEC-JAN *", "0 3 * 1JAN *", "0 3 * MARCH *")),
            (
                "the day of the week",
                ("0 3 * * 8", "0 3 * * FRI-MON", "0 3 * * MON#6", "0 3 * * SATL", "0 3 * * Saturday"),
            ),
            (
                "names a day",
                (
                    "0 3 30 2 *",
                    "0 3 31 4,6,9,11 *",
                    "0 3 30,31 FEB */2",
                    "0 3 31 2-6/2 *",
                    "0 3 31 4/5 *",
                    "0 3 31/2 2/11 *",
                ),
            ),
        )
    ),
)
"""The same of a schedule."""


def by_rule(steps: Steps, node: Node, whole: Document = WHOLE, rules: Rules = RULES) -> Iterator[Case]:
    """The cases of a place's CEL rules. Raises LookupError for a rule without one."""
    where = field(steps)
    for rule in node.get("x-kubernetes-validations", ()):
        if rule["rule"] in FORM_RULES:
            yield from _by_form(steps, node, FORM_RULES[rule["rule"]], whole)
            continue
        if rule == ON_A_CLUSTER:
            spec = with_value(steps, "file://./data/")
            yield Case(f"{where} relative", where, spec, rule["message"], only_there=True)
            continue
        found = [one for one in rules if one[0] == steps and rule["message"].startswith(one[1])]
        if not found:
            raise LookupError(f"{where} has a rule without a wrong example: {rule['message']}")
        for _, begins, named, changed, values in found:
            for value in values:
                wrong, words = value if isinstance(value, Refusal) else (value, rule["message"])
                yield Case(
                    f"{where} rule {begins} of {field(changed)}: {wrong!r}",
                    named,
                    with_value(changed, wrong, copy.deepcopy(whole)),
                    words,
                )


def _by_form(steps: Steps, node: Node, name: str, whole: Document) -> Iterator[Case]:
    """A case for each refused spelling of a text, with the sentence for it."""
    for text, sentence in SPELLINGS[name].items():
        if node.get("minLength", 0) <= len(text) <= node["maxLength"]:
            spec = with_value(steps, text, whole_for(steps, whole))
            yield Case(f"{field(steps)} form {text!r}", field(steps), spec, sentence)


def unknown(steps: Steps, node: Node, whole: Document = WHOLE) -> Iterator[Case]:
    """A field that the schema does not have, in every object of its own fields; without a value too."""
    if "properties" not in node or node.get("x-kubernetes-preserve-unknown-fields"):
        return
    for value in (1, None):
        spec = whole_for(steps, whole)
        at(steps, spec)["noSuchField"] = value
        yield Case(f"{field(steps)} unknown field: {value}", f"{field(steps)}.noSuchField", spec)
