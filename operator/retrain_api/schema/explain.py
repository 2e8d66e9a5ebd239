"""What a field is, as `retrain explain` prints it: from the schema that the API server enforces, as the reference is. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import GROUP, KIND, VERSION

from .crd import root_schema
from .near import METADATA, suggestion
from .reference import default_of, fields, kind

_INDENT = 4


def explained(path: str, width: int) -> list[str]:
    """The field at a path such as spec.model, and the fields in it. Raises ConfigurationError("BadOptions") for a wrong path."""
    root = _root()
    where = _normal(path)
    if not where:
        return [f"{KIND}, {GROUP}/{VERSION}", *_text(root, width, 0), "", *_table(root, width)]
    node, required = _found(root, where)
    below = _fields_of(node)
    more = ["", *_table(below, width)] if below.get("properties") else []
    return [*_head(where, node, required, width), *_text(node, width, 0), *more]


def _root() -> dict[str, Any]:
    """The schema with what the API server keeps for itself: version, kind and metadata."""
    root = root_schema()
    named = {
        name: {"type": "string" if name[0] == "n" else "object", "description": text} for name, text in METADATA.items()
    }
    own = {
        "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
        "kind": {"type": "string", "description": f"{KIND}."},
        "metadata": {
            "type": "object",
            "description": "As of any object in Kubernetes.",
            "required": ["name"],
            "properties": named,
        },
    }
    required = ["apiVersion", "kind", "metadata", "spec"]
    return root | {"required": required, "properties": root["properties"] | own}


def _normal(path: str) -> str:
    """The path as a message writes it, without its indexes: spec.gate.criteria for RetrainRun.spec.gate.criteria[0]."""
    plain = re.sub(r"\[[0-9]*\]", "", path.strip().strip("."))
    first, _, rest = plain.partition(".")
    return rest if first.lower() in (KIND.lower(), f"{KIND.lower()}s", "rtr") else plain


def _found(root: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], bool]:
    """The node of a field, and whether it is required."""
    node, parent, required = root, "", False
    for name in where.split("."):
        inside = _fields_of(node)
        if name not in inside.get("properties", {}):
            raise _unknown(root, parent, name, node)
        required = name in inside.get("required", ())
        node, parent = inside["properties"][name], f"{parent}.{name}" if parent else name
    return node, required


def _fields_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node that has the fields: that of an entry, for a list."""
    items = node.get("items")
    return items if isinstance(items, Mapping) else node


def _unknown(root: Mapping[str, Any], parent: str, name: str, node: Mapping[str, Any]) -> ConfigurationError:
    if parent and "properties" not in _fields_of(node):
        what = str(node.get("description", "")).rstrip(".")
        return ConfigurationError(
            reasons.BAD_OPTIONS, f"There is no field {name} known in {parent}, {_article(kind(node))}: {what}."
        )
    known = [path.replace("[]", "").lstrip(".") for path, *_ in fields(root, "")]
    found = suggestion(parent, name, known)
    hint = found or f"`{' '.join(filter(None, ['retrain explain', parent]))}` lists what there is"
    sentence = f"There is no field {'.'.join(filter(None, [parent, name]))}; {hint}"
    return ConfigurationError(reasons.BAD_OPTIONS, sentence if sentence.endswith("?") else f"{sentence}.")


def _article(what: str) -> str:
    return f"{'an' if what[0] in 'aeio' else 'a'} {what}"


def _table(inside: Mapping[str, Any], width: int) -> Iterator[str]:
    """A line for each field, and below it what it is."""
    for name, child in inside["properties"].items():
        yield from _head(name, child, name in inside.get("required", ()), width)
        # The rules of a section stand where it is explained itself.
        plain = {"description": child.get("description", "")} if "properties" in child else child
        yield from _text(plain, width, _INDENT)


def _head(name: str, node: Mapping[str, Any], required: bool, width: int) -> list[str]:
    return textwrap.wrap(f"{name}: {_kind(node, required)}", width, subsequent_indent=" " * 2 * _INDENT)


def _kind(node: Mapping[str, Any], required: bool) -> str:
    what = kind(node).replace("`", "")
    default = default_of(node).replace("`", "")
    return ", ".join(filter(None, [what, "required" if required else default and f"default {default}"]))


def _text(node: Mapping[str, Any], width: int, indent: int) -> Iterator[str]:
    """The description, and the rules that no type says."""
    nodes = [node] if _fields_of(node).get("properties") else [node, node.get("items", {})]
    rules = (str(rule["message"]) for each in nodes for rule in each.get("x-kubernetes-validations", ()))
    room = " " * indent
    for text in (str(node.get("description", "")), *(f"Rule: {rule}." for rule in rules)):
        yield from textwrap.wrap(text, width, initial_indent=room, subsequent_indent=room, break_on_hyphens=False)
