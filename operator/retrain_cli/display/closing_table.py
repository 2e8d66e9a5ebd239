"""How a run stands: on a terminal the verdicts as a table, in colour, and below it what is said anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from retrain_api.formatting import measured
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.symbol import SymbolStatus

from .summary import closing, reached, reasons_of, run_summary

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_COLOURS = {
    **dict.fromkeys(("Promoted", "Passed", "Pass"), "green"),
    **dict.fromkeys(("Rejected", "Failed", "Fail", "Error"), "red"),
    **dict.fromkeys(("AwaitingApproval", "Inconclusive", "Suspect"), "yellow"),
}

COLUMNS = ("SYMBOL", "VERDICT", "ACCURACY", "MAJORITY", "CALIBRATION", "PNL", "TRADES", "BARS")


def print_run(name: str, status: RetrainRunStatus, out: TextIO, page: str | None = None) -> None:
    """How a run stands: a table on a terminal, no wider than it, and lines elsewhere; `page` is a nearer place of the report."""
    if out.isatty():
        _print_table(name, status, out, page)
    else:
        print("\n".join(run_summary(name, status, page)), file=out)


def _print_table(name: str, status: RetrainRunStatus, out: TextIO, page: str | None) -> None:
    from rich.console import Console

    console = Console(file=out, highlight=False)
    console.print(f"{name}: [{_COLOURS.get(status.state, 'default')}]{status.state}[/]")
    console.print(_table(status))
    for entry in status.symbols:
        for reason in filter(None, (reached(entry).strip(), *reasons_of(entry))):
            _say(console, f"  {entry.symbol}: {reason}")
    for line in closing(name, status, page):
        _say(console, line)


def _say(console: Console, line: str) -> None:
    """A line as it is, broken between words; one with a location or a command is left whole, to be copied."""
    console.print(line, markup=False, soft_wrap="://" in line or "retrain " in line)


def _table(status: RetrainRunStatus) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("SYMBOL", "VERDICT") else "right", no_wrap=True)
    for entry in status.symbols:
        verdict = entry.verdict or entry.state
        table.add_row(entry.symbol, Text(verdict, style=_COLOURS.get(verdict, "")), *_figures(entry))
    return table


def _figures(entry: SymbolStatus) -> list[str]:
    found = entry.result.metrics if entry.result else None
    if found is None:
        return [""] * (len(COLUMNS) - 2)
    metrics = found.metrics
    return [
        measured("accuracy", metrics.accuracy),
        measured("accuracy", found.baselines.majority),
        measured("calibrationError", metrics.calibration_error),
        measured("pnl", metrics.pnl),
        f"{found.trades:,}",
        f"{found.bars:,}",
    ]
