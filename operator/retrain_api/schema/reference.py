"""The reference of every field, as Markdown, generated from the schema that the API server enforces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from retrain_api.names import GROUP, KIND, RUN_SHORT, SCHEDULE_KIND, SCHEDULE_SHORT, VERSION

from .crd import root_schema, schedule_root_schema

_HEAD = f"""# Reference

What does a field mean, and what may stand in it? `{GROUP}/{VERSION}` has two kinds: [{KIND}](#{KIND.lower()}), and
[{SCHEDULE_KIND}](#{SCHEDULE_KIND.lower()}), which makes runs. This page is generated from the models in `operator/retrain_api` by
`make generate`; do not edit it.
"""
_SECTION = """# {kind}

Short name `{short}`. On a cluster, `kubectl explain {lower}.spec` shows the same, and `retrain explain` anywhere.
"""
_TEMPLATE = "spec.runTemplate.spec"


def reference() -> str:
    """The whole page."""
    run, schedule = root_schema()["properties"], schedule_root_schema()["properties"]
    run_part = _part(KIND, RUN_SHORT, run, ("spec", "Rules", "status"))
    schedule_part = _part(
        SCHEDULE_KIND, SCHEDULE_SHORT, schedule, ("Schedule: spec", "Schedule: rules", "Schedule: status")
    )
    return "\n".join([_HEAD, *run_part, "", *schedule_part])


def _part(kind: str, short: str, root: Mapping[str, Any], headings: tuple[str, str, str]) -> list[str]:
    """What there is of a kind. Its headings are its own, so that a link finds them."""
    spec, status = root["spec"], root["status"]
    return [
        _SECTION.format(kind=kind, short=short, lower=kind.lower()),
        f"## {headings[0]}\n",
        _table(spec, "spec"),
        f"\n## {headings[1]}\n",
        _rules(spec),
        f"\n## {headings[2]}\n",
        _table(status, "status"),
    ]


def fields(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Every field below `node`, in reading order: path, schema, required."""
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}"
        yield below, child, name in node.get("required", ())
        yield from fields(child, below)
        if isinstance(child.get("items"), Mapping):
            yield from fields(child["items"], f"{below}[]")


def _table(node: Mapping[str, Any], path: str) -> str:
    head = "| field | type | default | what it is |\n|---|---|---|---|\n"
    rows = (field for field in fields(node, path) if not field[0].startswith(f"{_TEMPLATE}."))
    return head + "".join(_row(below, child, required) for below, child, required in rows)


def _row(path: str, node: Mapping[str, Any], required: bool) -> str:
    default = "required" if required else default_of(node)
    text = str(node.get("description", "")).replace("|", "\\|")
    if path == _TEMPLATE:
        text += " Its fields are [those of a run](#spec)."
    return f"| `{path}` | {kind(node)} | {default} | {text} |\n"


def default_of(node: Mapping[str, Any]) -> str:
    """Its default. An object has none of its own: its fields have rows, with theirs."""
    return _code(node["default"]) if "default" in node and not isinstance(node["default"], Mapping) else ""


def kind(node: Mapping[str, Any]) -> str:
    """Type and bounds in a few words."""
    if node.get("x-kubernetes-int-or-string"):
        return "integer or string"
    what = str(node.get("type", "any"))
    if what == "array":
        items = node.get("items", {})
        inner = (kind(items) if "enum" in items else items.get("type", "any")) if isinstance(items, Mapping) else "any"
        return f"list of {inner}" + _range(node, "minItems", "maxItems", " entries")
    if "enum" in node:
        return " or ".join(_code(value) for value in node["enum"])
    return what + _range(node, "minimum", "maximum", "")


def _range(node: Mapping[str, Any], low: str, high: str, unit: str) -> str:
    if low not in node and high not in node:
        return ""
    first = f"{'above ' if node.get('exclusiveMinimum') else ''}{_number(node[low])}" if low in node else "0"
    last = f"{'below ' if node.get('exclusiveMaximum') else ''}{_number(node[high])}" if high in node else "any"
    return f", {first} to {last}{unit}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _code(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value)
    if isinstance(value, float) and "e" in text:
        text = f"{value:.9f}".rstrip("0")
    return f"`{text}`"


def _rules(node: Mapping[str, Any]) -> str:
    """Rules that span several fields."""
    found = _messages(node, "spec")
    lines = [f"- `{path}`: {message}" for path, message in found if not path.startswith(_TEMPLATE)]
    return "\n".join(lines) + "\n"


def _messages(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for entry in node.get("x-kubernetes-validations", ()):
        yield path, str(entry["message"])
    for name, child in node.get("properties", {}).items():
        yield from _messages(child, f"{path}.{name}")
    if isinstance(node.get("items"), Mapping):
        yield from _messages(node["items"], f"{path}[]")
