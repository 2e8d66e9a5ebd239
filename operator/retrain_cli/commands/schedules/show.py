"""`retrain schedule status`: how a schedule stands."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from retrain_cli.display.document import add_json_argument, schedule_document
from retrain_cli.display.schedule.text import schedule_lines
from retrain_cli.inputs.run_arguments import add_schedule_arguments, named_schedule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain schedule status` takes."""
    parser.description = "How a schedule stands: its state, the next slot, the proof on the past, and its last runs."
    add_schedule_arguments(parser)
    add_json_argument(parser, "ScheduleStatus")


def run(args: argparse.Namespace) -> int:
    """Print it. Raises what `named_schedule` raises."""
    found = named_schedule(args)
    if args.json:
        print(schedule_document(found.namespace, found.name, found.status))
    else:
        print("\n".join(schedule_lines(found.name, found.status, datetime.now(UTC))))
    return 0
