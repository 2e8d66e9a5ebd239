"""Live progress of `retrain run`: a table on a terminal, plain log lines elsewhere, such as in CI."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

from retrain_api.formatting import headline
from retrain_api.run import RetrainRun
from retrain_api.status.progress import Progress, Step, read_epoch, read_step
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_client.local.executor import Display
from retrain_client.local.jobs import JobRecord

from .summary import training_summary

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

_REFRESH = 0.25

COLUMNS = ("SYMBOL", "STATE", "EPOCH", "", "TRAIN LOSS", "VAL LOSS", "VAL ACC", "LR", "WINDOWS/S", "LEFT")
"""Of the live table; the one without a name is the progress bar of the epoch."""

_DROPPED_FIRST = ("", "TRAIN LOSS", "WINDOWS/S", "LR", "VAL LOSS")
"""Columns that a narrow terminal drops, in this order: better to lose one than to truncate them all."""


class Lines(Protocol):
    """Where lines go; a text file, or the space above the live table."""

    def write(self, text: str, /) -> int:
        """Write some text."""

    def flush(self) -> None:
        """Make it visible at once."""


@dataclass
class PlainDisplay:
    """Each log line of a task as it comes, after its symbol, and a line for each new state of the run."""

    out: Lines
    state: str = ""
    summarised: bool = False

    def line(self, job: JobRecord, index: int, text: str) -> None:
        """Print a log line; positions within an epoch are for the table only."""
        if text.strip() and read_step(text) is None:
            self.print(f"[{label(job, index)}] {text}")

    def status(self, status: RetrainRunStatus) -> None:
        """Print a new state, and the summary once the trainings are over."""
        if trainings_over(status) and not self.summarised:
            self.summarised = True
            self.print("\n".join(training_summary(status)))
        if status.state != self.state:
            self.state = status.state
            message = headline(status.message) if status.state in FINAL_STATES else status.message
            self.print(f"{status.state}: {message}" if message else status.state)

    def print(self, text: str) -> None:
        """Print, and make it visible at once."""
        print(text, file=self.out, flush=True)

    def tick(self) -> None:
        """Nothing to refresh here."""


def label(job: JobRecord, index: int) -> str:
    """Where a line comes from: a symbol, or the phase and the index."""
    phase = job.name.split("-")[-2] if job.symbol is None else ""
    return job.symbol or (f"{phase} {index}" if len(job.indexes) > 1 else phase)


def trainings_over(status: RetrainRunStatus) -> bool:
    """Whether no training is left to wait for, and there was at least one."""
    unfinished = {"Pending", "Queued", "Training"}
    begun = bool(status.symbols) and status.state != "Skipped"
    return begun and not any(entry.state in unfinished for entry in status.symbols)


@dataclass
class TableDisplay:
    """A row per symbol: state, epoch, position in the epoch, losses, accuracy, learning rate, speed, time left."""

    run: RetrainRun
    plain: PlainDisplay
    live: Live
    current: RetrainRunStatus = field(default_factory=RetrainRunStatus)
    epochs: dict[str, Progress] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    drawn: float = 0.0

    def line(self, job: JobRecord, index: int, text: str) -> None:
        """Read progress from the line; print only lines that hold something else."""
        step, epoch = read_step(text), read_epoch(text)
        if job.symbol and step:
            self.steps[job.symbol] = step
        elif job.symbol and epoch:
            self.epochs[job.symbol] = epoch
            self.steps.pop(job.symbol, None)
        else:
            self.plain.line(job, index, text)

    def status(self, status: RetrainRunStatus) -> None:
        """The table shows the new status."""
        self.current = status
        self.plain.status(status)
        self.draw()

    def tick(self) -> None:
        """Redraw a few times per second."""
        if time.monotonic() - self.drawn > _REFRESH:
            self.draw()

    def draw(self) -> None:
        """Draw the table."""
        self.drawn = time.monotonic()
        self.live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        from rich.table import Table

        rows = [self._row(symbol) for symbol in self.run.spec.symbols]
        shown = fitting(rows, self.live.console.width)
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        for name in (COLUMNS[column] for column in shown):
            table.add_column(name, justify="left" if name in ("SYMBOL", "STATE", "") else "right", no_wrap=True)
        for row in rows:
            table.add_row(*(row[column] for column in shown))
        return table

    def _row(self, symbol: str) -> list[str]:
        state = self.current.symbol(symbol).state
        return [symbol, state, *self._cells(symbol, state == "Training")]

    def _cells(self, symbol: str, training: bool) -> list[str]:
        step, epoch = self.steps.get(symbol), self.epochs.get(symbol)
        bar, rate, left = (_bar(step), f"{step.rate:.0f}", time_left(step)) if step and training else ("", "", "")
        number = (
            f"{step.epoch}/{step.epochs}" if step and training else f"{epoch.epoch}/{epoch.epochs}" if epoch else ""
        )
        if epoch is None:
            return [number, bar, "", "", "", "", rate, left]
        figures = [epoch.train_loss, epoch.validation_loss, epoch.validation_accuracy]
        shown = ["" if value is None else f"{value:.4f}" for value in figures]
        lr = "" if epoch.learning_rate is None else f"{epoch.learning_rate:.6f}"
        return [number, bar, *shown, lr, rate, left]


def _bar(step: Step, width: int = 12) -> str:
    full = round(width * step.windows / max(step.of_windows, 1))
    return "█" * full + "░" * (width - full)


def fitting(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Indexes of the `COLUMNS` that fit into a terminal of `width` characters, with a space between them."""
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    shown = list(range(len(COLUMNS)))
    for name in _DROPPED_FIRST:
        if sum(widths[column] + 1 for column in shown) - 1 <= width:
            break
        shown.remove(COLUMNS.index(name))
    return shown


def time_left(step: Step) -> str:
    """Time to the end of the last epoch at the present speed, 4:05 or 12h34m; early stopping may end it sooner."""
    windows = step.of_windows * (step.epochs - step.epoch + 1) - step.windows
    minutes, seconds = divmod(int(windows / step.rate), 60) if step.rate > 0 else (0, 0)
    return f"{minutes}:{seconds:02d}" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


@contextmanager
def open_display(run: RetrainRun, out: TextIO) -> Iterator[Display]:
    """The display that fits `out`."""
    if not out.isatty():
        yield PlainDisplay(out)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=out)
    # No refresh thread: this process forks, and a fork while another thread holds a lock can hang.
    with Live(console=console, auto_refresh=False, transient=False) as live:
        yield TableDisplay(run, PlainDisplay(_Above(console)), live, run.status)


class _Above:
    """A text file whose lines appear above the live table."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        """Print whole lines; the newline that print() writes separately is dropped."""
        if text.strip("\n"):
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Nothing is buffered."""
