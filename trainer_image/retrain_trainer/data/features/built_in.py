"""The built-in feature set: 31 features of a candle file, each from the last 61 bars at most.

All are causal (a row uses its own and earlier bars only), independent of price level and volume unit, and finite: where
a bar has no range, a window has no volume or the price does not move, a ratio is 0. None has an infinite memory (no
exponential mean), so a service that holds the last bars computes exactly the bits that training saw. They are computed
over rows: the first bars after a gap in time look back across that gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError
from retrain_api.time import Interval
from retrain_trainer.data.columns.rolling import FloatArray
from retrain_trainer.data.files.candles import CANDLE_COLUMNS, Candles

from .indicators import (
    Bars,
    autocorrelation,
    body,
    channel,
    day_angle,
    deviation,
    garman_klass,
    log_return,
    lower_shadow,
    mean_difference,
    money_flow,
    relative_strength,
    signed_volume,
    true_range,
    upper_shadow,
    variance_ratio,
    volatility,
    volatility_ratio,
    volume_ratio,
    vwap_deviation,
    zscore,
)

WARMUP_ROWS = 60
"""Rows at the start of a file for which not every feature can be computed: the longest looks back 60 bars."""

_CHUNK = 65_536


@dataclass(frozen=True)
class FeatureDefinition:
    """A feature. `function` maps Bars to float64[n], which is valid from row WARMUP_ROWS on."""

    name: str
    formula: str
    source: str
    function: Callable[[Bars], FloatArray]


def compute(
    candles: Candles, interval: Interval, names: Sequence[str] | None = None
) -> tuple[tuple[str, ...], NDArray[np.float32], int]:
    """The built-in features of `candles`: names, float32[n, f] C-contiguous, and the number of warm-up rows.

    `names` selects features, in that order; None gives all 31. Warm-up rows are NaN; cut them off. Works in chunks
    of rows, so it holds little more than the result. Raises DataError where open, high, low or volume is missing or a
    value does not fit a float32, ConfigurationError for an unknown name.
    """
    definitions = BUILT_IN if names is None else _named(names)
    bars = _complete_bars(candles, interval)
    rows = len(bars.close)
    values = np.full((rows, len(definitions)), np.nan, dtype=np.float32)
    for start in range(WARMUP_ROWS, rows, _CHUNK):
        stop = min(start + _CHUNK, rows)
        chunk = _between(bars, start - WARMUP_ROWS, stop)
        for column, definition in enumerate(definitions):
            values[start:stop, column] = _apply(definition, chunk)[WARMUP_ROWS:]
    return tuple(definition.name for definition in definitions), values, min(WARMUP_ROWS, rows)


def reference() -> str:
    """The feature set as a Markdown table: number, name, formula, source."""
    rows = (
        f"| {number} | `{feature.name}` | {feature.formula} | {feature.source} |"
        for number, feature in enumerate(BUILT_IN, start=1)
    )
    return "\n".join(["| | name | formula | source |", "|---|---|---|---|", *rows]) + "\n"


def _named(names: Sequence[str]) -> tuple[FeatureDefinition, ...]:
    known = {definition.name: definition for definition in BUILT_IN}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(reasons.UNKNOWN_FEATURE, f"There is no built-in feature named {', '.join(unknown)}.")
    return tuple(known[name] for name in names)


def _complete_bars(candles: Candles, interval: Interval) -> Bars:
    columns = {name: getattr(candles, name) for name in CANDLE_COLUMNS}
    missing = [name for name, values in columns.items() if values is None]
    if missing:
        raise DataError(
            reasons.MISSING_COLUMN,
            f"The built-in features need {', '.join(CANDLE_COLUMNS)}; missing: {', '.join(missing)}. "
            "Add these columns, or columns with your own features.",
        )
    return Bars(**columns, close_time=candles.timestamps + interval.nanoseconds)


def _between(bars: Bars, start: int, stop: int) -> Bars:
    return Bars(**{name: values[start:stop] for name, values in vars(bars).items()})


def _apply(definition: FeatureDefinition, bars: Bars) -> NDArray[np.float32]:
    try:
        with np.errstate(over="raise"):
            return definition.function(bars).astype(np.float32)
    except FloatingPointError:
        raise DataError(
            reasons.OVERFLOW, f"Feature {definition.name} overflows: prices or volumes are outside any realistic range."
        ) from None


_RETURNS = "Campbell, Lo, MacKinlay, The Econometrics of Financial Markets (1997), 1.4"
_REVERSAL = "Distance to a moving average; reversal at short horizons: Lehmann, Q. J. Economics 105 (1990)"
_BOLLINGER = "Bollinger, Bollinger on Bollinger Bands (2001): %b, centred"
_STOCHASTIC = "Lane, Lane's Stochastics, Stocks & Commodities 2 (1984): %K, centred"
_REALISED = "Andersen, Bollerslev, International Economic Review 39 (1998): realised volatility"
_CANDLE = "Nison, Japanese Candlestick Charting Techniques (1991)"
_CYCLE = "Intraday periodicity: Andersen, Bollerslev, J. Empirical Finance 4 (1997)"

BUILT_IN: tuple[FeatureDefinition, ...] = tuple(
    FeatureDefinition(name, formula, source, function)
    for name, formula, source, function in (
        ("return_1", "ln(c[t] / c[t-1])", _RETURNS, log_return),
        ("return_5", "ln(c[t] / c[t-5])", _RETURNS, lambda bars: log_return(bars, 5)),
        ("return_15", "ln(c[t] / c[t-15])", _RETURNS, lambda bars: log_return(bars, 15)),
        ("return_60", "ln(c[t] / c[t-60])", _RETURNS, lambda bars: log_return(bars, 60)),
        ("deviation_5", "c / mean(c, 5) - 1", _REVERSAL, deviation(5)),
        ("deviation_20", "c / mean(c, 20) - 1", _REVERSAL, deviation(20)),
        ("deviation_60", "c / mean(c, 60) - 1", _REVERSAL, deviation(60)),
        ("zscore_20", "(c - mean(c, 20)) / std(c, 20)", _BOLLINGER, lambda bars: zscore(bars.close, 20)),
        ("zscore_60", "(c - mean(c, 60)) / std(c, 60)", _BOLLINGER, lambda bars: zscore(bars.close, 60)),
        (
            "mean_difference_12_26",
            "(mean(c, 12) - mean(c, 26)) / c",
            "Appel, The Moving Average Convergence-Divergence Trading Method (1979), with simple means",
            mean_difference,
        ),
        (
            "relative_strength_14",
            "sum(d, 14) / sum(abs(d), 14), d = c[t] - c[t-1]",
            "Wilder, New Concepts in Technical Trading Systems (1978), simple sums (Cutler), as RSI / 50 - 1",
            relative_strength,
        ),
        (
            "channel_14",
            "2 (c - min(l, 14)) / (max(h, 14) - min(l, 14)) - 1",
            _STOCHASTIC,
            channel(14),
        ),
        (
            "channel_60",
            "2 (c - min(l, 60)) / (max(h, 60) - min(l, 60)) - 1",
            _STOCHASTIC,
            channel(60),
        ),
        (
            "autocorrelation_20",
            "sum(r[t] r[t-1], 20) / sqrt(sum(r[t]^2, 20) sum(r[t-1]^2, 20))",
            "Roll, J. Finance 39 (1984): a bid-ask bounce shows as negative correlation",
            autocorrelation,
        ),
        (
            "variance_ratio_5_60",
            "mean(r5^2, 56) / (5 mean(r^2, 60)) - 1, r5 = ln(c[t] / c[t-5])",
            "Lo, MacKinlay, Review of Financial Studies 1 (1988)",
            variance_ratio,
        ),
        ("volatility_20", "sqrt(mean(r^2, 20))", _REALISED, lambda bars: volatility(bars, 20)),
        ("volatility_60", "sqrt(mean(r^2, 60))", _REALISED, lambda bars: volatility(bars, 60)),
        ("volatility_ratio_5_60", "sqrt(mean(r^2, 5) / mean(r^2, 60)) - 1", _REALISED, volatility_ratio),
        (
            "garman_klass_20",
            "sqrt(max(0, mean(ln(h / l)^2 / 2 - (2 ln 2 - 1) ln(c / o)^2, 20)))",
            "Garman, Klass, J. Business 53 (1980)",
            garman_klass,
        ),
        (
            "range_1",
            "ln(h / l)",
            "Parkinson, J. Business 53 (1980)",
            lambda bars: np.log(bars.high / bars.low),
        ),
        (
            "true_range_14",
            "mean(max(h, c[t-1]) - min(l, c[t-1]), 14) / c",
            "Wilder (1978): average true range, with a simple mean",
            true_range,
        ),
        ("body", "(c - o) / (h - l)", _CANDLE, body),
        ("upper_shadow", "(h - max(o, c)) / (h - l)", _CANDLE, upper_shadow),
        ("lower_shadow", "(min(o, c) - l) / (h - l)", _CANDLE, lower_shadow),
        (
            "volume_zscore_60",
            "(v - mean(v, 60)) / std(v, 60)",
            "Gervais, Kaniel, Mingelgrin, J. Finance 56 (2001): unusual volume",
            lambda bars: zscore(bars.volume, 60),
        ),
        (
            "volume_ratio_5_60",
            "(mean(v, 5) - mean(v, 60)) / (mean(v, 5) + mean(v, 60))",
            "Volume oscillator: Achelis, Technical Analysis from A to Z (1995), in a bounded form",
            volume_ratio,
        ),
        (
            "money_flow_20",
            "sum(v (2 c - h - l) / (h - l), 20) / sum(v, 20)",
            "Chaikin money flow: Achelis (1995)",
            money_flow,
        ),
        (
            "signed_volume_20",
            "sum(v sign(c[t] - c[t-1]), 20) / sum(v, 20)",
            "Granville, New Key to Stock Market Profits (1963): on-balance volume over a window",
            signed_volume,
        ),
        (
            "vwap_deviation_60",
            "c / (sum(v (h + l + c) / 3, 60) / sum(v, 60)) - 1",
            "Berkowitz, Logue, Noser, J. Finance 43 (1988): volume-weighted average price",
            vwap_deviation,
        ),
        ("day_sin", "sin(2 pi time of day at the close)", _CYCLE, lambda bars: np.sin(day_angle(bars))),
        ("day_cos", "cos(2 pi time of day at the close)", _CYCLE, lambda bars: np.cos(day_angle(bars))),
    )
)
"""The 31 features, in the order of the columns. See docs/features.md."""
