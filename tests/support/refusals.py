"""A wrong RetrainRun for every constraint of the schema, made from the schema itself, so that none is forgotten."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retrain_api.crd import spec_schema

Document = dict[str, Any]
Steps = tuple[str | int, ...]
Node = Mapping[str, Any]

_CREDENTIALS = {"secretName": "aws"}
_GPU = {"resourceName": "nvidia.com/gpu", "count": 1}
_RESOURCES = {"requests": {"cpu": "1"}, "limits": {"memory": "4Gi"}}
_DEADLINES = {"backoffLimit": 2, "activeDeadlineSeconds": 3600, "pendingDeadlineSeconds": 600}
FULL: Document = {
    "symbols": ["BTC-USD", "ETH-USD"],
    "data": {
        "uri": "s3://bucket/features/",
        "filename": "features_{symbol}.parquet",
        "interval": "5m",
        "features": ["rsi"],
        "credentials": _CREDENTIALS,
    },
    "label": {"horizonBars": 5, "ties": "Down"},
    "split": {"validationPercent": 40, "testPercent": 20},
    "model": {"hiddenSize": 64, "layers": 2, "dropout": 0.1, "bidirectional": False, "lookbackBars": 30},
    "training": {
        "epochs": 5,
        "batchSize": 64,
        "learningRate": 0.01,
        "weightDecay": 0.0001,
        "seed": 1,
        "precision": "Float32",
        "deterministic": True,
        "loss": {"positiveWeight": "1.5"},
        "scheduler": {"type": "CosineAnnealingWarmRestarts", "t0": 5, "tMult": 1, "etaMin": 0.00001},
        "earlyStopping": {"patience": 3, "minDelta": 0.01},
    },
    "evaluation": {"calibration": "None", "calibrationBins": 10, "backtest": {"threshold": 0.6, "feeBps": 5}},
    "gate": {
        "criteria": [{"metric": "accuracy", "atLeast": 0.7}, {"metric": "brier", "atMost": 0.2}],
        "minPassed": 1,
        "whenUnreachable": "Continue",
        "confidencePercent": 95,
    },
    "promotion": {"policy": "Manual", "requireImprovement": True, "baseline": {"uri": "s3://bucket/old.pt"}},
    "artifacts": {"uri": "s3://bucket/models/", "credentials": _CREDENTIALS},
    "backups": [
        {"name": "drive", "uri": "rclone://drive/models", "credentials": {"secretName": "rclone"}, "required": True}
    ],
    "report": {
        "git": {"url": "https://git.example/results.git", "branch": "main", "path": "reports", "secretName": "git"}
    },
    "credentials": _CREDENTIALS,
    "pods": {
        "image": "trainer:1",
        "imagePullPolicy": "Never",
        "imagePullSecrets": [{"name": "pull"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "runtimeClassName": "nvidia",
        "priorityClassName": "low",
        "volumes": [{"name": "cache", "emptyDir": {}}],
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
        "env": [{"name": "LEVEL", "value": "1"}],
        "labels": {"team": "a"},
        "annotations": {"note": "b"},
        "fsGroup": 1000,
    },
    "train": {"resources": _RESOURCES, **_DEADLINES, "device": "GPU", "gpu": _GPU},
    "evaluate": {"resources": _RESOURCES, **_DEADLINES, "device": "GPU", "gpu": _GPU},
    "publish": {"resources": _RESOURCES, **_DEADLINES},
    "parallelism": 2,
    "jobTTLSecondsAfterFinished": 3600,
    "suspend": True,
}
"""The spec of a RetrainRun with every field set."""

_INSTEAD: dict[str, Document] = {
    "serviceAccountName": {"serviceAccountName": "trainer"},
    "rcloneConfigSecretName": {"rcloneConfigSecretName": "rclone"},
    "atMost": {"metric": "maxDrawdown", "atMost": 0.3},
}
"""Fields that FULL can't have beside others, and the object that has them."""


@dataclass(frozen=True)
class Case:
    """A spec that breaks one constraint, and the field that must be named."""

    name: str
    field: str
    spec: Document
    words: str = ""


def document(spec: Document) -> Document:
    """The RetrainRun with that spec."""
    kind = {"apiVersion": "retrain.crpbot.dev/v1alpha1", "kind": "RetrainRun", "metadata": {"name": "wrong"}}
    return kind | {"spec": spec}


def nodes() -> Iterator[tuple[Steps, Node]]:
    """Every place of the spec that the schema describes, with the first entry of each list and map of FULL."""
    yield from _nodes(spec_schema(), (), FULL)


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


def full_for(steps: Steps) -> Document:
    """FULL, with the alternative that a place belongs to."""
    spec = copy.deepcopy(FULL)
    if steps and (instead := _INSTEAD.get(str(steps[-1]))):
        at(steps[:-2], spec)[steps[-2]] = dict(instead)
    return spec


def with_value(steps: Steps, value: Any, spec: Document | None = None) -> Document:
    """FULL, or another spec, with another value at a place."""
    spec = full_for(steps) if spec is None else spec
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
_ODD = ("!", "/", "é é", "a b", "-", "?x", ":", "A@b", "/x")


def _breaks(pattern: str, node: Node) -> str:
    return next(odd for odd in _ODD if not re.search(pattern, odd) and len(odd) >= node.get("minLength", 0))


def _many(count: int, sample: Any, key: str | None) -> list[Any]:
    if key is not None and key != "metric":  # of metrics there are only so many
        return [sample | {key: f"{'N' if sample[key].isupper() else 'n'}{number}"} for number in range(count)]
    if isinstance(sample, str):
        return [f"N{number}-USD" for number in range(count)]
    return [copy.deepcopy(sample) for _ in range(count)]


def broken(steps: Steps, node: Node) -> Iterator[Case]:
    """A case for every constraint of a place but its CEL rules."""
    where = field(steps)
    value = at(steps, full_for(steps)) if steps else FULL
    for name, wrong in _wrong_values(node, value):
        yield Case(f"{where} {name}", where, with_value(steps, wrong) if steps else wrong)
    for needed in node.get("required", ()):
        spec = full_for(steps)
        del at(steps, spec)[needed]
        yield Case(f"{where} required {needed}", f"{where}.{needed}", spec)
    yield from _doubles(steps, node, value)


def _doubles(steps: Steps, node: Node, value: Any) -> Iterator[Case]:
    kind = node.get("x-kubernetes-list-type")
    if kind in ("set", "map"):
        again = [*value, copy.deepcopy(value[0])]
        yield Case(f"{field(steps)} {kind}", f"{field(steps)}[{len(value)}]", with_value(steps, again))


def _wrong_values(node: Node, value: Any) -> Iterator[tuple[str, Any]]:
    """Name of the constraint, and a value that breaks it."""
    if "type" in node:
        yield "type", WRONG_TYPES[node["type"]]
    if node.get("x-kubernetes-int-or-string"):
        yield "int-or-string", True
    if "enum" in node:
        yield "enum", "NoSuchValue" if isinstance(node["enum"][0], str) else 7
    if "pattern" in node:
        yield "pattern", _breaks(node["pattern"], node)
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
        yield "maxItems", _many(node["maxItems"] + 1, value[0], key)
    if "maxProperties" in node:
        sample = next(iter(value.values()))
        yield "maxProperties", {f"k{number}": sample for number in range(node["maxProperties"] + 1)}


COUNTED = (
    *("type", "x-kubernetes-int-or-string", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength"),
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


_BOTH = _CREDENTIALS | {"serviceAccountName": "trainer"}
_SCHEDULER, _FIRST = ("training", "scheduler"), ("gate", "criteria", 0)
_WEIGHT, _THRESHOLD = ("training", "loss", "positiveWeight"), ("evaluation", "backtest", "threshold")
RULES: tuple[tuple[Steps, str, str, Steps, tuple[Any, ...]], ...] = (
    ((), "minPassed must not", "spec.gate.minPassed", ("gate", "minPassed"), (3,)),
    ((), "with more than one symbol", "spec.data.filename", ("data", "filename"), ("one.parquet",)),
    (("split",), "validationPercent and", "spec.split.testPercent", ("split", "testPercent"), (50,)),
    (_WEIGHT, "must be Auto", field(_WEIGHT), _WEIGHT, ("auto", "-1", "0", 0, -3, 1000000, "1e3", "")),
    (_THRESHOLD, "must be at least 0.5", field(_THRESHOLD), _THRESHOLD, (0,)),
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
)
"""For each CEL rule, by its place and the beginning of its message: the field that is named, the one to change, and
values for it that break the rule."""


def by_rule(steps: Steps, node: Node) -> Iterator[Case]:
    """The cases of a place's CEL rules. Raises LookupError for a rule without one."""
    where = field(steps)
    for rule in node.get("x-kubernetes-validations", ()):
        found = [one for one in RULES if one[0] == steps and rule["message"].startswith(one[1])]
        if not found:
            raise LookupError(f"{where} has a rule without a wrong example: {rule['message']}")
        for _, begins, named, changed, values in found:
            for value in values:
                yield Case(
                    f"{where} rule {begins}: {value!r}",
                    named,
                    with_value(changed, value, copy.deepcopy(FULL)),
                    rule["message"],
                )


def unknown(steps: Steps, node: Node) -> Iterator[Case]:
    """A field that the schema does not have, in every object of its own fields; without a value too."""
    if "properties" not in node:
        return
    for value in (1, None):
        spec = full_for(steps)
        at(steps, spec)["noSuchField"] = value
        yield Case(f"{field(steps)} unknown field: {value}", f"{field(steps)}.noSuchField", spec)
