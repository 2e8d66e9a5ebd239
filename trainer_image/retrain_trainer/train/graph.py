"""A training step as a CUDA graph: recorded once, then started with one launch instead of some hundreds.

With a small LSTM, a GPU spends its time waiting for kernel launches. The recording reads the windows' rows and the learning
rate from fixed tensors, and changes weights and Adam's state in place, so nothing outside depends on it, and checkpoints
are the same with and without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

WARM_UP = 3
"""Steps without a graph before one is recorded: they create Adam's state, and what cuDNN and cuBLAS create only once."""

AHEAD = 4
"""Replays that may be queued for the GPU. Without a limit some thousand are, and a request to stop waits for all of them."""

Replay = Callable[[], None]


@contextmanager
def recordable(optimiser: torch.optim.Optimizer, rate: Tensor) -> Iterator[None]:
    """Prepares the optimiser for a recording: its learning rate is a tensor, and the host reads no tensor.

    Restores it afterwards. Fused Adam keeps its step count on the GPU anyway, so its state has the same form either way.
    """
    before = [{name: group[name] for name in ("lr", "capturable")} for group in optimiser.param_groups]
    for group in optimiser.param_groups:
        group.update(lr=rate, capturable=True)
    try:
        yield
    finally:
        for group, kept in zip(optimiser.param_groups, before, strict=True):
            group.update(kept)


def record(step: Callable[[], Tensor], generator: torch.Generator | None) -> tuple[Replay, Tensor]:
    """Record `step` as a graph, without executing it. Returns a function that replays it and the loss that replays overwrite.

    Random numbers differ between replays: torch advances its generators (`generator` is ours, seeded before each replay),
    and cuDNN keeps the state of its dropout on the GPU.
    """
    graph, waiting = torch.cuda.CUDAGraph(), deque[torch.cuda.Event]()
    if generator is not None:
        graph.register_generator_state(generator)
    # Another training in this process may use the GPU at the same time, from its own thread.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        loss = step()

    def replay() -> None:
        if len(waiting) == AHEAD:
            waiting.popleft().synchronize()
        graph.replay()
        waiting.append(torch.cuda.Event())  # type: ignore[no-untyped-call]
        waiting[-1].record()

    return replay, loss


class GraphedStep:
    """Steps on batches of `size`: the first ones run without a graph, then one is recorded and replayed.

    The last batch of an epoch is smaller and runs without a graph. `graphed(rows, plain)` returns the loss, as
    `plain(rows)` does.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, size: int, generator: torch.Generator | None) -> None:
        self.optimiser, self.size, self.generator = optimiser, size, generator
        self.steps_before_recording = WARM_UP
        self.recorded: tuple[Replay, Tensor] | None = None

    def __call__(self, rows: Tensor, plain: Callable[[Tensor], Tensor]) -> Tensor:
        if len(rows) != self.size:
            return plain(rows)
        if self.steps_before_recording:
            self.steps_before_recording -= 1
            return plain(rows)
        if self.recorded is None:
            self.recorded = self.record(rows, plain)
        return self.replay(rows, *self.recorded)

    def record(self, rows: Tensor, plain: Callable[[Tensor], Tensor]) -> tuple[Replay, Tensor]:
        """Record a step on rows that are filled in before each replay."""
        self.rows, self.rate = torch.empty_like(rows).copy_(rows), torch.zeros((), device=rows.device)
        self.rate_there = 0.0
        with recordable(self.optimiser, self.rate):
            return record(lambda: plain(self.rows), self.generator)

    def replay(self, rows: Tensor, replay: Replay, loss: Tensor) -> Tensor:
        """One step on `rows`, with the learning rate that the optimiser has now."""
        rate = self.optimiser.param_groups[0]["lr"]
        if rate != self.rate_there:
            self.rate.fill_(rate)
            self.rate_there = rate
        self.rows.copy_(rows)
        replay()
        return loss.clone()  # the next replay writes over it
