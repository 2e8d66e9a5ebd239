"""How a promoted model does, on a terminal and for programs: what it promised, and what it then did day by day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from retrain_api.wire import significant, to_wire

from .document import document

if TYPE_CHECKING:
    from retrain_api.observation.days import Day
    from retrain_trainer.measure.observed.life import Life
    from retrain_trainer.measure.observed.promise import Promise
    from retrain_trainer.report.live.facts import LiveFacts

LAST = 14
"""Days that a terminal shows; the page has all of them."""
_LEFT = ("DAY", "STATE")


def life_lines(facts: LiveFacts) -> Iterator[str]:
    """What is promoted, how old its learning is, how it does, and the last days."""
    yield f"{facts.symbol}: {facts.promotion()}"
    known = [*facts.age(), *facts.held_to()]
    column = max((len(name) for name, _ in known), default=0)
    yield from (f"  {name:<{column}}  {said}" for name, said in known)
    yield ""
    yield facts.sentence
    yield from facts.notes
    if facts.life.days:
        yield ""
        yield from _table(facts.life)


def _table(life: Life) -> Iterator[str]:
    from retrain_trainer.report.live.facts import COLUMNS, row, total

    names = list(map(str.upper, COLUMNS))
    rows = [*(row(day, life.promise) for day in life.days[-LAST:]), total(life)]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for each in [names, *rows]:
        cells = [
            cell.ljust(room) if name in _LEFT else cell.rjust(room)
            for name, cell, room in zip(names, each, widths, strict=True)
        ]
        yield f"  {'  '.join(cells)}".rstrip()
    if len(life.days) > LAST:
        yield f"  {len(life.days) - LAST} earlier days are in `all`; the page (-o FILE) and --json list them."


def life_document(facts: LiveFacts) -> str:
    """The same for programs."""
    pointer, life = facts.pointer, facts.life
    return document(
        "Life",
        symbol=facts.symbol,
        store=facts.store,
        model=to_wire(pointer.model),
        run=to_wire(pointer.run),
        promotedAt=pointer.promoted_at,
        approvedBy=pointer.approved_by,
        override=pointer.override,
        rolledBack=to_wire(pointer.rolled_back) if pointer.rolled_back else None,
        trainedUntil=pointer.trained_until,
        testedUntil=pointer.tested_until,
        expiresAt=pointer.expires_at,
        expired=pointer.is_expired(facts.now),
        promised=_promised(life.promise),
        bar=life.promise.bar,
        barOf=life.promise.bar_of if life.promise.bar is not None else None,
        symbols=life.promise.symbols,
        alarm=life.alarm,
        state=life.state,
        sentence=facts.sentence,
        alarmedOn=life.alarmed,
        judgedUntil=life.until,
        judgedNow=facts.judged_now,
        notes=list(facts.notes),
        **_totals(life),
        days=[_day(day) for day in life.days],
    )


def _promised(promise: Promise) -> dict[str, Any] | None:
    if promise.accuracy is None:
        return None
    return {"accuracy": promise.accuracy, "bars": promise.bars, "low": promise.low, "high": promise.high}


def _totals(life: Life) -> dict[str, Any]:
    """Over the whole record; null before its first block, and of a model that can't be measured."""
    found = life.totals if life.record else None
    if found is None:
        return dict.fromkeys(("blocks", "bars", "accuracy", "calibrationError", "pnl", "wealth", "promiseWealth"))
    return {
        "blocks": found.blocks,
        "bars": found.bars,
        "accuracy": significant(found.accuracy),
        "calibrationError": significant(found.calibration_error),
        "pnl": significant(found.pnl),
        "wealth": significant(found.bar.value),
        "promiseWealth": significant(found.promise.value) if found.promise else None,
    }


def _day(day: Day) -> dict[str, Any]:
    return {
        "day": day.day,
        "bars": day.bars,
        "accuracy": significant(day.accuracy),
        "wealth": significant(day.after.bar.value),
        "state": day.state,
    }
