"""The score command: what the models of past slots answer on the bars that closed after their slots, for `retrain backfill`.

The exact bytes of each model are asked, and only for bars that had not closed when its test ended. The answers of a model in the span
of a slot are kept as soon as they are there, so a command that was stopped, or one with more slots, asks no model twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from retrain_api import reasons
from retrain_api.documents.references import FileRef
from retrain_api.documents.results import ScoreResult
from retrain_api.documents.tasks import ScoreItem, ScoreSlot, ScoreTask
from retrain_api.errors import ConfigurationError
from retrain_api.model_times import times_in
from retrain_api.names import backfill_folder
from retrain_api.time import nanoseconds_of
from retrain_trainer.data.dataset import file_sha256
from retrain_trainer.data.files.candles import Candles, read_feature_file
from retrain_trainer.data.files.parquet import open_parquet
from retrain_trainer.data.labels import label
from retrain_trainer.measure.asking import Rows, answers, exact_model, rows_with_features
from retrain_trainer.measure.later.scores import ANSWERS, Floats, Integers, Promise, Scores, Slot, encode, placed
from retrain_trainer.model.device import choose_device
from retrain_trainer.model.file import ModelFile
from retrain_trainer.store.base import Store
from retrain_trainer.store.credentials import environ_for
from retrain_trainer.store.locate import Locate, open_artifacts, read_if_there
from retrain_trainer.store.open import open_store, split_uri

Log = Callable[[str], None]

DIGITS = 12
"""Of a sha256, in the names of kept answers."""


@dataclass
class Scoring:
    """One symbol at work: its file, its models as they are read, and where its answers are kept."""

    task: ScoreTask
    item: ScoreItem
    store: Store
    locate: Locate
    device: torch.device
    path: Path
    data: str
    models: dict[str, ModelFile] = field(default_factory=dict)
    rows: dict[tuple[str, ...], Rows] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Where the symbol's answers are kept."""
        run = self.task.run
        return f"{backfill_folder(run.namespace, run.name, run.uid)}{self.item.symbol}/"

    @property
    def end(self) -> int:
        """When the last slot's span ends, in nanoseconds UTC."""
        return nanoseconds_of(self.item.slots[-1].until)


def run(task: ScoreTask, environ: Mapping[str, str], log: Log) -> ScoreResult:
    """Ask the models of the symbol of JOB_COMPLETION_INDEX. Raises NotFoundError and DataError for a model or data that is gone
    or not what it was, and what the store raises.
    """
    item = _item(task, environ.get("JOB_COMPLETION_INDEX", "0"))
    store, locate = open_artifacts(task.artifacts_uri, environ)
    with TemporaryDirectory(prefix="score-") as folder:
        path = Path(folder) / "features.parquet"
        place, key = split_uri(item.data_uri)
        open_store(place, environ_for("data", environ)).download(key, path)
        device = choose_device(task.device, "score")
        scoring = Scoring(task, item, store, locate, device, path, file_sha256(path))
        scores = scores_of(scoring, log)
    data = encode(scores)
    target = f"{scoring.folder}scores-{sha256(data).hexdigest()[:DIGITS]}.parquet"
    store.write(target, data)
    return ScoreResult(symbol=item.symbol, scores=FileRef(uri=store.uri_of(target), sha256=sha256(data).hexdigest()))


def _item(task: ScoreTask, index: str) -> ScoreItem:
    if not index.isdecimal() or int(index) >= len(task.items):
        raise ConfigurationError(
            reasons.NO_SUCH_ITEM,
            f"JOB_COMPLETION_INDEX is {index!r}, but the task has items 0 to {len(task.items) - 1}.",
        )
    return task.items[int(index)]


def scores_of(scoring: Scoring, log: Log) -> Scores:
    """The answers on all bars of all spans."""
    task, item = scoring.task, scoring.item
    documents = [_evaluation(scoring, one) for one in item.slots]
    slots = tuple(_slot(one, document) for one, document in zip(item.slots, documents, strict=True))
    candles = _candles(scoring)
    interval = task.question.interval.nanoseconds
    place = placed(candles.timestamps, interval, slots)
    inside = np.flatnonzero(place >= 0)
    first, stop = (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0)
    part = slice(first, stop)
    times, tested = candles.timestamps[part], [times_in(one).tested_until for one in documents]
    answers = _all_answers(scoring, slots, place[part], times, tested, log)
    labels = label(candles.close, candles.timestamps, task.question).values
    lookbacks = [model.lookback for model in scoring.models.values()]
    return Scores(
        symbol=item.symbol,
        question=task.question,
        lookback=max(lookbacks, default=1),
        threshold=task.evaluation.backtest.threshold,
        fee_bps=task.evaluation.backtest.fee_bps,
        slots=slots,
        times=times,
        close=candles.close[part],
        labels=labels[part],
        place=place[part],
        answers=answers,
        close_before=float(candles.close[first - 1]) if first > 0 else None,
    )


def _all_answers(
    scoring: Scoring,
    slots: Sequence[Slot],
    place: Integers,
    times: Integers,
    tested: Sequence[str | None],
    log: Log,
) -> dict[str, Floats]:
    """The answers at bars [bars] by name; `tested`: when the test of each slot's model ended."""
    answers = {name: np.full(times.size, np.nan) for name in ANSWERS}
    known: dict[tuple[int, int], Floats] = {}
    for name, index, model in _asked(slots):
        span = np.flatnonzero(place == index)
        if span.size and (index, model) not in known:
            until = nanoseconds_of(tested[model] or scoring.item.slots[model].slot)
            known[index, model] = _answers(scoring, model, times[span], until, log)
        if span.size:
            answers[name][span] = known[index, model]
    return answers


def _asked(slots: Sequence[Slot]) -> Iterator[tuple[str, int, int]]:
    """Which model is asked in which span, and for what: name, index of the span, index of the model's slot."""
    served: int | None = None
    first: int | None = None
    for index, slot in enumerate(slots):
        if slot.promoted:
            served, first = index, index if first is None else first
        asked = {"own": index if slot.model else None, "served": served, "first": first}
        yield from ((name, index, model) for name, model in asked.items() if model is not None)


def _slot(known: ScoreSlot, document: Mapping[str, Any]) -> Slot:
    measured = document.get("measurement", {}).get("metrics", {}).get("accuracy")
    low, high = (document.get("intervals", {}).get("accuracy") or {}).get("95") or (None, None)
    bars = int(document.get("measurement", {}).get("bars") or 0)
    return Slot(
        slot=nanoseconds_of(known.slot),
        until=nanoseconds_of(known.until),
        model=known.model.sha256[:DIGITS] if known.model else "",
        promoted=known.promoted and known.model is not None,
        promise=None if measured is None else Promise(measured, low, high, bars),
    )


def _evaluation(scoring: Scoring, slot: ScoreSlot) -> dict[str, Any]:
    """What the slot's model was measured at; empty where it was not, or the file is gone or another."""
    if slot.evaluation is None:
        return {}
    source = scoring.locate(slot.evaluation.uri)
    stored = read_if_there(source.store, source.key)
    if stored is None or not sha256(stored.data).hexdigest().startswith(slot.evaluation.sha256):
        return {}
    return dict(json.loads(stored.data))


def _candles(scoring: Scoring) -> Candles:
    """The bars that had closed at the end of the last span."""
    now = max(time.time_ns(), scoring.end)
    return read_feature_file(scoring.path, scoring.task.question.interval, [], now=now, until=scoring.end).candles


def _answers(scoring: Scoring, index: int, times: Integers, tested: int, log: Log) -> Floats:
    """Probabilities of a slot's model at bars [bars] of one span; NaN where its window is not complete or its test is not over."""
    reference = scoring.item.slots[index].model
    assert reference is not None
    key = f"{scoring.folder}{reference.sha256[:DIGITS]}-{times[0] // 10**9}-{_digest(scoring, times)}.npy"
    known = _kept(scoring.store, key, times.size)
    if known is not None:
        _model(scoring, reference)
        return known
    log(f"{scoring.item.symbol}: {times.size:,} later bars by the model {reference.sha256[:8]}")
    found = _predicted(scoring, _model(scoring, reference), times)
    found[times < tested] = np.nan
    buffer = BytesIO()
    np.save(buffer, found, allow_pickle=False)
    scoring.store.write(key, buffer.getvalue())
    return found


def _digest(scoring: Scoring, times: Integers) -> str:
    """What the answers depend on beside the model: the file, the bars, and how outputs become probabilities."""
    parts = (scoring.data, str(times[0]), str(times[-1]), str(times.size), scoring.task.evaluation.calibration)
    return sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]


def _kept(store: Store, key: str, bars: int) -> Floats | None:
    stored = read_if_there(store, key)
    try:
        found = None if stored is None else np.load(BytesIO(stored.data), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    return found if found is not None and found.shape == (bars,) else None


def _model(scoring: Scoring, reference: FileRef) -> ModelFile:
    """The model with exactly these bytes. Raises NotFoundError and DataError."""
    if reference.sha256 not in scoring.models:
        scoring.models[reference.sha256] = exact_model(scoring.locate, reference, "trained")
    return scoring.models[reference.sha256]


def _predicted(scoring: Scoring, model: ModelFile, times: Integers) -> Floats:
    return answers(model, _rows(scoring, model), times, scoring.task.evaluation.calibration, scoring.device)


def _rows(scoring: Scoring, model: ModelFile) -> Rows:
    """The file's bars with the model's features, read once for models of the same features."""
    names = (*model.features, "", *model.computed_features)
    if names not in scoring.rows:
        now = max(time.time_ns(), scoring.end)
        scoring.rows[names] = rows_with_features(open_parquet(scoring.path), model, now, scoring.end)
    return scoring.rows[names]
