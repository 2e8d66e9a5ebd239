"""`retrain history`: what was judged and promoted, of a run (from its status) or of a symbol (from the store)."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError, NotFoundError, RetrainError
from retrain_api.formatting import measured
from retrain_api.names import file_name
from retrain_api.status.run import RetrainRunStatus
from retrain_api.wire import to_wire
from retrain_cli.display.document import add_json_argument, document
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
    add_json_argument(parser, "RunHistory", "SymbolHistory")


def run(args: argparse.Namespace) -> int:
    """Print it; raises what `named_run`, `require_symbol`, retrain_trainer and the store raise."""
    if args.file or args.artifacts:
        store = open_artifacts_of(args, os.environ)
        found = judged(store, require_symbol(store, args.run))
        print(found.document() if args.json else "\n".join(found.lines()))
        return 0
    run = _run_or_advice(args)
    print(run_document(run) if args.json else "\n".join(of_run(run.name, run.status)))
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


def run_document(run: RunHandle) -> str:
    """The same for programs."""
    status, promotion = run.status, run.status.promotion
    promoted = to_wire(promotion) if promotion is not None and promotion.models else None
    judgements = [to_wire(entry) for entry in status.history]
    return document(
        "RunHistory",
        namespace=run.namespace,
        name=run.name,
        state=status.state,
        judgements=judgements,
        promotion=promoted,
    )


@dataclass(frozen=True)
class Judgement:
    """What one report says of a symbol; `promotion` is on whose authority it was promoted, or why it was refused."""

    judged_at: str
    run: str
    report: int | None
    verdict: str
    accuracy: float | None
    model: str | None
    promoted: bool
    promotion: str | None

    def cells(self) -> tuple[str, ...]:
        """As a row of a table."""
        report = "-" if self.report is None else str(self.report)
        accuracy = measured("accuracy", self.accuracy) if self.accuracy is not None else "-"
        why = f"{'' if self.promoted else 'no: '}{self.promotion}" if self.promotion else "-"
        return (self.judged_at, self.run, report, self.verdict, accuracy, self.model or "-", why)


@dataclass(frozen=True)
class SymbolHistory:
    """The judgements of a symbol in a store, oldest first, and its pointer; None where nothing is promoted."""

    symbol: str
    store: str
    judgements: tuple[Judgement, ...]
    pointer: Any

    def lines(self) -> list[str]:
        """A table of the judgements, and what the pointer says."""
        head = ("judged at", "run", "report", "verdict", "accuracy", "model", "promoted")
        table = align([head, *(each.cells() for each in self.judgements)]) if self.judgements else ()
        return [self.symbol, *table, *(_pointer_lines(self.pointer) if self.pointer else ())]

    def document(self) -> str:
        """The same for programs."""
        rows = [
            {
                "judgedAt": each.judged_at,
                "run": each.run,
                "report": each.report,
                "verdict": each.verdict,
                "accuracy": each.accuracy,
                "model": each.model,
                "promoted": each.promoted,
                "promotion": each.promotion,
            }
            for each in self.judgements
        ]
        pointer = to_wire(self.pointer) if self.pointer else None
        return document("SymbolHistory", symbol=self.symbol, store=self.store, judgements=rows, pointer=pointer)


def judged(store: Any, symbol: str) -> SymbolHistory:
    """What a store knows of a symbol. Raises ConfigurationError("NeverJudged")."""
    from retrain_trainer.model.pointer import read_pointer

    rows = filter(None, (_judgement(store, key, symbol) for key in _results(store)))
    pointed = read_pointer(store, symbol)
    ordered = tuple(sorted(rows, key=lambda row: (row.judged_at, row.run, row.report or 0)))
    if not ordered and pointed is None:
        raise ConfigurationError(reasons.NEVER_JUDGED, f"{store.uri} has no report and no pointer for {symbol}.")
    return SymbolHistory(symbol, store.uri, ordered, pointed.pointer if pointed else None)


def _results(store: Any) -> list[str]:
    return [key for key in store.list("reports/") if key.endswith("/results.json")]


def _judgement(store: Any, key: str, symbol: str) -> Judgement | None:
    """The judgement of a symbol in a report; None where the report has none, or can no longer be read."""
    try:
        text = store.read(key).data.decode("utf-8", "replace")
        recorded, raw = parse_results(text, key), json.loads(text)
    except (DataError, NotFoundError):
        return None
    item = next((each for each in recorded.items if each.symbol == symbol), None)
    if item is None:
        return None
    promoted, promotion = _promotion(raw, symbol)
    return Judgement(
        judged_at=recorded.written_at,
        run=recorded.name,
        report=raw.get("number"),
        verdict=item.verdict,
        accuracy=item.measurement.metrics.accuracy if item.measurement else None,
        model=file_name(item.model.uri) if item.model else None,
        promoted=promoted,
        promotion=promotion,
    )


def _promotion(results: dict[str, Any], symbol: str) -> tuple[bool, str | None]:
    """Whether the model was promoted, and on whose authority, or why it was refused; None where nothing was tried."""
    outcome = results.get("promotion") or {}
    if any(model["symbol"] == symbol for model in outcome.get("promoted", ())):
        return True, f"by {results.get('approvedBy') or 'gate'}{', override' if results.get('override') else ''}"
    why = (each["message"] for each in outcome.get("notPromoted", ()) if each["symbol"] == symbol)
    return False, next(why, None)


def _pointer_lines(pointer: Any) -> Iterator[str]:
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
