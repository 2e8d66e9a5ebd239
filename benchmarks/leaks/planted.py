"""Columns that know the future, in the ways in which it happens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

Columns = Iterator[tuple[str, pd.Series]]
HORIZON = 15


def planted_columns(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Every leak of every kind, float32; a name is `kind: leak`. Rows at the ends repeat the nearest value."""
    groups = {
        "returns and deviations 1, 2 or 5 bars early": shifted(table),
        "bar of 5, known from its beginning": longer_bar(table, 5),
        "bar of 15, known from its beginning": longer_bar(table, 15),
        "bar of 30, known from its beginning": longer_bar(table, 30),
        "bar of 60, known from its beginning": longer_bar(table, 60),
        "label or return of 1 to 60 bars": outcomes(table),
        "mean label of 15 or 30 bars": mean_labels(table, (15, 30)),
        "mean label of 60 bars": mean_labels(table, (60,)),
        "centred mean, slope or z-score": centred(table),
        "filled backwards or interpolated, every 5 or 15 bars": between(table, (5, 15)),
        "filled backwards or interpolated, every 60 bars": between(table, (60,)),
        "sign of the future return, right in 85 %": signs(table, seed),
        "future return with noise, right in 60 to 97 %": graded(table, (60, 70, 80, 90, 97), seed),
        "the same, right in 55 %": graded(table, (55,), seed),
    }
    columns = {f"{kind}: {name}": np.asarray(column, float) for kind, group in groups.items() for name, column in group}
    return pd.DataFrame(columns).ffill().bfill().astype(np.float32)


def future_return(close: pd.Series, bars: int) -> pd.Series:
    """The return over the next bars."""
    return close.shift(-bars) / close - 1


def shifted(table: pd.DataFrame) -> Columns:
    """A shift the wrong way, or a merge on the close time where the other side has the open time."""
    close = table.close
    for early in (1, 2, 5):
        yield f"return_1 by {early}", np.log(close / close.shift()).shift(-early)
        yield f"return_5 by {early}", np.log(close / close.shift(5)).shift(-early)
        yield f"deviation_20 by {early}", (close / close.rolling(20).mean() - 1).shift(-early)


def longer_bar(table: pd.DataFrame, bars: int) -> Columns:
    """A resampled bar, joined by its own label: each bar in it knows its end."""
    number = pd.Series(np.arange(len(table)) // bars)
    close, last = table.close, table.close.groupby(number).transform("last")
    high, low = table.high.groupby(number).transform("max"), table.low.groupby(number).transform("min")
    yield "close", last
    yield "close over close", last / close - 1
    yield "body", last / table.open.groupby(number).transform("first") - 1
    yield "place in range", (close - low) / (high - low + 1e-12)
    closes = close.groupby(number).last()
    yield "its deviation from 5", pd.Series((closes / closes.rolling(5).mean() - 1).reindex(number).to_numpy())


def outcomes(table: pd.DataFrame) -> Columns:
    """Labels and returns of this horizon and others, as columns."""
    for bars in (1, 3, 5, 15, 30, 60):
        found = future_return(table.close, bars)
        yield f"return of {bars}", found
        yield f"label of {bars}", (found > 0).astype(float)


def mean_labels(table: pd.DataFrame, lengths: tuple[int, ...]) -> Columns:
    """Target encoding over the whole file."""
    up = (future_return(table.close, HORIZON) > 0).astype(float)
    for bars in lengths:
        yield f"of {bars}", up.groupby(pd.Series(np.arange(len(table)) // bars)).transform("mean")


def centred(table: pd.DataFrame) -> Columns:
    """Smoothed with bars on both sides, or scaled with statistics of later bars."""
    close = table.close
    for bars in (5, 11, 21, 61):
        mean = close.rolling(bars, center=True).mean()
        yield f"mean {bars}", mean
        yield f"mean {bars} over close", mean / close
        yield f"slope {bars}", mean.diff() / close
    both, later = close.rolling(121, center=True), close[::-1].rolling(60)
    yield "z-score 121", (close - both.mean()) / both.std()
    yield "z-score of later 60", (close - later.mean()[::-1]) / later.std()[::-1]


def between(table: pd.DataFrame, lengths: tuple[int, ...]) -> Columns:
    """A value known every so many bars, with bfill or interpolate in between."""
    close, place = table.close, np.arange(len(table))
    for bars in lengths:
        known = close.where(place % bars == bars - 1)
        for name, filled in (("bfill", known.bfill()), ("interpolate", known.interpolate())):
            yield f"{name} {bars}", filled
            yield f"{name} {bars} over close", filled / close - 1


def signs(table: pd.DataFrame, seed: int) -> Columns:
    """The sign of the future return, wrong in 15 % of the bars, with a size that says nothing."""
    random = np.random.default_rng(seed)
    flips = np.where(random.random(len(table)) < 0.15, -1, 1)
    yield "sign", np.sign(future_return(table.close, HORIZON)) * flips * np.abs(random.standard_normal(len(table)))


def graded(table: pd.DataFrame, rights: tuple[int, ...], seed: int) -> Columns:
    """The future return with as much noise as leaves its sign right in so many percent of the bars."""
    future = future_return(table.close, HORIZON)
    noise = np.random.default_rng(seed).standard_normal(len(table))
    known = future.notna() & (future != 0)
    for right in rights:
        low, high = 0.0, 200.0
        for _ in range(50):
            size = (low + high) / 2
            column = future + size * future.std() * noise
            share = ((column > 0) == (future > 0))[known].mean()
            low, high = (size, high) if share > right / 100 else (low, size)
        yield f"{right} %", column
