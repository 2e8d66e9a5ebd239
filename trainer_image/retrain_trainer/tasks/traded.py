"""Reads what each model traded from its predictions.parquet, for the report and its trades.csv.

A report without trades is better than none: predictions that an older release never kept, or that were tidied away, leave them
out and keep no model from being promoted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

from retrain_api import reasons
from retrain_api.documents.references import FileRef
from retrain_api.documents.tasks import PublishItem
from retrain_api.errors import DataError, NotFoundError
from retrain_trainer.measure.predictions.prediction_file import decode
from retrain_trainer.measure.predictions.trades import CSV_HEAD, Traded, csv, traded
from retrain_trainer.store.locate import Locate, read_if_there

Log = Callable[[str], None]


def read_traded(
    items: Iterable[PublishItem], evaluations: Mapping[str, Mapping[str, Any]], locate: Locate, log: Log
) -> dict[str, Traded]:
    """What each measured model traded; those whose predictions can't be read are left out, with a line in the log."""
    found = {}
    for item in items:
        named = evaluations.get(item.symbol, {}).get("predictions") or {}
        if item.measurement is None or not {"uri", "sha256"} <= named.keys():
            continue
        try:
            found[item.symbol] = traded(decode(_read(FileRef.model_validate(named), locate), named["uri"]))
        except (DataError, NotFoundError) as problem:
            log(f"{item.symbol}: the report has no list of its trades: {problem.message}")
    return found


def _read(named: FileRef, locate: Locate) -> bytes:
    source = locate(named.uri)
    stored = read_if_there(source.store, source.key)
    if stored is None:
        raise NotFoundError(reasons.PREDICTIONS_NOT_FOUND, f"{named.uri} no longer exists.")
    if sha256(stored.data).hexdigest() != named.sha256:
        raise DataError(reasons.BAD_PREDICTIONS, f"{named.uri} is not the file that was measured.")
    return stored.data


def trades_file(trades: Mapping[str, Traded]) -> str:
    """trades.csv: every trade of every model, one row each."""
    return f"symbol,{CSV_HEAD}\n" + "".join(csv(symbol, one.trades) for symbol, one in trades.items())
