"""What the models of past slots answered on the bars that closed after their slots, as one file a symbol.

A bar belongs to the slot before it: it opened at the slot or later, and had closed by the next one. Each model is asked for bars that
had not closed when its test ended, and each bar stands once, so no figure counts a bar twice. Three answers are kept of each bar:
`own`, of the slot's own model, promoted or not; `served`, of the model in service; `first`, of the first model that was promoted,
had no one retrained. NaN is no model, or no complete window.
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

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Question

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

_METADATA = b"retrain"
ANSWERS = ("own", "served", "first")


@dataclass(frozen=True)
class Promise:
    """The accuracy that a model read on its test bars, with its 95 % interval."""

    accuracy: float
    low: float | None = None
    high: float | None = None
    bars: int = 0


@dataclass(frozen=True)
class Slot:
    """A past slot until the next one, in nanoseconds UTC. `model`: the first digits of its sha256; empty where none was trained."""

    slot: int
    until: int
    model: str = ""
    promoted: bool = False
    promise: Promise | None = None


@dataclass(frozen=True)
class Scores:
    """The answers of one symbol, row i the same bar in every array; `place` is the index of its slot, -1 for none.

    labels: int8 [bars], as in `Labels`. `close_before` is the last close before the first bar. The rules of the account are the run's.
    """

    symbol: str
    question: Question
    lookback: int
    threshold: float
    fee_bps: float
    slots: tuple[Slot, ...]
    times: Integers
    close: Floats
    labels: NDArray[np.int8]
    place: Integers
    answers: Mapping[str, Floats]
    close_before: float | None = None

    def in_service(self, index: int) -> int | None:
        """The slot whose model is in service from a slot on; None where nothing was promoted yet."""
        return max((i for i, one in enumerate(self.slots[: index + 1]) if one.promoted), default=None)

    @property
    def first(self) -> int | None:
        """The slot whose model would still be in service, had no one retrained."""
        return next((i for i, one in enumerate(self.slots) if one.promoted), None)


def placed(times: Integers, interval: int, slots: tuple[Slot, ...]) -> Integers:
    """The slot of each bar [bars]: the one that it opened at or after, where it had closed by the next; -1 for none."""
    starts = np.array([one.slot for one in slots], dtype=np.int64)
    ends = np.array([one.until for one in slots], dtype=np.int64)
    found = np.searchsorted(starts, times, "right") - 1
    inside = (found >= 0) & (times + interval <= ends[np.maximum(found, 0)])
    placed: Integers = np.where(inside, found, -1)
    return placed


def encode(scores: Scores) -> bytes:
    """The file's bytes; the same scores give the same bytes."""
    columns = {
        "time": pa.array(scores.times, pa.timestamp("ns", "UTC")),
        "close": pa.array(scores.close),
        "label": pa.array(scores.labels),
        "place": pa.array(scores.place),
        **{name: pa.array(scores.answers[name], from_pandas=True) for name in ANSWERS},
    }
    table = pa.table(columns).replace_schema_metadata({_METADATA: json.dumps(_described(scores))})
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_statistics=False)
    return buffer.getvalue()


def _described(scores: Scores) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "symbol": scores.symbol,
        "interval": str(scores.question.interval),
        "horizonBars": scores.question.horizon,
        "ties": scores.question.ties,
        "lookbackBars": scores.lookback,
        "threshold": scores.threshold,
        "feeBps": scores.fee_bps,
        "closeBefore": scores.close_before,
        "slots": [vars(one) | {"promise": one.promise and vars(one.promise)} for one in scores.slots],
    }


def decode(data: bytes, place: str) -> Scores:
    """The scores in a file's bytes; `place` is what the message calls it. Raises DataError("BadPredictions")."""
    try:
        table = pq.read_table(BytesIO(data))
        known = json.loads((table.schema.metadata or {})[_METADATA])
        columns = {name: _numbers(table, name) for name in table.column_names}
        slots = tuple(
            Slot(**{**one, "promise": Promise(**one["promise"]) if one["promise"] else None}) for one in known["slots"]
        )
        return Scores(
            symbol=known["symbol"],
            question=Question.parse(known["interval"], known["horizonBars"], known["ties"]),
            lookback=known["lookbackBars"],
            threshold=known["threshold"],
            fee_bps=known["feeBps"],
            slots=slots,
            times=columns["time"],
            close=columns["close"],
            labels=columns["label"].astype(np.int8),
            place=columns["place"],
            answers={name: columns[name].astype(np.float64) for name in ANSWERS},
            close_before=known["closeBefore"],
        )
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        raise DataError(
            reasons.BAD_PREDICTIONS,
            f"{place} is not what the models of a backfill answered, or it is damaged; remove it.",
        ) from None


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    column = table.column(name).combine_chunks()
    column = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    return np.asarray(column.to_numpy(zero_copy_only=False))
