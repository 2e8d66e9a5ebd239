"""Three parts in time order that share no bar, not even through a window or a label."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from retrain_api.errors import ConfigurationError, DataError
from retrain_api.spec.data import Split as Parts
from retrain_api.time import Question, Windows, duration
from retrain_trainer.data.split import Split, rows_needed, split_rows

MINUTE = 60_000_000_000


def minutes(rows: int) -> np.ndarray:
    """Opening times of so many bars of a minute, without a gap."""
    return np.arange(rows, dtype=np.int64) * MINUTE


def asking(interval: str = "1m", horizon: int = 15) -> Question:
    return Question.parse(interval, horizon, "Drop")


def test_figures_of_a_plain_case():
    windows = Windows(60, Parts(validation_percent=15, test_percent=15))
    assert split_rows(minutes(1000), windows, asking()) == Split(slice(0, 550), slice(625, 775), slice(850, 1000))


def test_figures_of_parts_by_their_length_in_time():
    windows = Windows(60, Parts(validation="2h", test="240m"))
    assert split_rows(minutes(1000), windows, asking()) == Split(slice(0, 490), slice(565, 685), slice(760, 1000))


def test_a_percentage_beside_a_length_is_still_of_all_rows():
    windows = Windows(60, Parts(validation_percent=10, test="4h"))
    assert split_rows(minutes(1000), windows, asking()) == Split(slice(0, 510), slice(585, 685), slice(760, 1000))


def test_a_length_is_of_time_so_that_a_gap_leaves_fewer_bars():
    times = np.delete(minutes(1000), np.s_[800:900])
    split = split_rows(times, Windows(60, Parts(validation="2h", test="5h")), asking())
    assert split.test == slice(700, 900), "300 minutes before the end, of which 100 have no bar"
    assert split.validation == slice(505, 625)


shapes = st.fixed_dictionaries(
    {
        "validation_percent": st.integers(1, 50),
        "test_percent": st.integers(1, 50),
        "lookback": st.integers(1, 120),
        "horizon": st.integers(1, 40),
    }
).filter(lambda shape: shape["validation_percent"] + shape["test_percent"] <= 80)


def described(shape: dict[str, int]) -> tuple[Windows, Question]:
    """The windows and the question of a shape."""
    split = Parts(validation_percent=shape["validation_percent"], test_percent=shape["test_percent"])
    return Windows(shape["lookback"], split), asking(horizon=shape["horizon"])


@given(shape=shapes, more=st.integers(0, 5000))
def test_parts_are_in_order_with_a_purge_between_them_and_room_in_each(shape, more):
    rows = rows_needed(*described(shape)) + more
    split = split_rows(minutes(rows), *described(shape))
    purge = shape["lookback"] + shape["horizon"]
    assert split.train.start == 0
    assert split.validation.start - split.train.stop == purge
    assert split.test.start - split.validation.stop == purge
    assert split.test.stop == rows
    assert split.validation.stop - split.validation.start == rows * shape["validation_percent"] // 100
    assert split.test.stop - split.test.start == rows * shape["test_percent"] // 100
    for part in (split.train, split.validation, split.test):
        assert part.stop - part.start >= purge


@given(shape=shapes, rows=st.integers(0, 20_000))
def test_too_few_rows_says_how_many_are_there_and_how_many_are_needed(shape, rows):
    needed = rows_needed(*described(shape))
    assume(rows < needed)
    with pytest.raises(DataError) as refusal:
        split_rows(minutes(rows), *described(shape))
    assert refusal.value.reason == "TooFewRows"
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", refusal.value.message)]
    assert numbers == [rows, needed, shape["lookback"], shape["horizon"]]


@given(shape=shapes)
def test_no_more_rows_are_asked_for_than_needed(shape):
    rows = rows_needed(*described(shape)) - 1
    least = shape["lookback"] + shape["horizon"]
    shares = (shape["validation_percent"], shape["test_percent"])
    train_share = rows * (100 - sum(shares)) / 100 - 2 * least
    assert min(train_share, *(rows * share / 100 for share in shares)) < least


# Lengths of time

lengths = st.fixed_dictionaries(
    {
        "lookback": st.integers(1, 40),
        "horizon": st.integers(1, 20),
        "validation": st.none() | st.integers(0, 300),
        "test": st.none() | st.integers(0, 300),
    }
)


def timed(shape: dict[str, int | None]) -> tuple[Windows, Question]:
    """Parts of so many minutes more than the fewest, or of the default share."""
    least = shape["lookback"] + shape["horizon"]
    sizes = {part: f"{least + shape[part]}m" for part in ("validation", "test") if shape[part] is not None}
    return Windows(shape["lookback"], Parts(**sizes)), asking(horizon=shape["horizon"])


@given(shape=lengths, more=st.integers(0, 2000), missing=st.sets(st.integers(0, 4000), max_size=600))
def test_a_part_has_exactly_the_bars_of_its_length_before_its_end(shape, more, missing):
    windows, question = timed(shape)
    times = minutes(rows_needed(windows, question) + more)
    times = times[[row not in missing for row in range(len(times))]]
    try:
        split = split_rows(times, windows, question)
    except DataError as error:
        if missing and error.reason == "TooFewRows":
            return
        raise
    purge = windows.lookback + question.horizon
    assert split.test.stop == len(times)
    assert split.test.start - split.validation.stop == split.validation.start - split.train.stop == purge
    for name in ("validation", "test"):
        rows, length = getattr(split, name), duration(getattr(windows.split, name))
        if length is None:
            assert rows.stop - rows.start == len(times) * 15 // 100
            continue
        start = times[rows.stop - 1] + MINUTE - length.nanoseconds
        assert rows == slice(int((times < start).sum()), rows.stop)
    for rows in (split.train, split.validation, split.test):
        assert rows.stop - rows.start >= purge


@given(shape=lengths)
def test_one_row_fewer_than_needed_is_refused_and_so_many_are_not(shape):
    windows, question = timed(shape)
    needed = rows_needed(windows, question)
    split_rows(minutes(needed), windows, question)
    with pytest.raises(DataError, match=f"at least {needed:,} are needed"):
        split_rows(minutes(needed - 1), windows, question)


@given(offset=st.integers(0, 500), test=st.integers(60, 400))
def test_test_parts_of_runs_that_are_their_length_apart_share_no_bar(offset, test):
    windows = Windows(20, Parts(validation="1h", test=f"{test}m"))
    earlier = minutes(1500 + offset)
    later = minutes(1500 + offset + test)
    before, after = (times[split_rows(times, windows, asking()).test] for times in (earlier, later))
    assert before[-1] + MINUTE == after[0]


def refusal_of(windows: Windows, question: Question, rows: int = 5000, gap: slice = slice(0, 0)) -> tuple[str, str]:
    times = np.delete(np.arange(rows, dtype=np.int64) * question.interval.nanoseconds, gap)
    with pytest.raises((ConfigurationError, DataError)) as refusal:
        split_rows(times, windows, question)
    return refusal.value.reason, refusal.value.message


@pytest.mark.parametrize(
    ("windows", "interval", "message"),
    [
        (
            Windows(60, Parts(test="90m")),
            "1h",
            "split.test is 90m, which is no whole number of bars of 1h; write 1h or 2h.",
        ),
        (
            Windows(60, Parts(validation="30m")),
            "4h",
            "split.validation is 30m, which is no whole number of bars of 4h; write 4h.",
        ),
        (
            Windows(60, Parts(), duration("100m")),
            "15m",
            "data.window is 100m, which is no whole number of bars of 15m; write 90m or 105m.",
        ),
        (
            Windows(60, Parts(test="1h")),
            "1m",
            "split.test is 1h, which is 60 bars of 1m, and a lookback of 60 bars with a horizon of 15 needs at least 75; "
            "write 75m or more.",
        ),
        (
            Windows(60, Parts(validation="1d")),
            "1d",
            "split.validation is 1d, which is 1 bar of 1d, and a lookback of 60 bars with a horizon of 15 needs at least 75; "
            "write 75d or more.",
        ),
        (
            Windows(60, Parts(), duration("1h")),
            "1m",
            "data.window is 1h, which is 60 bars of 1m, and a lookback of 60 bars with a horizon of 15 needs at least 75; "
            "write 75m or more.",
        ),
    ],
)
def test_a_length_that_is_no_whole_bars_or_too_short_is_refused_with_one_that_is_right(windows, interval, message):
    assert refusal_of(windows, asking(interval)) == ("BadDuration", message)


@pytest.mark.parametrize(
    ("windows", "rows", "message"),
    [
        (
            Windows(60, Parts(test="1d")),
            1500,
            "There are 1,500 usable rows (warm-up rows of computed features not counted), and at least 1,959 are needed to "
            "split them for a lookback of 60 and a horizon of 15 bars with split.test 1d (1,440 bars); use a longer file, a "
            "shorter split.test or a smaller model.lookbackBars.",
        ),
        (
            Windows(60, Parts(validation="2h", test="1d")),
            1700,
            "There are 1,700 usable rows (warm-up rows of computed features not counted), and at least 1,785 are needed to "
            "split them for a lookback of 60 and a horizon of 15 bars with split.validation 2h (120 bars) and split.test 1d "
            "(1,440 bars); use a longer file, a shorter split.validation, a shorter split.test or a smaller model.lookbackBars.",
        ),
        (
            Windows(60, Parts(), duration("5h")),
            300,
            "There are 300 usable rows (warm-up rows of computed features not counted), and at least 500 are needed to "
            "split them for a lookback of 60 and a horizon of 15 bars; use a longer data.window than 5h or a smaller "
            "model.lookbackBars.",
        ),
    ],
)
def test_too_few_rows_names_the_fields_that_ask_for_them(windows, rows, message):
    assert refusal_of(windows, asking(), rows) == ("TooFewRows", message)


def test_a_part_that_gaps_leave_too_few_bars_of_is_refused_by_name():
    reason, message = refusal_of(Windows(60, Parts(test="2h")), asking(), 5000, np.s_[4890:4960])
    assert reason == "TooFewRows"
    assert message == (
        "The last 2h of the test rows have 50 bars, because of gaps, and a lookback of 60 bars with a horizon of 15 needs at "
        "least 75; use a longer split.test, or a file with fewer gaps."
    )
