"""Every kind of leak is named, and no honest column: on real candles, because random walks are too easy on a guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrain_api.time import Interval
from retrain_trainer.data.features.built_in import compute
from retrain_trainer.data.features.selection import BUILT_IN_NAMES
from retrain_trainer.data.files.candles import Candles, read_feature_file
from retrain_trainer.measure.leaks.look_ahead import FEWEST_ROWS, LookAhead, Reading, look_ahead, next_bar

ROWS, BEFORE, AFTER = 8_000, 300, 300
MINUTE = Interval.parse("1m")
DATA = Path(__file__).resolve().parents[5] / "examples" / "data"
Column = NDArray[np.float64]


@cache
def candles(symbol: str = "BTC", rows: int = BEFORE + ROWS + AFTER) -> Candles:
    found = read_feature_file(DATA / f"candles_{symbol}-USD_1m.parquet", MINUTE, ["close"]).candles
    return cut(found, slice(30_000, 30_000 + rows))


def cut(found: Candles, rows: slice) -> Candles:
    parts = (found.timestamps, found.open, found.high, found.low, found.close, found.volume)
    return Candles(*(None if part is None else part[rows] for part in parts))  # type: ignore[arg-type]


def read(
    columns: dict[str, Column], of: Candles | None = None, rows: slice = slice(BEFORE, BEFORE + ROWS)
) -> LookAhead:
    values = np.column_stack(list(columns.values())).astype(np.float32)
    return look_ahead(of or candles(), MINUTE, list(columns), values, rows)


def shifted(values: pd.Series, early: int = 1) -> pd.Series:
    return values.shift(-early)


def future(close: pd.Series, bars: int) -> pd.Series:
    return close.shift(-bars) / close - 1


def bar_of(bars: int, table: pd.DataFrame, column: str, how: str) -> pd.Series:
    return table[column].groupby(np.arange(len(table)) // bars).transform(how)


def every(bars: int, close: pd.Series) -> pd.Series:
    """The close of each so many bars, and nothing between."""
    return close.where(np.arange(len(close)) % bars == bars - 1)


def right_in(share: float, table: pd.DataFrame, bars: int = 15, seed: int = 0) -> pd.Series:
    """The future return with so much normal noise that the sign is right in this share: arcsin(correlation) = pi (share - 1/2)."""
    known = future(table.close, bars)
    correlation = np.sin(np.pi * (share - 0.5))
    # Returns have heavier tails than a normal, so the sign of a typical one drowns sooner: less noise is needed for the same share.
    low, high, noise = 0.0, 2 / correlation, np.random.default_rng(seed).standard_normal(len(table)) * known.std()
    for _ in range(40):
        size = (low + high) / 2
        rate = ((known + size * noise > 0) == (known > 0))[known.notna() & (known != 0)].mean()
        low, high = (size, high) if rate > share else (low, size)
    return known + size * noise


def half_hour_mean(table: pd.DataFrame) -> pd.Series:
    return (future(table.close, 15) > 0).astype(float).groupby(np.arange(len(table)) // 30).transform("mean")


def flipped_sign(table: pd.DataFrame) -> pd.Series:
    random = np.random.default_rng(0)
    return (
        np.sign(future(table.close, 15)) * np.where(random.random(len(table)) < 0.15, -1, 1) * random.random(len(table))
    )


LEAKS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "a return one bar early": lambda t: shifted(np.log(t.close).diff()),
    "a return five bars early": lambda t: shifted(np.log(t.close).diff(), 5),
    "a deviation one bar early": lambda t: shifted(t.close / t.close.rolling(20).mean() - 1),
    "a 5-minute close from its beginning": lambda t: bar_of(5, t, "close", "last") / t.close,
    "a 5-minute close as a price": lambda t: bar_of(5, t, "close", "last"),
    "a place in the 5-minute range": lambda t: (t.close - bar_of(5, t, "low", "min")) / bar_of(5, t, "high", "max"),
    "a 15-minute body from its beginning": lambda t: bar_of(15, t, "close", "last") / bar_of(15, t, "open", "first"),
    "an hour's close from its beginning": lambda t: bar_of(60, t, "close", "last") / t.close,
    "a centred mean": lambda t: t.close.rolling(21, center=True).mean() / t.close,
    "a slope of a centred mean": lambda t: t.close.rolling(21, center=True).mean().diff(),
    "a z-score of the file's later bars": lambda t: (t.close - t.close[::-1].rolling(60).mean()) / t.close,
    "filled backwards": lambda t: every(15, t.close).bfill(),
    "interpolated": lambda t: every(15, t.close).interpolate() / t.close,
    "a label": lambda t: (future(t.close, 15) > 0).astype(float),
    "a label of another horizon": lambda t: (future(t.close, 60) > 0).astype(float),
    "a return of another horizon": lambda t: future(t.close, 3),
    "a mean label": half_hour_mean,
    "a sign that is right in 85 %": flipped_sign,
    "a future return that is right in 70 %": lambda t: right_in(0.70, t),
    "a future return that is right in 60 %": lambda t: right_in(0.60, t),
    "a future return that is right in 55 %": lambda t: right_in(0.55, t),
}


def table(of: Candles) -> pd.DataFrame:
    columns = {"open": of.open, "high": of.high, "low": of.low, "close": of.close, "volume": of.volume}
    return pd.DataFrame(columns)


@pytest.fixture(scope="module", params=["BTC", "ETH", "SOL"])
def leaks(request: pytest.FixtureRequest) -> set[str]:
    """The leaks that are Suspect on one market."""
    of = candles(request.param)
    columns = {name: leak(table(of)).ffill().bfill().to_numpy() for name, leak in LEAKS.items()}
    return {reading.name for reading in read(columns, of).suspects}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_suspect_at_8_000_rows(leaks: set[str], name: str) -> None:
    assert name in leaks


def honest(of: Candles) -> dict[str, Column]:
    names, values, _ = compute(of, MINUTE, BUILT_IN_NAMES)
    frame, random = table(of), np.random.default_rng(1)
    own = {
        "price": frame.close,
        "ema": frame.close.ewm(span=26).mean(),
        "obv": (np.sign(frame.close.diff().fillna(0)) * frame.volume).cumsum(),
        "row": np.arange(len(frame)),
        "noise": random.standard_normal(len(frame)),
        "walk": random.standard_normal(len(frame)).cumsum(),
        "the last closed hour": every(60, frame.close).ffill().bfill(),
        "a flag that is raised once": (np.arange(len(frame)) > 4_000).astype(float),
        "a flag that is almost never raised": (np.arange(len(frame)) == 4_000).astype(float),
    }
    columns = {name: values[:, column].astype(float) for column, name in enumerate(names)}
    return columns | {name: np.asarray(column, float) for name, column in own.items()}


@pytest.mark.parametrize("symbol", ["BTC", "ETH", "SOL"])
@pytest.mark.parametrize("rows", [2_000, 4_000, 8_000])
def test_no_honest_column_is_suspect(symbol: str, rows: int) -> None:
    of = candles(symbol)
    found = read(honest(of), of, slice(BEFORE, BEFORE + rows))
    assert found.measured and len(found.readings) == len(BUILT_IN_NAMES) + 9
    assert found.suspects == () and found.sentences() == ()


# Laws


@cache
def some_columns() -> dict[str, Column]:
    of = candles(rows=3_000)
    step = np.diff(np.log(of.close), prepend=np.log(of.close[0]))
    return {"honest": step, "early": np.append(step[1:], 0.0), "price": of.close}


TRAIN = slice(100, 2_400)


@settings(max_examples=8, deadline=None)
@given(st.integers(TRAIN.stop, 2_990), st.floats(0.5, 2.0), st.integers(0, 99))
def test_no_bar_after_the_train_part_and_none_before_it_changes_a_reading(
    later: int, factor: float, earlier: int
) -> None:
    of = candles(rows=3_000)
    changed = {name: column.copy() for name, column in some_columns().items()}
    close, volume = of.close.copy(), of.volume.copy() if of.volume is not None else None
    for values in (close, *changed.values()):
        values[later:] *= factor
        values[:earlier] *= factor
    other = replace(of, close=close, volume=volume)
    assert read(changed, other, TRAIN) == read(some_columns(), of, TRAIN)


@settings(max_examples=8, deadline=None)
@given(st.floats(1e-3, 1e3), st.booleans(), st.floats(-10, 10))
def test_a_column_reads_the_same_in_any_unit_so_it_may_be_scaled(size: float, turned: bool, offset: float) -> None:
    """A scaling is fitted on the train rows and applied in place before anything is measured."""
    of, columns = candles(rows=3_000), some_columns()
    scaled = {name: (-size if turned else size) * (column / column.std() + offset) for name, column in columns.items()}
    for before, after in zip(read(columns, of, TRAIN).readings, read(scaled, of, TRAIN).readings, strict=True):
        assert (before.name, before.suspect) == (after.name, after.suspect)
        assert after.next_share == pytest.approx(before.next_share, abs=2e-3)


def test_a_function_of_closed_bars_reads_the_same_whatever_comes_later() -> None:
    """Not by the column's values alone: the market of later bars may do what it likes."""
    of = candles(rows=3_000)
    turned = replace(of, close=np.concatenate([of.close[: TRAIN.stop], of.close[: TRAIN.stop - 1 : -1]]))
    columns = {"deviation": (table(of).close / table(of).close.rolling(20).mean() - 1).bfill().to_numpy()}
    assert read(columns, of, TRAIN) == read(columns, turned, TRAIN)


# Borders


def test_closes_are_enough() -> None:
    of = candles(rows=3_000)
    bare = replace(of, open=None, high=None, low=None, volume=None)
    found = read(some_columns(), bare, TRAIN)
    assert [reading.name for reading in found.suspects] == ["early"]


@pytest.mark.parametrize("rows", [0, 1, 150, FEWEST_ROWS - 1])
def test_with_few_rows_nothing_is_measured(rows: int) -> None:
    found = read(some_columns(), candles(rows=3_000), slice(0, rows))
    assert (found.measured, found.rows, found.readings, found.sentences()) == (False, 0, (), ())
    assert read(some_columns(), candles(rows=3_000), slice(0, FEWEST_ROWS)).measured


def test_a_return_across_a_gap_is_not_looked_at() -> None:
    """A market that closes: the night's return would be the largest, and its bars are no neighbours."""
    of, early = candles(rows=3_000), some_columns()["early"]
    opening = np.arange(3_000) // 390
    nights = replace(of, timestamps=of.timestamps + opening * 17 * 3_600 * 10**9)
    close = of.close * np.exp(np.cumsum(np.append(0, np.diff(opening)) * 0.02))
    only_nights = np.append(np.diff(opening) * 0.02, 0.0)
    found = read({"early": early, "knows the nights": only_nights}, replace(nights, close=close), TRAIN)
    assert [reading.name for reading in found.suspects] == ["early"]
    assert found.rows < read({"early": early}, of, TRAIN).rows
    apart = replace(of, timestamps=of.timestamps * 2)
    assert not read({"early": early}, apart, TRAIN).measured, "no bar has a neighbour"


def test_a_flat_market_and_a_constant_column_read_nothing() -> None:
    of = candles(rows=3_000)
    flat = replace(of, open=np.ones(3_000), high=np.ones(3_000), low=np.ones(3_000), close=np.ones(3_000))
    columns = some_columns() | {"constant": np.full(3_000, 7.0)}
    assert read(columns, flat, TRAIN).suspects == ()
    assert [reading.name for reading in read(columns, of, TRAIN).suspects] == ["early"]


def test_the_bar_grows_with_the_noise_of_few_rows_and_where_past_bars_tell_much() -> None:
    assert next_bar(8_000) == next_bar(20_000) < next_bar(4_000) < next_bar(2_000)
    assert (
        next_bar(8_000, -0.01) == next_bar(8_000) < next_bar(8_000, 0.05) < next_bar(8_000, 0.1) == next_bar(8_000, 0.9)
    )


# What is said


def suspect(name: str, severity: float = 2.0) -> Reading:
    return Reading(name, 0.28765, 31.4159, 0.0123456, 12.3456, severity)


def test_the_worst_column_is_named_the_others_are_counted_and_the_causes_follow() -> None:
    (one,) = LookAhead(8_000, (suspect("close_5m"), suspect("honest", 0.1))).sentences()
    assert one == (
        "Column 'close_5m' knows later bars (28.8 % of the next return, honest columns 1 %): a longer bar joined before it closed, a "
        "centred mean, a wrong shift or a label"
    )
    (three,) = LookAhead(8_000, tuple(suspect(name) for name in "abc")).sentences()
    assert three.startswith("Column 'a' and 2 more know later bars (28.8 %")
    (late,) = LookAhead(8_000, (Reading("slow", 0.004, 4.0, 0.412, 9.0, 8.2),)).sentences()
    assert "(41.2 % of the next returns, honest columns 5 %)" in late


@pytest.mark.parametrize("name", ["x" * 1_000, "\N{SNOWMAN}" * 1_000, "'\"\\" * 400])
def test_a_long_name_leaves_room_for_the_causes(name: str) -> None:
    (sentence,) = LookAhead(8_000, (suspect(name),) * 2_000).sentences()
    assert len(sentence) <= 240 and sentence.endswith("a wrong shift or a label")


def test_the_document_has_three_digits_and_the_worst_columns() -> None:
    many = tuple(suspect(f"c{number}", 2 if number < 12 else 0.5) for number in range(40))
    found = LookAhead(8_000, many).as_document()
    assert (found["rows"], found["suspects"], len(found["columns"])) == (8_000, 12, 12)
    assert found["columns"][0] == {
        "name": "c0",
        "nextShare": 0.288,
        "nextDeviations": 31.4,
        "laterShare": 0.0123,
        "laterT": 12.3,
        "suspect": True,
    }
