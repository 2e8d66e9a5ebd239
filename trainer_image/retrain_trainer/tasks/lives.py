"""What became of the models in service until now: their lives, as looks at them have recorded them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retrain_api.errors import RetrainError
from retrain_trainer.measure.observed.life import Life
from retrain_trainer.measure.observed.promise import Reports
from retrain_trainer.measure.observed.reading import read_life
from retrain_trainer.model.pointer import Previous
from retrain_trainer.store.base import Store


def read_lives(
    store: Store, before: Mapping[str, Previous | None], log: Callable[[str], None]
) -> dict[str, Life | str]:
    """The life of each model in service, or why it can't be read: a report is written whatever became of a record.

    Raises what may pass by itself, as a store that is away: the report would keep the gap for good.
    """
    reports = Reports(store)
    return {symbol: _life(reports, symbol, old, log) for symbol, old in before.items() if old is not None}


def _life(reports: Reports, symbol: str, old: Previous, log: Callable[[str], None]) -> Life | str:
    try:
        return read_life(reports, symbol, old.uri, old.sha256)
    except RetrainError as error:
        if error.retryable:
            raise
        log(f"{symbol}: the life of the model in service can't be read: {error.message}")
        return error.message
