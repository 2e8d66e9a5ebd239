"""Measures another model, usually the one promoted today, on the challenger's test bars.

Two figures from different weeks say more about the weeks than about the models. Only a comparison on bars that both can
predict, and that neither has learnt from or was chosen by, shows which one is better; `promotion.requireImprovement` relies on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.documents.references import FileRef
from retrain_api.errors import DataError, NotFoundError, RetrainError
from retrain_api.measurement import CHAMPION_DIGITS, Champion
from retrain_api.model_times import parsed, times_in
from retrain_api.names import card_file, file_name, model_file
from retrain_api.spec.evaluation import Evaluation
from retrain_api.spec.gate import Baseline
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.windows import window_ends
from retrain_trainer.model.file import ModelFile, load_model
from retrain_trainer.model.pointer import TestPeriod, read_pointer
from retrain_trainer.model.state_dict_model import model_from_state_dict, weights_in
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import Locate, read_if_there

from .assess import Predictions
from .figures.score import probabilities, rows_for
from .predictions.answers import Answers, Compared, compared

Integers: TypeAlias = NDArray[np.int64]

_SECOND = 1_000_000_000
"""In nanoseconds."""

FEWEST_BARS = 100
"""With fewer bars in common there is no comparison."""


@dataclass(frozen=True)
class Comparison:
    """Everything a challenger was measured with, so that another model can be measured in the same way."""

    path: Path
    symbol: str
    evaluation: Evaluation
    predictions: Predictions
    device: torch.device


def promoted_today(
    store: Store, locate: Locate, comparison: Comparison, challenger: str, met: str | None = None
) -> Compared | None:
    """Compare with the model that the symbol's pointer names; None where no model, or this very model, is promoted.

    `met` is the model that publish found in service, as in EvaluateItem. A lasting reason why no comparison is possible
    becomes the note. Raises only errors that a retry may cure, such as StoreUnreachable.
    """
    digest = ""
    try:
        model = _model_to_beat(store, comparison, met)
        if model is None or model.sha256 == challenger:
            return None
        digest = model.sha256
        tested = _tested_until(store, comparison.symbol, model)
        data = read_model(locate, model.uri)
        found = sha256(data).hexdigest()
        if not found.startswith(digest):
            raise DataError(reasons.MODEL_CHANGED, f"{model.uri} has other bytes than its pointer says")
        return compare(load_model(data), found, comparison, tested)
    except RetrainError as error:
        return Compared(not_compared(digest, error))


def _tested_until(store: Store, symbol: str, model: FileRef) -> int:
    """When the last outcome of the test that the model passed was decided, ns since 1970: it was chosen by what came before.

    The pointer says so of the model in service, and the card beside a promoted file of any other. Where they have no testedUntil
    it is the time after the test's last bar; 0 where they have neither.
    """
    pointed = read_pointer(store, symbol)
    if pointed and pointed.pointer.model.sha256.startswith(model.sha256):
        # A test that ends after its own promotion is a mistake, and would rule out every comparison for years.
        return _decided(pointed.pointer.tested_until, pointed.pointer.test) if pointed.pointer.test_is_credible else 0
    stored = read_if_there(store, f"promoted/{card_file(file_name(model.uri))}")
    try:
        card = json.loads(stored.data) if stored else {}
        return _decided(times_in(card).tested_until, TestPeriod.model_validate(card["evaluation"]["test"]))
    except (ValueError, KeyError, TypeError):
        return 0


def _decided(until: str | None, test: TestPeriod) -> int:
    """A bar that opens then, or later, is new to the model. The last bar of a test is not."""
    time = parsed(until or "")
    return int(time.timestamp()) * _SECOND if time else int(test.end.timestamp()) * _SECOND + 1


def _model_to_beat(store: Store, comparison: Comparison, met: str | None) -> FileRef | None:
    """The model in service, or the one that publish met, even where the pointer has moved on from it since.

    The measurement is stored under a key that names the one met. Measured against another one, the key would be used up, and
    a rollback to the one met could never be answered. Where its file is not there, the model in service has to do.
    """
    pointed = read_pointer(store, comparison.symbol)
    today = pointed.pointer.model if pointed else None
    if met is None or met == (today.sha256[:CHAMPION_DIGITS] if today else ""):
        return today
    if not met:
        return None
    key = f"promoted/{model_file(comparison.symbol, str(comparison.predictions.dataset.question.interval), met)}"
    return today if store.head(key) is None else FileRef(uri=store.uri_of(key), sha256=met)


def baseline(named: Baseline, like: ModelFile, locate: Locate, comparison: Comparison) -> Compared:
    """Compare with the model file that the run names.

    The file may be a plain state_dict. What it does not say is taken from the new model, `like`. A lasting reason why no
    comparison is possible becomes the note. Raises only errors that a retry may cure, such as StoreUnreachable.
    """
    digest = ""
    try:
        data = read_model(locate, named.uri)
        digest = sha256(data).hexdigest()
        weights = weights_in(data)
        if weights is None:
            return compare(load_model(data), digest, comparison)
        found = compare(model_from_state_dict(weights, named, like), digest, comparison)
        assumed = _SCALED if named.trained_until else f"{_SCALED}, and {_MAY_HAVE_LEARNT}"
        noted = found.champion.model_copy(update={"note": found.champion.note or assumed})
        return replace(found, champion=noted)
    except RetrainError as error:
        return Compared(not_compared(digest, error))


def not_compared(digest: str, error: RetrainError) -> Champion:
    """The note in place of a comparison. Raises the error where it may pass: a measurement is kept, and its notes with it."""
    if error.retryable:
        raise error
    return Champion(sha256=digest, note=error.message.rstrip(".")[:300])


_SCALED = "its features are scaled like the new model's, because the file does not hold its own scaling"
_MAY_HAVE_LEARNT = "it is not known what it was trained on, so it may have learnt from these bars"


def read_model(locate: Locate, uri: str) -> bytes:
    """The bytes of a model file. Raises NotFoundError("ModelNotFound")."""
    source = locate(uri)
    stored = read_if_there(source.store, source.key)
    if stored is None:
        raise NotFoundError(reasons.MODEL_NOT_FOUND, f"{uri} is not there")
    return stored.data


def compare(model: ModelFile, digest: str, comparison: Comparison, tested: int = 0) -> Compared:
    """Compare accuracies on those of the challenger's labelled test bars that the other model has not seen.

    Bars up to the end of its validation part plus its horizon are left out, because their outcomes were in its training, and so
    are those that opened before `tested` (ns), when the test was over that it was chosen by: there its accuracy flatters it.
    Blocks of the interval cover the longer of both lookbacks, because the answers of both models are resampled together.
    """
    dataset, labelled, question = comparison.predictions.dataset, comparison.predictions.labelled, model.question
    if question != dataset.question:
        note = f"it predicts something else ({question}, while this run predicts {dataset.question})"
        return Compared(Champion(sha256=digest, note=note))
    candles, scaled = rows_for(model, comparison.path, dataset.until, dataset.window)
    learnt = model.validation_end + question.horizon_nanoseconds
    ends = window_ends(candles.timestamps, question.interval, model.lookback, slice(0, len(candles.timestamps)))
    times, ours, theirs = np.intersect1d(
        dataset.candles.timestamps[labelled], candles.timestamps[ends], assume_unique=True, return_indices=True
    )
    fresh = (times > learnt) & (times >= tested)
    rows, ends = labelled[ours[fresh]], ends[theirs[fresh]]
    if rows.size < FEWEST_BARS:
        return Compared(Champion(sha256=digest, bars=int(rows.size), note=_too_few(rows.size, learnt, tested)))
    predicted_up = probabilities(model, scaled, ends, comparison.evaluation.calibration, comparison.device) > 0.5
    right = (predicted_up == (dataset.labels.values[rows] == 1)).astype(np.float64)
    window = max(model.lookback, comparison.predictions.lookback)
    return compared(comparison.predictions, Answers(digest, rows, right, window))


def _too_few(bars: int, learnt: int, tested: int) -> str:
    how, until = ("been chosen by its test", tested) if tested > learnt else ("learnt from bars", learnt)
    return (
        f"it has {how} up to {iso_time(until)}, which leaves {bars} labelled test bars to compare on, "
        f"and at least {FEWEST_BARS} are needed"
    )
