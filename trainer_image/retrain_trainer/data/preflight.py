"""Would a training take this file? Asked of its footer, before anything is downloaded.

Each check is the training's own function, given what the footer says, so that a refusal has the training's sentence. What a
footer can't show is left to the training: a preflight can stop a symbol and never admits one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.time import Duration, Question, Windows
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.range_file import RangeFile

from .columns.column_names import CANDLE_COLUMNS
from .columns.timeline import TimeArray
from .dataset import fewer_rows_explained, forbidden_explained, require_windows
from .features.built_in import WARMUP_ROWS
from .features.selection import Wish, least_cut
from .files.candles import Candles, FeatureFile, require_columns, used_rows
from .files.elsewhere import explained
from .files.footer import times_by_footer
from .files.own_columns import named_columns, own_columns, require_numeric
from .files.parquet import ParquetColumns, open_parts
from .freshness import LastUsed, require_fresh, require_new
from .labels import label
from .period import Window
from .split import require_whole_bars, split_rows

MOST_TRIES = 3
"""How often a file is read anew that is replaced while it is read."""

_ORDER = (reasons.REPEATED_TIMESTAMP, reasons.NOT_SORTED, reasons.WRONG_INTERVAL, reasons.IRREGULAR_SPACING)


@dataclass(frozen=True)
class Demand:
    """What a run asks of a symbol's file. `until` is the time, in nanoseconds UTC, by which a bar must have closed to be used."""

    question: Question
    windows: Windows
    features: Sequence[str] | None = None
    built_in: bool | None = None
    max_age: Duration | None = None
    min_new_bars: int = 0

    @property
    def window(self) -> Window | None:
        """Which bars are read, where not all of them are."""
        return None if self.windows.window is None else Window(self.windows.window, WARMUP_ROWS)

    @property
    def wish(self) -> Wish:
        """What is learnt from."""
        return Wish(self.features, self.built_in)


def closed_bars(store: Store, key: str, symbol: str, demand: Demand, until: int, now: int) -> TimeArray | None:
    """The times of the bars that a training reads, int64[n], after every check that the footer allows.

    None for a file that is replaced each time it is read, of which nothing can be said. `until` and the clock `now` are in
    nanoseconds UTC. Raises what `load_dataset` raises, and what the store raises.
    """
    require_whole_bars(demand.windows, demand.question)
    for _ in range(MOST_TRIES):
        try:
            with absence_explained(store, key, symbol, demand.question.interval.text):
                stream = RangeFile(store, key)
            return usable_bars(open_parts(stream, key.rpartition("/")[2]), demand, until, now)
        except Conflict:
            continue
    return None


@contextmanager
def absence_explained(store: Store, key: str, symbol: str, interval: str) -> Iterator[None]:
    """Says with a missing file what lies in its place, if that is of use."""
    try:
        yield
    except (NotFoundError, ConfigurationError) as error:
        if error.reason not in (reasons.OBJECT_NOT_FOUND, reasons.NOT_READABLE):
            raise
        raise explained(error, store, key, symbol, interval) from None


def require_news(closed: TimeArray, demand: Demand, until: int, used: LastUsed | None, name: str) -> None:
    """Raises DataError: DataStale, NoNewBars."""
    require_fresh(closed, demand.question.interval, until, demand.max_age, name)
    require_new(closed, demand.min_new_bars, used, name)


def usable_bars(file: ParquetColumns, demand: Demand, until: int, now: int) -> TimeArray:
    """The same of an open file. In the order in which a training meets each fault."""
    interval = demand.question.interval
    require_columns(file, ("timestamp", "close"))
    try:
        return _usable(file, times_by_footer(file, interval), demand, until, now)
    except DataError as error:
        if error.reason not in _ORDER:
            raise
    # Refused, whatever its times are; read whole, the sentence names the very row that the training's does.
    return _usable(file, file.read_timestamps("timestamp")[0], demand, until, now)


def _usable(file: ParquetColumns, times: TimeArray, demand: Demand, until: int, now: int) -> TimeArray:
    interval, wish = demand.question.interval, demand.wish
    used = used_rows(file, times, interval, now, until, demand.window)
    with used.rows_counted():
        used.require_order(interval, demand.window)
        with forbidden_explained(wish):
            table = _without_values(used.file, wish)
        for name in CANDLE_COLUMNS:
            if name in file.types:
                require_numeric(used.file, name)
    with fewer_rows_explained(used.left_open):
        cut = max(least_cut(table, interval, wish), used.warmup)
        _require_rows(used.timestamps[cut:], _is_whole_cut(table), demand)
    return used.timestamps


def _without_values(file: ParquetColumns, wish: Wish) -> FeatureFile:
    """The names of the features, and rows without a meaning: as many as decide whether the built-in features have enough."""
    if wish.features is None:
        names, left_out = own_columns(file, by_type=True)
    else:
        names, left_out = named_columns(file, wish.features, wish.computable), ()
    rows = min(file.rows, WARMUP_ROWS + 1)
    ones = {name: np.ones(rows) if name in file.types else None for name in CANDLE_COLUMNS if name != "close"}
    candles = Candles(np.arange(rows, dtype=np.int64), close=np.ones(rows), **ones)
    return FeatureFile(candles, names, np.empty((rows, 0), dtype=np.float32), left_out=left_out)


def _is_whole_cut(table: FeatureFile) -> bool:
    """Whether no more rows are cut than for the warm-up: a column of the file's own may have its first value later."""
    return all(name in CANDLE_COLUMNS for name in table.names)


def _require_rows(times: TimeArray, whole_cut: bool, demand: Demand) -> None:
    """Raises DataError: TooFewRows and, where it is known which rows are cut, NoWindows."""
    question, windows = demand.question, demand.windows
    split = split_rows(times, windows, question)
    if whole_cut:
        # Closes that rise: every label that the times allow, so that more windows are usable than with any others.
        labels = label(np.arange(1.0, len(times) + 1), times, question)
        require_windows(times, question, windows.lookback, split, labels)
