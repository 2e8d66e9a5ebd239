"""`retrain schedule`: carry a schedule out on this machine, look at one, and answer one, here or on a cluster."""

from __future__ import annotations

import argparse
from typing import Protocol

from retrain_cli.display.examples import EXAMPLES, HelpFormatter, printed

from . import answers, run_here, show


class _Command(Protocol):
    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


_COMMANDS: dict[str, tuple[_Command, str]] = {
    "run": (run_here, "carry a schedule out on this machine, or go on with it"),
    "status": (show, "show how a schedule stands: what is next, its proof, its last runs"),
    "trigger": (answers.TRIGGER, "make one run now"),
    "resume": (answers.RESUME, "go on with a schedule that is Paused"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain schedule` takes."""
    parser.description = "A RetrainSchedule: runs by the clock, proven on the past before they may promote."
    commands = parser.add_subparsers(dest="schedule_command", required=True, metavar="COMMAND")
    for name, (command, text) in _COMMANDS.items():
        added = commands.add_parser(name, help=text, formatter_class=HelpFormatter)
        command.add_arguments(added)
        own = tuple(line for line in EXAMPLES["schedule"] if line[1].startswith(f"schedule {name} "))
        added.epilog = "\n\n".join(filter(None, [added.epilog, printed(own)]))


def run(args: argparse.Namespace) -> int:
    """Carry the command out."""
    return _COMMANDS[args.schedule_command][0].run(args)
