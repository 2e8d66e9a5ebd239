"""Validation messages: sentences that name the field, what is wrong with it, and what is allowed.

pydantic's own messages name Python types and model classes, which mean nothing to the author of a YAML file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from retrain_api.names import GROUP, KIND, SCHEDULE_KIND, VERSION

from .near import nearest_word, suggestion, writable
from .units import in_its_unit

_UNION_TAGS = frozenset({"int", "str", "float", "bool", "dict", "constrained-str"})

_TEMPLATES = {
    "missing": "is required",
    "greater_than_equal": "must be at least {ge:.12g}",
    "greater_than": "must be greater than {gt:.12g}",
    "less_than_equal": "must be at most {le:.12g}",
    "less_than": "must be less than {lt:.12g}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} character(s)",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entry",
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

_COMMANDS = {KIND: "retrain run", SCHEDULE_KIND: "retrain schedule run"}


def refusal(error: ValidationError, document: Mapping[str, Any], kind: str) -> str:
    """What is wrong with a whole document of a kind: a line for each field, or one where it is of the other kind."""
    given = document.get("kind")
    if given != kind and given in _COMMANDS:
        return f"kind: it is a {given}, not a {kind}; `{_COMMANDS[given]} -f FILE` carries it out"
    return "\n".join(sentences(error, kind=kind))


def sentences(error: ValidationError, *root: str, kind: str = KIND) -> list[str]:
    """One sentence for each wrong field, each field once, in the order of the document's schema; `root` is where the document lies."""
    found: dict[str, list[Any]] = {}
    for detail in error.errors(include_url=False):
        where = path((*root, *detail["loc"])) + getattr(detail.get("ctx", {}).get("error"), "field_path", "")
        # pydantic also reports a list with a wrong entry as too short, because it does not count that entry.
        if detail["type"] == "too_short" and any(other.startswith(f"{where}[") for other in found):
            continue
        found.setdefault(where, []).append(detail)
    return [f"{where}: {_verdict(details, kind)}" for where, details in found.items()]


def _verdict(details: list[Any], kind: str) -> str:
    """For a union, the complaint of the member that has the value's own type; otherwise all types that are allowed."""
    closest = [detail for detail in details if not detail["type"].endswith("_type")]
    if closest or len(details) == 1:
        return _complaint([*closest, *details][0], kind)
    kinds = " or ".join(_TEMPLATES[detail["type"]].removeprefix("must be ") for detail in details)
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


def _complaint(detail: Any, kind: str) -> str:
    what, value = detail["type"], detail["input"]
    if what == "extra_forbidden":
        return f"unknown field{_near(detail['loc'], kind)}"
    if what == "value_error":
        return f"{detail['ctx']['error']!s}{_shown(value, detail['loc'][-1:] == ('secretName',))}"
    template = _TEMPLATES.get(what)
    complaint = template.format(**detail.get("ctx", {})) if template else str(detail["msg"])
    if what == "missing":
        # What a required field with one value is to have.
        one = {"apiVersion": f": write {GROUP}/{VERSION}", "kind": f": write {kind}"}
        return complaint + one.get(path(detail["loc"]), "")
    meant = in_its_unit(path(detail["loc"]), value)
    if not meant and what == "literal_error":
        meant = _meant(detail["ctx"]["expected"], value)
    return complaint + (f": write {meant}" if meant else "") + _shown(value)


def _meant(expected: str, value: object) -> str:
    """The choice that was probably meant by another word; `expected` is pydantic's list of them: 'Drop' or 'Down'."""
    return nearest_word(value, re.findall(r"'([^']*)'", expected)) if isinstance(value, str) else ""


def _shown(value: object, in_secret: bool = False) -> str:
    """The wrong value itself, where it is short enough to help and can't hold a secret.

    Mappings may, and so may a text with "@" or "=": https://user:token@host/, or rclone's :sftp,pass=...:path.
    So may an address where a Secret's name belongs: slack://token/.
    """
    if not isinstance(value, str | int | float | bool) or len(repr(value)) > 80:
        return ""
    secretive = isinstance(value, str) and (any(mark in value for mark in "@=") or (in_secret and ":/" in value))
    return "" if secretive else f", is {value!r}"


def _near(location: tuple[int | str, ...], kind: str) -> str:
    """The field that was probably meant."""
    *parents, name = location
    here = re.sub(r"\[[0-9]+\]", "[]", path(parents)) if parents else ""
    found = suggestion(here, str(name), writable(kind))
    return f"; {found}" if found else ""
