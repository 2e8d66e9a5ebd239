"""The smallest change that makes one document of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge_patch(before: Any, after: Any) -> Any:
    """The smallest merge patch (RFC 7386) that turns `before` into `after`; {} where nothing differs."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = merge_patch(old, value)
            if inner:
                patch[name] = inner
        elif old != value or name not in before:
            patch[name] = value
    return patch
