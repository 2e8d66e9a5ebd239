"""Which part of a document this release knows.

A newer CRD lets in, and fills in, fields that an older operator has never heard of. If it refused them, an upgrade in the
documented order (the CRD first) would fail every run until the operator follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def known_part(value: Any, schema: Mapping[str, Any], where: str = "") -> tuple[Any, tuple[str, ...]]:
    """`value` without the fields that the structural schema does not have, and the paths of those, below `where`.

    A mapping whose names are free (labels, an affinity, a volume beside its name) is kept whole.
    """
    free = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(value, Mapping) and "properties" in schema and not free:
        return _mapping(value, schema["properties"], where)
    if isinstance(value, list) and "items" in schema:
        parts = [known_part(part, schema["items"], f"{where}[{index}]") for index, part in enumerate(value)]
        return [part for part, _ in parts], tuple(path for _, paths in parts for path in paths)
    return value, ()


def _mapping(value: Mapping[str, Any], properties: Mapping[str, Any], where: str) -> tuple[Any, tuple[str, ...]]:
    kept, unknown = {}, []
    for name, part in value.items():
        path = f"{where}.{name}" if where else name
        if name not in properties:
            unknown.append(path)
            continue
        kept[name], below = known_part(part, properties[name], path)
        unknown += below
    return kept, tuple(unknown)
