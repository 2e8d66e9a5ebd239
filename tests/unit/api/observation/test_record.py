"""The record of judged blocks: frozen, and summed up alike however it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.observation.blocks import Blocks
from retrain_api.observation.record import Block, Nulls, Totals, added, nothing_yet, restated, total

BLOCKS = Blocks(60, 0.1, 0.06)
NULLS = Nulls(0.68, 0.71)


def block(number: int, bars: int = 60, right: int = 40, **parts: object) -> Block:
    return Block.model_validate({"first": f"2026-01-{number + 1:02}T00:00:00Z", "bars": bars, "right": right} | parts)


@st.composite
def records(draw: st.DrawFn) -> list[Block]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        bars = draw(st.integers(0, 60))
        gaps = draw(st.lists(st.floats(-5, 5), max_size=15))
        found.append(block(number, bars, draw(st.integers(0, bars)), gaps=gaps, pnl=draw(st.floats(-0.5, 0.5))))
    return found


@given(record=records(), cut=st.integers(0, 25), promised=st.sampled_from([None, 0.71]))
def test_the_numbers_are_the_same_in_one_go_and_from_those_of_yesterday(
    record: list[Block], cut: int, promised: float | None
) -> None:
    nulls = Nulls(0.68, promised)
    yesterday = total(record[:cut], nulls, BLOCKS)
    written = Totals.model_validate_json(yesterday.model_dump_json(by_alias=True))
    assert total(record[cut:], nulls, BLOCKS, written) == total(record, nulls, BLOCKS)


def test_what_was_restated_is_counted_and_not_judged_anew() -> None:
    record = [block(number, digest=digest) for number, digest in enumerate(("aa", "bb", "cc", ""))]
    now = {one.first: digest for one, digest in zip(record, ("aa", "00", "00", "00"), strict=True)}
    assert restated(record, now) == 2, "what has no digest can't be compared"
    assert restated(record, {}) == 0, "nor can what the file does not hold any more"


def test_the_numbers_are_those_of_all_blocks_together() -> None:
    record = [
        block(0, 60, 45, gaps=(1.0, -2.0), pnl=0.1),
        block(1, 40, 20, gaps=(-3.0, 0.5, 1.5), pnl=-0.5),
        block(2, 0, 0),
    ]
    found = total(record, NULLS, BLOCKS)
    assert (found.blocks, found.bars, found.right) == (3, 100, 65)
    assert found.accuracy == pytest.approx(0.65)
    assert found.calibration_error == pytest.approx((2.0 + 1.5 + 1.5) / 100)
    assert found.pnl == pytest.approx(1.1 * 0.5 - 1)


def test_before_the_first_block_nothing_is_known() -> None:
    nothing = nothing_yet(NULLS, BLOCKS)
    assert (nothing.accuracy, nothing.calibration_error, nothing.pnl, nothing.bar.value) == (None, None, 0.0, 1.0)
    assert total([], NULLS, BLOCKS) == nothing


def test_a_block_without_a_judged_bar_moves_no_wealth() -> None:
    before = total([block(0, right=30)], NULLS, BLOCKS)
    after = added(before, block(1, 0, 0), NULLS, BLOCKS)
    assert (after.bar.log, after.bar.surprises, after.bar.last) == (before.bar.log, before.bar.surprises, 0.0)


def test_the_two_bets_are_against_the_bar_and_the_promise() -> None:
    """At 69 % the model keeps to the bar of 68 % and not to the promise of 75 %."""
    found = total([block(0, 60, 41)] * 100, Nulls(0.68, 0.75), BLOCKS)
    assert found.promise is not None and found.promise.value > 20 > found.bar.value
    assert total([block(0)], Nulls(0.68), BLOCKS).promise is None
