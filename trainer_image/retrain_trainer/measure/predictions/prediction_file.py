"""predictions.parquet: every test bar, with what the model made of it, from which all test figures follow.

A figure that only its maker can compute has to be believed. This file lets anyone compute it again, without the model, the
features or torch: docs/figures.md says how, and `retrain verify` does it. It holds test bars alone, so what training and
validation measured is not in it. The same predictions give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError
from retrain_api.spec.evaluation import Evaluation
from retrain_api.time import Question
from retrain_api.wire import to_wire
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.dataset import Dataset
from retrain_trainer.data.files.candles import Candles
from retrain_trainer.data.files.plausible import Jump
from retrain_trainer.data.labels import Labels, label
from retrain_trainer.data.split import Split
from retrain_trainer.measure.assess import Assessment, Predictions, Rules, block_bars
from retrain_trainer.measure.figures import backtest
from retrain_trainer.measure.intervals.resampling import RESAMPLES, SEED
from retrain_trainer.model.calibration import Calibration

from .answers import Answers, Compared

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Others: TypeAlias = Mapping[str, Compared | None]

SCHEMA_VERSION = 1
OTHERS = ("champion", "baseline")
"""Other models whose answers are kept, by the name of their column."""
RULES = ("majority", "persistence", "reversal", "logistic")

_METADATA = b"retrain"
_FLOATS = ("close", "logit", "probability", "bar_return")


@dataclass(frozen=True)
class Recorded:
    """The contents of a file. Rows are counted from the first test bar.

    `positions` [bars] and `bar_returns` [bars] are the backtest's. `metadata` says which model, data and settings the file
    is of.
    """

    metadata: Mapping[str, Any]
    evaluation: Evaluation
    calibration: Calibration
    predictions: Predictions
    rules: Rules
    others: Mapping[str, Answers]
    positions: NDArray[np.int8]
    bar_returns: Floats


def encode(
    predictions: Predictions,
    assessment: Assessment,
    evaluation: Evaluation,
    others: Others,
    metadata: Mapping[str, Any],
) -> bytes:
    """The file's bytes. `metadata` (which model, data and calibration) is completed with what the figures depend on."""
    columns = (
        _bars(predictions) | _traded(predictions, assessment, evaluation) | _answered(predictions, assessment, others)
    )
    table = pa.table(columns).replace_schema_metadata(
        {_METADATA: json.dumps(_described(predictions, evaluation, others, metadata))}
    )
    buffer = BytesIO()
    pq.write_table(
        table,
        buffer,
        compression="zstd",
        use_dictionary=[name for name in columns if name not in (*_FLOATS, "time")],
        # The bytes of neighbouring floats are alike place by place, and times are a count: about half of the size.
        column_encoding=dict.fromkeys(_FLOATS, "BYTE_STREAM_SPLIT") | {"time": "DELTA_BINARY_PACKED"},
        write_statistics=False,
    )
    return buffer.getvalue()


def _described(
    predictions: Predictions, evaluation: Evaluation, others: Others, metadata: Mapping[str, Any]
) -> dict[str, Any]:
    question = predictions.dataset.question
    return {
        "schemaVersion": SCHEMA_VERSION,
        "symbol": predictions.dataset.symbol,
        "interval": str(question.interval),
        "horizonBars": question.horizon,
        "ties": question.ties,
        "lookbackBars": predictions.lookback,
        "evaluation": to_wire(evaluation),
        "seed": SEED,
        "resamples": RESAMPLES,
        "blockBars": block_bars(predictions),
        **{
            name: {"sha256": other.answers.sha256, "windowBars": other.answers.window}
            for name, other in others.items()
            if other is not None and other.answers is not None
        },
        **metadata,
    }


def _bars(predictions: Predictions) -> dict[str, pa.Array]:
    """What the bars are, and the model's output."""
    dataset, test = predictions.dataset, predictions.test
    bars = test.stop - test.start
    jumped = [jump.row - test.start for jump in dataset.jumps if test.start < jump.row < test.stop]
    logits = np.full(bars, np.nan) if predictions.logits is None else predictions.logits
    return {
        "time": pa.array(dataset.candles.timestamps[test], pa.timestamp("ns", "UTC")),
        "close": pa.array(dataset.candles.close[test]),
        "jump": _marked(bars, np.array(jumped, dtype=np.int64)),
        "label": pa.array(dataset.labels.values[test]),
        "flat": pa.array(dataset.labels.flat[test]),
        "judged": _marked(bars, predictions.labelled - test.start),
        "logit": pa.array(logits, from_pandas=True),
        "probability": pa.array(predictions.probabilities, from_pandas=True),
    }


def _traded(predictions: Predictions, assessment: Assessment, evaluation: Evaluation) -> dict[str, pa.Array]:
    """What the backtest did."""
    return {
        "position": pa.array(positions(predictions, evaluation)),
        "bar_return": pa.array(np.expm1(assessment.backtest.log_returns)),
    }


def positions(predictions: Predictions, evaluation: Evaluation) -> NDArray[np.int8]:
    """The side that the backtest held over each test bar [bars]."""
    times, interval = predictions.dataset.candles.timestamps[predictions.test], predictions.dataset.question.interval
    trades = backtest.select(
        predictions.probabilities, times, interval.nanoseconds, predictions.horizon, evaluation.backtest.threshold
    )
    return backtest.positions(trades, len(times))


def _answered(predictions: Predictions, assessment: Assessment, others: Others) -> dict[str, pa.Array]:
    """1 right, 0 wrong, 0.5 no direction; null where there is no answer."""
    known: dict[str, tuple[Integers, Floats] | None] = {
        name: None if (right := assessment.rules.get(name)) is None else (predictions.labelled, right) for name in RULES
    }
    for name in OTHERS:
        other = others.get(name)
        found = other.answers if other is not None else None
        known[name] = None if found is None else (found.rows, found.right)
    return {f"{name}_right": _spread(predictions, answers) for name, answers in known.items()}


def _spread(predictions: Predictions, answers: tuple[Integers, Floats] | None) -> pa.Array:
    values = np.full(len(predictions.probabilities), np.nan)
    if answers is not None:
        values[answers[0] - predictions.test.start] = answers[1]
    return pa.array(values, from_pandas=True)


def _marked(bars: int, rows: Integers) -> pa.Array:
    marks = np.zeros(bars, dtype=np.bool_)
    marks[rows] = True
    return pa.array(marks)


def decode(data: bytes, place: str) -> Recorded:
    """The contents of a file's bytes; `place` is what the message calls it. Raises DataError("BadPredictions")."""
    try:
        table = pq.read_table(BytesIO(data))
        metadata = json.loads((table.schema.metadata or {})[_METADATA])
        if metadata["schemaVersion"] != SCHEMA_VERSION:
            raise DataError(
                reasons.BAD_PREDICTIONS,
                f"{place} has version {metadata['schemaVersion']}; use the release that wrote it.",
            )
        columns = {name: _numbers(table, name) for name in table.column_names}
        return _recorded(columns, metadata)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, ValidationError, ConfigurationError):
        raise DataError(
            reasons.BAD_PREDICTIONS, f"{place} is not the predictions.parquet of an evaluation, or it is damaged."
        ) from None


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    column = table.column(name).combine_chunks()
    column = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _recorded(columns: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Recorded:
    predictions = Predictions(
        dataset=_dataset(columns, metadata),
        scaled=np.zeros((len(columns["close"]), 0), dtype=np.float32),
        lookback=int(metadata["lookbackBars"]),
        ends=np.flatnonzero(np.isfinite(columns["probability"])),
        labelled=np.flatnonzero(columns["judged"]),
        probabilities=columns["probability"],
        logits=columns["logit"],
    )
    rules = {name: columns[f"{name}_right"][predictions.labelled] for name in RULES}
    return Recorded(
        metadata,
        Evaluation.model_validate(metadata["evaluation"]),
        Calibration(**metadata["calibration"]),
        predictions,
        {name: right if np.isfinite(right).all() else None for name, right in rules.items()},
        {name: _answers(columns[f"{name}_right"], metadata[name]) for name in OTHERS if metadata.get(name)},
        columns["position"],
        columns["bar_return"],
    )


def _answers(right: Floats, described: Mapping[str, Any]) -> Answers:
    rows = np.flatnonzero(np.isfinite(right))
    return Answers(str(described["sha256"]), rows, right[rows], int(described["windowBars"]))


def _dataset(columns: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Dataset:
    """The test part as a dataset of its own, without features, train rows or validation rows."""
    times, close = columns["time"], columns["close"]
    question = Question.parse(metadata["interval"], int(metadata["horizonBars"]), metadata["ties"])
    outcomes = label(close, times, question)
    jumps = np.flatnonzero(columns["jump"])
    return Dataset(
        symbol=str(metadata["symbol"]),
        question=question,
        names=(),
        values=np.zeros((len(close), 0), dtype=np.float32),
        candles=Candles(times, None, None, None, close, None),
        labels=Labels(columns["label"].astype(np.int8), outcomes.future_return, columns["flat"].astype(np.bool_)),
        split=Split(slice(0, 0), slice(0, 0), slice(0, len(close))),
        gaps=0,
        dropped=(),
        sha256="",
        first_bar=iso_time(times[0]),
        last_bar=iso_time(times[-1]),
        rows=len(close),
        warnings=(),
        jumps=tuple(Jump(int(row), float(close[row - 1]), float(close[row])) for row in jumps),
    )
