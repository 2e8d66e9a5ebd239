"""Worker threads, each with its share of torch's threads.

An LSTM is a chain of small matrix products. Two threads within each product wait for each other at every time step; two
threads with their own windows meet only at the end (`docs/performance.md` has the ratios).

The thread that waits for the workers gets no more than a worker's share. Where another program has one of the processors, each
operation that two threads share waits until both have their turn: adding up gradients and Adam then took three quarters of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")


class Workers:
    """A pool of at most `count` threads, and no more than torch has. A context manager.

    Inside it, torch's number of threads is another for the whole process: only for a task, which has a process to itself.
    """

    def __init__(self, count: int) -> None:
        self.threads = torch.get_num_threads()
        self.count = max(1, min(count, self.threads))
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Workers:
        if self.count > 1:
            share = max(1, self.threads // self.count)
            torch.set_num_threads(share)
            self._pool = ThreadPoolExecutor(self.count, "worker", torch.set_num_threads, (share,))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)  # an interruption must not wait for what has not begun
            # Threads that start later use the number that was set last.
            torch.set_num_threads(self.threads)

    def map(self, function: Callable[..., Result], *arguments: Any) -> Iterator[Result]:
        """The results in the order of the arguments, whichever is ready first."""
        return self._pool.map(function, *arguments) if self._pool else map(function, *arguments)
