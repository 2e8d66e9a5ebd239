"""`data.window`: the bars of a length of time before the last close, with features as if the file had no other end."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.errors import ConfigurationError, DataError
from retrain_api.spec.data import Split
from retrain_api.time import Duration, Interval, Question, Windows, duration
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.data.features.built_in import WARMUP_ROWS
from retrain_trainer.data.period import Window, require_covered
from retrain_trainer.data.windows import fit_scaling

ROWS, HORIZON, LOOKBACK = 700, 3, 4
FIRST = pd.Timestamp("2025-05-04T00:00:00Z")
NOW = pd.Timestamp("2026-11-28T12:00:00Z").value
MINUTE = 60_000_000_000
DAY = 1440 * MINUTE


def candles(rows: int = ROWS, freq: str = "1min") -> pd.DataFrame:
    """Candles, a column of one's own that is constant in the first half, and one that has no value there."""
    generator = np.random.default_rng(11)
    close = 50 * np.exp(np.cumsum(generator.normal(0, 0.002, rows)))
    opened = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(FIRST, periods=rows, freq=freq),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": generator.exponential(3, rows),
            "wave": np.sin(np.arange(rows)),
        }
    )


def read(
    folder: str | Path, table: pd.DataFrame, window: str | None, split: Split | None = None, **changes: Any
) -> Dataset:
    path = Path(folder) / "features_BTC-USD_latest.parquet"
    table.to_parquet(path, index=False, row_group_size=64)
    asked = {
        "features": None,
        "built_in": True,
        "now": NOW,
        "question": Question.parse("1m", HORIZON, "Drop"),
    } | changes
    return load_dataset(path, symbol="BTC-USD", windows=Windows(LOOKBACK, split or Split(), duration(window)), **asked)


def learnt(dataset: Dataset) -> dict[str, Any]:
    """All that a training or a measurement takes from a file, but the digest of its bytes and how the rows were asked for."""
    scaling = fit_scaling(dataset.values, dataset.split.train)
    arrays = {f"label {name}": values for name, values in vars(dataset.labels).items()}
    arrays |= {f"candle {name}": values for name, values in vars(dataset.candles).items()}
    arrays |= {"features": dataset.values, "mean": scaling.mean, "std": scaling.std}
    left_out = ("values", "candles", "labels", "sha256", "left_open", "until", "window")
    rest = {name: value for name, value in vars(dataset).items() if name not in left_out}
    return rest | {name: values.tobytes() for name, values in arrays.items()}


windows = st.integers(170, ROWS - WARMUP_ROWS)
"""Minutes of a window before which the file has its warm-up."""


class TestTheLaw:
    @given(minutes=windows, missing=st.sets(st.integers(0, ROWS - 2), max_size=120))
    def test_it_has_exactly_the_bars_that_open_in_it(self, minutes: int, missing: set[int]) -> None:
        table = candles().drop(index=sorted(missing))
        times = FIRST.value + table.index.to_numpy() * MINUTE
        inside = times[times >= times[-1] + MINUTE - minutes * MINUTE]
        with TemporaryDirectory() as folder:
            try:
                dataset = read(folder, table, f"{minutes}m", features=["wave"], built_in=False)
            except DataError as error:
                filled = times[-1] + MINUTE - inside[0]
                expected = {
                    "WindowNotCovered": 20 * filled < 19 * minutes * MINUTE,
                    "TooFewRows": True,
                    "NoWindows": True,
                }
                assert expected[error.reason]  # noqa: PT017
                return
        np.testing.assert_array_equal(dataset.candles.timestamps, inside)
        assert dataset.rows == len(inside)

    @given(minutes=windows)
    def test_its_features_are_those_of_the_longer_file_to_the_last_bit(self, minutes: int) -> None:
        with TemporaryDirectory() as folder:
            whole, part = (read(folder, candles(), window) for window in (None, f"{minutes}m"))
        assert part.rows == minutes
        assert part.names == whole.names
        assert part.values.tobytes() == whole.values[-minutes:].tobytes()

    @given(minutes=windows, factor=st.sampled_from([0.0, -1.0, np.nan, np.inf, 1e300]))
    def test_bars_before_its_warm_up_change_nothing(self, minutes: int, factor: float) -> None:
        table, kept = candles(), minutes + WARMUP_ROWS
        disturbed = table.copy()
        disturbed.loc[: ROWS - kept - 1, ["open", "high", "low", "close", "volume", "wave"]] *= factor
        with TemporaryDirectory() as folder:
            before, after, short = (
                learnt(read(folder, one, f"{minutes}m")) for one in (table, disturbed, table[ROWS - kept :])
            )
        assert before == after == short

    @given(rows=st.integers(300, ROWS))
    def test_a_window_as_long_as_the_file_is_none(self, rows: int) -> None:
        with TemporaryDirectory() as folder:
            table = candles(rows)
            assert learnt(read(folder, table, f"{rows}m")) == learnt(read(folder, table, None))

    @given(minutes=windows, more=st.integers(0, 30))
    def test_it_ends_at_the_last_bar_that_had_closed_and_not_at_the_clock(self, minutes: int, more: int) -> None:
        minutes = min(minutes, ROWS - WARMUP_ROWS - more)
        until = FIRST.value + (ROWS - more) * MINUTE + MINUTE // 2
        with TemporaryDirectory() as folder:
            then = read(folder, candles(), f"{minutes}m", until=until)
            late = read(folder, candles()[: ROWS - more], f"{minutes}m", until=until + 90 * DAY)
        assert learnt(then) == learnt(late)
        assert (then.rows, then.candles.timestamps[-1]) == (minutes, FIRST.value + (ROWS - more - 1) * MINUTE)

    @given(minutes=st.integers(400, ROWS - WARMUP_ROWS), test=st.integers(20, 100))
    def test_parts_by_their_length_lie_in_it(self, minutes: int, test: int) -> None:
        with TemporaryDirectory() as folder:
            dataset = read(folder, candles(), f"{minutes}m", Split(validation="30m", test=f"{test}m"))
        purge = LOOKBACK + HORIZON
        assert dataset.split.test == slice(minutes - test, minutes)
        assert dataset.split.validation == slice(minutes - test - purge - 30, minutes - test - purge)
        assert dataset.split.train == slice(0, minutes - test - 2 * purge - 30)


def test_where_the_file_has_less_warm_up_the_first_rows_of_the_window_are_cut(tmp_path: Path) -> None:
    dataset = read(tmp_path, candles(500), "480m")
    assert dataset.first_bar == "2025-05-04T01:00:00Z", "60 bars after the file's first, 40 after the window's"
    assert dataset.rows == 440


# WindowNotCovered


def refusal(table: pd.DataFrame, window: str, folder: Path, **changes: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(folder, table, window, **changes)
    return caught.value


@pytest.mark.parametrize(("rows", "refused"), [(950, False), (949, True), (1000, False), (400, True)])
def test_a_file_must_fill_95_percent_of_it(tmp_path: Path, rows: int, refused: bool) -> None:
    if refused:
        assert refusal(candles(rows), "1000m", tmp_path).reason == "WindowNotCovered"
    else:
        assert read(tmp_path, candles(rows), "1000m").rows == rows - WARMUP_ROWS


def test_the_refusal_has_the_figures_and_what_to_write(tmp_path: Path) -> None:
    error = refusal(candles(700), "2d", tmp_path)
    assert error.message == (
        "data.window asks for the 2d before 2025-05-04T11:40:00Z, the close of the last bar that is used, and "
        "features_BTC-USD_latest.parquet has bars from 2025-05-04T00:00:00Z on: that is 24.3 % of the window, and at least 95 % "
        "are needed. Give a longer file, or write data.window: 11h."
    )


def test_bars_before_the_window_do_not_fill_it(tmp_path: Path) -> None:
    table = candles(1100, "1h").drop(index=range(300, 450))
    error = refusal(table, "30d", tmp_path, question=Question.parse("1h", HORIZON, "Drop"))
    assert error.reason == "WindowNotCovered"
    assert "has bars from 2025-05-22T18:00:00Z on: that is 90.2 % of the window" in error.message
    assert error.message.endswith("write data.window: 27d.")


def test_a_column_without_values_in_the_window_is_named(tmp_path: Path) -> None:
    table = candles()
    table.loc[:399, "wave"] = np.nan
    error = refusal(table, "500m", tmp_path)
    assert error.reason == "WindowNotCovered"
    assert (
        "column 'wave' of features_BTC-USD_latest.parquet has values from 2025-05-04T06:40:00Z on: that is 60 %"
        in error.message
    )


def test_a_column_that_begins_in_the_window_is_told_of_in_its_rows(tmp_path: Path) -> None:
    table = candles()
    table.loc[:209, "wave"] = np.nan
    warnings = read(tmp_path, table, "500m").warnings
    assert (
        "The first 10 rows of data.window are cut, as the warm-up of built-in features is: column 'wave' has no value before "
        "row 210." in warnings
    )
    table = candles()
    table.loc[:199, "wave"] = np.nan
    assert not any("wave" in warning for warning in read(tmp_path, table, "500m").warnings), "its warm-up has no value"


def test_a_wrong_value_is_named_by_its_row_in_the_file(tmp_path: Path) -> None:
    table = candles()
    table.loc[500, "close"] = -1.0
    error = refusal(table, "400m", tmp_path)
    assert error.message.endswith(
        "in row 260 (2025-05-04T08:20:00Z); it must be above zero. Counted from 2025-05-04T04:00:00Z: row 0 here is row 240 "
        "of the file, where data.window and its warm-up begin."
    )


days = Window(Duration.parse("200d"), 60)


def covered(times: np.ndarray, window: Window = days, interval: str = "1h") -> DataError | None:
    try:
        require_covered(times, Interval.parse(interval), window, "file")
    except DataError as error:
        return error
    return None


def hours(*spans: tuple[float, float]) -> np.ndarray:
    """Bars of an hour in spans of days."""
    spanned = [np.arange(round(first * 24), round(last * 24), dtype=np.int64) * DAY // 24 for first, last in spans]
    return np.concatenate(spanned)


@pytest.mark.parametrize(
    ("times", "share"),
    [
        (hours((0, 200)), None),
        (hours((10, 200)), None),
        (hours((10.1, 200)), "94.9 %"),
        (hours((0, 100), (109, 200)), None),
        (hours((0, 100), (111, 200)), "94.5 %"),
        (hours((6, 100), (106, 200)), "94 %"),
        (
            np.sort(
                np.concatenate([hours(*((d + 0.4, d + 0.7) for d in range(200) if d % 7 < 5)), hours((199.9, 200))])
            ),
            None,
        ),
        (hours(*((d, d + 1) for d in range(0, 200, 2)), (199, 200)), None),
    ],
    ids=[
        "in full",
        "with 5 % missing before it",
        "with more than that",
        "with a hole of 9 days",
        "with one of 11 days",
        "both together",
        "a market that closes",
        "every other day",
    ],
)
def test_what_counts_is_the_time_before_the_first_bar_and_long_holes(times: np.ndarray, share: str | None) -> None:
    error = covered(times)
    assert (error is None) == (share is None)
    assert error is None or f"that is {share} of the window" in error.message


def test_a_hole_is_named_and_the_window_after_it_is_one_to_write() -> None:
    error = covered(hours((0, 50), (80, 100), (110, 200)))
    assert error is not None
    assert error.message == (
        "data.window asks for the 200d before 1970-07-20T00:00:00Z, the close of the last bar that is used, and file has bars "
        "from 1970-01-01T00:00:00Z on with 2 holes of more than 4 days, the last up to 1970-04-21T00:00:00Z: that is 80 % of "
        "the window, and at least 95 % are needed. Give a longer file, or write data.window: 90d."
    )


@given(
    rows=st.integers(1, 3000),
    asked=st.integers(1, 4000),
    interval=st.sampled_from(["1m", "7m", "1h", "4h", "1d"]),
)
def test_the_window_that_the_refusal_names_is_one_that_the_file_fills(rows: int, asked: int, interval: str) -> None:
    length = Interval.parse(interval)
    times = np.arange(rows, dtype=np.int64) * length.nanoseconds
    asked_for = f"{min(asked * int(interval[:-1]), 99_999)}{interval[-1]}"
    error = covered(times, Window(Duration.parse(asked_for), 60), interval)
    if error is None:
        return
    named = Duration.parse(error.message.rpartition("data.window: ")[2].rstrip("."))
    assert named.nanoseconds % length.nanoseconds == 0
    assert 0 < named.nanoseconds <= rows * length.nanoseconds
    assert covered(times, Window(named, 60), interval) is None


def test_a_window_of_no_whole_bars_is_refused_before_it_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"data\.window is 100m, which is no whole number of bars of 1h"):
        read(tmp_path, candles(400, "1h"), "100m", question=Question.parse("1h", HORIZON, "Drop"))
