"""Validation errors as sentences that name the field, what is wrong with it, and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

_UNION_TAGS = frozenset({"int", "str", "float", "bool", "dict", "constrained-str"})

_WORDS = {
    "missing": "is required",
    "greater_than_equal": "must be at least {ge:.12g}",
    "greater_than": "must be greater than {gt:.12g}",
    "less_than_equal": "must be at most {le:.12g}",
    "less_than": "must be less than {lt:.12g}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} character(s)",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entry",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "must be {expected}",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "finite_number": "must be a finite number",
}


def sentences(error: ValidationError) -> list[str]:
    """One sentence for each wrong field, each field once, in the order of the document's schema."""
    found: dict[str, list[Any]] = {}
    for detail in error.errors(include_url=False):
        where = path(detail["loc"]) + getattr(detail.get("ctx", {}).get("error"), "field_path", "")
        # A list with a wrong entry is reported as too short as well: the wrong entry was not counted.
        if detail["type"] == "too_short" and any(other.startswith(f"{where}[") for other in found):
            continue
        found.setdefault(where, []).append(detail)
    return [f"{where}: {_verdict(details)}" for where, details in found.items()]


def _verdict(details: list[Any]) -> str:
    """Of a union, the complaint of the member that has the value's own type; otherwise all types that it may have."""
    closest = [detail for detail in details if not detail["type"].endswith("_type")]
    if closest or len(details) == 1:
        return _complaint([*closest, *details][0])
    kinds = " or ".join(_WORDS[detail["type"]].removeprefix("must be ") for detail in details)
    return f"must be {kinds}{_shown(details[0]['input'])}"


def path(location: Iterable[int | str]) -> str:
    """A field's path as the API server writes it: spec.gate.criteria[0].atLeast."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part not in _UNION_TAGS and not part.startswith(("constrained-", "function-")):
            text += f".{part}" if text else part
    return text or "the document"


def _complaint(detail: Any) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return f"unknown field{_near(detail['loc'])}"
    if kind == "value_error":
        return f"{detail['ctx']['error']!s}{_shown(value)}"
    words = _WORDS.get(kind)
    said = words.format(**detail.get("ctx", {})) if words else str(detail["msg"])
    return said if kind == "missing" else said + _shown(value)


def _shown(value: object) -> str:
    """The wrong value itself, where it is short enough to help; mappings may hold what nobody should read in a log."""
    return f", is {value!r}" if isinstance(value, str | int | float | bool) and len(repr(value)) <= 80 else ""


def _near(location: tuple[int | str, ...]) -> str:
    """The field that was meant, by its name where it is a neighbour, else by its path."""
    *parents, name = location
    here = path(part for part in parents if isinstance(part, str)) if parents else ""
    known = list(_fields())
    beside = [field.rpartition(".")[2] for field in known if field.rpartition(".")[0] == here]
    close = difflib.get_close_matches(str(name), beside, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    ends = {field.rpartition(".")[2]: field for field in reversed(known)}
    close = difflib.get_close_matches(str(name), sorted(ends), n=1)
    return f"; did you mean {ends[close[0]]}?" if close else ""


def _fields() -> Iterator[str]:
    """Paths of all fields that a person writes."""
    from .crd import spec_schema

    yield from ("apiVersion", "kind", "metadata", "spec")
    yield from _below(spec_schema(), "spec")


def _below(node: dict[str, Any], where: str) -> Iterator[str]:
    node = node.get("items", node)
    for name, child in node.get("properties", {}).items():
        yield f"{where}.{name}"
        yield from _below(child, f"{where}.{name}")
