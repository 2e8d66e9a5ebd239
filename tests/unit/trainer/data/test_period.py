"""Closed bars only: what stands in bars that had not closed by `until` changes nothing that is learnt from, or measured."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.later_bars import disturbed

from retrain_api.errors import DataError
from retrain_api.spec.data import Split
from retrain_api.time import Interval, Question, Windows
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.data.period import closed_rows, left_open
from retrain_trainer.data.windows import fit_scaling

ROWS, HORIZON, LOOKBACK = 260, 3, 4
FIRST = pd.Timestamp("2025-05-04T00:00:00Z")
NOW = pd.Timestamp("2026-11-28T12:00:00Z").value
INTERVALS = ("1m", "1h", "1d")


def candles(interval: str, rows: int = ROWS) -> pd.DataFrame:
    generator = np.random.default_rng(11)
    close = 50 * np.exp(np.cumsum(generator.normal(0, 0.002, rows)))
    opened = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(
                FIRST, periods=rows, freq=pd.Timedelta(Interval.parse(interval).nanoseconds, "ns")
            ),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": generator.exponential(3, rows),
            "wave": np.sin(np.arange(rows)),
            "market": "BTC-USD",
        }
    )


def read(folder: str | Path, table: pd.DataFrame, interval: str, until: int, **changes: Any) -> Dataset:
    path = Path(folder) / "features_BTC-USD_latest.parquet"
    table.to_parquet(path, index=False, row_group_size=64)
    asked = {"features": None, "built_in": True, "now": NOW} | changes
    question, windows = Question.parse(interval, HORIZON, "Drop"), Windows(LOOKBACK, Split())
    return load_dataset(path, symbol="BTC-USD", question=question, windows=windows, until=until, **asked)


def learnt(dataset: Dataset) -> dict[str, Any]:
    """All that a training or a measurement takes from a file, but the digest of its bytes and the count of what is left out."""
    labels, candles = dataset.labels, dataset.candles
    scaling = fit_scaling(dataset.values, dataset.split.train)
    arrays = {f"label {name}": values for name, values in vars(labels).items()}
    arrays |= {f"candle {name}": values for name, values in vars(candles).items()}
    arrays |= {"features": dataset.values, "mean": scaling.mean, "std": scaling.std}
    left_out = ("values", "candles", "labels", "sha256", "left_open")
    rest = {name: value for name, value in vars(dataset).items() if name not in left_out}
    return rest | {name: values.tobytes() for name, values in arrays.items()}


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, int, int]:
    """An interval, how many bars have closed, and a time by which they have: on a bar's close or anywhere inside the next bar."""
    interval = draw(st.sampled_from(INTERVALS))
    length, rows = Interval.parse(interval).nanoseconds, draw(st.integers(170, ROWS - 1))
    inside = draw(st.sampled_from([0, 1, length // 2, length - 1]))
    return interval, rows, FIRST.value + rows * length + inside


class TestTheLaw:
    @given(case=cases(), data=st.data())
    def test_disturbed_removed_or_appended_later_bars_change_nothing(
        self, case: tuple[str, int, int], data: st.DataObject
    ) -> None:
        interval, rows, until = case
        with TemporaryDirectory() as folder:
            before = read(folder, candles(interval), interval, until)
            after = read(folder, disturbed(candles(interval), rows, data), interval, until)
        assert before.candles.timestamps[-1] == FIRST.value + (rows - 1) * Interval.parse(interval).nanoseconds
        assert learnt(before) == learnt(after)

    @given(case=cases())
    def test_it_is_as_if_the_file_ended_there(self, case: tuple[str, int, int]) -> None:
        interval, rows, until = case
        with TemporaryDirectory() as folder:
            cut = read(folder, candles(interval), interval, until)
            short = read(folder, candles(interval)[:rows], interval, until)
        assert learnt(cut) == learnt(short)
        assert cut.left_open and not short.left_open

    @given(case=cases())
    def test_no_label_reads_a_close_after_until(self, case: tuple[str, int, int]) -> None:
        interval, _, until = case
        with TemporaryDirectory() as folder:
            dataset = read(folder, candles(interval), interval, until)
        length = Interval.parse(interval).nanoseconds
        labelled = np.isfinite(dataset.labels.future_return)
        assert (dataset.candles.timestamps + (HORIZON + 1) * length <= until)[labelled].all()
        assert not labelled[-HORIZON:].any() and labelled[-HORIZON - 1]


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("2025-05-04T04:00:00Z", "2025-05-04T03:59:00Z"),
        ("2025-05-04T03:59:59.999999999Z", "2025-05-04T03:58:00Z"),
        ("2025-05-04T03:59:00Z", "2025-05-04T03:58:00Z"),
        ("2025-05-04T04:19:59Z", "2025-05-04T04:18:00Z"),
        ("2025-05-05T00:00:00Z", "2025-05-04T04:19:00Z"),
    ],
    ids=["at a close", "just before it", "inside a bar", "the last one forms", "after the file"],
)
def test_a_bar_counts_from_its_close_on(tmp_path: Path, until: str, last: str) -> None:
    assert read(tmp_path, candles("1m"), "1m", pd.Timestamp(until).value).last_bar == last


def test_a_day_counts_from_midnight_on(tmp_path: Path) -> None:
    table = candles("1d")
    inside, over = (pd.Timestamp(text).value for text in ("2026-01-10T13:00:00Z", "2026-01-11T00:00:00Z"))
    assert read(tmp_path, table, "1d", inside).last_bar == "2026-01-09T00:00:00Z"
    assert read(tmp_path, table, "1d", over).last_bar == "2026-01-10T00:00:00Z"


def test_unset_it_is_the_clock(tmp_path: Path) -> None:
    forming = pd.Timestamp("2025-05-04T04:19:59Z").value
    dataset = read(tmp_path, candles("1m"), "1m", None, now=forming)  # type: ignore[arg-type]
    assert (dataset.last_bar, dataset.until) == ("2025-05-04T04:18:00Z", forming)
    assert not any("forming" in warning for warning in dataset.warnings)


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    one, many = (read(tmp_path, candles("1m"), "1m", pd.Timestamp(f"2025-05-04T04:{m}:30Z").value) for m in (19, 9))
    assert one.left_open == (
        "1 bar is left out: it opens at 2025-05-04T04:19:00Z and had not closed by 2025-05-04T04:19:30Z, the time as of which "
        "this run learns."
    )
    assert many.left_open.startswith("11 bars are left out: the first opens at 2025-05-04T04:09:00Z and had not closed")


@pytest.mark.parametrize("until", ["2025-05-04T01:10:00Z", "2020-01-01T00:00:00Z"])
def test_too_few_closed_bars_say_how_many_were_left_out(tmp_path: Path, until: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, candles("1m"), "1m", pd.Timestamp(until).value)
    assert caught.value.reason == "TooFewRows" and "bars are left out: the first opens at" in caught.value.message


def test_a_node_whose_clock_is_late_takes_no_closed_bar_for_a_future_one(tmp_path: Path) -> None:
    until = pd.Timestamp("2025-05-04T04:20:00Z").value
    late, early = (read(tmp_path, candles("1m"), "1m", until, now=clock) for clock in (0, 2**62))
    assert learnt(late) == learnt(early)


@given(rows=st.integers(0, 50), until=st.integers(-10, 60), length=st.sampled_from([1, 7]))
def test_the_cut_is_where_the_closes_say(rows: int, until: int, length: int) -> None:
    minute = Interval.parse("1m")
    times = np.arange(rows, dtype=np.int64) * minute.nanoseconds * length
    time = until * minute.nanoseconds
    cut = closed_rows(times, minute, time)
    assert (times[:cut] + minute.nanoseconds <= time).all() and (times[cut:] + minute.nanoseconds > time).all()
    assert bool(left_open(times, cut, time)) == (cut < rows)
