"""`retrain run`: a RetrainRun from a file, run to its verdict on this machine."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from types import FrameType

from retrain_api.run import RetrainRun
from retrain_api.schema import to_wire

from .executor import Executor
from .locations import resolve_locations
from .narration import closing
from .state_dir import open_folder, take_lock
from .terminal import open_display
from .yaml_input import load_run

HELP = "run a RetrainRun on this machine"

EXIT_CODES = {"Promoted": 0, "Passed": 0, "Rejected": 3, "AwaitingApproval": 4, "Suspended": 0, "Failed": 1}
STOPPED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain run` takes."""
    parser.description = (
        "Runs the plan of a RetrainRun with the Jobs as processes of this machine. Stopped or killed at any moment, "
        "the same command goes on where it was."
    )
    parser.epilog = (
        "exit codes: 0 promoted (or passed, with nothing to promote), 1 failed, 2 invalid input, 3 rejected, "
        "4 waiting for approval, 130 stopped"
    )
    parser.add_argument(
        "-f", "--file", required=True, metavar="FILE", help="YAML file of the run; - for standard input"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(".retrain"),
        metavar="DIR",
        help="where the status and the logs are kept (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the final status as JSON; log lines go to stderr")


class _Stop:
    """Remembers that a person asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def run(args: argparse.Namespace) -> int:
    """Run to the end or until stopped. Raises ConfigurationError for a wrong file."""
    wanted = _load(args.file)
    folder = open_folder(args.state_dir, wanted.metadata.namespace, wanted.metadata.name)
    out = sys.stderr if args.json else sys.stdout
    lock = take_lock(folder, lambda text: print(text, file=out, flush=True))
    stop = _Stop()
    known = folder.identify(wanted)
    with open_display(known, out) as display:
        status = Executor(known, folder, display, lambda: stop.asked, lock.workers).work()
    if stop.asked:
        print("Stopped; all that was done is kept. The same command goes on from there.", file=out)
        return STOPPED
    print(closing(known, status, folder.path / "status.json"), file=out)
    if args.json:
        print(json.dumps(to_wire(status), indent=2))
    return EXIT_CODES[status.state]


def _load(path: str) -> RetrainRun:
    folder = Path.cwd() if path == "-" else Path(path).resolve().parent
    return resolve_locations(load_run(path), folder)
