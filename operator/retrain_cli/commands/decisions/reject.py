"""`retrain reject`: decline the promotion of the models that wait for approval."""

from __future__ import annotations

import argparse

from . import answering


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain reject` takes."""
    answering.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Reject; raises as `answering.answer` does."""
    return answering.answer(args, "reject")
