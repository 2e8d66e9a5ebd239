"""The model promoted today, measured on the same test bars: the only fair way to compare two models."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from retrain_api.errors import DataError, NotFoundError, RetrainError
from retrain_api.measurement import Champion
from retrain_api.spec_data import Evaluation, Label
from retrain_api.spec_gate import Baseline

from .assess import Trial
from .bare_model import bare_model, weights_in
from .locate import Locate, read_if_there
from .model_file import ModelFile, load_model
from .paired import paired
from .pointer import read_pointer
from .score import probabilities, rows_for
from .store import Store
from .timeline import interval_nanoseconds, iso_time
from .windows import window_ends

Integers: TypeAlias = NDArray[np.int64]

FEWEST_BARS = 100
"""Fewer common bars than this compare nothing."""


@dataclass(frozen=True)
class Bout:
    """What a challenger was measured on, so that another model can be measured on the same."""

    path: Path
    symbol: str
    label: Label
    evaluation: Evaluation
    tested: Trial
    device: torch.device


def promoted_today(store: Store, locate: Locate, bout: Bout, challenger: str) -> Champion | None:
    """The comparison with the model that the symbol's pointer names; None where none, or this very model, is promoted.

    Whatever keeps it from being compared is its note. Raises only what may pass by itself, such as StoreUnreachable.
    """
    digest = ""
    try:
        pointed = read_pointer(store, bout.symbol)
        if pointed is None or pointed.pointer.model.sha256 == challenger:
            return None
        digest = pointed.pointer.model.sha256
        data = read_model(locate, pointed.pointer.model.uri)
        if sha256(data).hexdigest() != digest:
            raise DataError("ModelChanged", f"{pointed.pointer.model.uri} has other bytes than its pointer says")
        return compare(load_model(data), digest, bout)
    except RetrainError as error:
        if error.retryable:
            raise
        return Champion(sha256=digest, note=error.message[:300])


def baseline(named: Baseline, like: ModelFile, locate: Locate, bout: Bout) -> Champion:
    """The comparison with a model file that the run names; whatever keeps it from being compared is its note.

    It may be a plain state_dict: what that does not say is as in the new model, `like`.
    """
    digest = ""
    try:
        data = read_model(locate, named.uri)
        digest = sha256(data).hexdigest()
        weights = weights_in(data)
        if weights is None:
            return compare(load_model(data), digest, bout)
        found = compare(bare_model(weights, named, like), digest, bout)
        assumed = _SCALED if named.trained_until else f"{_SCALED}, and {_MAY_HAVE_LEARNT}"
        return found.model_copy(update={"note": found.note or assumed})
    except RetrainError as error:
        return Champion(sha256=digest, note=error.message[:300])


_SCALED = "its features are scaled as the new model's, for its own scaling is not in the file"
_MAY_HAVE_LEARNT = "what it was trained on is not known, so it may have learnt from these bars"


def read_model(locate: Locate, uri: str) -> bytes:
    """The bytes of a model file."""
    source = locate(uri)
    stored = read_if_there(source.store, source.key)
    if stored is None:
        raise NotFoundError("ModelNotFound", f"{uri} is not there")
    return stored.data


def compare(model: ModelFile, digest: str, bout: Bout) -> Champion:
    """Accuracies of both on the challenger's judged bars that the other model has not learnt from.

    Left out are all bars up to the end of its validation part and its horizon: their outcomes were in its training.
    """
    note = _other_question(model, bout)
    if note:
        return Champion(sha256=digest, note=note)
    dataset, judged = bout.tested.dataset, bout.tested.judged
    candles, scaled = rows_for(model, bout.path)
    interval = interval_nanoseconds(model.interval)
    known_until = model.validation_end + model.horizon_bars * interval
    ends = window_ends(candles.timestamps, interval, model.lookback, slice(0, len(candles.timestamps)))
    times, ours, theirs = np.intersect1d(
        dataset.candles.timestamps[judged], candles.timestamps[ends], assume_unique=True, return_indices=True
    )
    fresh = times > known_until
    rows, ends = judged[ours[fresh]], ends[theirs[fresh]]
    if rows.size < FEWEST_BARS:
        return Champion(sha256=digest, bars=int(rows.size), note=_too_few(rows.size, known_until))
    said = probabilities(model, scaled, ends, bout.evaluation.calibration, bout.device) > 0.5
    theirs = (said == (dataset.labels.values[rows] == 1)).astype(np.float64)
    window = max(model.lookback, bout.tested.lookback)
    found = paired(bout.tested.right(rows), theirs, rows, window + model.horizon_bars)
    return Champion(
        sha256=digest,
        bars=int(rows.size),
        accuracy=float(theirs.mean()),
        difference=found.difference,
        low=found.low,
        high=found.high,
    )


def _other_question(model: ModelFile, bout: Bout) -> str:
    theirs = (model.interval, model.horizon_bars, model.ties)
    ours = (bout.tested.dataset.interval, bout.label.horizon_bars, bout.label.ties)
    if theirs == ours:
        return ""
    words = ["{1} bars of {0} ahead with ties: {2}".format(*question) for question in (theirs, ours)]
    return f"it predicts something else ({words[0]}, and this run {words[1]})"


def _too_few(bars: int, known_until: int) -> str:
    return (
        f"it has learnt from bars up to {iso_time(known_until)}, which leaves {bars} judged test bars for a comparison, "
        f"and at least {FEWEST_BARS} are needed"
    )
