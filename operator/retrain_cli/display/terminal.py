"""Live progress of `retrain run`: a table on a terminal, plain log lines elsewhere, such as in CI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from retrain_api.run import RetrainRun
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_cli.display.schedule.plain import SchedulePlain
from retrain_client.local.executor import Display
from retrain_client.local.schedules.executor import ScheduleDisplay

from .plain import PlainDisplay
from .summary import trained_models

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def open_display(run: RetrainRun, out: TextIO) -> Iterator[Display]:
    """The display that fits `out`."""
    if not out.isatty():
        yield PlainDisplay(out, earlier=trained_models(run.status))
        return
    from rich.console import Console
    from rich.live import Live

    from .live_table import TableDisplay

    console = Console(file=out)
    # No refresh thread: this process forks, and a fork while another thread holds a lock can hang.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        plain = PlainDisplay(_Above(console), says_end=False, earlier=trained_models(run.status))
        yield TableDisplay(run, plain, live, run.status)


@contextmanager
def open_schedule_display(name: str, status: RetrainScheduleStatus, out: TextIO) -> Iterator[ScheduleDisplay]:
    """The display of a schedule that fits `out`."""
    if not out.isatty():
        yield SchedulePlain(out)
        return
    from rich.console import Console
    from rich.live import Live

    from retrain_cli.display.schedule.live import ScheduleLive

    console = Console(file=out)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield ScheduleLive(name, SchedulePlain(_Above(console)), live, status)


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
