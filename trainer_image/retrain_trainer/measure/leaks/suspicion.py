"""Finds results that are too good to be true: figures no honest model reaches, and features that know the future.

A model that has seen the future passes every other check with ease and then loses money. A suspicion is not a verdict; it
is a sentence for the person who has to look at the model before it is promoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

HIGHEST_CREDIBLE = 0.97
"""Accuracy, AUC and win rate above this are suspect."""
HIGHEST_CREDIBLE_CORRELATION = 0.9
"""A feature whose correlation with the future return is above this, positive or negative, is suspect."""
FEWEST_TRADES = 30
"""A win rate over fewer trades than this is not looked at."""

_CHUNK_ROWS = 65_536


def suspicions(
    accuracy: float | None,
    auc: float | None,
    win_rate: float | None,
    trades: int,
    feature_names: Sequence[str],
    feature_values: NDArray[Any],
    future_return: Floats,
) -> list[str]:
    """One sentence for each thing about a model that is too good to be true; empty when there is none.

    `feature_values` is [rows, features], raw or scaled. `future_return` [rows] is the return over the label's
    horizon; rows where it is NaN are left out. `trades` is the number of trades that `win_rate` was measured over.
    """
    enough_trades = win_rate if trades >= FEWEST_TRADES else None
    figures = {"Accuracy": accuracy, "AUC": auc, f"Win rate over {trades} trades": enough_trades}
    return [
        _figure_sentence(name, value)
        for name, value in figures.items()
        if value is not None and value > HIGHEST_CREDIBLE
    ] + [
        f"Feature {name} has a correlation of {value:.3f} with the future return, beyond "
        f"{HIGHEST_CREDIBLE_CORRELATION}; it probably contains the future."
        for name, value in zip(feature_names, correlations(feature_values, future_return), strict=True)
        if abs(value) > HIGHEST_CREDIBLE_CORRELATION
    ]


def is_of_figures(sentence: str) -> bool:
    """Whether a suspicion is about a figure of the test bars, which can be computed again without any column."""
    return sentence.startswith(("Accuracy is ", "AUC is ", "Win rate over "))


def correlations(feature_values: NDArray[Any], future_return: Floats) -> Floats:
    """Pearson correlation [features] of each feature with the future return; 0 for a constant feature.

    Rows are read in chunks, twice: once for the means and once for the centred products, so that a feature
    with a large mean and a small spread loses no digits. All values are shifted by the first row, which makes
    a constant column exactly 0.
    """
    rows = np.flatnonzero(np.isfinite(future_return))
    columns = feature_values.shape[1]
    if rows.size < 3:
        return np.zeros(columns)
    origin = _joined(feature_values, future_return, rows[:1])[0]
    chunks = range(0, rows.size, _CHUNK_ROWS)
    total = np.zeros(columns + 1)
    for i in chunks:
        total += (_joined(feature_values, future_return, rows[i : i + _CHUNK_ROWS]) - origin).sum(axis=0)
    squares, products = np.zeros(columns + 1), np.zeros(columns + 1)
    for i in chunks:
        part = _joined(feature_values, future_return, rows[i : i + _CHUNK_ROWS]) - origin
        part -= total / rows.size
        squares += np.square(part).sum(axis=0)
        products += part.T @ part[:, -1]
    scale = np.sqrt(squares[:-1] * squares[-1])
    result: Floats = np.divide(products[:-1], scale, out=np.zeros(columns), where=scale > 0)
    return result


def _joined(feature_values: NDArray[Any], future_return: Floats, rows: NDArray[np.int64]) -> Floats:
    """Features and future return of some rows side by side, float64 [rows, features + 1]."""
    return np.column_stack([feature_values[rows].astype(np.float64), future_return[rows]])


def _figure_sentence(name: str, value: float) -> str:
    shown = f"{value:.3f}, above {HIGHEST_CREDIBLE}"
    if name != "AUC":
        shown = f"{100 * value:.1f} %, above {100 * HIGHEST_CREDIBLE:.0f} %"
    return f"{name} is {shown}. Real prices do not allow that; look for a feature that leaks the future."
