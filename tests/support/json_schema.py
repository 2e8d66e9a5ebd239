"""The part of JSON Schema draft 7 that the editor's schema uses, to check documents with: an unknown keyword is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_WORDS = frozenset({"$schema", "title", "description", "default", "definitions", "then", "else"})
_TYPES: dict[str, Any] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def violations(schema: Mapping[str, Any], value: Any) -> list[str]:
    """The paths and keywords that a value breaks, such as "spec.label: additionalProperties (horizon)"."""
    return list(_checked(schema, value, "", schema))


def _checked(node: Mapping[str, Any], value: Any, path: str, root: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in node:
        assert set(node) == {"$ref"}, "draft 7 reads nothing beside $ref"
        yield from _checked(root["definitions"][node["$ref"].removeprefix("#/definitions/")], value, path, root)
        return
    for keyword, wanted in node.items():
        if keyword not in _WORDS:
            yield from _KEYWORDS[keyword](wanted, value, path, root, node)


def _type(wanted: Any, value: Any, path: str, *_: Any) -> Iterator[str]:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    if not any(_is(kind, value) for kind in kinds):
        yield f"{path}: type {wanted}"


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _one(wanted: Any, value: Any, path: str, *_: Any) -> Iterator[str]:
    if value not in wanted:
        yield f"{path}: one of {wanted}"


def _all_of(wanted: Any, value: Any, path: str, root: Any, _: Any) -> Iterator[str]:
    for option in wanted:
        yield from _checked(option, value, path, root)


def _any_of(wanted: Any, value: Any, path: str, root: Any, _: Any) -> Iterator[str]:
    found = [list(_checked(option, value, path, root)) for option in wanted]
    if all(found):
        yield from min(found, key=lambda broken: any(f"{path}: type" in line for line in broken))


def _if(wanted: Any, value: Any, path: str, root: Any, node: Any) -> Iterator[str]:
    branch = "else" if any(_checked(wanted, value, path, root)) else "then"
    yield from _checked(node[branch], value, path, root)


def _properties(wanted: Any, value: Any, path: str, root: Any, _: Any) -> Iterator[str]:
    for name in wanted if isinstance(value, Mapping) else ():
        if name in value:
            yield from _checked(wanted[name], value[name], f"{path}.{name}".lstrip("."), root)


def _others(wanted: Any, value: Any, path: str, root: Any, node: Any) -> Iterator[str]:
    for name in value if isinstance(value, Mapping) else ():
        if name not in node.get("properties", {}) and wanted is False:
            yield f"{path}: additionalProperties ({name})"
        elif name not in node.get("properties", {}) and wanted is not True:
            yield from _checked(wanted, value[name], f"{path}.{name}", root)


def _required(wanted: Any, value: Any, path: str, *_: Any) -> Iterator[str]:
    yield from (f"{path}: required ({name})" for name in wanted if isinstance(value, Mapping) and name not in value)


def _items(wanted: Any, value: Any, path: str, root: Any, _: Any) -> Iterator[str]:
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        yield from _checked(wanted, entry, f"{path}[{index}]", root)


def _bound(kind: Any, keyword: str, broken: Any) -> Any:
    def check(wanted: Any, value: Any, path: str, *_: Any) -> Iterator[str]:
        if isinstance(value, kind) and not isinstance(value, bool) and broken(value, wanted):
            yield f"{path}: {keyword} {wanted}"

    return check


_NUMBER = (int, float)
_KEYWORDS: dict[str, Any] = {
    "type": _type,
    "enum": _one,
    "const": lambda wanted, *rest: _one([wanted], *rest),
    "allOf": _all_of,
    "anyOf": _any_of,
    "if": _if,
    "properties": _properties,
    "additionalProperties": _others,
    "required": _required,
    "items": _items,
    "minimum": _bound(_NUMBER, "minimum", lambda value, bound: value < bound),
    "maximum": _bound(_NUMBER, "maximum", lambda value, bound: value > bound),
    "exclusiveMinimum": _bound(_NUMBER, "exclusiveMinimum", lambda value, bound: value <= bound),
    "exclusiveMaximum": _bound(_NUMBER, "exclusiveMaximum", lambda value, bound: value >= bound),
    "minLength": _bound(str, "minLength", lambda value, bound: len(value) < bound),
    "maxLength": _bound(str, "maxLength", lambda value, bound: len(value) > bound),
    "minItems": _bound(list, "minItems", lambda value, bound: len(value) < bound),
    "maxItems": _bound(list, "maxItems", lambda value, bound: len(value) > bound),
    "maxProperties": _bound(Mapping, "maxProperties", lambda value, bound: len(value) > bound),
}
