"""Data that a preflight waits for: the log line that says so, and what the status tells of it.

The preflight writes it at each look, the operator reads it as it reads epochs. Best effort, so nothing is ever decided from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from retrain_api.formatting import counted

_LATE = re.compile(r"^Late: (\S+) and (\d+) more; newest bar closed (\S+); waiting until (\S+)$")


@dataclass(frozen=True)
class Late:
    """The first symbol whose data is late, how many more there are, when its newest bar closed, and the end of the wait.

    Both times are RFC 3339, UTC.
    """

    symbol: str
    more: int
    newest: str
    until: str

    @property
    def sentence(self) -> str:
        """What the status says of it."""
        others = f" and {counted(self.more, 'more symbol')}" if self.more else ""
        return (
            f"New bars of {self.symbol}{others} have not come yet: the newest one closed at {self.newest}. It looks again "
            f"each minute until {self.until} (data.waitFor)."
        )


def late_line(late: Late) -> str:
    """For example "Late: BTC-USD and 2 more; newest bar closed 2026-11-28T10:00:00Z; waiting until 2026-11-28T14:00:00Z"."""
    return f"Late: {late.symbol} and {late.more} more; newest bar closed {late.newest}; waiting until {late.until}"


def read_late(line: str) -> Late | None:
    """What a line says is late, or None."""
    match = _LATE.match(line.strip())
    return None if match is None else Late(match[1], int(match[2]), match[3], match[4])


def last_late(lines: Iterable[str]) -> Late | None:
    """What the last such line among the lines says."""
    found = None
    for line in lines:
        found = read_late(line) or found
    return found
