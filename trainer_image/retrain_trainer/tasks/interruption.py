"""Stops a task on request: SIGTERM from the cluster, Ctrl-C from a person.

A node that is drained must not cost an hour of training, and a task that does not end when it is asked to is killed without
a word, which costs a try. A request therefore interrupts at once, wherever the task is. Only a training holds it off, until
its step has ended and its checkpoint is written.

A signal's handler in Python runs once the main thread is back in Python: not while it is inside a name look-up or a file
system that hangs. What it raises can be lost, too: in a `__del__`, say, Python only prints it. So a thread watches over the
end, and ends the process itself where the main thread does not.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrain_api import reasons
from retrain_api.errors import Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT)

UNWIND_SECONDS = 1.5
"""How long a task may take to end once nothing holds the request off; it should be gone within two seconds."""
RESERVE_SECONDS = 3.0
"""A request that is still held off so long before the grace period ends is held off no longer."""

_POLL_SECONDS = 0.1

STOPPED = "Stopped on request; the next start continues from what was saved."
GIVEN_UP = (
    "Stopped on request. The checkpoint could not be saved in time; the next start continues from the one before."
)


class Stop:
    """Holds whether a stop was requested. A request interrupts at once, except where it is deferred.

    Call it to ask whether a stop was requested. While `deferred()` lasts, a request only sets the answer, so that no
    step is torn and a checkpoint is written. When it ends, a request interrupts.
    """

    def __init__(self) -> None:
        self._requested = False
        self._deferred = False
        self._settled = False
        self._released = 0.0
        self._wakeup: int | None = None
        self._ending = threading.Lock()

    def __call__(self) -> bool:
        return self._requested

    def request(self) -> None:
        """Request a stop. Raises Interrupted the first time, unless deferred."""
        first, self._requested = not self._requested, True
        if first and not self._deferred:
            raise Interrupted(reasons.INTERRUPTED, STOPPED)

    def check(self) -> None:
        """Raise Interrupted if a stop was requested."""
        if self._requested:
            raise Interrupted(reasons.INTERRUPTED, STOPPED)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Defer requests inside the block. Raises Interrupted at its end if there was one and nothing else failed."""
        self.check()
        self._deferred = True
        try:
            yield
        finally:
            self._released, self._deferred = time.monotonic(), False
        self.check()

    def settle(self) -> None:
        """From here on, no request interrupts: the task is over, and its message is being written."""
        self._deferred = True
        with self._ending:
            self._settled = True
        if self._wakeup is not None:
            signal.set_wakeup_fd(-1)
            os.close(self._wakeup)
            self._wakeup = None

    def listen(self, grace: float, end: Callable[[Interrupted], object]) -> None:
        """Treat SIGTERM and SIGINT as requests from here on, and let in those that came before.

        `grace` is the time in seconds from a request to SIGKILL. `end` must end the process; another thread calls it
        where the main thread has not settled in time.
        """
        asked, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        # The signal handler in C writes the signal's number here at once, whatever the main thread is doing.
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(asked, grace, end), name="stop", daemon=True).start()
        for number in SIGNALS:
            signal.signal(number, lambda *_: self.request())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _watch(self, asked: int, grace: float, end: Callable[[Interrupted], object]) -> None:
        """End the process where it has not ended by itself in time."""
        with open(asked, "rb", buffering=0) as numbers:
            while (number := numbers.read(1)) and number[0] not in SIGNALS:
                pass
        began = time.monotonic()
        while True:
            held = self._deferred
            due = began + grace - RESERVE_SECONDS if held else max(began, self._released) + UNWIND_SECONDS
            with self._ending:
                if self._settled:
                    return
                if time.monotonic() >= due:
                    end(Interrupted(reasons.INTERRUPTED, GIVEN_UP if held else STOPPED))
            time.sleep(_POLL_SECONDS)


def hold_back() -> None:
    """Keep requests waiting until a `Stop` listens. Outside it they are lost: process 1 of a container ignores them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
