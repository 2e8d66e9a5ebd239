"""Judges the bars of a file that come after a model's record, by its exact promoted bytes, for somebody who wants to see them now.

Nothing is written: what is kept is judged by looks alone, which have the file that the run reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from retrain_api.spec.evaluation import Evaluation
from retrain_api.time import nanoseconds_of
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.files.symbol_column import symbol_warning
from retrain_trainer.measure.asking import exact_model
from retrain_trainer.model.device import choose_device
from retrain_trainer.model.pointer import Pointer
from retrain_trainer.store.locate import Locate

from .judging import Rules, whole_blocks
from .later_bars import Asked, bars_of, closed_bars, parts
from .life import Life
from .record_files import Record


@dataclass(frozen=True)
class Judged:
    """A life with the blocks of a file behind it: how many these are, and what is to be said of the file."""

    life: Life
    blocks: int = 0
    notes: tuple[str, ...] = ()


def with_bars_of(life: Life, pointer: Pointer, locate: Locate, file: Path, now: int) -> Judged:
    """The life, and behind its record the whole blocks of a parquet file's bars that had closed at `now` (ns UTC).

    Raises NotFoundError and DataError for a model or a file that is missing, changed or unusable, and what the store raises.
    """
    blocks, tested = life.promise.blocks, life.promise.tested_until
    if blocks is None or tested is None or life.not_measurable:
        return Judged(life)
    model = exact_model(locate, pointer.model, "promoted")
    closed = closed_bars(file, model.question.interval, now, now)
    record = Record(
        pointer.symbol, pointer.model.sha256, model.question, blocks.length, nanoseconds_of(tested), tuple(life.record)
    )
    rules = Rules.going_on(record, _evaluation(life.promise.spec or {}))
    asked = Asked(model, pointer.calibration, choose_device("CPU", "live"))
    newest = closed.newest or 0
    bars, stop = bars_of(closed, record, model.lookback), whole_blocks(record, newest)
    new = [block for part in parts(closed, bars, asked, rules, stop) for block in part]
    whole = record.followed_by(new)
    notes = symbol_warning(closed.file, pointer.symbol) + (() if new else (_nothing_new(file, record, newest),))
    until = iso_time(whole.end) if whole.blocks else None
    return Judged(replace(life, record=whole.blocks, until=until), len(new), notes)


def _nothing_new(file: Path, record: Record, newest: int) -> str:
    known = f"its newest bar closed at {iso_time(newest)}" if newest else "it has no closed bar"
    needed = record.start_of(len(record.blocks) + 1) + record.question.horizon_nanoseconds
    return f"{file} has no whole block to judge: {known}, and the next block is whole at {iso_time(needed)}."


def _evaluation(spec: Mapping[str, Any]) -> Evaluation:
    """As the model's run traded and counted; the defaults where that is not known any more."""
    try:
        return Evaluation.model_validate(spec["evaluation"])
    except (ValidationError, KeyError):
        return Evaluation()
