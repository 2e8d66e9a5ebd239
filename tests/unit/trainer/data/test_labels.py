"""A label is the direction of the close so many bars later, and is unknown where those bars are not there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.time import Question
from retrain_trainer.data.labels import label

MINUTE = 60_000_000_000


def bars(*closes: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array(closes, dtype=np.float64), np.arange(len(closes), dtype=np.int64) * MINUTE


@pytest.mark.parametrize(
    ("ties", "expected"),
    [("Drop", [1, -1, 0, 1, -1]), ("Down", [1, 0, 0, 1, -1])],
)
def test_direction_of_the_next_close(ties, expected):
    labels = label(*bars(1.0, 2.0, 2.0, 1.0, 4.0), Question.parse("1m", 1, ties))
    assert labels.values.tolist() == expected
    assert labels.values.dtype == np.int8
    assert labels.flat.tolist() == [False, True, False, False, False]
    np.testing.assert_array_equal(labels.future_return, [1.0, 0.0, -0.5, 3.0, np.nan])


def test_longer_horizon_compares_with_that_bar_alone():
    labels = label(*bars(5.0, 1.0, 9.0, 6.0, 1.0), Question.parse("1m", 3, "Drop"))
    assert labels.values.tolist() == [1, -1, -1, -1, -1]
    assert labels.flat.tolist() == [False, True, False, False, False]


def test_no_label_spans_a_gap():
    close, timestamps = bars(1.0, 2.0, 3.0, 4.0, 5.0)
    timestamps[3:] += MINUTE
    labels = label(close, timestamps, Question.parse("1m", 2, "Down"))
    assert labels.values.tolist() == [1, -1, -1, -1, -1]
    assert np.isnan(labels.future_return[1:]).all()


def test_a_flat_bar_across_a_gap_is_not_known_to_be_flat():
    close, timestamps = bars(2.0, 2.0, 2.0)
    timestamps[1:] += MINUTE
    assert label(close, timestamps, Question.parse("1m", 1, "Down")).flat.tolist() == [False, True, False]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_horizon_past_the_end_labels_nothing(rows):
    labels = label(*bars(*[1.0] * rows), Question.parse("1m", 3, "Down"))
    assert labels.values.tolist() == [-1] * rows
    assert np.isnan(labels.future_return).all()


@given(
    steps=st.lists(st.sampled_from([1, 1, 1, 2, 7]), min_size=1, max_size=60),
    closes=st.lists(st.sampled_from([1.0, 1.5, 2.0]), min_size=61, max_size=61),
    horizon=st.integers(1, 8),
    ties=st.sampled_from(["Drop", "Down"]),
)
def test_every_label_is_what_its_two_bars_say(steps, closes, horizon, ties):
    timestamps = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64) * MINUTE
    close = np.array(closes[: len(timestamps)])
    labels = label(close, timestamps, Question.parse("1m", horizon, ties))
    for row in range(len(close)):
        reached = row + horizon < len(close) and all(step == 1 for step in steps[row : row + horizon])
        if not reached:
            assert labels.values[row] == -1
            assert np.isnan(labels.future_return[row])
            continue
        change = close[row + horizon] / close[row] - 1
        assert labels.future_return[row] == change
        assert labels.flat[row] == (change == 0)
        assert labels.values[row] == (-1 if change == 0 and ties == "Drop" else int(change > 0))
