"""Threads that compute side by side, each with its share of torch's.

An LSTM is a chain of small matrix products. Two threads inside each product wait for one another at every time step; two
threads with windows of their own meet at the end (`docs/performance.md` has the ratios).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

import torch

Answer = TypeVar("Answer")


class Workers:
    """At most `count` threads, and no more than torch has; one of them is the caller's own. A context manager."""

    def __init__(self, count: int) -> None:
        self.threads = torch.get_num_threads()
        self.count = max(1, min(count, self.threads))
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Workers:
        if self.count > 1:
            self._pool = ThreadPoolExecutor(
                self.count, "worker", torch.set_num_threads, (max(1, self.threads // self.count),)
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            # Threads that start later take the number that was set last.
            torch.set_num_threads(self.threads)

    def map(self, function: Callable[..., Answer], *arguments: Any) -> Iterator[Answer]:
        """The answers in the order of the arguments, whoever is first."""
        return self._pool.map(function, *arguments) if self._pool else map(function, *arguments)
