"""`retrain live`: the model of a symbol that is in service, what it promised, and what it has done since, day by day."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, NotFoundError
from retrain_api.spec.bounds import bar_answer, percent_sign_answer
from retrain_api.wire import to_wire
from retrain_cli.display.browser import copy_of, open_page
from retrain_cli.display.document import add_json_argument
from retrain_cli.display.life_table import life_document, life_lines
from retrain_cli.inputs.artifacts import add_artifacts_arguments, open_artifacts_of
from retrain_cli.inputs.output_file import require_ending, require_new, write_text
from retrain_cli.inputs.symbols import require_symbol

if TYPE_CHECKING:
    from retrain_trainer.report.live.facts import LiveFacts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain live` takes."""
    parser.description = (
        "What is promoted, how old its learning is, and what it has done since its test beside what that promised. It reads the record of "
        "judged bars that `spec.observation` or `retrain observe` made, and writes nothing to the store."
    )
    parser.add_argument("symbol", metavar="SYMBOL", help="such as BTC-USD")
    add_artifacts_arguments(parser, required=True)
    parser.add_argument(
        "--candles",
        type=Path,
        metavar="FILE",
        help="judge the closed bars of this parquet file that come after the record, too, by the promoted model",
    )
    parser.add_argument(
        "--accuracy",
        metavar="SHARE",
        help="hold it to this, such as 0.68 (default: the bar of its run's gate; the majority of its test where that is not known)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the page to this .html file as well")
    parser.add_argument("--force", action="store_true", help="overwrite the file that -o names")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    add_json_argument(parser, "Life")


def run(args: argparse.Namespace) -> int:
    """Print it, and write or open the page.

    Raises ConfigurationError for a wrong option or where no browser can be started, NotFoundError("NothingPromoted"), DataError("RecordDamaged") and what
    `require_symbol`, `with_candles` and the store raise.
    """
    bar = None if args.accuracy is None else accuracy_in(args.accuracy)
    if args.output is not None:
        require_ending(args.output, "a page is", ".html", ".htm")
        require_new(args.output, args.force)
    store = open_artifacts_of(args, os.environ)
    facts = facts_of(store, require_symbol(store, args.symbol), datetime.now(UTC), bar)
    if args.candles is not None:
        facts = with_candles(facts, store, args.candles)
    print(life_document(facts) if args.json else "\n".join(life_lines(facts)))
    if args.output is not None or args.open:
        _show(facts, args)
    return 0


def _show(facts: LiveFacts, args: argparse.Namespace) -> None:
    """Write the page, open it, or both, and say where it is."""
    from retrain_trainer.report.live.page import page

    text = page(facts)
    if args.output is None:
        place = copy_of(text, "retrain-live-")
    else:
        write_text(args.output, text, args.force)
        place = args.output.resolve().as_uri()
    print(f"\nPage: {args.output or place}", file=sys.stderr if args.json else sys.stdout)
    if args.open:
        open_page(place)


def accuracy_in(text: str) -> float:
    """The share that --accuracy gives. Raises ConfigurationError("BadBar")."""
    try:
        found = float(text)
        answer = bar_answer("accuracy", found)
    except ValueError:
        answer = percent_sign_answer("accuracy", text) or "write a share, such as 0.68"
    if answer:
        raise ConfigurationError(reasons.BAD_BAR, f"--accuracy {text}: {answer}.")
    return found


def facts_of(store: Any, symbol: str, now: datetime, bar: float | None) -> LiveFacts:
    """What the store knows of the model in service. Raises NotFoundError("NothingPromoted")."""
    from retrain_trainer.measure.observed.promise import Reports
    from retrain_trainer.measure.observed.reading import read_life
    from retrain_trainer.model.pointer import read_pointer
    from retrain_trainer.report.live.facts import LiveFacts

    pointed = read_pointer(store, symbol)
    if pointed is None:
        raise NotFoundError(reasons.NOTHING_PROMOTED, f"No model of {symbol} is promoted in {store.uri}.")
    pointer = pointed.pointer
    life = read_life(Reports(store), symbol, pointer.model.uri, pointer.model.sha256, to_wire(pointer), bar)
    return LiveFacts(symbol, store.uri, pointer, life, now)


def with_candles(facts: LiveFacts, store: Any, file: Path) -> LiveFacts:
    """The same with the bars of a file behind the record. Raises NotFoundError and DataError for model or file, and what the store raises."""
    from retrain_trainer.measure.observed.unrecorded import with_bars_of
    from retrain_trainer.store.credentials import environ_for
    from retrain_trainer.store.locate import locator

    locate = locator(store, store.uri, environ_for("artifacts", os.environ))
    found = with_bars_of(facts.life, facts.pointer, locate, file, int(facts.now.timestamp()) * 1_000_000_000)
    return replace(facts, life=found.life, judged_now=found.blocks, notes=found.notes)
