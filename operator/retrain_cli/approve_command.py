"""`retrain approve`: a person's yes to exactly the models that wait, or with --override to those that fail."""

from __future__ import annotations

import argparse

from . import answering


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain approve` takes."""
    answering.add_arguments(parser)
    parser.add_argument(
        "--override",
        action="store_true",
        help="promote every measured model, against the gate; it stays told in pointer, status and report",
    )


def run(args: argparse.Namespace) -> int:
    """Approve, or override; raises as `answering.answer` does."""
    return answering.answer(args, "override" if args.override else "approve")
