"""`retrain status`: how a run stands, as `retrain run` says it at its end."""

from __future__ import annotations

import argparse
import sys

from retrain_cli.display.closing_table import print_run
from retrain_cli.display.document import add_json_argument, status_document
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain status` takes."""
    parser.description = (
        "How a run stands: each symbol with its figures, the verdict with its reasons, what was promoted."
    )
    add_run_arguments(parser)
    add_json_argument(parser, "RunStatus")


def run(args: argparse.Namespace) -> int:
    """Print it. Raises what `named_run` raises."""
    found = named_run(args)
    if args.json:
        print(status_document(found.namespace, found.name, found.status))
    else:
        print_run(found.name, found.status, sys.stdout)
    return 0
