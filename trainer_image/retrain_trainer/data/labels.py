"""Labels: is the close of a bar higher after the horizon?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrain_api.time import Question

UP, DOWN, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class Labels:
    """One label per bar.

    values: int8[n], 1 up, 0 not up, -1 no label (past the end, across a gap, or flat and dropped).
    future_return: float64[n], close[t + horizon] / close[t] - 1, NaN past the end and across a gap.
    flat: bool[n], whether the close is unchanged after the horizon; False where that is unknown.
    """

    values: NDArray[np.int8]
    future_return: NDArray[np.float64]
    flat: NDArray[np.bool_]


def label(close: NDArray[np.float64], timestamps: NDArray[np.int64], question: Question) -> Labels:
    """Label every bar with the direction of the close `question.horizon` (at least 1) bars later.

    A label never spans a gap in time: between its two bars lie exactly that many intervals. Flat bars get
    no label (`Drop`) or count as not up (`Down`).
    """
    rows = len(close)
    known = max(rows - question.horizon, 0)
    values = np.full(rows, UNKNOWN, dtype=np.int8)
    future_return = np.full(rows, np.nan)
    flat = np.zeros(rows, dtype=np.bool_)
    now, later = close[:known], close[rows - known :]
    whole = timestamps[rows - known :] - timestamps[:known] == question.horizon_nanoseconds
    flat[:known] = whole & (later == now)
    values[:known] = np.where(whole, later > now, UNKNOWN)
    if question.ties == "Drop":
        values[flat] = UNKNOWN
    future_return[:known] = np.where(whole, later / now - 1, np.nan)
    return Labels(values, future_return, flat)
