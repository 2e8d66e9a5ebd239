"""Reads a promoted model's life from the store: its promise, and the record of its judged blocks."""

from __future__ import annotations

from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.store.base import Store

from .life import Life
from .promise import Document, promise_of
from .record_files import read_record


def read_life(
    store: Store, symbol: str, uri: str, sha256: str, pointer: Document | None = None, bar: float | None = None
) -> Life:
    """The life of a model in `promoted/`; `pointer` and `bar` as in `promise_of`.

    Raises DataError("RecordDamaged"), and what the store raises.
    """
    promise = promise_of(store, uri, sha256, pointer, bar)
    record = read_record(store, symbol, sha256)
    if record is None:
        return Life(promise)
    return Life(promise, record.blocks, iso_time(record.end))
