"""`retrain history`: what was judged and promoted, of a run (from its status) or of a symbol (from the store)."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError, NotFoundError, RetrainError
from retrain_api.formatting import measured
from retrain_api.names import file_name
from retrain_api.status.run import RetrainRunStatus
from retrain_cli.display.table import align
from retrain_cli.inputs.artifacts import add_artifacts_arguments, open_artifacts_of
from retrain_cli.inputs.results_file import parse_results
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run
from retrain_cli.inputs.symbols import market_in, require_symbol, symbol_of
from retrain_client.handle import RunHandle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain history` takes."""
    parser.description = (
        "Without --file and --artifacts: the last five judgements of a run, and its promotions. With one of them: every "
        "report in that store that judged SYMBOL, oldest first, and the model that its pointer names."
    )
    add_run_arguments(parser, "RUN|SYMBOL")
    add_artifacts_arguments(parser, required=False)


def run(args: argparse.Namespace) -> int:
    """Print it; raises what `named_run`, `require_symbol`, retrain_trainer and the store raise."""
    if args.file or args.artifacts:
        store = open_artifacts_of(args, os.environ)
        lines = of_symbol(store, require_symbol(store, args.run))
    else:
        found = _run_or_advice(args)
        lines = list(of_run(found.name, found.status))
    print("\n".join(lines))
    return 0


def _run_or_advice(args: argparse.Namespace) -> RunHandle:
    """The run; where there is none and the name can be a symbol's, the error says how to ask for that."""
    try:
        return named_run(args)
    except RetrainError as error:
        text = args.run
        symbol = symbol_of(text) if text != text.lower() or "/" in text else market_in(text)
        if symbol is None:
            raise
        advice = f"For the symbol {symbol}: `retrain history {symbol} -f FILE`."
        raise type(error)(error.reason, f"{error.message}\n{advice}") from None


def of_run(name: str, status: RetrainRunStatus) -> Iterator[str]:
    """A line for each judgement and each promoted model."""
    yield f"{name}: {status.state}"
    if not status.history:
        yield "  Nothing has been judged yet."
    yield from (f"  {entry.at}  {entry.line}   {entry.report or ''}".rstrip() for entry in status.history)
    promotion = status.promotion
    if promotion is not None and promotion.models:
        yield f"Promoted by {promotion.by} at {promotion.at}:"
        for model in promotion.models:
            override = f"   by override, not by the gate: {model.override}" if model.override else ""
            yield f"  {model.symbol}: {model.uri}{override}"


def of_symbol(store: Any, symbol: str) -> list[str]:
    """A table of the judgements in the store, and what the pointer says. Raises ConfigurationError("NeverJudged")."""
    rows = sorted(filter(None, (_row(store, key, symbol) for key in _results(store))))
    pointer = list(_pointer(store, symbol))
    if not rows and not pointer:
        raise ConfigurationError(reasons.NEVER_JUDGED, f"{store.uri} has no report and no pointer for {symbol}.")
    head = ("judged at", "run", "report", "verdict", "accuracy", "model", "promoted")
    return [symbol, *(align([head, *rows]) if rows else ()), *pointer]


def _results(store: Any) -> list[str]:
    return [key for key in store.list("reports/") if key.endswith("/results.json")]


def _row(store: Any, key: str, symbol: str) -> tuple[str, ...] | None:
    """The judgement of a symbol in a report; None where the report has none, or can no longer be read."""
    try:
        text = store.read(key).data.decode("utf-8", "replace")
        recorded, raw = parse_results(text, key), json.loads(text)
    except (DataError, NotFoundError):
        return None
    item = next((each for each in recorded.items if each.symbol == symbol), None)
    if item is None:
        return None
    return (
        recorded.written_at,
        recorded.name,
        str(raw.get("number", "-")),
        item.verdict,
        measured("accuracy", item.measurement.metrics.accuracy) if item.measurement else "-",
        file_name(item.model.uri) if item.model else "-",
        _promotion(raw, symbol),
    )


def _promotion(results: dict[str, Any], symbol: str) -> str:
    """On whose authority the model was promoted, or why it was refused; - where nothing was tried."""
    outcome = results.get("promotion") or {}
    if any(model["symbol"] == symbol for model in outcome.get("promoted", ())):
        return f"by {results.get('approvedBy') or 'gate'}{', override' if results.get('override') else ''}"
    why = next((each["message"] for each in outcome.get("notPromoted", ()) if each["symbol"] == symbol), None)
    return f"no: {why}" if why else "-"


def _pointer(store: Any, symbol: str) -> Iterator[str]:
    from retrain_trainer.model.pointer import read_pointer

    pointed = read_pointer(store, symbol)
    if pointed is None:
        return
    pointer = pointed.pointer
    override = ", by override and not by the gate" if pointer.override else ""
    yield f"Promoted now: {file_name(pointer.model.uri)}, since {pointer.promoted_at}, by {pointer.approved_by}{override}"
    yield from _of_age(pointer)
    if pointer.rolled_back is not None:
        record = pointer.rolled_back
        yield f"Rolled back from {file_name(record.from_.uri)} at {record.at} by {record.by}: {record.reason}"
    if pointer.previous is not None:
        accuracy = measured("accuracy", pointer.previous.metrics.accuracy)
        yield f"Before it: {file_name(pointer.previous.uri)} (accuracy {accuracy})"


def _of_age(pointer: Any) -> Iterator[str]:
    """How old its learning is, and until when it is good; nothing of a model of before that was written down."""
    if pointer.trained_until:
        yield f"It has learnt up to {pointer.trained_until}, and was tested up to {pointer.tested_until}"
    if pointer.expires_at:
        over = ", so it is not to be used any more" if pointer.is_expired(datetime.now(UTC)) else ""
        yield f"Expires at {pointer.expires_at}{over}"
