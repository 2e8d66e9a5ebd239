"""Progress of `retrain backfill`: its cost before it starts, then a bar with the time left, or plain lines where no terminal is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TextIO

from retrain_api.formatting import counted
from retrain_api.model_times import parsed
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_cli.display.time_left import Left, Slots, epochs_done, taken, time_left
from retrain_client.local.executor import machine_cores
from retrain_client.local.jobs import JobRecord
from retrain_client.local.schedules.backfill import SlotRun
from retrain_client.local.schedules.child import Child

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_REFRESH = 0.5


@dataclass(frozen=True)
class Cost:
    """What there is to do: slots, trainings of each, and the seconds that finished slots took."""

    slots: int
    done: int
    symbols: int
    parallel: int
    finished: tuple[float, ...]
    first: datetime
    last: datetime

    @classmethod
    def of(cls, spec: RetrainRunSpec, runs: Sequence[SlotRun], parallel: int) -> Self:
        """Of the slots as they stand; a failed one is tried again."""
        done = [run.status for run in runs if is_done(run.status)]
        seconds = tuple(known for status in done if (known := taken(status)) is not None)
        return cls(len(runs), len(done), len(spec.symbols), parallel, seconds, runs[0].slot, runs[-1].slot)

    @property
    def left(self) -> Left | None:
        """How long it takes, as far as finished slots tell."""
        return time_left(Slots(self.finished, (), self.slots - self.done, self.parallel))

    def lines(self) -> list[str]:
        """Told before it starts."""
        period = f"{self.first.astimezone(UTC):%Y-%m-%d %H:%M} to {self.last.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        to_do = self.slots - self.done
        whole = counted(self.slots * self.symbols, "training")
        each = counted(self.symbols, "symbol")
        begin = f"{counted(self.slots, 'slot')} from {period}, {each} each: {whole}."
        if not to_do:
            return [begin, "All are done; the models are asked only for bars that came since."]
        done = f"{self.done} done before, {to_do} to do; " if self.done else ""
        how = f"{self.parallel} at a time on {counted(machine_cores(), 'core')}"
        how_long = (
            f"{self.left} by the slots that are done" if self.left else "how long that takes is told after an epoch"
        )
        return [begin, f"{done}{how}; {how_long}. Ctrl-C is safe: the same command goes on from there."]


def is_done(status: RetrainRunStatus) -> bool:
    """Whether nothing is left to do of a slot."""
    failed = any(entry.state == "Failed" for entry in status.symbols)
    return status.state in FINAL_STATES and status.state != "Failed" and not failed


@dataclass
class BackfillProgress:
    """Follows the runs: a `Watcher` of them all, and the `Display` of each."""

    cost: Cost
    out: TextIO
    bar: Progress | None = None
    console: Console | None = None
    began_at: dict[str, float] = field(default_factory=dict)
    done_before: dict[str, float] = field(default_factory=dict)
    working: dict[str, Child] = field(default_factory=dict)
    finished: list[float] = field(default_factory=list)
    ended_runs: int = 0
    drawn: float = 0.0
    estimated: bool = False

    def began(self, child: Child) -> None:
        """A slot is taken up, or looked at once more where it was done."""
        name = child.run.metadata.name
        self.began_at[name], self.working[name] = time.monotonic(), child
        self.done_before[name] = epochs_done(child.run.status)
        if is_done(child.run.status):
            self.began_at[name] = -1.0

    def ended(self, child: Child) -> None:
        """A slot is over: a line says what came of it, unless it was over before."""
        name, status = child.run.metadata.name, child.run.status
        began = self.began_at.pop(name)
        self.working.pop(name)
        self.ended_runs += 1
        if began < 0:
            return
        self.finished.append(time.monotonic() - began)
        left = self._left(self.cost.slots - self.ended_runs - len(self.working))
        more = f"; {left} left" if left is not None and self.ended_runs < self.cost.slots else ""
        self.say(f"{self.ended_runs} of {self.cost.slots}: {slot_of(child)} {status.state}: {outcome(status)}{more}")

    def tick(self, waiting: int | None = None) -> None:
        """Redraw, and tell the first estimate; a run's own tick says nothing of the others."""
        if waiting is None or time.monotonic() - self.drawn < _REFRESH:
            return
        self.drawn = time.monotonic()
        left = self._left(waiting)
        if left is not None and not self.estimated and not self.cost.finished and not self.finished:
            self.estimated = True
            self.say(f"By the first epochs it is {left} until all are done; early stopping makes it shorter.")
        if self.bar is not None:
            self._draw(left)

    def _draw(self, left: Left | None) -> None:
        assert self.bar is not None
        parts = sum(epochs_done(one.run.status) for one in self.working.values())
        text = f"{left} left" if left is not None else "measuring the first epoch"
        self.bar.update(
            self.bar.task_ids[0],
            completed=self.ended_runs + 0.9 * parts,
            left=text,
            count=f"{self.ended_runs}/{self.cost.slots}",
        )
        self.bar.refresh()

    def _left(self, waiting: int) -> Left | None:
        now = time.monotonic()
        working = tuple(
            (now - began, epochs_done(self.working[name].run.status) - self.done_before[name])
            for name, began in self.began_at.items()
            if began >= 0
        )
        return time_left(Slots(tuple(self.finished) or self.cost.finished, working, waiting, self.cost.parallel))

    def scoring(self, symbols: int) -> None:
        """The replays are over."""
        self.say(f"Scoring the models of {counted(symbols, 'symbol')} on the bars after their slots.")

    def say(self, text: str) -> None:
        """A line, above the bar where there is one."""
        if self.console is not None:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self.out, flush=True)

    def log(self, text: str) -> None:
        """A line of the scoring's log stays in its file."""

    def line(self, job: JobRecord, index: int, text: str) -> None:
        """A line of a task's log stays in its file."""

    def status(self, status: RetrainRunStatus) -> None:
        """A new status is seen at the next tick."""


def slot_of(child: Child) -> str:
    """The slot of a run, to the minute."""
    until = parsed(child.run.spec.data.until or "")
    return f"{until:%Y-%m-%d %H:%M}" if until else child.run.metadata.name


def outcome(status: RetrainRunStatus) -> str:
    """Each symbol's verdict in a line; of a run that failed, why."""
    if status.state == "Failed":
        return status.message.split("\n", 1)[0]
    return ", ".join(f"{entry.symbol} {entry.verdict or entry.state}" for entry in status.symbols)


@contextmanager
def open_progress(cost: Cost, out: TextIO) -> Iterator[BackfillProgress]:
    """The progress that fits `out`."""
    if not out.isatty():
        yield BackfillProgress(cost, out)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(file=out)
    columns: list[Any] = [
        TextColumn("slots"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[left]}"),
    ]
    # No refresh thread: this process forks, and a fork while another thread holds a lock can hang.
    with Progress(*columns, console=console, auto_refresh=False, transient=True, expand=True) as bar:
        bar.add_task("slots", total=cost.slots, left="", count=f"0/{cost.slots}")
        yield BackfillProgress(cost, out, bar, bar.console)
