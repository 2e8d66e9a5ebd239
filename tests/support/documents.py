"""Documents that `--json` prints, held against docs/commands.md: every field is in the table of its kind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def documented(kind: str) -> set[str]:
    """The fields in the table of a kind of document."""
    (section,) = re.findall(rf"^### {kind}\n(.*?)(?=^### |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `([\w.\[\]]+)` \|", section, re.MULTILINE))


def read_document(text: str, kind: str, *beside: str) -> dict[str, Any]:
    """The document in `text`: the right kind and version, each field documented. `beside` are fields that the page leaves to
    another page.
    """
    document: dict[str, Any] = json.loads(text)
    assert (document.pop("schemaVersion"), document.pop("kind")) == (1, kind)
    known = documented(kind)
    assert known, kind
    unknown = set(_paths(document, "", known)) - known - set(beside)
    assert not unknown, f"docs/commands.md says nothing of {sorted(unknown)}"
    return document


def _paths(value: Any, path: str, known: set[str]) -> Iterator[str]:
    """Paths down to what the page names; a list is read by its entries."""
    deeper = any(each.startswith((f"{path}.", f"{path}[]")) for each in known) if path else True
    if isinstance(value, dict) and deeper:
        for name, part in value.items():
            yield from _paths(part, f"{path}.{name}" if path else name, known)
    elif isinstance(value, list) and deeper:
        for part in value:
            yield from _paths(part, f"{path}[]", known)
    else:
        yield path
