"""`retrain rerun`: train all of a run anew, on its data as it is now."""

from __future__ import annotations

import argparse

from retrain_api.names import ANNOTATION_RERUN
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run
from retrain_client.handle import new_token


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain rerun` takes."""
    parser.description = (
        "Trains every symbol of a run anew, on its data as it is now, and judges and publishes the new models. What is at "
        "work is stopped. What was promoted stays so until a new model passes."
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--token", help="any text, such as a date: the run is trained anew only where it is not the last one"
    )


def run(args: argparse.Namespace) -> int:
    """Set the token. Raises what `named_run` and `RunHandle.annotate` raise."""
    found = named_run(args)
    found.annotate(ANNOTATION_RERUN, args.token or new_token())
    print(f"{found.name} is trained anew. {found.next_step()}")
    return 0
