"""What a field is, as `retrain explain` prints it: from the schema that the API server enforces, as the reference is. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import (
    GROUP,
    KIND,
    PLURAL,
    RUN_SHORT,
    SCHEDULE_KIND,
    SCHEDULE_PLURAL,
    SCHEDULE_SHORT,
    VERSION,
)

from .crd import root_schema, schedule_root_schema
from .near import METADATA, suggestion
from .reference import default_of, fields, kind

_INDENT = 4


def explained(path: str, width: int) -> list[str]:
    """The field at a path such as spec.model, and the fields in it. Raises ConfigurationError("BadOptions") for a wrong path.

    A path is of a run, unless a schedule is named before it, as in rts.spec.walkForward, or alone has such a field.
    """
    named, where = _named(path)
    root = _root(named or KIND)
    if not where:
        return [f"{named or KIND}, {GROUP}/{VERSION}", *_text(root, width, 0), "", *_table(root, width)]
    if named is None and not _has(root, where) and _has(_root(SCHEDULE_KIND), where):
        root = _root(SCHEDULE_KIND)
    node, required = _found(root, where, named)
    below = _fields_of(node)
    more = ["", *_table(below, width)] if below.get("properties") else []
    return [*_head(where, node, required, width), *_text(node, width, 0), *more]


@cache
def _root(kind: str) -> dict[str, Any]:
    """The schema with what the API server keeps for itself: version, kind and metadata."""
    root = schedule_root_schema() if kind == SCHEDULE_KIND else root_schema()
    named = {
        name: {"type": "string" if name[0] == "n" else "object", "description": text}
        for name, text in METADATA[kind].items()
    }
    own = {
        "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
        "kind": {"type": "string", "description": f"{kind}."},
        "metadata": {
            "type": "object",
            "description": "As of any object in Kubernetes.",
            "required": ["name"],
            "properties": named,
        },
    }
    required = ["apiVersion", "kind", "metadata", "spec"]
    return root | {"required": required, "properties": root["properties"] | own}


_KINDS = {
    **dict.fromkeys((KIND.lower(), PLURAL, RUN_SHORT), KIND),
    **dict.fromkeys((SCHEDULE_KIND.lower(), SCHEDULE_PLURAL, SCHEDULE_SHORT), SCHEDULE_KIND),
}


def _named(path: str) -> tuple[str | None, str]:
    """The kind that is named, and the path as a message writes it, without its indexes: spec.gate.criteria for
    RetrainRun.spec.gate.criteria[0]."""
    plain = re.sub(r"\[[0-9]*\]", "", path.strip().strip("."))
    first, _, rest = plain.partition(".")
    kind = _KINDS.get(first.lower())
    return kind, rest if kind else plain


def _has(root: Mapping[str, Any], where: str) -> bool:
    node = root
    for name in where.split("."):
        fields = _fields_of(node).get("properties", {})
        if name not in fields:
            return False
        node = fields[name]
    return True


def _found(root: Mapping[str, Any], where: str, named: str | None) -> tuple[Mapping[str, Any], bool]:
    """The node of a field, and whether it is required."""
    node, parent, required = root, "", False
    for name in where.split("."):
        inside = _fields_of(node)
        if name not in inside.get("properties", {}):
            raise _unknown(root, parent, name, node, named)
        required = name in inside.get("required", ())
        node, parent = inside["properties"][name], f"{parent}.{name}" if parent else name
    return node, required


def _fields_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node that has the fields: that of an entry, for a list."""
    items = node.get("items")
    return items if isinstance(items, Mapping) else node


def _unknown(
    root: Mapping[str, Any], parent: str, name: str, node: Mapping[str, Any], named: str | None
) -> ConfigurationError:
    if parent and "properties" not in _fields_of(node):
        what = str(node.get("description", "")).rstrip(".")
        return ConfigurationError(
            reasons.BAD_OPTIONS, f"There is no field {name} known in {parent}, {_article(kind(node))}: {what}."
        )
    known = [path.replace("[]", "").lstrip(".") for path, *_ in fields(root, "")]
    found = suggestion(parent, name, known)
    above = ".".join(filter(None, [SCHEDULE_SHORT if named == SCHEDULE_KIND else "", parent]))
    hint = found or f"`{' '.join(filter(None, ['retrain explain', above]))}` lists what there is"
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
