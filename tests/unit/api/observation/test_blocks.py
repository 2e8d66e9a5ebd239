"""How long a block is, and what correlation is taken off: from the model's own test part alone."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.observation.blocks import BlockRule, Blocks, Count, block_rule, gain, rule_in

SHORTEST, DAY = 60, 1_440


def answers(blocks: int, moods: int = 0, seed: int = 1) -> list[Count]:
    """So many blocks of SHORTEST bars, right in about 70 %; in moods of `moods` blocks, in 90 or 50 %."""
    draw, share, counts = random.Random(seed), 0.7, []
    for number in range(blocks):
        if moods and number % moods == 0:
            share = draw.choice((0.5, 0.9))
        counts.append(Count(SHORTEST, sum(draw.random() < share for _ in range(SHORTEST))))
    return counts


def length(counts: list[Count], day: int = DAY) -> int | None:
    return block_rule(counts, SHORTEST, day).block_length


@pytest.mark.parametrize(
    ("counts", "day", "bars"),
    [
        (answers(600), DAY, 60),
        (answers(600, moods=2), DAY, 120),  # moods and blocks begin together
        (answers(600, moods=8), DAY, 480),
        (answers(600, moods=60), DAY, 960),  # 1,920 would be longer than a day
        (answers(600, moods=8), 400, 240),
        (answers(600, moods=8), 24, 60),  # a lookback and a horizon may be longer than a day
        (answers(39, moods=8), DAY, 120),  # of 240 bars there would be nine
        (answers(5), DAY, 60),
        ([], DAY, 60),
        ([Count(60, 60)] * 600, DAY, 60),
        ([Count(0, 0)] * 600, DAY, 60),
    ],
)
def test_the_length_is_the_first_whose_gains_are_uncorrelated(counts: list[Count], day: int, bars: int) -> None:
    assert length(counts, day) == bars


def test_a_correlation_that_a_day_can_not_outlast_is_taken_off_with_care() -> None:
    alone, moods = (block_rule(answers(600, moods=size), SHORTEST, DAY) for size in (0, 60))
    assert alone.block_correlation == pytest.approx(0.5 / math.sqrt(600), abs=0.05)
    assert moods.block_correlation is not None and 0.6 < moods.block_correlation <= 0.95


def test_a_test_part_that_shows_nothing_is_not_trusted() -> None:
    """Half a standard error is assumed of five blocks, and the spread of independent bars."""
    rule = block_rule([Count(60, 42)] * 5, SHORTEST, DAY)
    assert rule.block_correlation == pytest.approx(0.5 / math.sqrt(5), abs=1e-4)
    assert rule.block_deviation == pytest.approx(math.sqrt(0.7 * 0.3 / 60), rel=1e-4)
    assert block_rule([], SHORTEST, DAY).blocks == Blocks(60, 0.5, pytest.approx(0.5 / math.sqrt(60), rel=1e-4))


@pytest.mark.parametrize(
    ("judged", "right", "expected"),
    [(60, 30, 0.18), (60, 60, -0.32), (60, 0, 0.68), (30, 15, 0.09), (0, 0, None)],
)
def test_a_gain_is_the_shortfall_over_the_blocks_length(judged: int, right: int, expected: float | None) -> None:
    """With half of the bars flat, a block says half as much."""
    assert gain(Count(judged, right), 0.68, 60) == (None if expected is None else pytest.approx(expected))


WHOLE = {"blockLength": 240, "blockCorrelation": 0.05, "blockDeviation": 0.1}


@pytest.mark.parametrize(
    ("document", "blocks"),
    [
        (WHOLE | {"symbol": "BTC-USD"}, Blocks(240, 0.05, 0.1)),
        ({"symbol": "BTC-USD"}, None),  # as earlier releases wrote it
        (dict.fromkeys(WHOLE), None),
        *(({key: value for key, value in WHOLE.items() if key != name}, None) for name in WHOLE),
        *((WHOLE | {name: value}, None) for name in WHOLE for value in (-1, "long", float("nan"), 1e400)),
        (WHOLE | {"blockLength": 0}, None),
        (WHOLE | {"blockCorrelation": 1.0}, None),
    ],
)
def test_a_document_without_a_whole_rule_has_none(document: dict[str, object], blocks: Blocks | None) -> None:
    assert rule_in(document).blocks == blocks
    assert blocks is not None or rule_in(document) == BlockRule()


counted = st.integers(0, SHORTEST).flatmap(lambda judged: st.builds(Count, st.just(judged), st.integers(0, judged)))


@given(counts=st.lists(counted, max_size=120), day=st.integers(1, 2_000))
def test_any_test_part_gives_a_rule_that_can_be_read_again(counts: list[Count], day: int) -> None:
    rule = block_rule(counts, SHORTEST, day)
    assert rule_in(rule.model_dump(by_alias=True)) == rule and rule.blocks is not None
    bars = rule.blocks.length
    doublings = math.log2(bars / SHORTEST)
    assert doublings == int(doublings) and bars <= max(SHORTEST, day)
