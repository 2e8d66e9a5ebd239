"""Progress of `retrain run` as plain lines, such as in CI; a live table has them above it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from retrain_api.formatting import headline
from retrain_api.status.progress import read_step
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_client.local.jobs import JobRecord

from .summary import training_summary


class Lines(Protocol):
    """Where lines go; a text file, or the space above the live table."""

    def write(self, text: str, /) -> int:
        """Write some text."""

    def flush(self) -> None:
        """Make it visible at once."""


@dataclass
class PlainDisplay:
    """Each log line of a task as it comes, after its symbol, and a line for each new state of the run.

    Without `says_end` the state that it ends in is left to what follows.
    """

    out: Lines
    says_end: bool = True
    state: str = ""
    summarised: bool = False
    earlier: Mapping[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def line(self, job: JobRecord, index: int, text: str) -> None:
        """Print a log line; positions within an epoch are for the table only."""
        if text.strip() and read_step(text) is None:
            self.print(labelled(label(job, index), text))

    def status(self, status: RetrainRunStatus) -> None:
        """Print a new state, and the summary once the trainings are over."""
        if trainings_over(status) and not self.summarised:
            self.summarised = True
            said = training_summary(status, self.earlier, time.monotonic() - self.began)
            if said:
                self.print("\n".join(said))
        if status.state == self.state:
            return
        self.state, final = status.state, status.state in FINAL_STATES
        message = headline(status.message) if final else status.message
        if self.says_end or not final:
            self.print(f"{status.state}: {message}" if message else status.state)

    def print(self, text: str) -> None:
        """Print, and make it visible at once."""
        print(text, file=self.out, flush=True)

    def tick(self) -> None:
        """Nothing to refresh here."""


def label(job: JobRecord, index: int) -> str:
    """Where a line comes from: a symbol, or a phase that works for all of them."""
    return job.symbol_of(index) or job.name.split("-")[-2]


def labelled(name: str, text: str) -> str:
    """The line after the name in brackets; a name that the line begins with, as each does on a cluster, is not said twice."""
    for begin in (f"{name}: ", f"{name} "):
        if text.startswith(begin):
            return f"[{name}] {text.removeprefix(begin)}"
    return f"[{name}] {text}"


def trainings_over(status: RetrainRunStatus) -> bool:
    """Whether no training is left to wait for, and there was at least one."""
    unfinished = {"Pending", "Queued", "Training"}
    begun = bool(status.symbols) and status.state != "Skipped"
    return begun and not any(entry.state in unfinished for entry in status.symbols)
