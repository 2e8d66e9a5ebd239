"""`retrain approve`: approve exactly the models that wait for approval or, with --override, those that fail the gate."""

from __future__ import annotations

import argparse

from . import answering


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain approve` takes."""
    answering.add_arguments(parser)
    parser.add_argument(
        "--override",
        action="store_true",
        help="promote every measured model against the gate; pointer, status and report will always say so",
    )


def run(args: argparse.Namespace) -> int:
    """Approve, or override; raises as `answering.answer` does."""
    return answering.answer(args, "override" if args.override else "approve")
