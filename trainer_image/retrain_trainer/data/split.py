"""Splits rows into train, validation and test, in time order, with purged rows at each border.

Every window lies entirely in its part, and labels reach at most `horizon` rows past the end of the part. The purge is
lookback + horizon rows, which is longer than that, so the bars that the windows and labels of two parts use never
overlap. With a lookback of at least the longest built-in feature (60 bars), not even the bars that the features of a
later part are computed from do.

A part's size is a share of all rows, or a length of time: then it has the bars that open in this length before the close of
its last bar, however many of them a gap leaves. So the test parts of runs that are that far apart have no bar in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError
from retrain_api.time import Duration, Interval, Question, Shares, Windows, duration


@dataclass(frozen=True)
class Split:
    """The rows of each part."""

    train: slice
    validation: slice
    test: slice


def rows_needed(windows: Windows, question: Question) -> int:
    """The fewest rows without a gap with which every part holds a window and its label.

    Each part needs lookback + horizon rows, or its own length. Raises ConfigurationError("BadDuration").
    """
    require_whole_bars(windows, question)
    bars = {part: length.nanoseconds // question.interval.nanoseconds for part, length in _lengths(windows.split)}
    return _needed(_least(windows, question), windows.split, bars)


def split_rows(times: NDArray[np.int64], windows: Windows, question: Question) -> Split:
    """Split rows in time order, of bars that open at `times`, int64[n] in nanoseconds.

    Percentages (1..50, at most 80 together) are of all rows, rounded down; a length of time ends at the close of its part's
    last bar. Train is the rest before them, less two purges of lookback + horizon rows. Raises ConfigurationError("BadDuration")
    and DataError("TooFewRows") with the number of rows needed.
    """
    require_whole_bars(windows, question)
    rows, purge, split = len(times), _least(windows, question), windows.split
    test = _rows(times, rows, split.test_percent, duration(split.test), question.interval)
    validation_stop = rows - test - purge
    length = duration(split.validation)
    validation = _rows(times, validation_stop, split.validation_percent, length, question.interval)
    _require_rows(rows, {"validation": validation, "test": test}, windows, question)
    validation_start = validation_stop - validation
    return Split(
        train=slice(0, validation_start - purge),
        validation=slice(validation_start, validation_stop),
        test=slice(rows - test, rows),
    )


def require_whole_bars(windows: Windows, question: Question) -> None:
    """Refuse lengths of time that the interval, the lookback and the horizon don't allow: ConfigurationError("BadDuration")."""
    interval, least = question.interval, _least(windows, question)
    window = () if windows.window is None else (("data.window", windows.window),)
    for field, length in (*window, *((f"split.{part}", length) for part, length in _lengths(windows.split))):
        bars, rest = divmod(length.nanoseconds, interval.nanoseconds)
        if rest:
            nearest = (_text(count, interval) for count in (bars, bars + 1) if count)
            raise ConfigurationError(
                reasons.BAD_DURATION,
                f"{field} is {length}, which is no whole number of bars of {interval}; write {' or '.join(nearest)}.",
            )
        if bars < least:
            raise ConfigurationError(
                reasons.BAD_DURATION,
                f"{field} is {length}, which is {_bars(bars)} of {interval}, and a lookback of {windows.lookback} bars with a "
                f"horizon of {question.horizon} needs at least {least:,}; write {_text(least, interval)} or more.",
            )


def _least(windows: Windows, question: Question) -> int:
    """The rows of a part that holds one window with its label, and of a purge."""
    return windows.lookback + question.horizon


def _lengths(split: Shares) -> list[tuple[str, Duration]]:
    """The parts whose size is a length of time."""
    named = (("validation", duration(split.validation)), ("test", duration(split.test)))
    return [(part, length) for part, length in named if length is not None]


def _rows(times: NDArray[np.int64], stop: int, percent: int, length: Duration | None, interval: Interval) -> int:
    """The rows of a part that ends before row `stop`."""
    if length is None:
        return len(times) * percent // 100
    bars = length.nanoseconds // interval.nanoseconds
    before = times[: max(stop, 0)]
    if not len(before):
        return bars
    start = before[-1] + interval.nanoseconds - length.nanoseconds
    # Where the rows end before the part is full, it counts as if it had no gap: so many more are needed.
    return bars if before[0] > start else len(before) - int(np.searchsorted(before, start))


def _needed(least: int, split: Shares, bars: Mapping[str, int]) -> int:
    """The fewest rows in all, where the parts of a length in time have so many `bars`."""
    percents = [
        percent
        for part, percent in (("validation", split.validation_percent), ("test", split.test_percent))
        if part not in bars
    ]
    needs = ((3 * least + sum(bars.values()), 100 - sum(percents)), *((least, percent) for percent in percents))
    return max(-(-100 * rows // percent) for rows, percent in needs)


def _require_rows(rows: int, parts: Mapping[str, int], windows: Windows, question: Question) -> None:
    least, lengths = _least(windows, question), _lengths(windows.split)
    bars = {part: parts[part] for part, _ in lengths}
    needed = _needed(least, windows.split, bars)
    if rows < needed:
        raise DataError(reasons.TOO_FEW_ROWS, _too_few(rows, needed, windows, question, bars))
    for part, length in lengths:
        if bars[part] < least:
            raise DataError(
                reasons.TOO_FEW_ROWS,
                f"The last {length} of the {part} rows have {_bars(bars[part])}, because of gaps, and a lookback of "
                f"{windows.lookback} bars with a horizon of {question.horizon} needs at least {least:,}; use a longer "
                f"split.{part}, or a file with fewer gaps.",
            )


def _too_few(rows: int, needed: int, windows: Windows, question: Question, bars: Mapping[str, int]) -> str:
    """What the rows are too few for, and each field that would change it."""
    parts = [f"split.{part} {length} ({_bars(bars[part])})" for part, length in _lengths(windows.split)]
    longer = "a longer file" if windows.window is None else f"a longer data.window than {windows.window}"
    shorter = "".join(f", a shorter split.{part}" for part in bars)
    return (
        f"There are {rows:,} usable rows (warm-up rows of computed features not counted), and at least "
        f"{needed:,} are needed to split them for a lookback of {windows.lookback} and a horizon of {question.horizon} "
        f"bars{' with ' + ' and '.join(parts) if parts else ''}; use {longer}{shorter} or a smaller model.lookbackBars."
    )


def _bars(count: int) -> str:
    return f"{count:,} bar{'s' * (count != 1)}"


def _text(bars: int, interval: Interval) -> str:
    """So many bars as a duration, in the unit of the interval."""
    return f"{bars * int(interval.text[:-1])}{interval.text[-1]}"
