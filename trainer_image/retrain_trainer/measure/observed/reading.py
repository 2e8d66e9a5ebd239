"""Reads a promoted model's life from the store: its promise, and the record of its judged blocks."""

from __future__ import annotations

from retrain_api.time import nanoseconds_of
from retrain_trainer.data.columns.timeline import iso_time

from .card import Document
from .life import Life
from .promise import Promise, Reports, promise_of
from .record_files import Record, damaged, read_record


def read_life(
    reports: Reports, symbol: str, uri: str, sha256: str, pointer: Document | None = None, bar: float | None = None
) -> Life:
    """The life of a model in `promoted/`; `pointer` and `bar` as in `promise_of`.

    Raises DataError("RecordDamaged"), and what the store raises.
    """
    promise = promise_of(reports, uri, sha256, pointer, bar)
    record = read_record(reports.store, symbol, sha256)
    if record is None:
        return Life(promise)
    _require_same_blocks(promise, record)
    return Life(promise, record.blocks, iso_time(record.end))


def _require_same_blocks(promise: Promise, record: Record) -> None:
    """Raise DataError("RecordDamaged") for blocks of another length, or from another time on, than the model's own."""
    blocks, tested = promise.blocks, promise.tested_until
    if blocks is None or tested is None:
        return
    if (record.length, record.anchor) != (blocks.length, nanoseconds_of(tested)):
        raise damaged(
            f"The judged blocks of the model {record.model[:8]} are of {record.length} bars from {iso_time(record.anchor)} on, and its "
            f"card says {blocks.length} from {tested} on"
        )
