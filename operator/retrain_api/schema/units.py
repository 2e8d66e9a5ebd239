"""What to write for a number that came in another unit: 15% or 0.15 for a whole percentage, 1h for seconds, 35% for a share."""

from __future__ import annotations

import re

from retrain_api.spec.bounds import percentage, plain

_SPAN = re.compile(r"([0-9]{1,6}) ?(s|m|min|h|d)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_PLAIN_SHARES = frozenset(
    ("dropout", "threshold", "learningRate", "weightDecay", "etaMin", "minDelta"),
)


def in_its_unit(field: str, value: object) -> str:
    """The value in the unit of a field, such as spec.split.testPercent; empty where none can be told."""
    name = field.rpartition(".")[2]
    percent = percentage(value)
    if name.endswith("Percent"):
        return _percent(value if percent is None else percent / 100)
    if name.endswith(("Seconds", "SecondsAfterFinished")):
        return _seconds(value)
    if percent is None:
        return ""
    if name == "feeBps":
        return plain(round(percent * 100, 9))
    return plain(round(percent / 100, 12)) if name in _PLAIN_SHARES else ""


def _percent(share: object) -> str:
    """A share as a whole percentage."""
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        return ""
    whole = round(share * 100, 9)
    return plain(whole) if whole.is_integer() else ""


def _seconds(value: object) -> str:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    return str(int(found[1]) * _SECONDS[found[2]]) if found else ""
