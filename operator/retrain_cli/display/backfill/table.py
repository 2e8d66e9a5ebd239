"""What a backfill came to, on a terminal and for programs: a row for each slot and symbol, and one sentence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from retrain_api.wire import significant
from retrain_cli.display.document import document

if TYPE_CHECKING:
    from retrain_trainer.measure.later.figures import Lived, Right, SlotRow, SymbolFigures
    from retrain_trainer.measure.later.scores import Promise
    from retrain_trainer.report.backfill.facts import BackfillFacts

COLUMNS = (
    "SLOT",
    "SYMBOL",
    "VERDICT",
    "PROMISED",
    "THEN",
    "IN SERVICE",
    "RIGHT",
    "PNL",
    "NEVER RETRAINED",
    "PNL",
    "HOLD",
)
_DROPPED = ((), (10,), (10, 9), (10, 9, 8), (10, 9, 8, 3))
"""Columns that a narrow terminal drops, more and more of them."""
_LEFT = ("SLOT", "SYMBOL", "VERDICT", "IN SERVICE")


def print_backfill(facts: BackfillFacts, out: TextIO) -> None:
    """The table and the sentence; what a narrow terminal has no room for is left to the page."""
    room = shutil.get_terminal_size().columns if out.isatty() else None
    names, rows = fitted(list(_rows(facts, intervals=True)), list(_rows(facts, intervals=False)), room)
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in [names, *rows]:
        cells = [
            cell.ljust(width) if name in _LEFT else cell.rjust(width)
            for name, cell, width in zip(names, row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip(), file=out)
    print(f"\n{facts.sentence}", file=out, flush=True)


def fitted(
    wide: Sequence[Sequence[str]], short: Sequence[Sequence[str]], room: int | None
) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Columns and rows that fit: with intervals, without, or with fewer columns; the fewest where nothing fits."""
    whole = range(len(COLUMNS))
    tries = [(wide, []), *((short, list(dropped)) for dropped in _DROPPED)]
    for rows, dropped in tries:
        kept = [i for i in whole if i not in dropped]
        names, shown = [COLUMNS[i] for i in kept], [[row[i] for i in kept] for row in rows]
        needed = sum(max(map(len, column)) for column in zip(names, *shown, strict=True)) + 2 * (len(kept) - 1)
        if room is None or needed <= room:
            break
    return names, list(shown)


def _rows(facts: BackfillFacts, intervals: bool) -> Iterator[list[str]]:
    from retrain_trainer.report.backfill.facts import change, minute, pnl, served_by

    for figures in facts.figures:
        for row in figures.rows:
            yield [
                minute(row.slot),
                figures.symbol,
                facts.of(figures.symbol, row).verdict,
                _right(row.promise, intervals),
                _right(row.own.right if row.own else None, intervals),
                served_by(row, figures),
                _right(row.served.right if row.served else None, intervals),
                pnl(row.served),
                _right(row.first.right if row.first else None, intervals),
                pnl(row.first),
                change(row.hold),
            ]


def _right(right: Right | Promise | None, intervals: bool) -> str:
    from retrain_trainer.report.backfill.facts import between, share

    bounds = between(right) if intervals else ""
    return share(right) + (f" ({bounds})" if bounds else "")


def backfill_document(facts: BackfillFacts) -> str:
    """The same for programs."""
    found = facts.comparison
    compared = None
    if found is not None:
        money, low, high = found.money
        compared = {
            "symbols": list(found.symbols),
            "bars": found.bars,
            "accuracy": significant(found.accuracy.difference),
            "accuracyInterval": _bounds(found.accuracy.low, found.accuracy.high),
            "account": significant(money),
            "accountInterval": _bounds(low, high),
        }
    return document(
        "Backfill",
        namespace=facts.namespace,
        schedule=facts.schedule,
        key=facts.key,
        verdict=facts.verdict,
        sentence=facts.sentence,
        difference=compared,
        symbols=[_symbol(facts, one) for one in facts.figures],
    )


def _symbol(facts: BackfillFacts, figures: SymbolFigures) -> dict[str, Any]:
    return {
        "symbol": figures.symbol,
        "inService": _lived(figures.served),
        "neverRetrained": _lived(figures.first),
        "own": _accuracy(figures.own),
        "refused": _accuracy(figures.refused),
        "hold": significant(figures.hold) if figures.hold is not None else None,
        "slots": [_slot(facts, figures, row) for row in figures.rows],
    }


def _slot(facts: BackfillFacts, figures: SymbolFigures, row: SlotRow) -> dict[str, Any]:
    from retrain_trainer.data.columns.timeline import iso_time as iso

    judged = facts.of(figures.symbol, row)
    return {
        "slot": iso(row.slot),
        "until": iso(row.until),
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "promoted": row.promoted,
        "model": row.model or None,
        "bars": row.bars,
        "promised": _accuracy(row.promise),
        "then": _accuracy(row.own.right if row.own else None),
        "servedBy": None if row.served_by is None else iso(figures.rows[row.served_by].slot),
        "inService": _lived(row.served),
        "neverRetrained": _lived(row.first),
        "hold": significant(row.hold) if row.hold is not None else None,
    }


def _lived(lived: Lived | None) -> dict[str, Any] | None:
    if lived is None:
        return None
    pnl = significant(lived.pnl) if lived.pnl is not None else None
    return {"accuracy": _accuracy(lived.right), "pnl": pnl, "trades": lived.trades}


def _accuracy(right: Right | Promise | None) -> dict[str, Any] | None:
    if right is None:
        return None
    return {"bars": right.bars, "value": significant(right.accuracy), "interval": _bounds(right.low, right.high)}


def _bounds(low: float | None, high: float | None) -> list[float | None] | None:
    return None if low is None or high is None else [significant(low), significant(high)]
