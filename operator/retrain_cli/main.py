"""`retrain`: the command line. A command's module is loaded only when it is used, so that `retrain --help` is quick."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, RetrainError
from retrain_api.extras import lacking
from retrain_api.unforeseen import LEVEL_VARIABLE, unforeseen, wants_tracebacks
from retrain_cli.display.examples import EXAMPLES, START, HelpFormatter, printed
from retrain_cli.inputs.parser import Parser

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("runs.run", "run a RetrainRun on this machine"),
    "schedule": ("schedules.schedule", "carry out a RetrainSchedule here, look at one, or answer one"),
    "init": ("init.init", "look at candles and GPU here, and write a run to start from"),
    "doctor": ("doctor.doctor", "check data, store, credentials, GPU and disk before a run starts"),
    "explain": ("runs.explain", "say what a field of a run is: type, bounds, default"),
    "observe": ("runs.observe", "look at the promoted models of a run: do they keep their promise?"),
    "ls": ("results.ls", "list the runs of this machine, or of a cluster"),
    "status": ("results.status", "show how a run stands"),
    "logs": ("results.logs", "print what the tasks of a run wrote"),
    "report": ("results.report", "print, write or open the report of a run"),
    "rerun": ("runs.rerun", "train all of a run anew, on its data as it is now"),
    "retry": ("runs.retry", "try again what failed, and keep what succeeded"),
    "approve": ("decisions.approve", "approve the promotion of models that wait for approval"),
    "reject": ("decisions.reject", "reject the promotion of models that wait for approval"),
    "rollback": ("decisions.rollback", "set a symbol's pointer back to a model promoted earlier"),
    "import": ("data.import_candles", "make the file that a run reads from CSV or parquet candles"),
    "features": ("data.features", "make a feature file from candles"),
    "verify": ("results.verify", "compute the figures and the verdict of a run again from its predictions"),
    "compare": ("results.compare", "compare the measured models of several runs"),
    "history": ("results.history", "show what was judged and promoted, for a run or a symbol"),
    "live": ("results.live", "show how the model in service does: what it promised, and what it then did, day by day"),
    "gate": ("results.gate", "judge stored measurements again, by the same gate or another"),
    "backfill": ("backfill.backfill", "replay the past slots of a schedule, and score their models on what came"),
    "manifests": ("install.manifests", "print the CRDs and the manifests of the operator"),
    "completion": ("shell.completion", "print the script by which a shell completes commands"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. A mistake of the caller is one sentence on stderr and exit code 2, any other failure exit code 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except RetrainError as error:
        return _refused(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as problem:  # the last net
        missing = lacking(problem) if isinstance(problem, ModuleNotFoundError) else None
        if missing is not None:
            return _refused(missing)
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


def _run(given: Sequence[str]) -> int:
    """Raises ConfigurationError("BadOptions") for a command or an option that there is not."""
    used = _used(given)
    parser, commands = parser_of({used} & COMMANDS.keys())
    if used is not None and used not in COMMANDS:
        raise _unknown("command", used, COMMANDS)
    args, unknown = parser.parse_known_args(given)
    if unknown:
        kind = "option" if unknown[0].startswith("-") else "argument"
        meant = _meant(commands[args.command], args)
        raise _unknown(kind, unknown[0], meant._option_string_actions, meant.prog.removeprefix("retrain"))
    # Commands stand below this module; the one that prints a completion for all of them is given their parser.
    args.parser_of_all = lambda: parser_of(COMMANDS)[0]
    return int(_module(args.command).run(args))


def _used(given: Sequence[str]) -> str | None:
    """The command: the first word that is no option."""
    return next((word for word in given if not word.startswith("-")), None)


def _meant(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.ArgumentParser:
    """The parser of the command's own command, where it has some: that of `retrain schedule run`, say."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and getattr(args, action.dest, None):
            chosen: argparse.ArgumentParser = action.choices[getattr(args, action.dest)]
            return chosen
    return parser


def _unknown(what: str, word: str, known: Iterable[str], command: str = "") -> ConfigurationError:
    from difflib import get_close_matches

    close = get_close_matches(word.partition("=")[0], list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else f"`retrain{command} --help` lists what there is."
    return ConfigurationError(reasons.BAD_OPTIONS, f"There is no {what} {word}; {hint}")


class _Version(argparse.Action):
    """Looks the release up only where it is asked for: that takes longer than `retrain --help`."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"retrain {version('retrain-operator')}")
        parser.exit()


def _refused(error: RetrainError) -> int:
    _complain(error.message)
    return 2 if isinstance(error, ConfigurationError) else 1


def _module(command: str) -> Any:
    return importlib.import_module(f".commands.{COMMANDS[command][0]}", __package__)


def parser_of(used: Collection[str | None]) -> tuple[Parser, dict[str, Parser]]:
    """The parser and those of the commands; only commands in use add their arguments, so that the others need not be
    loaded.
    """
    parser = Parser(
        prog="retrain",
        description="Retrain, measure honestly, promote only what passes.",
        epilog=printed(START),
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the release")
    adding = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands = {
        name: adding.add_parser(name, help=text, formatter_class=HelpFormatter) for name, (_, text) in COMMANDS.items()
    }
    for name in COMMANDS.keys() & used:
        _module(name).add_arguments(commands[name])
        more = commands[name].epilog
        commands[name].epilog = (f"{more}\n\n" if more else "") + printed(EXAMPLES[name])
    return parser, commands


if __name__ == "__main__":
    sys.exit(main())
