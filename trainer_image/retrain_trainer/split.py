"""Train, validation and test: three runs of rows in time order, with a purge at each border.

A window ends in its part and lies in it whole, so a part's windows touch no row outside it; its labels reach
`horizon` rows past its end at most. The purge is lookback + horizon rows, longer than that reach, so the bars
behind the windows and labels of two parts never overlap. With a lookback of at least the longest built-in
feature (60 bars) not even the bars behind the features of a later part do.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api.errors import DataError


@dataclass(frozen=True)
class Split:
    """Row ranges of the three parts."""

    train: slice
    validation: slice
    test: slice


def rows_needed(validation_percent: int, test_percent: int, lookback: int, horizon: int) -> int:
    """Fewest rows for which every part holds a window with its label: lookback + horizon rows in each."""
    least = lookback + horizon
    train_percent = 100 - validation_percent - test_percent
    needs = ((3 * least, train_percent), (least, validation_percent), (least, test_percent))
    return max(-(-100 * rows // percent) for rows, percent in needs)


def split_rows(n_rows: int, validation_percent: int, test_percent: int, lookback: int, horizon: int) -> Split:
    """Split `n_rows` rows in time order; the percentages (1..50, at most 80 together) are of all rows.

    Test and validation have their share, rounded down; train is the rest before them, less two purges of
    lookback + horizon rows. Raises DataError(TooFewRows) with the number of rows needed.
    """
    needed = rows_needed(validation_percent, test_percent, lookback, horizon)
    if n_rows < needed:
        raise DataError(
            "TooFewRows",
            f"There are {n_rows:,} usable rows (warm-up rows of computed features not counted), and at least "
            f"{needed:,} are needed to split them for a lookback of {lookback} and a horizon of {horizon} "
            "bars; give a longer file or a smaller model.lookbackBars.",
        )
    purge = lookback + horizon
    test_start = n_rows - n_rows * test_percent // 100
    validation_stop = test_start - purge
    validation_start = validation_stop - n_rows * validation_percent // 100
    return Split(
        train=slice(0, validation_start - purge),
        validation=slice(validation_start, validation_stop),
        test=slice(test_start, n_rows),
    )
