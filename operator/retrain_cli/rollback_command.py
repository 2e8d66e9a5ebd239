"""`retrain rollback`: put a symbol's pointer back to a model that was promoted before, on record."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from retrain_api.approval import write_word
from retrain_api.names import file_name
from retrain_api.wording import measured

from .artifacts import add_artifacts_arguments, open_artifacts_of
from .known_runs import local_user


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain rollback` takes."""
    parser.description = (
        "Puts promoted/SYMBOL.json back to the model promoted before it, or to another promoted one, with the store's "
        "credentials of this machine. The model rolled back from is not promoted again by its own run."
    )
    parser.add_argument("symbol", metavar="SYMBOL", help="such as BTC-USD")
    add_artifacts_arguments(parser, required=True)
    parser.add_argument("--to", metavar="MODEL", help="a file in promoted/ (default: the model promoted before)")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept with your name")


def run(args: argparse.Namespace) -> int:
    """Roll back; raises what retrain_trainer.rollback and the store raise."""
    from retrain_trainer.rollback import roll_back

    by = local_user()
    write_word("", by, args.reason)  # the same rules for a name and a reason as everywhere
    store = open_artifacts_of(args, os.environ)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pointer = roll_back(store, args.symbol, args.to, by, " ".join(args.reason.split()), at)
    assert pointer.rolled_back is not None
    print(
        f"{args.symbol} is back at {file_name(pointer.model.uri)} (accuracy "
        f"{measured('accuracy', pointer.metrics.accuracy)}, tested up to {pointer.test.last_bar}), "
        f"from {file_name(pointer.rolled_back.from_.uri)}."
    )
    print(f"Pointer: {store.uri_of(f'promoted/{args.symbol}.json')}")
    return 0
