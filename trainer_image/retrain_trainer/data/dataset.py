"""Loads one symbol's file: features, labels and split, with warnings for the person who reads the result."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Interval, Question, Windows

from .columns.column_values import only_grows
from .columns.target_names import target_warning
from .columns.time_causes import HOUR, changes_of_summer_time
from .columns.timeline import TimeArray, iso_time
from .features.built_in import WARMUP_ROWS
from .features.feature_line import cut_warning, feature_line, left_out_of
from .features.selection import BUILT_IN_NAMES, Selection, Wish, select
from .files.candles import Candles, FeatureFile, read_features
from .files.own_columns import LeftOut, listed
from .files.parquet import ParquetColumns, open_parquet
from .files.plausible import Jump, find_jumps, jump_warning, open_warning
from .files.symbol_column import symbol_warning
from .labels import Labels, label
from .period import Window, require_filled
from .split import Split, require_whole_bars, split_rows
from .windows import window_ends

OnRows: TypeAlias = Callable[[FeatureFile], None]
"""Is shown the rows of a file as they were read."""


@dataclass(frozen=True)
class Dataset:
    """The data of training and evaluation; row i is the same bar in every array.

    question: what is predicted. values: float32[rows, f], C-contiguous, not scaled (fit the scaling on `split.train`);
    names: its columns. rows, first_bar and last_bar do not count the warm-up rows of computed features, which are cut.
    dropped: features that are constant over the train rows. gaps: breaks in time between neighbouring rows.
    sha256: of the file's bytes. warnings: sentences for the person who reads the result. computed, own: those of the names
    that are built in, and that are columns of the file beside the candles. left_out: what the file has and is not used.
    feature_line: one line that says all this. jumps: closes that are unlikely to follow the one before. until: the time, in
    nanoseconds UTC, by which every bar of it had closed. left_open: a sentence where the file has bars that had not.
    window: what every bar of it lies in.
    """

    symbol: str
    question: Question
    names: tuple[str, ...]
    values: NDArray[np.float32]
    candles: Candles
    labels: Labels
    split: Split
    gaps: int
    dropped: tuple[str, ...]
    sha256: str
    first_bar: str
    last_bar: str
    rows: int
    warnings: tuple[str, ...]
    computed: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    feature_line: str = ""
    jumps: tuple[Jump, ...] = ()
    until: int = 0
    left_open: str = ""
    window: Window | None = None


def load_dataset(
    path: Path,
    *,
    symbol: str,
    question: Question,
    windows: Windows,
    features: Sequence[str] | None,
    built_in: bool | None = None,
    now: int | None = None,
    until: int | None = None,
    since: int | None = None,
    columns: Collection[str] | None = None,
    on_rows: OnRows | None = None,
) -> Dataset:
    """Read a feature file, or candles from which the built-in features are computed; label and split it.

    `features` and `built_in` are `data.features` and `data.builtIn`; an evaluation passes the features of the model's file.
    `now` is the clock that no bar may be ahead of, in nanoseconds UTC; None takes this machine's. Bars that had not closed by
    `until` are left out, as if the file did not have them; None takes the clock. So are bars that open before `since`, and all
    columns but `columns`, where those are given. `on_rows` is shown the rows as read, before anything is computed from them.

    Raises NotFoundError for a missing file, ConfigurationError("BadDuration"), and DataError for data that would make a training
    wrong: the reasons of `read_features` and `split_rows`, and here OneClass, NoWindows and AllConstant.
    """
    require_whole_bars(windows, question)
    stored, wish = open_parquet(path), Wish(features, built_in)
    now = time.time_ns() if now is None else now
    until = now if until is None else until
    window = None if windows.window is None else Window(windows.window, WARMUP_ROWS)
    read = stored if columns is None else stored.only(columns)
    file = _read(read, question.interval, wish, now, until, since, window)
    if on_rows is not None and len(file.candles.timestamps):
        on_rows(file)
    with fewer_rows_explained(file.left_open):
        found = _selected(file, question, windows, wish, window, path.name)
        dataset = _labelled(symbol, question, windows, found, file_sha256(path))
    dataset = replace(dataset, until=until, left_open=file.left_open, window=window)
    stray = symbol_warning(stored.after(file.skipped).first(len(file.candles.timestamps)), symbol)
    return _with_warnings(dataset, open_warning(file.candles, path.name) + stray, file, found, wish)


def _selected(
    file: FeatureFile, question: Question, windows: Windows, wish: Wish, window: Window | None, name: str
) -> Selection:
    """The features and their rows. Raises DataError: what `select` and `split_rows` raise, and WindowNotCovered."""
    times = file.candles.timestamps
    found = select(file, question.interval, wish, lambda cut: split_rows(times[cut:], windows, question).train)
    if window is not None and found.blank is not None:
        require_filled(found.candles.timestamps, question.interval, window, found.blank[0], name)
    return found


def _with_warnings(
    dataset: Dataset, first: tuple[str, ...], file: FeatureFile, found: Selection, wish: Wish
) -> Dataset:
    """What a person should know of rows and columns, after the sentences in `first`; the jumps that are among it, and the feature line."""
    candles, interval = found.candles, dataset.question.interval
    jumps = find_jumps(candles, interval)
    warnings = (
        first
        + jump_warning(jumps, candles.timestamps, file.skipped + found.cut, vars(dataset.split))
        + cut_warning(found, file.skipped, file.warmup)
        + _growth_warning(found, wish)
        + target_warning(found.own)
        + _gap_warning(candles, interval)
        + _constant_warning(found.dropped)
    )
    return replace(dataset, feature_line=feature_line(found, wish), jumps=jumps, warnings=warnings)


def _labelled(symbol: str, question: Question, windows: Windows, found: Selection, sha256: str) -> Dataset:
    """What was selected with its labels and its split. Raises DataError: TooFewRows, NoWindows, OneClass."""
    candles = found.candles
    labels = label(candles.close, candles.timestamps, question)
    split = split_rows(candles.timestamps, windows, question)
    require_windows(candles.timestamps, question, windows.lookback, split, labels)
    _require_both_classes(candles.timestamps, question, windows.lookback, split.train, labels)
    return Dataset(
        symbol=symbol,
        question=question,
        names=found.names,
        values=found.values,
        candles=candles,
        labels=labels,
        split=split,
        gaps=len(_gaps(candles, question.interval)),
        dropped=found.dropped,
        sha256=sha256,
        first_bar=iso_time(candles.timestamps[0]),
        last_bar=iso_time(candles.timestamps[-1]),
        rows=len(candles.close),
        warnings=(),
        computed=found.computed,
        own=found.own,
        left_out=left_out_of(found),
    )


@contextmanager
def fewer_rows_explained(left_open: str) -> Iterator[None]:
    """Says with TooFewRows how many bars were left out."""
    try:
        yield
    except DataError as error:
        if error.reason != reasons.TOO_FEW_ROWS or not left_open:
            raise
        raise DataError(error.reason, f"{error.message} {left_open}") from None


def _read(
    file: ParquetColumns,
    interval: Interval,
    wish: Wish,
    now: int,
    until: int,
    since: int | None,
    window: Window | None,
) -> FeatureFile:
    with forbidden_explained(wish):
        return read_features(file, interval, wish.features, wish.computable, now, until, window, since)


@contextmanager
def forbidden_explained(wish: Wish) -> Iterator[None]:
    """Says with MissingFeature which of the missing are built in, and may not be computed."""
    try:
        yield
    except DataError as error:
        forbidden = [name for name in wish.features or () if wish.built_in is False and name in BUILT_IN_NAMES]
        if error.reason != reasons.MISSING_FEATURE or not forbidden:
            raise
        why = f"{listed(forbidden)} would be built in, and data.builtIn is false."
        raise DataError(error.reason, f"{error.message} {why}") from None


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_windows(times: TimeArray, question: Question, lookback: int, split: Split, labels: Labels) -> None:
    """Raises DataError("NoWindows") for a part without a window that has a label at its end."""
    for part, rows in vars(split).items():
        if len(window_ends(times, question.interval, lookback, rows, labels.values)) == 0:
            raise _no_windows(times, question, lookback, part, rows)


def _require_both_classes(times: TimeArray, question: Question, lookback: int, train: slice, labels: Labels) -> None:
    ends = window_ends(times, question.interval, lookback, train, labels.values)
    if (labels.values[ends] == labels.values[ends[0]]).all():
        direction = "up" if labels.values[ends[0]] == 1 else "not up"
        raise DataError(
            reasons.ONE_CLASS, f"All {len(ends):,} train labels are {direction}: there is nothing to learn."
        )


def _no_windows(timestamps: TimeArray, question: Question, lookback: int, part: str, rows: slice) -> DataError:
    """Why a part holds no usable window: its longest run without a gap is too short, or none has a label at its end."""
    times, needed = timestamps[rows.start : rows.stop + question.horizon], lookback + question.horizon
    breaks = np.flatnonzero(np.diff(times) != question.interval.nanoseconds) + 1
    run = int(np.diff(np.concatenate([[0], breaks, [len(times)]])).max())
    if run >= needed:
        return DataError(
            reasons.NO_WINDOWS,
            f"The {part} rows hold no window of {lookback} bars without a gap and with a label at its "
            "end; use a file with fewer gaps or fewer flat bars, or a smaller model.lookbackBars.",
        )
    smaller = f", or a model.lookbackBars of {run - question.horizon}" if run > question.horizon else ""
    return DataError(
        reasons.NO_WINDOWS,
        f"The longest run of {part} rows without a gap has {run} bar{'s' if run > 1 else ''}, and a window of {lookback} with "
        f"its label needs {needed}: bars of a market that closes (nights, weekends) can only be trained on within one "
        f"opening. Use shorter bars, such as minutes, a file with fewer gaps{smaller}.",
    )


def _growth_warning(found: Selection, wish: Wish) -> tuple[str, ...]:
    """That a column that `data.features` names only grows: nobody learns from one unawares."""
    if wish.features is None:
        return ()
    columns = [(name, found.values[:, found.names.index(name)]) for name in found.own]
    return tuple(
        f"Column {name!r} only grows, like a row number or a time: on later bars it has values that training never saw."
        for name, values in columns
        if only_grows(values)
    )


def _constant_warning(dropped: Sequence[str]) -> tuple[str, ...]:
    return (f"Left out, constant over the train rows: {', '.join(dropped)}.",) if dropped else ()


def _gaps(candles: Candles, interval: Interval) -> NDArray[np.int64]:
    """The rows after which bars are missing [k]."""
    return np.flatnonzero(np.diff(candles.timestamps) > interval.nanoseconds)


def _gap_warning(candles: Candles, interval: Interval) -> tuple[str, ...]:
    gaps = _gaps(candles, interval)
    if len(gaps) == 0:
        return ()
    missing = np.diff(candles.timestamps)[gaps] // interval.nanoseconds - 1
    longest = int(np.argmax(missing))
    after = iso_time(candles.timestamps[gaps[longest]])
    return (
        f"{len(gaps):,} gap{'s' if len(gaps) > 1 else ''} in time, {int(missing.sum()):,} bars missing, "
        f"the longest {int(missing[longest]):,} bars after {after}; no window or label spans one.{_doubt(candles, gaps, missing)}",
    )


def _doubt(candles: Candles, gaps: NDArray[np.int64], missing: NDArray[np.int64]) -> str:
    """Why a gap may be none: it is longer than the file has bars, or is the hour that summer time skips."""
    if missing.max() > len(candles.close):
        return " That is more than the file has bars: is a time wrong?"
    steps = np.diff(candles.timestamps)[gaps]
    hour = steps - steps // (missing + 1) == HOUR
    if changes_of_summer_time(candles.timestamps[gaps + 1])[hour].any():
        return " One is the hour that summer time skips: are the times local? They must be UTC."
    return ""
