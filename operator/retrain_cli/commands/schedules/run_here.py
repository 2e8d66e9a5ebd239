"""`retrain schedule run`: carry out a RetrainSchedule from a file, in the foreground of this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from retrain_api.extras import require
from retrain_api.run import RetrainRun
from retrain_api.schedule import RetrainSchedule
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_cli.commands.runs.run import EXIT_CODES, STOPPED
from retrain_cli.display.document import add_json_argument, schedule_document
from retrain_cli.display.schedule.plain import label
from retrain_cli.display.schedule.text import schedule_lines
from retrain_cli.display.summary import kept
from retrain_cli.display.terminal import open_schedule_display
from retrain_cli.inputs.locations import resolve_template
from retrain_cli.inputs.run_file import load_schedule
from retrain_cli.inputs.stop import Stop
from retrain_client.local.run import DEFAULT_STATE_DIR
from retrain_client.local.schedules.children import is_replay
from retrain_client.local.schedules.executor import ScheduleExecutor, utc_now
from retrain_client.local.schedules.folder import STATUS_FILE, open_schedule_folder, take_schedule_lock

FAILED, REJECTED = 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain schedule run` takes."""
    parser.description = (
        "Carries out a RetrainSchedule on this machine: it stays in the foreground, proves the recipe on the past where "
        "walkForward asks for it, and makes a run for each slot. If it is stopped or killed, the same command goes on where it "
        "was, and makes up for the newest slot that it missed. A run that history limits remove is forgotten here alone: "
        "models and reports stay. It reads FILE once; start it again after a change."
    )
    parser.epilog = (
        "exit codes, with --once those of the newest slot's run: 0 promoted, passed, skipped, or nothing was due; 1 failed, or the "
        "schedule is Paused; 2 invalid input; 3 rejected, or the proof ended Unproven; 4 waiting for approval; 130 stopped"
    )
    parser.add_argument(
        "-f", "--file", required=True, metavar="FILE", help="YAML file of the schedule; - for standard input"
    )
    parser.add_argument(
        "--once", action="store_true", help="do what is due now and end, such as from cron; without it, stay"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=DEFAULT_STATE_DIR,
        metavar="DIR",
        help="where to keep status and logs (default: %(default)s)",
    )
    add_json_argument(parser, "ScheduleStatus")


def run(args: argparse.Namespace) -> int:
    """Work until stopped; with --once, until nothing is due. Raises ConfigurationError for an invalid file."""
    loaded = _load(args.file)
    require("trainer")  # before anything starts: each task would fail for it, and be tried again
    name, namespace = loaded.metadata.name, loaded.metadata.namespace
    folder = open_schedule_folder(args.state_dir, namespace, name)
    take_schedule_lock(folder)  # held by this process until it ends
    out = sys.stderr if args.json else sys.stdout
    stop = Stop()
    with open_schedule_display(name, folder.read_status() or RetrainScheduleStatus(), out) as display:
        executor = ScheduleExecutor(loaded, folder, args.state_dir, display, lambda: stop.requested)
        status = executor.work(args.once)
    if stop.requested:
        print("\n".join(_stopped(executor.left)), file=out)
    else:
        print("\n".join([*schedule_lines(name, status, utc_now()), f"Status: {folder.path / STATUS_FILE}"]), file=out)
    if args.json:
        print(schedule_document(namespace, name, status))
    return STOPPED if stop.requested else exit_code(executor.ended, status)


def _stopped(left: Sequence[RetrainRun]) -> list[str]:
    """What is kept of each run that was at work, and how to go on."""
    reached = [f"  {label(run)}: {found}" for run in left if (found := kept(run.status))]
    said = "Stopped; everything done so far is kept"
    return [*([f"{said}:", *reached] if reached else [f"{said}."]), "The same command goes on from there."]


def exit_code(ended: Sequence[RetrainRun], status: RetrainScheduleStatus) -> int:
    """What became of the newest slot that was carried out now; without one, of the proof."""
    slots = [run for run in ended if not is_replay(run)]
    if slots:
        return EXIT_CODES[slots[-1].status.state]
    if status.state in ("Paused", "Invalid"):
        return FAILED
    return REJECTED if ended and status.walk_forward and status.walk_forward.state == "Unproven" else 0


def _load(path: str) -> RetrainSchedule:
    folder = Path.cwd() if path == "-" else Path(path).resolve().parent
    return resolve_template(load_schedule(path), folder)
