"""The CustomResourceDefinitions, generated from the models: one source for schema, validation and reference.

Written by hand it would drift from what operator and command line accept. A structural schema (OpenAPI v3 as the API server takes it) differs from JSON Schema: no references, no null type,
exclusive bounds as booleans, and every list and string that a CEL rule reads needs a maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from retrain_api.names import GROUP, KIND, PLURAL, RUN_SHORT, SCHEDULE_KIND, SCHEDULE_PLURAL, SCHEDULE_SHORT, VERSION
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.spec.schedule import SHORT_NAME, RetrainScheduleSpec
from retrain_api.status.run import UNSEEN, RetrainRunStatus
from retrain_api.status.schedule import UNSEEN_SCHEDULE, RetrainScheduleStatus
from retrain_api.wire import to_wire, validations

_DROPPED = frozenset({"title", "$defs", "additionalProperties", "const", "discriminator"})

_KEPT = {
    "argocd.argoproj.io/sync-options": "Prune=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
"""Without them a GitOps tool that prunes deletes the definition, and every run with it, once its file is not in the folder any
more that the tool applies."""

Column = dict[str, Any]


def _column(name: str, path: str, description: str, kind: str = "string", wide: bool = False) -> Column:
    priority = {"priority": 1} if wide else {}
    return {"name": name, "type": kind, "jsonPath": path} | priority | {"description": description}


_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
# Last, because it is long: columns after it would be off the screen.
_MESSAGE = _column("Message", ".status.message", "What the state means.", wide=True)
_RUN_COLUMNS = (
    _column("State", ".status.state", "Where the run is."),
    _column("Trained", ".status.trained", "Trained symbols."),
    _column("Progress", ".status.progress", "Epochs of the symbols in training, or the reason why nothing goes on."),
    _column("Gate", ".status.gateSummary", "Passed models and the verdict."),
    _column("Promoted", ".status.promoted", "Promoted symbols."),
    _AGE,
    # kubectl prints a date as an age, 215d, which says at a glance what a date does not. Of a time ahead of its clock it prints
    # <invalid>; this one is before the validation and test parts, which have passed.
    _column(
        "Learnt",
        ".status.trainedUntil",
        "How long ago the bars end that the oldest weights have learnt from.",
        kind="date",
        wide=True,
    ),
    _column("Observed", ".status.observed", "How the promoted models do since.", wide=True),
    _MESSAGE,
)
_SCHEDULE_COLUMNS = (
    _column("Schedule", ".spec.schedule", "When runs are made."),
    _column("State", ".status.state", "How the schedule is."),
    _column("Last", ".status.lastScheduleTime", "How long ago the newest slot was that a run was made for.", "date"),
    _column("Result", ".status.result", "What came of it."),
    # A string: of a date ahead of its clock kubectl prints <invalid>.
    _column("Next", ".status.next", "When the next run is made, or why there is none."),
    _AGE,
    _MESSAGE,
)


@dataclass(frozen=True)
class Definition:
    """What the definitions of two kinds differ in."""

    kind: str
    plural: str
    short: str
    columns: tuple[Column, ...]
    schema: Callable[[], dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """The whole CustomResourceDefinition as JSON-like data."""
        names = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.kind.lower(),
            "shortNames": [self.short],
            "categories": ["all"],
        }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{GROUP}", "annotations": dict(_KEPT)},
            "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [self._version()]},
        }

    def _version(self) -> dict[str, Any]:
        return {
            "name": VERSION,
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "additionalPrinterColumns": [dict(column) for column in self.columns],
            "schema": {"openAPIV3Schema": _entries_as_written(_described(self.schema()))},
        }


def definitions() -> dict[str, Definition]:
    """Every kind, by its plural, a run before what makes it."""
    found = (
        Definition(KIND, PLURAL, RUN_SHORT, _RUN_COLUMNS, root_schema),
        Definition(SCHEDULE_KIND, SCHEDULE_PLURAL, SCHEDULE_SHORT, _SCHEDULE_COLUMNS, _with_a_short_name),
    )
    return {each.plural: each for each in found}


def crd(plural: str = PLURAL) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    return definitions()[plural].document()


def _described(node: dict[str, Any]) -> dict[str, Any]:
    """The schema with each plain default in its description too, because `kubectl explain` shows no defaults."""
    described = _below(node, lambda _, child: _described(child))
    default = node.get("default")
    if isinstance(default, str | int | float):
        described["description"] = f"{node['description']} Default: {_plain(default)}."
    return described


def _plain(default: str | float) -> str:
    """A default as a person writes it in YAML: true, 0.00001."""
    if isinstance(default, float):
        return f"{default:.9f}".rstrip("0").rstrip(".")
    return str(default).lower() if isinstance(default, bool) else str(default) or '""'


def _entries_as_written(node: dict[str, Any], in_entry: bool = False) -> dict[str, Any]:
    """Without defaults below `items`, so that the API server stores a list's entries as they were written.

    Argo CD compares a custom resource with Git by a JSON merge patch. That merges mappings but takes a list as one value, so one field
    filled into an entry leaves the run OutOfSync for good, and self-heal applies it again and again (argoproj/argo-cd#11074). The
    models fill in those fields when a run is read.
    """
    kept = _below(node, lambda keyword, child: _entries_as_written(child, in_entry or keyword == "items"))
    if in_entry:
        kept.pop("default", None)
    return kept


def _below(node: Mapping[str, Any], change: Callable[[str, dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """A copy of the node with each child schema changed; `change` is given the keyword that the child stands below."""
    copy = dict(node)
    if "properties" in node:
        copy["properties"] = {name: change("properties", child) for name, child in node["properties"].items()}
    for keyword in ("items", "additionalProperties"):
        if keyword in node:
            copy[keyword] = change(keyword, node[keyword])
    return copy


def root_schema() -> dict[str, Any]:
    """Structural schema of a RetrainRun, with the defaults of list entries, which the CustomResourceDefinition leaves out."""
    text = "Retrains a model for each symbol, measures it honestly and promotes what passes the gate."
    return _root(text, spec_schema(), RetrainRunStatus, UNSEEN)


def schedule_root_schema() -> dict[str, Any]:
    """The same of a RetrainSchedule."""
    text = "Makes runs by the clock, once their recipe has shown on the past that it works."
    return _root(text, schedule_spec_schema(), RetrainScheduleStatus, UNSEEN_SCHEDULE)


def _with_a_short_name() -> dict[str, Any]:
    """The same for the API server, with the rule about the name. Of metadata a schema may describe but the name, which the rule needs."""
    root = schedule_root_schema() | validations(SHORT_NAME)
    metadata = {"type": "object", "properties": {"name": {"type": "string"}}}
    return root | {"properties": root["properties"] | {"metadata": metadata}}


def _root(text: str, spec: dict[str, Any], status: type[BaseModel], unseen: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": text,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": _structural(status.model_json_schema(by_alias=True)) | {"default": unseen},
        },
    }


def spec_schema() -> dict[str, Any]:
    """Structural schema of the spec, with every default written out in full.

    A default `{}` under a rule that reads defaulted children is refused by the API server.
    """
    return _structural(RetrainRunSpec.model_json_schema(by_alias=True), keep_defaults=True)


def schedule_spec_schema() -> dict[str, Any]:
    """The same of the spec of a schedule, with that of a run in it."""
    return _structural(RetrainScheduleSpec.model_json_schema(by_alias=True), keep_defaults=True)


def _structural(schema: Mapping[str, Any], keep_defaults: bool = False) -> dict[str, Any]:
    definitions = schema.get("$defs", {})

    def convert(node: Mapping[str, Any]) -> dict[str, Any]:
        node = _resolved(node, definitions)
        if node.get("x-kubernetes-int-or-string") or _is_int_or_string(node):
            return _int_or_string(node)
        kept = {name: value for name, value in node.items() if name not in _DROPPED}
        default = _without_none(kept.pop("default", None))
        if keep_defaults and default not in (None, []):
            kept["default"] = default
        if "properties" in kept:
            kept["properties"] = {name: convert(child) for name, child in kept["properties"].items()}
        if "items" in kept:
            kept["items"] = convert(kept["items"])
        if isinstance(node.get("additionalProperties"), Mapping):
            kept["additionalProperties"] = convert(node["additionalProperties"])
        return _bounds(_array(kept))

    return convert(schema)


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The node with its reference resolved and its null alternative removed: null means unset here."""
    if "$ref" in node:
        target = definitions[str(node["$ref"]).rsplit("/", 1)[1]]
        return _resolved({**target, **{name: value for name, value in node.items() if name != "$ref"}}, definitions)
    options = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        rest = {name: value for name, value in node.items() if name != "anyOf"}
        return _resolved({**options[0], **rest}, definitions)
    return dict(node)


def _is_int_or_string(node: Mapping[str, Any]) -> bool:
    kinds = {option.get("type") for option in node.get("anyOf", ())}
    return kinds == {"integer", "string"}


def _int_or_string(node: Mapping[str, Any]) -> dict[str, Any]:
    """`anyOf` of integer and string is the one form that a structural schema allows."""
    kept = {
        name: value
        for name, value in node.items()
        if name in ("description", "default", "x-kubernetes-validations", "maxLength")
    }
    for option in node.get("anyOf", ()):
        kept |= {name: option[name] for name in ("minimum", "maxLength") if name in option}
    return {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}], **kept}


def _array(node: dict[str, Any]) -> dict[str, Any]:
    """Fixed-length tuples become plain lists of numbers."""
    if "prefixItems" in node:
        node["items"] = {"type": "number", "nullable": True}
        del node["prefixItems"]
    if node.get("type") == "array" and "uniqueItems" in node:
        del node["uniqueItems"]
    return node


def _bounds(node: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI v3.0 expresses exclusive bounds as flags beside the bound."""
    for name, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(node.get(name), int | float) and not isinstance(node.get(name), bool):
            node[plain] = node[name]
            node[name] = True
    if node.get("type") == "integer":
        node["format"] = "int64"
    return node


def _without_none(value: Any) -> Any:
    """A default as JSON, without what is unset or empty: an empty list as default is no information."""
    if hasattr(value, "model_dump"):
        return _without_none(to_wire(value))
    if isinstance(value, Mapping):
        parts = {name: _without_none(part) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part not in (None, [], {})} or None
    return [_without_none(part) for part in value] if isinstance(value, list | tuple) else value
