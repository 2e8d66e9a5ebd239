"""The live table of `retrain run` on a terminal: what is being done, for how long, and a row for each symbol."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrain_api.formatting import headline
from retrain_api.run import RetrainRun
from retrain_api.status.progress import Progress, Step, read_epoch, read_step
from retrain_api.status.run import RetrainRunStatus
from retrain_client.local.jobs import JobRecord

from .plain import PlainDisplay

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

_REFRESH = 0.25

COLUMNS = ("SYMBOL", "STATE", "EPOCH", "", "TRAIN LOSS", "VAL LOSS", "VAL ACC", "LR", "WINDOWS/S", "LEFT")
"""Of the live table; the one without a name is the progress bar of the epoch."""

_DROPPED_FIRST = ("", "TRAIN LOSS", "WINDOWS/S", "LR", "VAL LOSS")
"""Columns that a narrow terminal drops, in this order: better to lose one than to truncate them all."""


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
    widths: tuple[int, ...] = ()

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
        """Draw the table, and above it what is being done."""
        from rich.console import Group
        from rich.text import Text

        self.drawn = time.monotonic()
        console = self.live.console
        rows = [self._row(symbol) for symbol in self.run.spec.symbols]
        shown = fitting(rows, console.width)
        head = self._headline()[: console.width]
        clear_folded(console, self.widths)
        self.live.update(Group(Text(head, no_wrap=True), _table(rows, shown)), refresh=True)
        self.widths = (len(head), *[needed(rows, shown)] * (len(rows) + 1))

    def _headline(self) -> str:
        message = headline(self.current.message) or "reading what is there"
        return f"{clock(self.drawn - self.plain.began)}  {self.current.state}: {message}"

    def _row(self, symbol: str) -> list[str]:
        state = self.current.symbol(symbol).state
        return [symbol, state, *self._cells(symbol, state == "Training")]

    def _cells(self, symbol: str, training: bool) -> list[str]:
        step, epoch = self.steps.get(symbol), self.epochs.get(symbol)
        bar, rate, left = (_bar(step), f"{step.rate:.0f}", time_left(step)) if step and training else ("", "", "")
        left = left or (self._left(symbol) if training else "")
        number = (
            f"{step.epoch}/{step.epochs}" if step and training else f"{epoch.epoch}/{epoch.epochs}" if epoch else ""
        )
        if epoch is None:
            number = number or (f"0/{self.run.spec.training.epochs}" if training else "")
            return [number, bar, "", "", "", "", rate, left]
        figures = [epoch.train_loss, epoch.validation_loss, epoch.validation_accuracy]
        shown = ["" if value is None else f"{value:.4f}" for value in figures]
        lr = "" if epoch.learning_rate is None else f"{epoch.learning_rate:.6f}"
        return [number, bar, *shown, lr, rate, left]

    def _left(self, symbol: str) -> str:
        """Between two epochs, and where a task says nothing of its steps: by the pace of the last epochs."""
        progress = self.current.symbol(symbol).progress
        left = progress.remaining_seconds if progress else None
        return clock(left) if left else ""


def _bar(step: Step, width: int = 12) -> str:
    full = round(width * step.windows / max(step.of_windows, 1))
    return "█" * full + "░" * (width - full)


def _table(rows: Sequence[Sequence[str]], shown: Sequence[int]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in (COLUMNS[column] for column in shown):
        table.add_column(name, justify="left" if name in ("SYMBOL", "STATE", "") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(row[column] for column in shown))
    return table


def needed(rows: Sequence[Sequence[str]], shown: Sequence[int]) -> int:
    """Characters that these columns take, with a space between them."""
    columns = list(zip(COLUMNS, *rows, strict=True))
    return sum(max(map(len, columns[column])) + 1 for column in shown) - 1


def fitting(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Indexes of the `COLUMNS` that fit into a terminal of `width` characters."""
    shown = list(range(len(COLUMNS)))
    for name in _DROPPED_FIRST:
        if needed(rows, shown) <= width:
            break
        shown.remove(COLUMNS.index(name))
    return shown


def folded(widths: Sequence[int], width: int) -> int:
    """How many lines more than it drew a terminal shows that has become narrower and folds what does not fit."""
    return sum(max(-(-one // width), 1) for one in widths) - len(widths) if width > 0 else 0


def clear_folded(console: Console, widths: Sequence[int]) -> None:
    """Take away lines of these widths that a narrower terminal has folded; rich would leave what it did not draw."""
    more = folded(widths, console.width)
    if more:
        drawn = len(widths)
        # To their first line, clear from there, and down again to where rich expects the end of what it drew.
        console.file.write(f"\r\x1b[{more + drawn - 1}A\x1b[J" + "\n" * (drawn - 1))


def clock(seconds: float) -> str:
    """A time on the clock: 0:42, 12:05 or 1h02m."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def time_left(step: Step) -> str:
    """Time to the end of the last epoch at the present speed, 4:05 or 12h34m; early stopping may end it sooner."""
    windows = step.of_windows * (step.epochs - step.epoch + 1) - step.windows
    return clock(windows / step.rate if step.rate > 0 else 0)
