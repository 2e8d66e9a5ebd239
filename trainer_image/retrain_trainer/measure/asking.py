"""Asks a model of the past for its answers on bars that came later: by its exact bytes, and as it was measured."""

from __future__ import annotations

from hashlib import sha256
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.documents.references import FileRef
from retrain_api.errors import DataError
from retrain_trainer.data.features.selection import BUILT_IN_NAMES, rows_of
from retrain_trainer.data.files.candles import Candles, read_features
from retrain_trainer.data.files.parquet import ParquetColumns
from retrain_trainer.data.windows import window_ends
from retrain_trainer.model.file import ModelFile, load_model
from retrain_trainer.store.locate import Locate

from .champion import read_model
from .figures.score import probabilities

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = tuple[Candles, NDArray[np.float32]]
"""Bars, and the features of a model at them [bars, features], unscaled."""


def exact_model(locate: Locate, model: FileRef, known_as: str) -> ModelFile:
    """The model with exactly these bytes, which were `known_as` trained or promoted. Raises NotFoundError and DataError."""
    data = read_model(locate, model.uri)
    if sha256(data).hexdigest() != model.sha256:
        raise DataError(reasons.MODEL_CHANGED, f"{model.uri} has other bytes than were {known_as}; restore that file.")
    return load_model(data)


def rows_with_features(file: ParquetColumns, model: ModelFile, now: int, until: int, since: int | None = None) -> Rows:
    """The bars of a file that open at `since` or later and had closed by `until`, with the model's features. Times in ns UTC.

    The first bars, for which a feature can't be computed, are left out. Raises what `read_features` raises.
    """
    interval = model.question.interval
    own = [name for name in model.features if name not in model.computed_features]
    try:
        read = read_features(file, interval, own, BUILT_IN_NAMES, now=now, until=until, since=since)
        if since is None or not any(read.starts):
            return rows_of(read, interval, model.features)
    except DataError as error:
        if since is None or error.reason != reasons.NOT_FINITE:
            raise
    # A column may lack values at the beginning of a file and nowhere else: only the whole file tells which this is.
    return rows_with_features(file, model, now, until)


def answers(model: ModelFile, rows: Rows, times: Integers, method: str, device: torch.device) -> Floats:
    """Probabilities of up at bars [k] that open at `times`; NaN where no complete window ends. `method` as in `calibration_of`."""
    candles, values = rows
    found = np.full(times.size, np.nan)
    if not times.size:
        return found
    start = max(int(np.searchsorted(candles.timestamps, times[0])) - (model.lookback - 1), 0)
    part = slice(start, int(np.searchsorted(candles.timestamps, times[-1], "right")))
    within = candles.timestamps[part]
    ends = window_ends(within, model.question.interval, model.lookback, slice(0, within.size))
    places = np.searchsorted(times, within[ends])
    usable = (places < times.size) & (times[np.minimum(places, times.size - 1)] == within[ends])
    if usable.any():
        scaled = model.scaling.apply(values[part])
        found[places[usable]] = probabilities(model, scaled, ends[usable], method, device)
    return found
