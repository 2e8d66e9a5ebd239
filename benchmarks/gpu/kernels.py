"""What the profiler sees of a step: the longest kernels, launches, and the share of time in which the GPU has nothing to do."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from training import ours
from training.pace import noise, synchronise

from retrain_api.spec.training import Training
from retrain_trainer.train.step import Stepper, StepSettings

from .notes import Figures
from .step_setup import StepSetup
from .variants import WARM_UP, usable

STEPS, LONGEST = 20, 10
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx", "cudaGraphLaunch")
COPIES = ("cudaMemcpyAsync", "cudaMemsetAsync")

Interval = tuple[float, float]


def measure(setup: StepSetup) -> None:
    """Plain steps and graphs, at two batches, in bfloat16."""
    for batch in setup.two_batches:
        for name, settings in (("plain", StepSettings()), ("graph", StepSettings(graph=True))):
            setup.notes.cell(f"batch {batch}, {name}", partial(profiled, setup, batch, usable(settings, setup)))


def profiled(setup: StepSetup, batch: int, settings: StepSettings) -> Figures:
    """Some steps at a steady state: timed, and then as many under the profiler, which makes launches slower."""
    what, how = noise(setup.sizes, setup.device, torch.bfloat16), Training(batch_size=batch)
    steps = ours.train(setup.sizes.shape, what, how, setup.device, partial(Stepper, settings=settings))
    take(setup, steps, WARM_UP)
    count = 2 if setup.small else STEPS
    began = time.perf_counter()
    take(setup, steps, count)
    step_ms = (time.perf_counter() - began) / count * 1000
    on_gpu = setup.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]) as seen:
        take(setup, steps, count)
    return figures_of(list(seen.events() or ()), DeviceType.CUDA if on_gpu else DeviceType.CPU, count, step_ms)


def take(setup: StepSetup, steps: Iterator[int], count: int) -> None:
    """So many steps, to their end."""
    for _ in range(count):
        next(steps)
    synchronise(setup.device)


def figures_of(events: Sequence[Any], kind: DeviceType, steps: int, step_ms: float) -> Figures:
    """Of torch's events and the time of a step without a profiler: what of it no kernel fills is idle.

    On a CPU, where this is only tried, operations stand for kernels.
    """
    # An annotation spans the kernels between its beginning and its end, and what is idle among them.
    kernels = [
        event for event in events if event.device_type == kind and not getattr(event, "is_user_annotation", False)
    ]
    if not kernels:
        raise RuntimeError("the profiler saw no kernel: it may not read this device here")
    intervals = [(event.time_range.start, event.time_range.end) for event in kernels]
    names, busy_ms = [event.name for event in events], busy(intervals) / steps / 1000
    return {
        "launches_a_step": sum(name in LAUNCHES for name in names) / steps,
        "copies_a_step": sum(name in COPIES for name in names) / steps,
        "kernels_a_step": len(kernels) / steps,
        "step_ms": step_ms,
        "busy_ms": busy_ms,
        "idle_percent": max(0.0, 100 * (1 - busy_ms / step_ms)),
        "idle_percent_under_the_profiler": 100 * (1 - busy(intervals) / span(intervals)),
        "longest": longest([(event.name, event.time_range.elapsed_us()) for event in kernels]),
    }


def span(intervals: Sequence[Interval]) -> float:
    """From the first beginning to the last end."""
    return max(end for _, end in intervals) - min(begin for begin, _ in intervals)


def busy(intervals: Iterable[Interval]) -> float:
    """Time in which at least one of them runs."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def longest(kernels: Iterable[tuple[str, float]]) -> list[str]:
    """The names that take most of the time, with their share of it."""
    taken: dict[str, float] = defaultdict(float)
    for name, microseconds in kernels:
        taken[name] += microseconds
    whole = sum(taken.values()) or 1.0
    first = sorted(taken.items(), key=lambda pair: -pair[1])[:LONGEST]
    return [f"{100 * time / whole:.1f} % {name[:80]}" for name, time in first]
