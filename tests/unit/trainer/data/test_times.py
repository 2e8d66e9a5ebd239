"""The three times of a model are closes of bars: in order, not after the last bar, and none of them too early."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrain_api.errors import DataError
from retrain_api.spec.data import Split
from retrain_api.time import Question, Ties, Windows
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.dataset import Dataset
from retrain_trainer.data.files.candles import Candles
from retrain_trainer.data.labels import label
from retrain_trainer.data.split import split_rows
from retrain_trainer.data.times import decided_after, times_of
from retrain_trainer.data.windows import window_ends

FIRST = np.datetime64("2026-01-01T00:00:00", "ns").astype(np.int64)
PARTS = ("train", "validation", "test")


def dataset(close: list[float], bars: list[int], interval: str, horizon: int, ties: Ties, lookback: int) -> Dataset:
    """Bars with these closes, at these numbers of intervals after the first of January."""
    question = Question.parse(interval, horizon, ties)
    prices, rows = np.array(close), len(close)
    times = FIRST + np.array(bars, dtype=np.int64) * question.interval.nanoseconds
    return Dataset(
        symbol="BTC-USD",
        question=question,
        names=("one",),
        values=np.zeros((rows, 1), dtype=np.float32),
        candles=Candles(times, *(prices,) * 5),
        labels=label(prices, times, question),
        split=split_rows(times, Windows(lookback, Split()), question),
        gaps=0,
        dropped=(),
        sha256="",
        first_bar=iso_time(times[0]),
        last_bar=iso_time(times[-1]),
        rows=rows,
        warnings=(),
    )


def ns(text: str | None) -> int:
    assert text is not None
    return int(np.datetime64(text.removesuffix("Z"), "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("interval", "horizon", "trained", "known", "tested"),
    [
        # 400 rows: train to row 273, validation 277 to 336, test 340 to 399, with a lookback of 2 (purges of lookback + horizon).
        ("1m", 1, "2026-01-01T04:35:00Z", "2026-01-01T05:38:00Z", "2026-01-01T06:40:00Z"),
        ("1h", 1, "2026-01-12T11:00:00Z", "2026-01-15T02:00:00Z", "2026-01-17T16:00:00Z"),
        ("1d", 1, "2026-10-03T00:00:00Z", "2026-12-05T00:00:00Z", "2027-02-05T00:00:00Z"),
        ("1d", 15, "2026-09-19T00:00:00Z", "2026-12-05T00:00:00Z", "2027-02-05T00:00:00Z"),
    ],
)
def test_each_is_the_close_of_the_bar_that_decides(
    interval: str, horizon: int, trained: str, known: str, tested: str
) -> None:
    found = times_of(dataset([1.0 + i for i in range(400)], list(range(400)), interval, horizon, "Drop", 2), 2)
    assert (found.trained_until, found.known_until, found.tested_until) == (trained, known, tested)


def test_the_last_judged_outcome_counts_and_not_the_last_row() -> None:
    """A row after a gap at the end is judged by nothing, and a flat bar has no label."""
    rising, numbers = [1.0 + i for i in range(400)], list(range(400))
    whole = times_of(dataset(rising, numbers, "1m", 1, "Drop", 2), 2)
    stray = times_of(dataset(rising, [*numbers[:-1], 10_000], "1m", 1, "Drop", 2), 2)
    flat = times_of(dataset([*rising[:-1], rising[-2]], numbers, "1m", 1, "Drop", 2), 2)
    assert (
        ns(whole.tested_until) - ns(stray.tested_until) == ns(whole.tested_until) - ns(flat.tested_until) == 60 * 10**9
    )


@st.composite
def datasets(draw: st.DrawFn) -> tuple[Dataset, int]:
    rows, lookback, horizon = draw(st.integers(120, 400)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7], rows) if draw(st.booleans()) else np.ones(rows, dtype=int)
    close = 50.0 + rng.integers(0, draw(st.sampled_from([2, 3, 1000])), rows)
    interval, ties = draw(st.sampled_from(["1m", "1h", "1d"])), draw(st.sampled_from(["Drop", "Down"]))
    try:
        found = dataset(close.tolist(), np.cumsum(steps).tolist(), interval, horizon, ties, lookback)
    except DataError:
        assume(False)
    return found, lookback


@given(datasets(), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_they_are_in_order_and_no_label_of_a_part_reads_a_later_close(case: tuple[Dataset, int], seed: int) -> None:
    made, lookback = case
    split, labels, times = made.split, made.labels.values, made.candles.timestamps
    ends = {part: window_ends(times, made.question.interval, lookback, getattr(split, part), labels) for part in PARTS}
    assume(all(found.size for found in ends.values()))
    found = times_of(made, lookback)
    until = [ns(found.trained_until), ns(found.known_until), ns(found.tested_until)]
    closes = times + made.question.interval.nanoseconds
    assert until[0] < until[1] < until[2] <= closes[-1]
    for part, end in zip(PARTS, until, strict=True):
        assert int(times[ends[part][-1]]) + decided_after(made.question) <= end
        assert (disturbed(made, closes > end, seed)[ends[part]] == labels[ends[part]]).all()
    assert (disturbed(made, closes > until[0], seed)[split.train][labels[split.train] >= 0] >= 0).all()


def disturbed(made: Dataset, where: NDArray[np.bool_], seed: int) -> NDArray[np.int8]:
    """The labels over other prices at some of the bars."""
    close = made.candles.close.copy()
    close[where] = np.random.default_rng(seed).uniform(1, 2000, int(where.sum()))
    return label(close, made.candles.timestamps, made.question).values
