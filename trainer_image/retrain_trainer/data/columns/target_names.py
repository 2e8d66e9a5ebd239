"""Which columns are targets by their name alone: what a notebook adds to learn from, and forgets to take out again.

A name proves nothing, so this is only a warning. It is worth one all the same: a column of next closes says so in its name more
often than not, and where there are too few rows to measure look-ahead, the name is all there is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = frozenset(
    (
        "target",
        "tgt",
        "label",
        "lbl",
        "future",
        "fut",
        "fwd",
        "forward",
        "next",
        "nxt",
        "tomorrow",
        "outcome",
        "ahead",
        "lookahead",
        "lead",
    )
)
_BEGINNINGS = (
    "target",
    "label",
    "fwd",
    "future",
    "tomorrow",
    "lookahead",
    "nextbar",
    "nextclose",
    "nextret",
    "nextmove",
)
_ENDS = ("target", "label", "fwd", "future", "tomorrow", "closenext", "returnnext", "retnext")
_HONEST = ("futures",)
"""The market of futures is no future: futures_basis is known when the bar closes."""
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MOST = 8
"""Columns that the warning names; the others are counted."""


def says_target(name: str) -> bool:
    """Whether a name reads as something to be predicted: target, y, fwd_ret, closeNext, FUTURE_15."""
    parts = [part.lower() for part in _PARTS.findall(name)]
    if parts[:1] == ["y"]:  # not at the end: a merge of pandas leaves close_x and close_y
        return True
    return any(_is_target(part) for part in parts)


def _is_target(part: str) -> bool:
    if part.startswith(_HONEST):
        return False
    return part in _WORDS or part.removesuffix("s") in _WORDS or part.startswith(_BEGINNINGS) or part.endswith(_ENDS)


def target_warning(names: Sequence[str]) -> tuple[str, ...]:
    """One sentence for all columns among `names` that are targets by their name."""
    found = [name for name in names if says_target(name)]
    if not found:
        return ()
    shown = ", ".join(repr(name if len(name) <= 40 else name[:37] + "...") for name in found[:_MOST])
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    many = len(found) > 1
    return (
        f"Column{'s' * many} {shown}{more} {'read' if many else 'reads'} like something to be predicted. If "
        f"{'they are' if many else 'it is'} not known when the bar closes, leave {'them' if many else 'it'} out of `data.features`.",
    )
