"""Every field of the spec as YAML, each with what it is and its default: `retrain init --full`.

Generated from the schema that the API server enforces, as the reference of every field is. What has a default is written out; what
is unset without one stands behind a #.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from .crd import spec_schema
from .reference import kind

_WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*(:[A-Za-z0-9./_-]+)*|[1-9][0-9]*[mhd]")
# What one reader of YAML or another takes for something else than text.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def scalar(value: Any) -> str:
    """A value as YAML that every reader takes for the same: a symbol ON in quotes, 0.00001 without an exponent."""
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".") if abs(value) >= 1e-9 else "0"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(scalar, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {scalar(part)}" for name, part in value.items()) + "}"
    return json.dumps(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(mark if mark.isprintable() else f"\\U{ord(mark):08x}" for mark in escaped) + '"'


def every_field(given: Mapping[str, Any]) -> str:
    """The spec with every field, indented by two spaces; `given` are the values that are not the default ones."""
    return "\n".join(_fields(spec_schema(), given, {}, 2, "")) + "\n"


def _fields(
    node: Mapping[str, Any], given: Mapping[str, Any], defaults: Mapping[str, Any], indent: int, mark: str
) -> Iterator[str]:
    """The lines of a mapping's fields; `mark` is the # of a mapping that is unset."""
    for name, child in node["properties"].items():
        default = child.get("default", defaults.get(name))
        value = given.get(name, default)
        unset = mark or ("#" if value is None else "")
        if indent == 2:
            yield ""
        yield from _comment(child, indent)
        if "properties" in child:
            yield f"{' ' * indent}{unset}{name}:"
            yield from _fields(child, given.get(name, {}), default or {}, indent + 2, unset)
        else:
            yield from _field(" " * indent + unset + name, value)


def _field(start: str, value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        yield f"{start}:"
        room = " " * (len(start) - len(start.lstrip()) + 2)
        yield from (f"{room}- {scalar(entry)}" for entry in value)
    else:
        yield f"{start}: {scalar(value)}" if value is not None else f"{start}:"


def _comment(node: Mapping[str, Any], indent: int) -> Iterator[str]:
    text = f"{node['description']} {_allowed(node)}".strip()
    yield from (f"{' ' * indent}# {line}" for line in textwrap.wrap(text, _WIDTH - indent - 2, break_on_hyphens=False))


def _allowed(node: Mapping[str, Any]) -> str:
    """What may be written, where the description's own words and the default do not say it."""
    if "properties" in node:
        return ""
    items = node.get("items", {})
    entries = f", each with {', '.join(items['properties'])}" if "properties" in items else ""
    what = kind(node).replace("`", "")
    return "" if what == "string" else f"({what}{entries})"
