"""Trailing sums, extremes and moments, each exact for its own window.

A cumulative sum would be shorter, but it carries every earlier rounding error into all later rows. Here each row is
computed from its own window alone, by doubling: windows of 1, 2, 4, ... bars are merged from two halves, and the binary
digits of the window length select which of them make up the result. That takes about 2 log2(window) passes, and the
same bars give the same bits wherever in a file they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
State: TypeAlias = tuple[FloatArray, ...]
Merge: TypeAlias = Callable[[State, int, State, int], State]


def trailing_sum(values: FloatArray, window: int) -> FloatArray:
    """Sum of the last `window` values; float64[n], NaN in the first window - 1 rows."""
    return _trailing((values,), lambda left, _, right, __: (left[0] + right[0],), window)[0]


def trailing_maximum(values: FloatArray, window: int) -> FloatArray:
    """Largest of the last `window` values; float64[n], NaN in the first window - 1 rows."""
    return _trailing((values,), lambda left, _, right, __: (np.maximum(left[0], right[0]),), window)[0]


def trailing_minimum(values: FloatArray, window: int) -> FloatArray:
    """Smallest of the last `window` values; float64[n], NaN in the first window - 1 rows."""
    return _trailing((values,), lambda left, _, right, __: (np.minimum(left[0], right[0]),), window)[0]


def trailing_moments(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Mean and population variance of the last `window` values; float64[n] each, NaN where there are fewer.

    Merged pairwise: T. Chan, G. Golub, R. LeVeque, "Algorithms for Computing the Sample Variance", The
    American Statistician 37 (1983). Equal values have exactly zero variance, and no variance is below zero.
    """
    mean, squares = _trailing((values, np.zeros_like(values)), _merge_moments, window)
    return mean, squares / window


def _merge_moments(left: State, left_bars: int, right: State, right_bars: int) -> State:
    difference = right[0] - left[0]
    bars = left_bars + right_bars
    mean = left[0] + difference * (right_bars / bars)
    squares = left[1] + right[1] + difference * difference * (left_bars * right_bars / bars)
    return mean, squares


def _trailing(state: State, merge: Merge, window: int) -> State:
    """Merge the states of `window` consecutive bars; row i then covers bars i-window+1 .. i."""
    rows = len(state[0])
    if rows < window:
        return tuple(np.full(rows, np.nan) for _ in state)
    block, width = state, 1
    total: State = ()
    covered = 0
    while covered < window:
        if window & width:
            total = _join(total, covered, block, width, merge) if covered else block
            covered += width
        if covered < window:
            block = _join(block, width, block, width, merge)
            width *= 2
    return tuple(np.concatenate([np.full(window - 1, np.nan), values]) for values in total)


def _join(left: State, left_bars: int, right: State, right_bars: int, merge: Merge) -> State:
    """States of left_bars + right_bars consecutive bars: a left window and the right window that follows it."""
    following = tuple(values[left_bars:] for values in right)
    return merge(tuple(values[: len(following[0])] for values in left), left_bars, following, right_bars)
