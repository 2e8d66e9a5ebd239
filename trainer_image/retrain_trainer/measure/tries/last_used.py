"""Up to which bar a symbol's models have used its data: what `data.minNewBars` counts from."""

from __future__ import annotations

from retrain_api.errors import DataError
from retrain_trainer.data.columns.timeline import nanoseconds
from retrain_trainer.data.freshness import LastUsed
from retrain_trainer.model.pointer import read_pointer
from retrain_trainer.store.base import Store

from .test_reuse import newest_record


def last_used(store: Store, symbol: str, recipe: str) -> LastUsed | None:
    """The last bar of the newest measured model of this recipe, or of the promoted model where that is later.

    None where no model of this recipe was measured: what is new is never skipped.
    """
    record = newest_record(store, symbol, recipe) if recipe else None
    if record is None:
        return None
    measured = LastUsed(nanoseconds(record.last_bar), "the newest measured model of this recipe")
    promoted = _promoted(store, symbol)
    return promoted if promoted is not None and promoted.bar > measured.bar else measured


def _promoted(store: Store, symbol: str) -> LastUsed | None:
    """The last bar of the promoted model; None where there is none, or its pointer can't be believed: publishing says so."""
    try:
        pointed = read_pointer(store, symbol)
    except DataError:
        return None
    if pointed is None or not pointed.pointer.test_is_credible:
        return None
    return LastUsed(nanoseconds(pointed.pointer.test.last_bar), "the promoted model")
