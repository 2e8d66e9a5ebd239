"""What the values of a column must be like: finite from their first row on, and small enough for a float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError

from .rolling import FloatArray
from .timeline import TimeArray, row_name


def rows_without_value(values: FloatArray) -> int:
    """How many rows at the start are NaN; all of them where there is no value at all."""
    there = ~np.isnan(values)
    return int(np.argmax(there)) if there.any() else len(values)


def require_finite(values: FloatArray, column: str, file: str, timestamps: TimeArray, start: int = 0) -> None:
    """Raises DataError("NotFinite") for the first value from row `start` on that is NaN or infinite."""
    finite = np.isfinite(values[start:])
    if finite.all():
        return
    row, count = start + int(np.argmin(finite)), int(len(finite) - finite.sum())
    what = "NaN" if np.isnan(values[row]) else "infinite"
    raise DataError(
        reasons.NOT_FINITE,
        f"Column {column!r} of {file} is {what} in {row_name(timestamps, row)} "
        f"({count} such row{'s' if count > 1 else ''}); fill in or remove these rows.",
    )


def as_float32(
    values: FloatArray, column: str, file: str, timestamps: TimeArray, start: int = 0
) -> NDArray[np.float32]:
    """The values as float32. Raises DataError("Overflow") for one, from row `start` on, that does not fit."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    fits = np.isfinite(narrow[start:])
    if not fits.all():
        row = start + int(np.argmin(fits))
        raise DataError(
            reasons.OVERFLOW,
            f"Column {column!r} of {file} is {values[row]:g} in {row_name(timestamps, row)}, "
            "too large for float32; scale the column.",
        )
    return narrow


def only_grows(values: NDArray[np.float32]) -> bool:
    """Whether values go one way only, in more than one step: a row number or a time, up or down.

    On later bars such a column has values that training never saw. A flag that is raised once is no counter.
    """
    steps = np.diff(values)
    return bool(np.count_nonzero(steps) > 1 and ((steps >= 0).all() or (steps <= 0).all()))
