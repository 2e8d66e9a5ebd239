"""Several runs at work in one thread, by turns, so many at a time: this process forks, and a fork beside another thread can hang."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from retrain_client.local.executor import PAUSE

from .child import Child


class Watcher(Protocol):
    """Whoever follows the runs."""

    def began(self, child: Child) -> None:
        """A run is taken up."""

    def ended(self, child: Child) -> None:
        """A run rests."""

    def tick(self, waiting: int) -> None:
        """Time has passed; so many runs are still to be taken up."""


def work_in_turns(
    openings: Iterable[Callable[[], Child]], parallel: int, stopping: Callable[[], bool], watcher: Watcher
) -> None:
    """Carry out the runs until all rest, or until asked to stop. No process outlives this call, whatever goes wrong.

    Each opening takes up one run, once there is room for it; it may raise what `open_child` raises.
    """
    waiting, working = deque(openings), list[Child]()
    try:
        while (waiting or working) and not stopping():
            while waiting and len(working) < parallel:
                working.append(waiting.popleft()())
                watcher.began(working[-1])
            for child in _rested(working):
                working.remove(child)
                child.close()
                watcher.ended(child)
            watcher.tick(len(waiting))
            if not any(child.executor.changed for child in working):
                time.sleep(PAUSE)
        _leave(working)
    finally:
        for child in working:
            child.close()


def _rested(working: list[Child]) -> list[Child]:
    """A step of each; those that have nothing left to do."""
    return [child for child in working if not child.executor.step()]


def _leave(working: list[Child]) -> None:
    """Ask all before any is waited for: a task may take its time to save."""
    for child in working:
        child.executor.ask_to_stop()
    for child in working:
        child.executor.leave()
