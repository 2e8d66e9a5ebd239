"""The formulas of the built-in features, each from Bars to one value per bar.

Rows before a formula's window is full hold a meaningless NaN or 0; they are among the features.WARMUP_ROWS that are cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.data.columns.rolling import (
    FloatArray,
    trailing_maximum,
    trailing_minimum,
    trailing_moments,
    trailing_sum,
)

_DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Bars:
    """Consecutive complete candles, float64[n] each; `close_time` in nanoseconds UTC, int64[n]."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    close_time: NDArray[np.int64]


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """numerator / denominator, and 0 where the denominator is not above zero."""
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _before(values: FloatArray, bars: int) -> FloatArray:
    """The value `bars` rows earlier; NaN in the first rows."""
    return np.concatenate([np.full(min(bars, len(values)), np.nan), values[:-bars]])


def log_return(bars: Bars, over: int = 1) -> FloatArray:
    return np.log(bars.close / _before(bars.close, over))


def deviation(window: int) -> Callable[[Bars], FloatArray]:
    def from_mean(bars: Bars) -> FloatArray:
        mean, _ = trailing_moments(bars.close, window)
        return _ratio(bars.close - mean, mean)

    return from_mean


def zscore(values: FloatArray, window: int) -> FloatArray:
    mean, variance = trailing_moments(values, window)
    return _ratio(values - mean, np.sqrt(variance))


def mean_difference(bars: Bars) -> FloatArray:
    return (trailing_moments(bars.close, 12)[0] - trailing_moments(bars.close, 26)[0]) / bars.close


def relative_strength(bars: Bars) -> FloatArray:
    change = bars.close - _before(bars.close, 1)
    return _ratio(trailing_sum(change, 14), trailing_sum(np.abs(change), 14))


def channel(window: int) -> Callable[[Bars], FloatArray]:
    def position(bars: Bars) -> FloatArray:
        highest, lowest = trailing_maximum(bars.high, window), trailing_minimum(bars.low, window)
        return _ratio((bars.close - lowest) - (highest - bars.close), highest - lowest)

    return position


def autocorrelation(bars: Bars) -> FloatArray:
    now, before = log_return(bars), _before(log_return(bars), 1)
    size = np.sqrt(trailing_sum(now * now, 20)) * np.sqrt(trailing_sum(before * before, 20))
    return _ratio(trailing_sum(now * before, 20), size)


def volatility(bars: Bars, window: int) -> FloatArray:
    return np.sqrt(trailing_sum(log_return(bars) ** 2, window) / window)


def volatility_ratio(bars: Bars) -> FloatArray:
    short, long = volatility(bars, 5), volatility(bars, 60)
    return _ratio(short - long, long)


def variance_ratio(bars: Bars) -> FloatArray:
    five = trailing_sum(log_return(bars, 5) ** 2, 56) / 56
    one = trailing_sum(log_return(bars) ** 2, 60) / 60
    return _ratio(five - 5 * one, 5 * one)


def garman_klass(bars: Bars) -> FloatArray:
    spread = np.log(bars.high / bars.low) ** 2 / 2
    body = (2 * math.log(2) - 1) * np.log(bars.close / bars.open) ** 2
    return np.sqrt(np.maximum(trailing_moments(spread - body, 20)[0], 0))


def true_range(bars: Bars) -> FloatArray:
    before = _before(bars.close, 1)
    true_range = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    return trailing_moments(true_range, 14)[0] / bars.close


def body(bars: Bars) -> FloatArray:
    return _ratio(bars.close - bars.open, bars.high - bars.low)


def upper_shadow(bars: Bars) -> FloatArray:
    return _ratio(bars.high - np.maximum(bars.open, bars.close), bars.high - bars.low)


def lower_shadow(bars: Bars) -> FloatArray:
    return _ratio(np.minimum(bars.open, bars.close) - bars.low, bars.high - bars.low)


def volume_ratio(bars: Bars) -> FloatArray:
    short, long = trailing_sum(bars.volume, 5) / 5, trailing_sum(bars.volume, 60) / 60
    return _ratio(short - long, short + long)


def money_flow(bars: Bars) -> FloatArray:
    location = _ratio((bars.close - bars.low) - (bars.high - bars.close), bars.high - bars.low)
    return _ratio(trailing_sum(location * bars.volume, 20), trailing_sum(bars.volume, 20))


def signed_volume(bars: Bars) -> FloatArray:
    sign = np.sign(bars.close - _before(bars.close, 1))
    return _ratio(trailing_sum(sign * bars.volume, 20), trailing_sum(bars.volume, 20))


def vwap_deviation(bars: Bars) -> FloatArray:
    typical = (bars.high + bars.low + bars.close) / 3
    traded, volume = trailing_sum(typical * bars.volume, 60), trailing_sum(bars.volume, 60)
    return _ratio(bars.close * volume - traded, traded)


def day_angle(bars: Bars) -> FloatArray:
    return (bars.close_time % _DAY).astype(np.float64) * (2 * math.pi / _DAY)
