"""Whether somebody asked to stop: what is at work is then saved, and nothing new is begun."""

from __future__ import annotations

import signal
from types import FrameType


class Stop:
    """Asked by Ctrl-C or SIGTERM."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request)

    def _request(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
