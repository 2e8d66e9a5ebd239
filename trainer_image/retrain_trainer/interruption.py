"""Stopping on request: SIGTERM from the cluster, Ctrl-C from a person."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from retrain_api.errors import Interrupted


class Stop:
    """Whether to stop. A request interrupts at once, except where it is deferred: there it is asked for.

    Call it for "has somebody asked?". As long as `deferred()` lasts, a request only sets the answer, so that
    a step is not torn and a checkpoint is written; when it ends, a request interrupts.
    """

    def __init__(self) -> None:
        self._requested = False
        self._deferred = False

    def __call__(self) -> bool:
        return self._requested

    def request(self) -> None:
        """Ask to stop; raises Interrupted the first time, unless deferred."""
        first, self._requested = not self._requested, True
        if first and not self._deferred:
            raise _interrupted()

    def check(self) -> None:
        """Raise Interrupted if somebody asked; for a request whose exception a library has swallowed."""
        if self._requested:
            raise _interrupted()

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """While it lasts, requests wait; if there was one and nothing else failed, Interrupted at its end."""
        self.check()
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        self.check()

    def settle(self) -> None:
        """From here on no request interrupts: the task is over, and its message is being written."""
        self._deferred = True

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as requests from here on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.request())


def _interrupted() -> Interrupted:
    return Interrupted("Interrupted", "Stopped on request; the next start goes on from what is saved.")
