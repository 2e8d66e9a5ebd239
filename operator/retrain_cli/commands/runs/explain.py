"""`retrain explain`: what a field of a run or a schedule is, as `kubectl explain` says it where there is a cluster."""

from __future__ import annotations

import argparse
from shutil import get_terminal_size

_WIDEST = 100
"""Longer lines are hard to read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain explain` takes."""
    parser.description = (
        "What a field of a run is: type, bounds, default, rules, and the fields in it; of a schedule, with rts before it. Without "
        "FIELD, the run itself."
    )
    parser.add_argument(
        "field", nargs="?", default="", metavar="FIELD", help="path of the field, such as spec.model or rts.spec"
    )


def run(args: argparse.Namespace) -> int:
    """Print it. Raises ConfigurationError("BadOptions") for a field that there is not."""
    from retrain_api.schema.explain import explained

    print("\n".join(explained(args.field, min(get_terminal_size().columns, _WIDEST))))
    return 0
