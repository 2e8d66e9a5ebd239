"""`retrain logs`: what the tasks of a run wrote, its processes here or its pods on a cluster."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, NotFoundError
from retrain_api.formatting import listed
from retrain_api.status.progress import read_step
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_cli.display.plain import labelled
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run
from retrain_client.handle import RunHandle
from retrain_client.tasks import PHASES, TaskRun, meant

_PAUSE = 1.0
"""Seconds between two readings with --follow."""

_WAITING = ("Pending", "Queued", "Checking")
"""States in which no task may have begun yet."""


_TOGETHER = ("publish", "deliver", "notify")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain logs` takes."""
    parser.description = (
        "What the tasks of a run wrote: of one symbol or of all, in its newest phase or in another. Of a task that was "
        "tried several times, the last try. On a cluster a log is there as long as its pod."
    )
    add_run_arguments(parser)
    parser.add_argument("symbol", nargs="?", metavar="SYMBOL", help="this symbol alone (default: all)")
    parser.add_argument("--phase", choices=PHASES, help="this phase (default: the newest)")
    parser.add_argument("--tail", type=_count, metavar="N", help="the last N lines of each task (default: all)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run rests")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of lines; write one such as 20")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Print them. Raises NotFoundError("NoLogs"), ConfigurationError("BadSymbol"), and what `named_run` raises."""
    printer = _Printer(args.tail)
    while True:
        found = named_run(args)
        require_known(found, args.symbol)
        tasks = meant(found.tasks(), args.symbol, args.phase)
        ends = not args.follow or rests(found.status)
        printer.print(found, tasks, ends)
        if ends:
            break
        time.sleep(_PAUSE)
    if not printer.read:
        raise NotFoundError(reasons.NO_LOGS, no_logs(found, tasks, args.symbol, args.phase))
    if not any(printer.read.values()):
        print(f"{found.name} wrote nothing in the phase {tasks[0].phase}.", file=sys.stderr)
    return 0


def rests(status: RetrainRunStatus) -> bool:
    """Whether nothing is at work, and nothing will be unless somebody acts."""
    return status.state in FINAL_STATES or status.state in ("AwaitingApproval", "Suspended")


def require_known(run: RunHandle, symbol: str | None) -> None:
    """Raises ConfigurationError("BadSymbol") for a symbol that is not one of the run's."""
    known = [entry.symbol for entry in run.status.symbols]
    if symbol is None or symbol in known or not known:
        return
    close = get_close_matches(symbol.upper(), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"it has {listed(known)}."
    raise ConfigurationError(reasons.BAD_SYMBOL, f"{run.name} has no symbol {symbol}; {hint}")


@dataclass
class _Printer:
    """Prints each line once; `read` says how many lines of each log were read."""

    tail: int | None
    read: dict[str, int] = field(default_factory=dict)

    def print(self, run: RunHandle, tasks: Sequence[TaskRun], to_end: bool) -> None:
        """What is new. Unless it is the end, an unfinished last line waits for its rest."""
        for task in tasks:
            text = run.log(task) if task.begun else None
            if text is not None:
                lines = text.split("\n")
                new = self._new(task.source, lines if to_end and lines[-1] else lines[:-1])
                marked = [labelled(task.label, line) for line in new] if len(tasks) > 1 else new
                print("".join(f"{line}\n" for line in marked), end="", flush=True)

    def _new(self, source: str, lines: Sequence[str]) -> list[str]:
        first, before = source not in self.read, self.read.get(source, 0)
        self.read[source] = len(lines)
        told = [line for line in lines[before:] if read_step(line) is None]  # steps are for the live table
        return told[max(len(told) - self.tail, 0) :] if first and self.tail is not None else told


def no_logs(run: RunHandle, tasks: Sequence[TaskRun], symbol: str | None, phase: str | None) -> str:
    """Why there is nothing to print, in a sentence."""
    if symbol and phase in _TOGETHER:
        return f"{run.name}: {phase} works for all symbols at once; leave {symbol} out."
    entry = next((each for each in run.status.symbols if each.symbol == symbol), None)
    state, message = (entry.state, entry.message) if entry else (run.status.state, run.status.message)
    which = " of ".join(filter(None, [phase or (tasks[0].phase if tasks else None), symbol, run.name]))
    if any(task.begun for task in tasks) or (not tasks and state not in _WAITING):
        gone = "it is gone" if not phase or tasks else "it never ran, or its log is gone"
        return f"There is no log of {which}: {gone}. `retrain status {run.name}` says what became of it."
    why = f" ({message.rstrip('.')})" if message else ""
    return f"There is no log of {which} yet; its state is {state}{why}."
