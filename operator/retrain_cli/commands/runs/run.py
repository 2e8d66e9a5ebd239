"""`retrain run`: run a RetrainRun from a file to its verdict, on this machine."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from retrain_api.extras import require
from retrain_api.names import ANNOTATION_RERUN, TRADES_FILE
from retrain_api.run import RetrainRun
from retrain_api.status.run import RetrainRunStatus
from retrain_cli.display.closing_table import print_run
from retrain_cli.display.document import status_document
from retrain_cli.display.summary import kept, reports_today
from retrain_cli.display.terminal import open_display
from retrain_cli.inputs.locations import resolve_locations
from retrain_cli.inputs.run_file import load_run
from retrain_cli.inputs.stop import Stop
from retrain_client.handle import new_token
from retrain_client.local.executor import Executor, is_done
from retrain_client.local.look import is_over
from retrain_client.local.state import RunFolder, open_folder, take_lock

from .done import digest_of, nothing_to_do

HELP = "run a RetrainRun on this machine"

EXIT_CODES = {
    "Promoted": 0,
    "Passed": 0,
    "Rejected": 3,
    "AwaitingApproval": 4,
    "Suspended": 0,
    "Skipped": 0,
    "Failed": 1,
}
STOPPED, WAS_DONE = 130, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain run` takes."""
    parser.description = (
        "Carries out a RetrainRun with its Jobs as processes on this machine. If it is stopped or killed, the same command "
        "continues where it was; once it has ended, it says so, and trains again only with --rerun."
    )
    parser.epilog = (
        "exit codes: 0 promoted (or passed, with nothing to promote; or skipped, with nothing new to learn), 1 failed, 2 invalid input, 3 rejected, "
        "4 waiting for approval, 5 ended before (with --fail-if-done), 130 stopped"
    )
    parser.add_argument(
        "-f", "--file", required=True, metavar="FILE", help="YAML file of the run; - for standard input"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(".retrain"),
        metavar="DIR",
        help="where to keep status and logs (default: %(default)s)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the final status as a document of the kind RunStatus (docs/commands.md), in `ran` whether anything was "
        "done; log lines go to stderr",
    )
    parser.add_argument(
        "--rerun",
        nargs="?",
        const="",
        metavar="TOKEN",
        help="train anew, on the data as it is now; with a TOKEN, such as a date, only where it is not the last one",
    )
    parser.add_argument(
        "--fail-if-done", action="store_true", help="end with 5 where the run ended before and nothing is to do"
    )


def run(args: argparse.Namespace) -> int:
    """Run to the end or until stopped. Raises ConfigurationError for an invalid file."""
    loaded = _load(args.file)
    require("trainer")  # before anything starts: each task would fail for it, and be tried again
    folder = open_folder(args.state_dir, loaded.metadata.namespace, loaded.metadata.name)
    out = sys.stderr if args.json else sys.stdout
    lock = take_lock(folder, lambda text: print(text, file=out, flush=True))
    stop = Stop()
    if args.rerun is not None:
        folder.write_answer(ANNOTATION_RERUN, args.rerun or new_token())
    identified = folder.identify(loaded)
    done = is_done(identified, folder)
    if done:
        print(nothing_to_do(identified, datetime.now(UTC), digest_of(os.environ)), file=out)
    with open_display(identified, out) as display:
        status = Executor(identified, folder, display, lambda: stop.requested, lock.workers).work()
    if stop.requested:
        print(f"Stopped; everything done so far is kept{_kept(status)}. The same command goes on from there.", file=out)
        return STOPPED
    _print_end(loaded.metadata.name, status, folder, out)
    if args.json:
        print(status_document(loaded.metadata.namespace, loaded.metadata.name, status, ran=not done))
    return WAS_DONE if done and args.fail_if_done else EXIT_CODES[status.state]


def _kept(status: RetrainRunStatus) -> str:
    found = kept(status)
    return f": {found}" if found else ""


def _print_end(name: str, status: RetrainRunStatus, folder: RunFolder, out: TextIO) -> None:
    print(file=out)
    print_run(name, status, out, near_page(status, folder))
    if status.observation is not None and not is_over(status):
        print(
            f"To see how they do: retrain observe {shlex.quote(name)}   (--every 1d stays, and looks each day)",
            file=out,
        )
    print(f"Status: {folder.path / 'status.json'}", file=out)


def near_page(status: RetrainRunStatus, folder: RunFolder) -> str | None:
    """A short path to the HTML report, a link beside the status; None where the report is not on this machine."""
    html = status.report.html if status.report and reports_today(status) else None
    if html is None or not html.startswith("file://"):
        return None
    page = Path(html.removeprefix("file://"))
    with suppress(OSError):  # a file system without links: the report's own path does as well
        for file in (page, page.with_name(TRADES_FILE)):  # the page links to the other, beside it
            link = folder.path / file.name
            link.unlink(missing_ok=True)
            if file.exists():
                link.symlink_to(file)
    return str(folder.path / page.name) if (folder.path / page.name).exists() else None


def _load(path: str) -> RetrainRun:
    folder = Path.cwd() if path == "-" else Path(path).resolve().parent
    return resolve_locations(load_run(path), folder)
