"""The live view of `retrain schedule run` on a terminal: the state, the next slot, a row for each run at work, the last results."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from textwrap import shorten
from typing import TYPE_CHECKING

from retrain_api.formatting import headline
from retrain_api.run import RetrainRun
from retrain_api.status.progress import Progress, read_epoch, read_step
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_cli.display.live_table import clear_folded, clock
from retrain_cli.display.plain import PlainDisplay
from retrain_cli.display.table import align
from retrain_client.local.executor import Display
from retrain_client.local.jobs import JobRecord

from .plain import Marked, SchedulePlain, label
from .text import minute, next_line

if TYPE_CHECKING:
    from rich.live import Live

_REFRESH = 0.25
_LAST = 5
"""Results shown below what is at work."""

Row = tuple[str, str, str]


@dataclass
class RunAtWork:
    """Reads the progress of a run for its row, and prints what is something else."""

    run: RetrainRun
    plain: PlainDisplay
    current: RetrainRunStatus
    epochs: dict[str, Progress] = field(default_factory=dict)

    def line(self, job: JobRecord, index: int, text: str) -> None:
        """Keep an epoch, drop a step, print the rest."""
        epoch = read_epoch(text)
        if job.symbol and epoch:
            self.epochs[job.symbol] = epoch
        elif read_step(text) is None:
            self.plain.line(job, index, text)

    def status(self, status: RetrainRunStatus) -> None:
        """The row shows the new status."""
        self.current = status
        self.plain.status(status)

    def tick(self) -> None:
        """The view as a whole is drawn."""

    def row(self) -> Row:
        """Slot, state, and how far it is."""
        return label(self.run), self.current.state, self._progress() or headline(self.current.message)

    def _progress(self) -> str:
        training = [one for one in self.current.symbols if one.state == "Training" and one.symbol in self.epochs]
        done = (f"{one.symbol} {self.epochs[one.symbol].epoch}/{self.epochs[one.symbol].epochs}" for one in training)
        left = max((one.progress.remaining_seconds or 0 for one in training if one.progress), default=0)
        return "  ".join([*done, *([f"{clock(left)} left"] if left else [])])


@dataclass
class ScheduleLive:
    """The state with a clock, the next slot with the time left, what is at work, and the last results."""

    name: str
    plain: SchedulePlain
    live: Live
    current: RetrainScheduleStatus
    at_work: dict[str, RunAtWork] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    drawn: float = 0.0
    widths: tuple[int, ...] = ()

    def run(self, run: RetrainRun) -> Display:
        """It gets a row."""
        plain = PlainDisplay(Marked(self.plain.out, f"{label(run)} | "), says_end=False)
        self.at_work[run.metadata.name] = shown = RunAtWork(run, plain, run.status)
        return shown

    def ended(self, run: RetrainRun) -> None:
        """Its row goes, and its result stays above."""
        self.at_work.pop(run.metadata.name, None)
        self.plain.ended(run)

    def looked(self, run: RetrainRun) -> None:
        """Its row goes, and how its models do stays above."""
        self.at_work.pop(run.metadata.name, None)
        self.plain.looked(run)

    def status(self, status: RetrainScheduleStatus) -> None:
        """Shown at once."""
        self.current = status
        self.draw(datetime.now(UTC))

    def say(self, text: str) -> None:
        """Above the view."""
        self.plain.say(text)

    def tick(self, now: datetime) -> None:
        """Redraw a few times per second."""
        if time.monotonic() - self.drawn > _REFRESH:
            self.draw(now)

    def draw(self, now: datetime) -> None:
        """Draw all of it, cut to the terminal."""
        from rich.console import Group
        from rich.text import Text

        self.drawn = time.monotonic()
        console = self.live.console
        lines = [line[: console.width] for line in self.lines(now)]
        clear_folded(console, self.widths)
        self.live.update(Group(*(Text(line, no_wrap=True) for line in lines)), refresh=True)
        self.widths = tuple(map(len, lines))

    def lines(self, now: datetime) -> list[str]:
        """What is drawn."""
        state = f"{self.name}  {self.current.state}: {headline(self.current.message)}".rstrip(": ")
        rows = [*(run.row() for run in self.at_work.values()), *self._results()]
        table = align([("SLOT (UTC)", "STATE", "RESULT"), *rows]) if rows else []
        return [f"{clock(self.drawn - self.began)}  {state}", next_line(self.current, now), *table]

    def _results(self) -> list[Row]:
        """The last results, those of a proof under way among them."""
        proof = self.current.walk_forward
        replays = proof.slots if proof and proof.state == "Proving" else ()
        found = [(f"replay of {minute(one.slot)}", "", one.verdict) for one in replays if one.verdict]
        recent = [
            (minute(one.slot), one.result or one.state, shorten(headline(one.line), 90))
            for one in self.current.recent
            if one.run not in self.at_work
        ]
        return [*found, *recent][:_LAST]
