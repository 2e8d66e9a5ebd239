"""Trailing windows: right against the plain formula, and the same bits wherever the window lies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrain_trainer.data.columns.rolling import trailing_maximum, trailing_minimum, trailing_moments, trailing_sum

TINY = 1e-300
"""Below the smallest normal number every bit of a result is rounding: hypothesis found 5e-324."""
series = arrays(np.float64, st.integers(1, 90), elements=st.floats(-1e9, 1e9))


@given(values=series, window=st.integers(1, 70))
def test_against_the_plain_formula(values, window):
    total, highest = trailing_sum(values, window), trailing_maximum(values, window)
    lowest, (mean, variance) = trailing_minimum(values, window), trailing_moments(values, window)
    assert {len(column) for column in (total, highest, lowest, mean, variance)} == {len(values)}
    for row in range(len(values)):
        part = values[max(0, row - window + 1) : row + 1]
        if len(part) < window:
            assert all(np.isnan(column[row]) for column in (total, highest, lowest, mean, variance))
            continue
        size = float(np.abs(part).max())
        assert total[row] == pytest.approx(math.fsum(part), abs=1e-13 * size * window + TINY)
        assert mean[row] == pytest.approx(math.fsum(part) / window, abs=1e-14 * size * 10 + TINY)
        assert variance[row] == pytest.approx(part.var(), rel=1e-9, abs=(1e-14 * size) ** 2 * window + TINY)
        assert highest[row] == part.max()
        assert lowest[row] == part.min()


@given(values=series, window=st.integers(1, 70), earlier=series)
def test_the_past_before_the_window_leaves_no_trace(values, window, earlier):
    longer = np.concatenate([earlier, values])
    for alone, after in (
        (trailing_sum(values, window), trailing_sum(longer, window)),
        (trailing_moments(values, window)[1], trailing_moments(longer, window)[1]),
    ):
        np.testing.assert_array_equal(alone[window - 1 :], after[len(earlier) :][window - 1 :])


@given(value=st.floats(1e-6, 1e9), window=st.integers(1, 70))
def test_equal_values_have_exactly_their_mean_and_no_variance(value, window):
    mean, variance = trailing_moments(np.full(80, value), window)
    assert (mean[window - 1 :] == value).all()
    assert (variance[window - 1 :] == 0).all()


def test_a_large_level_costs_no_digits():
    values = 1e8 + np.tile([0.0, 1e-3], 50)
    _, variance = trailing_moments(values, 20)
    np.testing.assert_allclose(variance[19:], np.var(values[:20]), rtol=1e-6)
