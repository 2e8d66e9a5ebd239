"""`retrain`: the command line. Each command's module is loaded only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from retrain_api.errors import ConfigurationError, RetrainError

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run_command", "run a RetrainRun on this machine"),
    "init": ("init_command", "write a commented RetrainRun to start from"),
    "doctor": ("doctor_command", "check data, store, credentials and GPU before anything starts"),
    "report": ("report_command", "print, write or open the report of a run"),
    "approve": ("approve_command", "promote the models that wait for a person"),
    "reject": ("reject_command", "close the promotion that waits for a person"),
    "rollback": ("rollback_command", "put a symbol's pointer back to a model promoted before"),
    "features": ("features_command", "make a feature file from candles"),
    "compare": ("compare_command", "set measured models of several runs side by side"),
    "history": ("history_command", "what was judged and promoted, of a run or of a symbol"),
    "gate": ("gate_command", "judge stored measurements again, by the same gate or by another"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake is one sentence on stderr and exit code 2, any other failure 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    args = _parser(given).parse_args(given)
    try:
        return int(importlib.import_module(f".{COMMANDS[args.command][0]}", __package__).run(args))
    except RetrainError as error:
        print("\n".join(f"retrain: {line}" for line in error.message.splitlines()), file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command that is asked for adds its arguments, so that the others need not be loaded."""
    parser = argparse.ArgumentParser(prog="retrain", description="Retrain, measure honestly, promote only what passes.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = next((word for word in given if not word.startswith("-")), None)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == asked:
            importlib.import_module(f".{module}", __package__).add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
