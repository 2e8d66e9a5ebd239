"""Three parts in time order that share no bar, not even through a window or a label."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from retrain_api.errors import DataError
from retrain_api.spec.data import Split as Parts
from retrain_api.time import Windows
from retrain_trainer.data.split import Split, rows_needed, split_rows


def test_figures_of_a_plain_case():
    assert split_rows(1000, Windows(60, Parts(validation_percent=15, test_percent=15)), 15) == Split(
        slice(0, 550), slice(625, 775), slice(850, 1000)
    )


shapes = st.fixed_dictionaries(
    {
        "validation_percent": st.integers(1, 50),
        "test_percent": st.integers(1, 50),
        "lookback": st.integers(1, 120),
        "horizon": st.integers(1, 40),
    }
).filter(lambda shape: shape["validation_percent"] + shape["test_percent"] <= 80)


def described(shape: dict[str, int]) -> tuple[Windows, int]:
    """The windows and the horizon of a shape."""
    split = Parts(validation_percent=shape["validation_percent"], test_percent=shape["test_percent"])
    return Windows(shape["lookback"], split), shape["horizon"]


@given(shape=shapes, more=st.integers(0, 5000))
def test_parts_are_in_order_with_a_purge_between_them_and_room_in_each(shape, more):
    rows = rows_needed(*described(shape)) + more
    split = split_rows(rows, *described(shape))
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
        split_rows(rows, *described(shape))
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
