"""What a bar's close tells of the next bar, as far as plain regressors of past bars can say it.

The look-ahead guard asks what a column adds to this. Whatever is missing here is put down to the column: a stablecoin that hangs between
two ticks follows its shadows and its place in the last range so closely that honest indicators would read as knowledge of the
future. So the list is long, and all of it is scaled by the size of moves that was known at the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.data.columns.rolling import trailing_maximum, trailing_minimum, trailing_moments
from retrain_trainer.data.files.candles import Candles

Floats: TypeAlias = NDArray[np.float64]

WARM_UP = 120
"""Rows at the start in which a trailing window is not full yet."""
SIZE_BARS = 60
"""Bars over which the usual size of a move is taken."""
LARGEST = 4.0
"""Returns are cut at so many usual sizes; otherwise a few bursts decide."""
_LAGS = 20
_TREND_BARS = (3, 5, 10, 20, 60, 120)
_RANGE_BARS = (3, 7, 14, 30, 60)


@dataclass(frozen=True)
class Market:
    """The returns of a market, and what was known before each.

    returns: float64[n], bar t's log return in usual sizes known at t-1, cut at LARGEST. known: float64[n, k], what bar t's close tells.
    """

    returns: Floats
    known: Floats


def market(candles: Candles, rows: slice) -> Market:
    """The market of these rows; the first WARM_UP of them hold what is filled in, and are not to be used."""
    close = np.log(candles.close[rows])
    step = np.diff(close, prepend=close[0])
    size = _usual_size(step)
    returns = np.clip(step / lagged(size, 1), -LARGEST, LARGEST)
    parts = [
        *(lagged(returns, lag) for lag in range(_LAGS)),
        *((close - _mean(close, bars)) / size for bars in _TREND_BARS),
        close - close.mean(),
        np.sign(step),
        returns * np.abs(returns),
        np.abs(returns),
        _mean(np.abs(returns), 10),
        np.log(size),
        *_shadows(candles, rows, size),
        *_places(candles, rows),
        *_volumes(candles, rows, step),
    ]
    return Market(returns, np.column_stack(parts))


def lagged(values: Floats, bars: int) -> Floats:
    """The values of so many bars before; the first value fills in what is missing."""
    return values if bars == 0 else np.concatenate([np.full(bars, values[0]), values[:-bars]])


def _usual_size(step: Floats) -> Floats:
    size = np.abs(step)
    usual: Floats = np.maximum(_mean(size, SIZE_BARS), size.mean() / 10) + 1e-12
    return usual


def _mean(values: Floats, bars: int) -> Floats:
    """Mean of the last `bars` values; in the first rows, of the first value."""
    mean = trailing_moments(values, bars)[0]
    return np.where(np.isnan(mean), values[0], mean)


def _prices(candles: Candles, rows: slice) -> tuple[Floats, Floats, Floats, Floats]:
    """Logarithms of open, high, low and close; the close before or the close where a file lacks them."""
    close = np.log(candles.close[rows])
    opened = lagged(close, 1) if candles.open is None else np.log(candles.open[rows])
    high = np.maximum(opened, close) if candles.high is None else np.log(candles.high[rows])
    low = np.minimum(opened, close) if candles.low is None else np.log(candles.low[rows])
    return opened, high, low, close


def _shadows(candles: Candles, rows: slice, size: Floats) -> list[Floats]:
    """Upper shadow, lower shadow and body, in usual sizes and as shares of the bar's range, now and of late."""
    opened, high, low, close = _prices(candles, rows)
    found = []
    for part in (high - np.maximum(opened, close), np.minimum(opened, close) - low, close - opened):
        scaled, share = np.clip(part / size, -6, 6), part / (high - low + 1e-12)
        share = np.clip(share, -1, 1)
        found += [scaled, lagged(scaled, 1), share, lagged(share, 1), _mean(share, 10), _mean(share, 30)]
    return found


def _places(candles: Candles, rows: slice) -> list[Floats]:
    """Where the close lies between the lowest low and the highest high of the last bars, and in standard deviations."""
    _, high, low, close = _prices(candles, rows)
    found = []
    for bars in _RANGE_BARS:
        top, bottom = trailing_maximum(high, bars), trailing_minimum(low, bars)
        place = np.nan_to_num((close - bottom) / (top - bottom + 1e-12), nan=0.5)
        found += [place, lagged(place, 1)]
    for bars in (20, 60):
        mean, variance = trailing_moments(close, bars)
        found.append(np.nan_to_num((close - mean) / (np.sqrt(variance) + 1e-9), nan=0.0))
    return found


def _volumes(candles: Candles, rows: slice, step: Floats) -> list[Floats]:
    if candles.volume is None:
        return []
    volume = np.log1p(candles.volume[rows])
    usual = _mean(volume, 60)
    return [volume - usual, usual, np.sign(step) * volume, np.sign(step) * (volume - usual)]
