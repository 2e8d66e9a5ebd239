"""The steps one after the other, each in a process of its own that can hang, crash or be killed without harm to the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .found import Results
from .notes import cells_in
from .plan import Step

WORTH_BEGINNING = 8
"""Seconds; with less than that left no step gets beyond loading torch."""

SAID = 4000
"""Characters of what a step said that are kept, the last ones."""


@dataclass(frozen=True)
class Place:
    """Where notes and logs of the steps lie."""

    folder: Path

    def notes(self, step: str) -> Path:
        """Cells of a step, a line each."""
        return self.folder / f"{step}.jsonl"

    def log(self, step: str) -> Path:
        """All that a step said."""
        return self.folder / f"{step}.log"


def sit(
    steps: Sequence[Step],
    command: Callable[[Step], Sequence[str]],
    place: Place,
    total: float,
    tell: Callable[[Results], None],
) -> Results:
    """Every step within its limit and what is left of the `total` seconds; `tell` gets the results after each."""
    end = time.monotonic() + total
    results: Results = {"began": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "steps": {}}
    for step in steps:
        left = min(float(step.limit), end - time.monotonic())
        results["steps"][step.name] = carried_out(step, command(step), place, left)
        tell(results)
    return results


def carried_out(step: Step, command: Sequence[str], place: Place, limit: float) -> dict[str, Any]:
    """How it went, with the cells that it noted, however it ended."""
    began = time.monotonic()
    ended = (
        ended_within(command, place.log(step.name), limit) if limit >= WORTH_BEGINNING else "no time was left for it"
    )
    log = place.log(step.name)
    return {
        "title": step.title,
        "ended": ended,
        "seconds": time.monotonic() - began,
        "cells": cells_in(place.notes(step.name)),
        "said": log.read_text(errors="replace")[-SAID:] if log.exists() else "",
    }


def ended_within(command: Sequence[str], log: Path, limit: float, environ: Mapping[str, str] = os.environ) -> str:
    """Run it; how it ended, in words. When the time is over, the process goes with all that it started."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, env=dict(environ)
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return f"ended after its {limit:.0f} s"
        finally:
            kill_group(process)
    return "done" if code == 0 else f"failed with exit code {code}"


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """A process that was started in a session of its own, and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
