"""Honest columns: the built-in features, and the kind of columns that people add of their own. Each knows closed bars only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from retrain_api.time import Interval
from retrain_trainer.data.features.built_in import compute
from retrain_trainer.data.features.selection import BUILT_IN_NAMES
from retrain_trainer.data.files.candles import Candles


def candles_of(table: pd.DataFrame) -> Candles:
    """The candles of a table of timestamp, open, high, low, close and volume."""
    times = table.timestamp.dt.tz_convert(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    return Candles(times, *(table[name].to_numpy(float) for name in ("open", "high", "low", "close", "volume")))


def honest_columns(table: pd.DataFrame, interval: Interval) -> pd.DataFrame:
    """31 built-in features and some 100 columns of one's own, float32; rows of warm-up hold zeros."""
    names, values, _ = compute(candles_of(table), interval, BUILT_IN_NAMES)
    built_in = pd.DataFrame(values, columns=list(names))
    groups = (
        lags(table),
        averages(table),
        oscillators(table),
        ranges(table),
        sizes(table),
        times(table),
        levels(table),
        closed_bars(table),
        joined_bars(table, interval),
    )
    own = {name: np.asarray(column, dtype=float) for group in groups for name, column in group}
    return pd.concat([built_in, pd.DataFrame(own)], axis=1).fillna(0.0).astype(np.float32)


Columns = Iterator[tuple[str, pd.Series]]


def lags(table: pd.DataFrame) -> Columns:
    """Values of earlier bars, as they were."""
    close = table.close
    for bars in (1, 5, 30):
        yield f"close_lag_{bars}", close.shift(bars)
    for bars in (1, 2, 3, 5, 10, 15, 30, 60):
        yield f"return_lag_{bars}", np.log(close / close.shift()).shift(bars)
    yield "volume_lag_1", table.volume.shift()
    yield "range_lag_1", ((table.high - table.low) / close).shift()


def averages(table: pd.DataFrame) -> Columns:
    """Moving averages, as a price and as a distance from it."""
    close = table.close
    for bars in (5, 12, 26, 100, 200):
        mean = close.ewm(span=bars).mean()
        yield f"ema_{bars}", mean
        yield f"ema_gap_{bars}", close / mean - 1
    for bars in (5, 10, 20, 50, 100):
        mean, deviation = close.rolling(bars).mean(), close.rolling(bars).std()
        yield f"mean_{bars}", mean
        yield f"mean_gap_{bars}", close / mean - 1
        yield f"bollinger_{bars}", (close - mean) / (2 * deviation + 1e-12)
    weighted = (close * table.volume).rolling(30).sum() / (table.volume.rolling(30).sum() + 1e-12)
    yield "vwap_gap_30", close / weighted - 1
    macd = close.ewm(span=12).mean() - close.ewm(span=26).mean()
    yield "macd", macd
    yield "macd_histogram", macd - macd.ewm(span=9).mean()
    yield "above_median_10", np.sign(close - close.rolling(10, min_periods=1).median())
    yield "zscore_200", (close - close.rolling(200).mean()) / (close.rolling(200).std() + 1e-12)


def oscillators(table: pd.DataFrame) -> Columns:
    """RSI, CCI, money flow, Aroon, streaks and ranks."""
    close, high, low, volume = table.close, table.high, table.low, table.volume
    move = close.diff().fillna(0)
    for bars in (7, 14, 30):
        up, down = (part.clip(lower=0).ewm(alpha=1 / bars).mean() for part in (move, -move))
        yield f"rsi_{bars}", 100 * up / (up + down + 1e-12)
    typical = (high + low + close) / 3
    mean = typical.rolling(20).mean()
    yield "cci_20", (typical - mean) / ((typical - mean).abs().rolling(20).mean() + 1e-12)
    flow = typical * volume
    gain, loss = (flow.where(side, 0).rolling(14).sum() for side in (typical.diff() > 0, typical.diff() < 0))
    yield "mfi_14", gain / (gain + loss + 1e-12)
    yield "aroon_25", high.rolling(25).apply(np.argmax, raw=True) - low.rolling(25).apply(np.argmin, raw=True)
    side = np.sign(move)
    yield "streak", side.groupby((side != side.shift()).cumsum()).cumsum()
    for bars in (14, 60):
        yield f"rank_{bars}", close.rolling(bars).rank(pct=True)
    yield "autocovariance_60", (np.log(close).diff() * np.log(close).diff().shift()).rolling(60).mean()


def ranges(table: pd.DataFrame) -> Columns:
    """Where the close lies in the range of the last bars and of the day so far."""
    close, high, low = table.close, table.high, table.low
    for bars in (14, 40, 100, 300):
        top, bottom = high.rolling(bars, min_periods=1).max(), low.rolling(bars, min_periods=1).min()
        yield f"stochastic_{bars}", (close - bottom) / (top - bottom + 1e-12)
        yield f"width_{bars}", (top - bottom) / close
    yield "breakout_20", (close > high.rolling(20).max().shift()).astype(float)
    yield "tenkan_9", ((high.rolling(9).max() + low.rolling(9).min()) / 2 - close) / close
    day = table.timestamp.dt.date
    yield "below_high_of_day", close / high.groupby(day).cummax() - 1
    yield "above_low_of_day", close / low.groupby(day).cummin() - 1
    yield "since_open_of_day", close / table.open.groupby(day).transform("first") - 1
    value, volume = ((high + low + close) / 3 * table.volume).groupby(day).cumsum(), table.volume.groupby(day).cumsum()
    yield "vwap_of_day", close / (value / (volume + 1e-12)) - 1


def sizes(table: pd.DataFrame) -> Columns:
    """How large and how lopsided moves are."""
    step = np.log(table.close).diff()
    spread = table.high - table.low
    yield "size_30", step.abs().ewm(span=30).mean()
    yield "size_ratio_10_100", step.rolling(10).std() / (step.rolling(100).std() + 1e-12)
    yield "true_range_ratio", spread / (spread.rolling(14).mean() + 1e-12)
    yield "skew_60", step.rolling(60).skew()
    yield "kurtosis_60", step.rolling(60).kurt()
    yield "body_sign", np.sign(table.close - table.open)
    for bars in (3, 60, 240):
        yield f"return_last_{bars}", np.log(table.close / table.close.shift(bars))


def times(table: pd.DataFrame) -> Columns:
    """Time of day, week and month."""
    yield "minute", table.timestamp.dt.minute
    yield "hour", table.timestamp.dt.hour
    yield "weekday", table.timestamp.dt.day_of_week
    yield "day_of_month", table.timestamp.dt.day
    turn = 2 * np.pi * (table.timestamp.dt.hour + table.timestamp.dt.minute / 60) / 24
    yield "hour_sine", np.sin(turn)
    yield "hour_cosine", np.cos(turn)


def levels(table: pd.DataFrame) -> Columns:
    """Columns that move slowly, or hold nothing at all."""
    random = np.random.default_rng(7)
    close, rows = table.close, len(table)
    yield "price", close
    yield "part_of_a_dollar", close % 1
    yield "above_one", (close > 1).astype(float)
    yield "obv", (np.sign(close.diff().fillna(0)) * table.volume).cumsum()
    yield "log_volume", np.log1p(table.volume)
    yield "row", pd.Series(np.arange(rows))
    yield "noise", pd.Series(random.standard_normal(rows))
    yield "random_walk", pd.Series(random.standard_normal(rows).cumsum())


def closed_bars(table: pd.DataFrame) -> Columns:
    """Longer bars, joined after they have closed."""
    close = table.close
    for bars in (5, 15, 60):
        number = np.arange(len(close)) // bars
        last = close.groupby(number).last()
        yield f"closed_{bars}", close / last.shift(1).reindex(number).to_numpy() - 1
        yield f"closed_return_{bars}", pd.Series((last.shift(1) / last.shift(2) - 1).reindex(number).to_numpy())


def joined_bars(table: pd.DataFrame, interval: Interval) -> Columns:
    """Bars of an hour, four hours and a day, joined by the time at which they close: what a careful merge_asof gives."""
    known_at = table.timestamp + pd.Timedelta(interval.nanoseconds, "ns")
    for length in ("1h", "4h", "1D"):
        bars = table.groupby(table.timestamp.dt.floor(length)).agg({"high": "max", "low": "min", "close": "last"})
        bars = bars.assign(mean=bars.close.ewm(span=10).mean(), move=bars.close.pct_change())
        bars["known_at"] = bars.index + pd.Timedelta(length)
        joined = pd.merge_asof(pd.DataFrame({"known_at": known_at}), bars, on="known_at")
        yield f"joined_close_{length}", joined.close / table.close - 1
        yield f"joined_return_{length}", joined.move
        yield f"joined_mean_{length}", joined["mean"] / table.close - 1
        yield f"joined_place_{length}", (table.close - joined.low) / (joined.high - joined.low + 1e-12)
