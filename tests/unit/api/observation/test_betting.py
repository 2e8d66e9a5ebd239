"""The bets: what makes an alarm rare at the bar, and quick below it."""

from __future__ import annotations

import math
import random
from functools import reduce
from itertools import accumulate, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.observation.betting import (
    LARGEST_LOSS,
    Wealth,
    alarm_line,
    bet,
    days_to_see,
    has_alarmed,
    opening,
    pause,
    stake,
)
from retrain_api.observation.blocks import Blocks, Count, gain

BAR = 0.68
HOUR = Blocks(60, 0.05, 0.06)


def played(gains: list[float], blocks: Blocks = HOUR, bar: float = BAR) -> Wealth:
    return reduce(lambda wealth, won: bet(wealth, won, blocks, bar), gains, opening(blocks))


def drawn(accuracy: float, blocks: int, seed: int) -> list[float]:
    draw = random.Random(seed)
    right = (sum(draw.random() < accuracy for _ in range(60)) for _ in range(blocks))
    return [(BAR * 60 - one) / 60 for one in right]


@pytest.mark.parametrize("accuracy", [0.68, 0.72, 0.9])
@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.8])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_at_the_null_nothing_can_be_won_whatever_the_stakes_are(accuracy: float, correlation: float, size: int) -> None:
    """Every life of five blocks with its probability: the mean wealth is 1 at the bar, and less above it."""
    blocks, mean = Blocks(size, correlation, 0.3), 0.0
    outcomes = [
        (right, math.comb(size, right) * accuracy**right * (1 - accuracy) ** (size - right))
        for right in range(size + 1)
    ]
    for life in product(outcomes, repeat=5):
        wealth = played([(BAR * size - right) / size for right, _ in life], blocks)
        mean += wealth.value * math.prod(probability for _, probability in life)
    assert mean <= 1 + 1e-12
    if accuracy == BAR and correlation == 0:
        assert mean == pytest.approx(1)


def test_moods_that_last_are_no_evidence() -> None:
    """Blocks that follow the one before with a correlation of a half: taken off, the mean wealth is 1; not taken off, it is more."""
    means = {}
    for taken in (0.5, 0.0):
        mean = 0.0
        for life in product((-1, 1), repeat=8):
            last, probability, gains = 0, 1.0, []
            for mood in life:
                probability *= (1 + 0.5 * mood * last) / 2
                last = mood
                gains.append(0.2 * mood)
            mean += probability * played(gains, Blocks(60, taken, 0.2)).value
        means[taken] = mean
    assert means[0.5] == pytest.approx(1) and means[0.0] > 1.2


judged = st.integers(0, 60).flatmap(lambda bars: st.tuples(st.just(bars), st.integers(0, bars)))
any_blocks = st.builds(Blocks, st.just(60), st.floats(0, 0.95), st.floats(0.005, 1))


@given(counts=st.lists(judged, max_size=60), blocks=any_blocks, bar=st.floats(0, 1))
def test_no_block_takes_more_than_three_quarters(counts: list[tuple[int, int]], blocks: Blocks, bar: float) -> None:
    """So the wealth is never negative, nor nothing: who is ruined would never see a later fall."""
    wealth = opening(blocks)
    for bars, right in counts:
        won = gain(Count(bars, right), bar, blocks.length)
        assert stake(wealth, blocks, bar) >= 0
        after = pause(wealth) if won is None else bet(wealth, won, blocks, bar)
        assert after.log >= wealth.log + math.log(1 - LARGEST_LOSS) - 1e-9
        assert after.log_peak >= max(wealth.log_peak, after.log) and math.isfinite(after.log)
        assert won is not None or after.log == wealth.log
        wealth = after


@given(gains=st.lists(st.floats(-0.32, 0.68), min_size=1, max_size=40), last=st.floats(-0.32, 0.68))
def test_a_stake_knows_nothing_of_its_own_block(gains: list[float], last: float) -> None:
    before = played(gains[:-1])
    assert stake(before, HOUR, BAR) == stake(played(gains[:-1]), HOUR, BAR)
    change = played([*gains[:-1], last]).log - before.log
    assert change == pytest.approx(math.log1p(stake(before, HOUR, BAR) * (last - HOUR.correlation * before.last)))


def test_who_keeps_to_the_bar_rarely_alarms_and_who_falls_does_soon() -> None:
    at_the_bar = [has_alarmed(played(drawn(0.68, 300, seed)), 1) for seed in range(200)]
    fallen = [has_alarmed(played(drawn(0.60, 60, seed)), 1) for seed in range(100)]
    assert sum(at_the_bar) <= 10 and all(fallen)


@pytest.mark.parametrize("good", [0.69, 0.75, 0.9])
def test_a_fall_shows_soon_after_a_long_time_above_the_bar(good: float) -> None:
    """With all blocks weighed alike the stakes stay at nothing until the fall has lasted as long as the good time."""
    late = [played(drawn(good, 1_000, seed) + drawn(0.60, 200, seed + 1)) for seed in range(20)]
    assert all(has_alarmed(wealth, 1) for wealth in late)
    assert not any(has_alarmed(played(drawn(good, 1_000, seed)), 1) for seed in range(20))


def test_an_alarm_stays() -> None:
    fallen = played(drawn(0.5, 30, 1))
    recovered = played(drawn(0.5, 30, 1) + drawn(0.95, 100, 2))
    assert has_alarmed(fallen, 1) and has_alarmed(recovered, 1)
    assert recovered.log < fallen.log


@pytest.mark.parametrize(("symbols", "line"), [(1, 20), (3, 60), (64, 1_280)])
def test_the_line_is_so_high_that_all_symbols_together_alarm_in_five_percent(symbols: int, line: float) -> None:
    assert alarm_line(symbols) == pytest.approx(line)
    below = Wealth(weight=1, surprises=0, squares=1, log_peak=math.log(line) - 0.001)
    assert not has_alarmed(below, symbols)
    assert has_alarmed(below.model_copy(update={"log_peak": math.log(alarm_line(symbols))}), symbols)


def test_a_wealth_is_the_same_after_it_was_written_down() -> None:
    wealth = played(drawn(0.64, 50, 3))
    assert Wealth.model_validate_json(wealth.model_dump_json(by_alias=True)) == wealth


def test_a_wealth_beyond_any_number_is_still_one() -> None:
    assert math.isfinite(played([0.6] * 10_000).value)


def test_a_fall_takes_longer_to_see_with_longer_bars_more_symbols_and_moods() -> None:
    def days(blocks: Blocks = HOUR, symbols: int = 1, per_day: float = 1_440, judged: float = 1.0) -> float:
        found = days_to_see(blocks, BAR, symbols, per_day, judged)
        assert found is not None
        return found

    least = days()
    assert 0.3 < least < 3
    assert days(per_day=24) == pytest.approx(60 * least)
    assert days(symbols=64) > days(symbols=3) > least
    assert days(judged=0.5) > least
    assert days(Blocks(60, 0.5, 0.2)) > days(Blocks(60, 0.05, 0.2)) > least


def test_what_would_not_show_for_years_is_not_promised() -> None:
    assert days_to_see(Blocks(60, 0.9, 1.0), BAR, 1, 1_440, 0.01) is None


@pytest.mark.parametrize("symbols", [1, 64])
def test_the_days_to_see_are_those_of_the_middle_life(symbols: int) -> None:
    days = days_to_see(HOUR, BAR, symbols, 24)
    reached = []
    for seed in range(101):
        lives = accumulate(
            drawn(BAR - 0.1, 400, seed), lambda wealth, won: bet(wealth, won, HOUR, BAR), initial=opening(HOUR)
        )
        reached.append(next(number for number, wealth in enumerate(lives) if has_alarmed(wealth, symbols)) * 60 / 24)
    assert days == pytest.approx(sorted(reached)[50], rel=0.2)
