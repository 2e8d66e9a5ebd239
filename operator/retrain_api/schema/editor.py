"""The JSON Schema that an editor checks the YAML file of a run or a schedule with while it is written: names, types, bounds and descriptions.

It is draft 7, which the YAML servers of editors read best, and has no patterns: an editor would show the expression itself. The
form of names and the rules between fields are for `retrain doctor` and the API server, which answer with sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from retrain_api.names import GROUP, KIND, SCHEDULE_KIND, VERSION
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.spec.schedule import NAME_ROOM, RetrainScheduleSpec

from .near import METADATA

_DROPPED = ("title", "discriminator", "pattern")
_NULL = {"type": "null"}


def editor_schema() -> dict[str, Any]:
    """JSON Schema of a RetrainRun or a RetrainSchedule, by its kind, as JSON-like data."""
    definitions: dict[str, Any] = {}
    for kind, (spec, what) in _SPECS.items():
        found = spec.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
        definitions |= {name: _converted(node) for name, node in found.pop("$defs").items()}
        definitions[kind] = _resource(kind, _converted(found), what)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"{KIND} or {SCHEDULE_KIND}",
        # Of two alternatives beside each other an editor shows the mistakes of both.
        "if": {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": [SCHEDULE_KIND]}}},
        "then": {"$ref": f"#/definitions/{SCHEDULE_KIND}"},
        "else": {"$ref": f"#/definitions/{KIND}"},
        "definitions": definitions,
    }


_SPECS: dict[str, tuple[type[BaseModel], str]] = {
    KIND: (RetrainRunSpec, "Retrains a model for each symbol, measures it honestly and promotes what passes the gate."),
    SCHEDULE_KIND: (
        RetrainScheduleSpec,
        "Makes runs by the clock, once their recipe has shown on the past that it works.",
    ),
}


def _resource(kind: str, spec: dict[str, Any], what: str) -> dict[str, Any]:
    return {
        "description": what,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": f"{GROUP}/{VERSION}"},
            # Both kinds are offered while nothing is written yet; the schema of a schedule is asked for that one alone.
            "kind": {"enum": [KIND, SCHEDULE_KIND] if kind == KIND else [kind]},
            "metadata": _metadata(kind),
            "spec": spec,
            "status": {"type": "object", "description": "What became of it; nobody writes it by hand."},
        },
    }


def _metadata(kind: str) -> dict[str, Any]:
    words = {"type": ["object", "null"], "additionalProperties": {"type": "string"}}
    longest = NAME_ROOM if kind == SCHEDULE_KIND else 253
    return {
        "type": "object",
        "description": "As of any object in Kubernetes.",
        "required": ["name"],
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": longest,
                "description": METADATA[kind]["name"],
            },
            "namespace": {"type": ["string", "null"], "maxLength": 63, "description": "Its namespace."},
            "labels": words,
            "annotations": words,
        },
    }


def _converted(node: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: value for name, value in node.items() if name not in _DROPPED and not name.startswith("x-kubernetes-")
    }
    if "default" in kept and kept["default"] in (None, {}, []):
        del kept["default"]
    if "properties" in kept:
        needed = kept.get("required", ())
        kept["properties"] = {
            name: _converted(child) if name in needed else _or_null(_converted(child))
            for name, child in kept["properties"].items()
        }
    for keyword in ("items", "additionalProperties"):
        if isinstance(kept.get(keyword), Mapping):
            kept[keyword] = _converted(kept[keyword])
    if "anyOf" in kept:
        kept["anyOf"] = [_converted(option) for option in kept["anyOf"]]
    return _referring(kept)


def _referring(node: dict[str, Any]) -> dict[str, Any]:
    """A reference with words beside it: draft 7 reads nothing beside `$ref`."""
    if "$ref" not in node or len(node) == 1:
        return node
    return {"allOf": [{"$ref": node.pop("$ref")}], **node}


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    """The node or null, which counts as unset: an editor must not blame a section that nothing is written in yet."""
    words = {name: node[name] for name in ("description", "default") if name in node}
    bare = {name: value for name, value in node.items() if name not in words}
    options = [option for option in bare.get("anyOf", [bare]) if option != _NULL]
    if len(options) > 1 or not isinstance(options[0].get("type"), str):
        return words | {"anyOf": [*(_referred(option) for option in options), _NULL]}
    one: dict[str, Any] = options[0] | {"type": [options[0]["type"], "null"]}
    return words | one | ({"enum": [*one["enum"], None]} if "enum" in one else {})


def _referred(node: dict[str, Any]) -> dict[str, Any]:
    """A reference that stands alone again, now that the words are beside it no longer."""
    alone: dict[str, Any] = node["allOf"][0] if set(node) == {"allOf"} else node
    return alone
