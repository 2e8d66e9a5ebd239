"""Reads the bars since a model's test, and asks the model for its answers on them, part by part.

A life of years is no more in memory than times and closes: the features are read for so many bars at a time, with as many before them as
they are computed from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.observation.record import Block
from retrain_api.time import Interval
from retrain_trainer.data.columns.timeline import TimeArray
from retrain_trainer.data.features.built_in import WARMUP_ROWS
from retrain_trainer.data.files.candles import checked, missing_time, require_columns, require_times, used_rows
from retrain_trainer.data.files.parquet import ParquetColumns, open_parquet
from retrain_trainer.data.freshness import newest_close
from retrain_trainer.data.windows import window_ends
from retrain_trainer.measure.asking import Floats, Integers, Rows, rows_with_features
from retrain_trainer.measure.figures.score import probabilities
from retrain_trainer.model.file import ModelFile
from retrain_trainer.model.inference import BATCH

from .judging import Ask, Bars, Rules, judged
from .record_files import Record

PART_BARS = 50_000
"""Bars of which the features are in memory at the same time: 35 days of minutes, 13 MB with 64 features."""
LEAST_BARS = 1_000
"""Bars that are read before the first one asked for, so that their spacing is that of the file and not of a few bars around a gap."""


@dataclass(frozen=True)
class ClosedBars:
    """A file as it was known at `until`: the times of all bars that had closed [bars]; times in nanoseconds UTC, `now` the clock's."""

    file: ParquetColumns
    interval: Interval
    times: TimeArray
    now: int
    until: int

    @property
    def newest(self) -> int | None:
        """When the newest closed bar closed; None without any."""
        return newest_close(self.times, self.interval) if len(self.times) else None


@dataclass(frozen=True)
class Asked:
    """The model that is asked: `method` is how its outputs become probabilities, as in `figures.score.calibration_of`."""

    model: ModelFile
    method: str
    device: torch.device


def closed_bars(path: Path, interval: Interval, now: int, until: int) -> ClosedBars:
    """The bars of a file that had closed by `until`. Raises DataError for what would make a training wrong."""
    file = open_parquet(path)
    require_columns(file, ("timestamp", "close"))
    require_times(file)
    times, missing = file.read_timestamps("timestamp")
    if missing is not None:
        raise missing_time(missing, file.name)
    used = used_rows(file, times, interval, now, until, None)
    used.require_order(interval, None)
    return ClosedBars(file, interval, used.timestamps, now, until)


def bars_of(closed: ClosedBars, record: Record, lookback: int) -> Bars:
    """Times and closes that the blocks of a record, and those behind it, are judged by. Raises DataError."""
    since = record.anchor - (lookback - 1) * closed.interval.nanoseconds
    times = closed.file.read_timestamps("timestamp")[0]
    used = used_rows(closed.file, times, closed.interval, closed.now, closed.until, None, since)
    with used.rows_counted():
        close = checked(used.file.read_numbers("close"), "close", closed.file.name, used.timestamps)
    return Bars(record, used.timestamps, close)


def parts(closed: ClosedBars, bars: Bars, asked: Asked, rules: Rules, stop: int) -> Iterator[list[Block]]:
    """The blocks behind the record up to that of number `stop`, in parts: whoever has kept the first needs not wait for the last."""
    record, lookback = bars.record, asked.model.lookback
    most = max(PART_BARS // record.length, 1)
    while len(record.blocks) < stop:
        end = min(len(record.blocks) + most, stop)
        ask = _ask(closed, asked, record, record.end - closed.interval.nanoseconds, record.start_of(end))
        bars = Bars(record, bars.times, bars.close)
        found = list(judged(bars, ask, rules, lookback, end))
        yield found
        record = record.followed_by(found)


def _ask(closed: ClosedBars, asked: Asked, record: Record, first: int, end: int) -> Ask:
    """Answers on bars that open from `first` on and had closed by `end`."""
    row, stop = (int(found) for found in np.searchsorted(closed.times, [first, end]))
    if row == stop:
        return _no_answers
    needed = max(asked.model.lookback - 1 + WARMUP_ROWS, LEAST_BARS)
    since = int(closed.times[max(row - needed, 0)])
    try:
        rows = rows_with_features(closed.file, asked.model, closed.now, end, since)
    except DataError as error:
        if error.reason != reasons.TOO_FEW_ROWS:
            raise
        return _no_answers  # the file begins so late that no feature is there yet
    times, found = _answers(asked, rows, first, record.anchor)

    def ask(wanted: Integers) -> Floats:
        answered, known = _no_answers(wanted), np.isin(wanted, times)
        answered[known] = found[np.searchsorted(times, wanted[known])]
        return answered

    return ask


def _answers(asked: Asked, rows: Rows, first: int, anchor: int) -> tuple[Integers, Floats]:
    """Times of the bars from `first` on at which a complete window ends, and the probabilities there.

    A window has its place in a batch by its time since `anchor`, and what others are in the batch changes nothing in its answer. So each
    bar has the same answer, bit by bit, in whichever look it is judged.
    """
    (candles, values), model = rows, asked.model
    interval = model.question.interval
    ends = window_ends(candles.timestamps, interval, model.lookback, slice(0, candles.timestamps.size))
    ends = ends[candles.timestamps[ends] >= first]
    times = candles.timestamps[ends]
    if not ends.size:
        return times, np.empty(0)
    batches, places = np.divmod((times - anchor) // interval.nanoseconds, BATCH)
    names, batch = np.unique(batches, return_inverse=True)
    layout = np.full((names.size, BATCH), ends[0])
    layout[batch, places] = ends
    scaled = model.scaling.apply(values, out=values)
    found = probabilities(model, scaled, layout.ravel(), asked.method, asked.device)
    return times, found[batch * BATCH + places]


def _no_answers(times: Integers) -> Floats:
    return np.full(times.size, np.nan)
