"""The same record day by day: nothing is lost, and each day's end is what somebody who looked then would have seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.observation.blocks import Blocks
from retrain_api.observation.days import days, steps
from retrain_api.observation.record import Block, Nulls, total
from retrain_api.observation.state import state_of
from retrain_api.wire import timestamp

BLOCKS = Blocks(60, 0.05, 0.06)
NULLS = Nulls(0.68, 0.71)


def block(hour: int, bars: int = 60, right: int = 42) -> Block:
    return Block(first=timestamp(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)), bars=bars, right=right)


@st.composite
def records(draw: st.DrawFn) -> list[Block]:
    hours = sorted(draw(st.sets(st.integers(0, 24 * 6), max_size=40)))
    bars = [draw(st.integers(0, 60)) for _ in hours]
    return [block(hour, n, draw(st.integers(0, n))) for hour, n in zip(hours, bars, strict=True)]


@given(record=records(), symbols=st.integers(1, 3))
def test_each_day_ends_as_the_record_until_then(record: list[Block], symbols: int) -> None:
    found = list(days(steps(record, NULLS, BLOCKS), symbols))
    assert [one.day for one in found] == sorted({one.first[:10] for one in record})
    assert (sum(one.bars for one in found), sum(one.right for one in found)) == (
        sum(one.bars for one in record),
        sum(one.right for one in record),
    )
    for one in found:
        until = total([known for known in record if known.first[:10] <= one.day], NULLS, BLOCKS)
        assert one.after == until and one.state == state_of(until, symbols)


@pytest.mark.parametrize(
    ("record", "seen"),
    [
        ([], []),
        ([block(0, 60, 42), block(23, 40, 8)], [("2026-01-01", 100, 0.5, "Holding")]),
        ([block(0, 60, 42), block(24, 60, 42)], [("2026-01-01", 60, 0.7, "Observing"), ("2026-01-02", 60, 0.7, "Holding")]),
        ([block(0, 0, 0)], [("2026-01-01", 0, None, "Observing")]),
        (
            [*(block(hour, 60, 20) for hour in range(24)), *(block(hour, 60, 58) for hour in range(24, 48))],
            [("2026-01-01", 1440, 1 / 3, "Decaying"), ("2026-01-02", 1440, 58 / 60, "Decaying")],
        ),
    ],
    ids=["nothing", "one day", "two days", "a day without a judged bar", "an alarm stays"],
)  # fmt: skip
def test_a_day_says_bars_accuracy_and_state(record: list[Block], seen: list[object]) -> None:
    found = days(steps(record, NULLS, BLOCKS), symbols=1)
    assert [(one.day, one.bars, one.accuracy, one.state) for one in found] == seen
