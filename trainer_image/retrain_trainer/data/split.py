"""Splits rows into train, validation and test, in time order, with purged rows at each border.

Every window lies entirely in its part, and labels reach at most `horizon` rows past the end of the part. The purge is
lookback + horizon rows, which is longer than that, so the bars that the windows and labels of two parts use never
overlap. With a lookback of at least the longest built-in feature (60 bars), not even the bars that the features of a
later part are computed from do.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Windows


@dataclass(frozen=True)
class Split:
    """The rows of each part."""

    train: slice
    validation: slice
    test: slice


def rows_needed(windows: Windows, horizon: int) -> int:
    """The fewest rows with which every part holds a window and its label: lookback + horizon rows in each part."""
    least, split = windows.lookback + horizon, windows.split
    train_percent = 100 - split.validation_percent - split.test_percent
    needs = ((3 * least, train_percent), (least, split.validation_percent), (least, split.test_percent))
    return max(-(-100 * rows // percent) for rows, percent in needs)


def split_rows(n_rows: int, windows: Windows, horizon: int) -> Split:
    """Split `n_rows` rows in time order; the percentages (1..50, at most 80 together) are of all rows.

    Test and validation get their shares, rounded down; train is the rest before them, less two purges of
    lookback + horizon rows. Raises DataError(TooFewRows) with the number of rows needed.
    """
    needed = rows_needed(windows, horizon)
    if n_rows < needed:
        raise DataError(
            reasons.TOO_FEW_ROWS,
            f"There are {n_rows:,} usable rows (warm-up rows of computed features not counted), and at least "
            f"{needed:,} are needed to split them for a lookback of {windows.lookback} and a horizon of {horizon} "
            "bars; use a longer file or a smaller model.lookbackBars.",
        )
    purge = windows.lookback + horizon
    test_start = n_rows - n_rows * windows.split.test_percent // 100
    validation_stop = test_start - purge
    validation_start = validation_stop - n_rows * windows.split.validation_percent // 100
    return Split(
        train=slice(0, validation_start - purge),
        validation=slice(validation_start, validation_stop),
        test=slice(test_start, n_rows),
    )
