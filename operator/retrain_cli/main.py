"""`retrain`: the command line. A command's module is loaded only when it is used, so that `retrain --help` is quick."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from retrain_api.errors import ConfigurationError, RetrainError
from retrain_api.unforeseen import LEVEL_VARIABLE, unforeseen, wants_tracebacks

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("runs.run", "run a RetrainRun on this machine"),
    "init": ("init.init", "look at candles and GPU here, and write a run to start from"),
    "doctor": ("doctor.doctor", "check data, store, credentials, GPU and disk before a run starts"),
    "report": ("results.report", "print, write or open the report of a run"),
    "retry": ("runs.retry", "try again what failed, and keep what succeeded"),
    "approve": ("decisions.approve", "approve the promotion of models that wait for approval"),
    "reject": ("decisions.reject", "reject the promotion of models that wait for approval"),
    "rollback": ("decisions.rollback", "set a symbol's pointer back to a model promoted earlier"),
    "import": ("data.import_candles", "make the file that a run reads from CSV or parquet candles"),
    "features": ("data.features", "make a feature file from candles"),
    "verify": ("results.verify", "compute the figures and the verdict of a run again from its predictions"),
    "compare": ("results.compare", "compare the measured models of several runs"),
    "history": ("results.history", "show what was judged and promoted, for a run or a symbol"),
    "gate": ("results.gate", "judge stored measurements again, by the same gate or another"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. A mistake of the caller is one sentence on stderr and exit code 2, any other failure exit code 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        args = _parser(given).parse_args(given)
        return int(_module(args.command).run(args))
    except RetrainError as error:
        _complain(error.message)
        return 2 if isinstance(error, ConfigurationError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as problem:  # the last net
        if wants_tracebacks(os.environ):
            traceback.print_exception(problem)
        _complain(_named(problem, next((word for word in given if word in COMMANDS), "")))
        return 1


def _complain(message: str) -> None:
    print("\n".join(f"retrain: {line}" for line in message.splitlines()), file=sys.stderr)


def _named(problem: Exception, command: str) -> str:
    """A sentence for what has no name."""
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"No space is left to write {problem.filename or 'on the disk'}; free some space."
    if isinstance(problem, MemoryError):
        return "There is not enough memory here; close other programs, or use a larger machine."
    more = f"{LEVEL_VARIABLE}=debug in front of the command shows more."
    return f"{unforeseen(f'retrain {command}'.rstrip(), problem)} {more}"


def _module(command: str) -> Any:
    return importlib.import_module(f".commands.{COMMANDS[command][0]}", __package__)


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command in use adds its arguments, so that the others need not be loaded."""
    parser = argparse.ArgumentParser(prog="retrain", description="Retrain, measure honestly, promote only what passes.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    used = next((word for word in given if not word.startswith("-")), None)
    for name, (_, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == used:
            _module(name).add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
