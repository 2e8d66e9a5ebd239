"""`retrain history`: what was judged and promoted, by a run from its status, or of a symbol from the store."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.names import file_name
from retrain_api.status import RetrainRunStatus
from retrain_api.wording import measured

from .artifacts import add_artifacts_arguments, open_artifacts_of
from .gate_command import parse
from .known_runs import add_run_arguments, find_run
from .side_by_side import aligned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain history` takes."""
    parser.description = (
        "Without a location: the last five judgements of a run, and its promotions. With --file or --artifacts: every "
        "report in that store that judged SYMBOL, oldest first, and what its pointer names."
    )
    add_run_arguments(parser, "RUN|SYMBOL")
    add_artifacts_arguments(parser, required=False)


def run(args: argparse.Namespace) -> int:
    """Print it; raises what `find_run`, retrain_trainer and the store raise."""
    if args.file or args.artifacts:
        lines = of_symbol(open_artifacts_of(args, os.environ), args.run)
    else:
        known = find_run(args)
        lines = list(of_run(known.name, known.status))
    print("\n".join(lines))
    return 0


def of_run(name: str, status: RetrainRunStatus) -> Iterator[str]:
    """A line for each judgement and each promoted model."""
    yield f"{name}: {status.state}"
    if not status.history:
        yield "  Nothing was judged yet."
    yield from (f"  {entry.at}  {entry.line}   {entry.report or ''}".rstrip() for entry in status.history)
    promotion = status.promotion
    if promotion is not None and promotion.models:
        yield f"Promoted by {promotion.by} at {promotion.at}:"
        for model in promotion.models:
            override = f"   by override, not by the gate: {model.override}" if model.override else ""
            yield f"  {model.symbol}: {model.uri}{override}"


def of_symbol(store: Any, symbol: str) -> list[str]:
    """A table of the judgements in the store, and the pointer's lines. Raises ConfigurationError("NeverJudged")."""
    rows = sorted(filter(None, (_row(store, key, symbol) for key in _results(store))))
    pointer = list(_pointer(store, symbol))
    if not rows and not pointer:
        raise ConfigurationError("NeverJudged", f"{store.uri} has no report and no pointer of {symbol}.")
    head = ("judged at", "run", "report", "verdict", "accuracy", "model", "promoted")
    return [symbol, *(aligned([head, *rows]) if rows else ()), *pointer]


def _results(store: Any) -> list[str]:
    return [key for key in store.list("reports/") if key.endswith("/results.json")]


def _row(store: Any, key: str, symbol: str) -> tuple[str, ...] | None:
    """The judgement of a symbol in a report; None where it has none or is not readable any more."""
    try:
        text = store.read(key).data.decode("utf-8", "replace")
        recorded, raw = parse(text, key), json.loads(text)
    except (DataError, NotFoundError):
        return None
    item = next((each for each in recorded.items if each.symbol == symbol), None)
    if item is None:
        return None
    promoted = {model["symbol"] for model in (raw.get("promotion") or {}).get("promoted", ())}
    how = f"by {raw.get('approvedBy') or 'gate'}{', override' if raw.get('override') else ''}"
    return (
        recorded.written_at,
        recorded.name,
        str(raw.get("number", "-")),
        item.verdict,
        measured("accuracy", item.measurement.metrics.accuracy) if item.measurement else "-",
        file_name(item.model.uri) if item.model else "-",
        how if symbol in promoted else "-",
    )


def _pointer(store: Any, symbol: str) -> Iterator[str]:
    from retrain_trainer.pointer import read_pointer

    pointed = read_pointer(store, symbol)
    if pointed is None:
        return
    pointer = pointed.pointer
    override = ", by override and not by the gate" if pointer.override else ""
    yield f"Promoted now: {file_name(pointer.model.uri)}, since {pointer.promoted_at}, by {pointer.approved_by}{override}"
    if pointer.rolled_back is not None:
        record = pointer.rolled_back
        yield f"Rolled back from {file_name(record.from_.uri)} at {record.at} by {record.by}: {record.reason}"
    if pointer.previous is not None:
        accuracy = measured("accuracy", pointer.previous.metrics.accuracy)
        yield f"Before it: {file_name(pointer.previous.uri)} (accuracy {accuracy})"
