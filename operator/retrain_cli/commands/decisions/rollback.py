"""`retrain rollback`: set a symbol's pointer back to a model promoted earlier, and record who did so and why."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from retrain_api import reasons
from retrain_api.approval import write_answer
from retrain_api.errors import ConfigurationError
from retrain_api.formatting import measured
from retrain_api.names import file_name, promoted_pointer
from retrain_api.spec.forms import DURATION
from retrain_cli.inputs.artifacts import add_artifacts_arguments, open_artifacts_of
from retrain_cli.inputs.symbols import require_symbol
from retrain_client.local.run import local_user


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain rollback` takes."""
    parser.description = (
        "Sets promoted/SYMBOL.json back to the previously promoted model, or to another promoted one, with this machine's "
        "credentials for the store. The model that is rolled back will not be promoted again by its own run."
    )
    parser.add_argument("symbol", metavar="SYMBOL", help="such as BTC-USD")
    add_artifacts_arguments(parser, required=True)
    parser.add_argument("--to", metavar="MODEL", help="a file in promoted/ (default: the previously promoted model)")
    parser.add_argument(
        "--expires-after",
        metavar="DURATION",
        help="how long it is good for from now, such as 3d (default: as long as it was promoted for)",
    )
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded with your name")


def require_duration(text: str | None) -> None:
    """Raises ConfigurationError("BadDuration") with the sentence that a field of the spec would have."""
    answer = "" if text is None else DURATION.answer(text)
    if answer:
        raise ConfigurationError(reasons.BAD_DURATION, f"--expires-after: {answer}.")


def run(args: argparse.Namespace) -> int:
    """Roll back; raises what `require_symbol`, retrain_trainer.promote.rollback and the store raise."""
    from retrain_trainer.promote.rollback import roll_back

    require_duration(args.expires_after)
    by = local_user()
    write_answer("", by, args.reason)  # names and reasons follow the same rules as everywhere
    store = open_artifacts_of(args, os.environ)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    symbol = require_symbol(store, args.symbol)
    pointer = roll_back(store, symbol, args.to, by, " ".join(args.reason.split()), at, args.expires_after)
    assert pointer.rolled_back is not None
    print(
        f"{symbol} is back at {file_name(pointer.model.uri)} (accuracy "
        f"{measured('accuracy', pointer.metrics.accuracy)}, tested up to {pointer.tested_until or pointer.test.last_bar}), "
        f"from {file_name(pointer.rolled_back.from_.uri)}."
    )
    if pointer.expires_at:
        print(f"It expires at {pointer.expires_at}.")
    print(f"Pointer: {store.uri_of(promoted_pointer(symbol))}")
    return 0
