"""`retrain status`: how a run stands, as `retrain run` says it at its end."""

from __future__ import annotations

import argparse
import json

from retrain_api.wire import to_wire
from retrain_cli.display.summary import run_summary
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain status` takes."""
    parser.description = (
        "How a run stands: each symbol with its figures, the verdict with its reasons, what was promoted."
    )
    add_run_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print .status, in the schema of docs/reference.md")


def run(args: argparse.Namespace) -> int:
    """Print it. Raises what `named_run` raises."""
    found = named_run(args)
    told = (
        json.dumps(to_wire(found.status), indent=2) if args.json else "\n".join(run_summary(found.name, found.status))
    )
    print(told)
    return 0
