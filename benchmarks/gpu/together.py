"""Three symbols on one card: one after the other, in three processes, and in one process on three streams."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import torch
from training import ours
from training.pace import noise, rate, train_ours

from retrain_api.spec.training import Training
from retrain_trainer.train.step import Stepper, StepSettings

from .notes import Figures
from .step_setup import StepSetup
from .variants import SHARE, WARM_UP, usable

SYMBOLS = 3
Processes = Sequence["subprocess.Popen[str]"]


def measure(setup: StepSetup) -> None:
    """Plain steps and graphs at two batches. The processes are started once, for each has to load torch."""
    with companions(setup) as others:
        for batch in setup.two_batches[: 1 if setup.small else 2]:
            for name, settings in (("plain", StepSettings()), ("graph", StepSettings(graph=True))):
                setup.notes.cell(
                    f"batch {batch}, {name}", partial(all_ways, setup, batch, usable(settings, setup), others)
                )


def all_ways(setup: StepSetup, batch: int, settings: StepSettings, others: Processes) -> Figures:
    """Windows/s of all symbols. One after the other they are as fast as one of them."""
    alone = one(setup, batch, settings)
    processes = side_by_side(others, batch, settings)
    streams = on_streams(setup, batch, settings)
    return {
        "one_after_the_other": alone,
        "three_processes": processes,
        "three_streams": streams,
        "ratio_processes": processes / alone,
        "ratio_streams": streams / alone,
    }


def one(setup: StepSetup, batch: int, settings: StepSettings) -> float:
    """Windows/s of one symbol, in bfloat16."""
    stepper = partial(Stepper, settings=settings)
    return train_ours(setup.sizes, setup.device, batch, torch.bfloat16, SHARE * setup.seconds, stepper, warm_up=WARM_UP)


@contextmanager
def companions(setup: StepSetup) -> Iterator[Processes]:
    """Processes that measure what they are told: each reads a line and answers with one. All have loaded torch."""
    script = str(Path(__file__).parents[1] / "gpu_sitting.py")
    command = [sys.executable, script, "--step", "companion", "--device", setup.device.type]
    command += ["--seconds", str(setup.seconds), *(["--small"] if setup.small else [])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(SYMBOLS)]
    try:
        for process in processes:
            hear(process)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def side_by_side(others: Processes, batch: int, settings: StepSettings) -> float:
    """The sum of their windows/s; all are told before one is asked."""
    for process in others:
        say(process, json.dumps({"batch": batch, "graph": settings.graph}))
    return sum(float(hear(process)) for process in others)


def say(process: subprocess.Popen[str], line: str) -> None:
    """A line to a companion."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    """Its line. Raises RuntimeError where it has ended."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("one of the three processes has ended; the step's log says why")
    return line


def accompany(setup: StepSetup) -> None:
    """What a companion does, until it is ended."""
    torch.zeros(1, device=setup.device)  # whatever a GPU needs once
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(one(setup, asked["batch"], StepSettings(graph=asked["graph"])), flush=True)


def on_streams(setup: StepSetup, batch: int, settings: StepSettings) -> float:
    """Windows/s of three trainings whose steps take turns, each on a stream of its own."""
    streams = [torch.cuda.Stream() if setup.device.type == "cuda" else None for _ in range(SYMBOLS)]
    what, how = noise(setup.sizes, setup.device, torch.bfloat16), Training(batch_size=batch)
    stepper: Callable[..., Stepper] = partial(Stepper, settings=settings)
    trainings = [ours.train(setup.sizes.shape, what, how, setup.device, stepper) for _ in streams]
    if setup.device.type == "cuda":
        torch.cuda.synchronize()  # the noise is there before another stream reads it
    return rate(in_turns(trainings, streams), SHARE * setup.seconds, setup.device, WARM_UP)


def in_turns(trainings: Sequence[Iterator[int]], streams: Sequence[torch.cuda.Stream | None]) -> Iterator[int]:
    """The windows that all have done, after a step of each."""
    while True:
        done = 0
        for training, stream in zip(trainings, streams, strict=True):
            with torch.cuda.stream(stream) if stream else nullcontext():
                done += next(training)
        yield done
