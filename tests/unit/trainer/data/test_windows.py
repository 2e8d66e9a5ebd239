"""Windows lie whole in their part and in time; scaling knows the train rows and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.spec.data import Split
from retrain_api.time import Interval, Question, Windows
from retrain_trainer.data.labels import label
from retrain_trainer.data.split import rows_needed, split_rows
from retrain_trainer.data.windows import fit_scaling, window_ends

MINUTE = 60_000_000_000
INTERVAL = Interval.parse("1m")


def times(steps: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(steps)]).astype(np.int64) * MINUTE


def test_ends_of_a_run_without_gaps():
    assert window_ends(times([1] * 9), INTERVAL, 3, slice(2, 8)).tolist() == [4, 5, 6, 7]


def test_no_window_spans_a_gap():
    assert window_ends(times([1, 1, 5, 1, 1, 1]), INTERVAL, 3, slice(0, 7)).tolist() == [2, 5, 6]


def test_a_window_of_one_bar_is_always_whole():
    assert window_ends(times([9, 9]), INTERVAL, 1, slice(0, 3)).tolist() == [0, 1, 2]


def test_only_windows_that_end_at_a_label():
    labels = np.array([1, 1, 0, -1, 1], dtype=np.int8)
    assert window_ends(times([1] * 4), INTERVAL, 2, slice(0, 5), labels).tolist() == [1, 2, 4]


@pytest.mark.parametrize("rows", [slice(0, 0), slice(3, 5), slice(9, 40), slice(5, 3)])
def test_a_part_shorter_than_a_window_has_none(rows):
    ends = window_ends(times([1] * 9), INTERVAL, 4, rows)
    assert ends.dtype == np.int64
    assert len(ends) == 0


@given(
    seed=st.integers(0, 2**32 - 1),
    lookback=st.integers(1, 9),
    horizon=st.integers(1, 9),
    percents=st.sampled_from([(15, 15), (50, 30), (5, 5), (10, 40)]),
    more=st.integers(0, 60),
    gap_share=st.sampled_from([0.0, 0.02, 0.3]),
)
def test_no_two_parts_touch_the_same_bar(seed, lookback, horizon, percents, more, gap_share):
    """Bars of all windows and all labels of a part, against those of the other parts."""
    validation, test = percents
    windows = Windows(lookback, Split(validation_percent=validation, test_percent=test))
    question = Question(INTERVAL, horizon, "Down")
    rows = rows_needed(windows, question) + more
    generator = np.random.default_rng(seed)
    timestamps = times(np.where(generator.random(rows - 1) < gap_share, 4, 1).tolist())
    labels = label(generator.integers(1, 4, rows).astype(float), timestamps, question)
    split = split_rows(timestamps, windows, question)
    touched = []
    for part in (split.train, split.validation, split.test):
        ends = window_ends(timestamps, INTERVAL, lookback, part, labels.values)
        assert gap_share > 0 or len(ends) > 0
        touched.append({bar for end in ends for bar in range(end - lookback + 1, end + horizon + 1)})
    train, validation, test = touched
    assert train.isdisjoint(validation)
    assert train.isdisjoint(test)
    assert validation.isdisjoint(test)
    for earlier, later in ((train, validation), (validation, test)):
        assert not earlier or not later or max(earlier) + lookback < min(later)


@given(
    steps=st.lists(st.sampled_from([1, 1, 1, 1, 3]), min_size=1, max_size=50),
    lookback=st.integers(1, 6),
    edges=st.tuples(st.integers(0, 51), st.integers(0, 51)),
)
def test_ends_are_exactly_those_of_whole_windows(steps, lookback, edges):
    rows = slice(*edges)
    whole = [
        end
        for end in range(len(steps) + 1)
        if end - lookback + 1 >= rows.start
        and end < rows.stop
        and all(step == 1 for step in steps[end - lookback + 1 : end])
    ]
    assert window_ends(times(steps), INTERVAL, lookback, rows).tolist() == whole


def test_counting_windows_does_not_import_torch():
    # It imports every module of the room that a training's data comes from.
    script = "import sys; import retrain_trainer.data.pinning; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script], check=False, env=environment).returncode == 0


def test_scaling_is_that_of_the_train_rows():
    values = np.random.default_rng(0).normal([0, 1e5, -3], [1, 10, 1e-6], (150_000, 3)).astype(np.float32)
    train = slice(1000, 140_000)
    scaling = fit_scaling(values, train)
    exact = values[train].astype(np.float64)
    np.testing.assert_allclose(scaling.mean, exact.mean(axis=0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(scaling.std, exact.std(axis=0), rtol=1e-6)
    assert scaling.mean.dtype == scaling.std.dtype == np.float32


@given(seed=st.integers(0, 1000), factor=st.floats(-1e6, 1e6))
def test_rows_outside_train_change_nothing(seed, factor):
    values = np.random.default_rng(seed).normal(size=(40, 2)).astype(np.float32)
    before = fit_scaling(values, slice(5, 25))
    values[:5] *= np.float32(factor)
    values[25:] += np.float32(factor)
    after = fit_scaling(values, slice(5, 25))
    assert (before.mean == after.mean).all()
    assert (before.std == after.std).all()


def test_a_feature_that_does_not_vary_is_scaled_to_zero():
    values = np.full((10, 1), 7.5, dtype=np.float32)
    assert fit_scaling(values, slice(0, 10)).apply(values).tolist() == [[0.0]] * 10


def test_scaling_in_place_is_the_same_and_takes_no_second_array():
    values = np.random.default_rng(1).normal(5, 2, (100, 4)).astype(np.float32)
    scaling = fit_scaling(values, slice(0, 100))
    scaled = scaling.apply(values)
    assert scaling.apply(values, out=values) is values
    np.testing.assert_array_equal(values, scaled)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-5)
