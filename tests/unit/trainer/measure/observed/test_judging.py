"""Judged blocks: the figures of a measurement, in pieces that do not depend on when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrain_api.observation.blocks import Blocks
from retrain_api.observation.record import Block, Nulls, restated, total
from retrain_api.time import Question
from retrain_trainer.measure.figures import backtest
from retrain_trainer.measure.figures.metrics import classify
from retrain_trainer.measure.observed.judging import Bars, Rules, digests, judged, whole_blocks
from retrain_trainer.measure.observed.record_files import Record

MINUTE = 60_000_000_000
ANCHOR = 20_000 * 24 * 60 * MINUTE + 7 * MINUTE
LOOKBACK = 4
RULES = Rules(bins=15, threshold=0.5, fee_bps=2.0)


@dataclass(frozen=True)
class Life:
    """Bars [n] of a market with ties and gaps, from LOOKBACK - 1 bars before the anchor on, and a model's answers [n]."""

    record: Record
    times: NDArray[np.int64]
    close: NDArray[np.float64]
    answers: NDArray[np.float64]

    def ask(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.answers[np.searchsorted(self.times, times)]
        return found

    def known_by(self, newest: int) -> Bars:
        closed = self.times + MINUTE <= newest
        return Bars(self.record, self.times[closed], self.close[closed])

    @property
    def newest(self) -> int:
        return int(self.times[-1]) + MINUTE


@st.composite
def lives(draw: st.DrawFn) -> Life:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    horizon, length, bars = draw(st.integers(1, 4)), draw(st.integers(5, 12)), draw(st.integers(1, 150))
    steps = np.where(rng.random(bars) < draw(st.sampled_from([0.0, 0.1])), rng.integers(2, 40, bars), 1)
    times = ANCHOR - (LOOKBACK - 1) * MINUTE + MINUTE * (np.cumsum(steps) - steps[0])
    close = np.round(100 + np.cumsum(rng.normal(0, 0.1, bars)), 1)
    answers = np.where(rng.random(bars) < 0.1, np.nan, rng.random(bars))
    question = Question.parse("1m", horizon, draw(st.sampled_from(["Drop", "Down"])))
    return Life(Record("BTC-USD", "ab" * 32, question, length, ANCHOR), times, close, answers)


def look(life: Life, record: Record, newest: int) -> Record:
    """The record once everything that is whole by then is judged."""
    bars = replace(life, record=record).known_by(newest)
    return record.followed_by(list(judged(bars, life.ask, RULES, LOOKBACK, whole_blocks(record, newest))))


@given(life=lives(), often=st.integers(1, 60))
def test_many_small_looks_judge_as_one_does(life: Life, often: int) -> None:
    at_once = look(life, life.record, life.newest)
    step_by_step = life.record
    for newest in range(ANCHOR, life.newest + often * MINUTE, often * MINUTE):
        step_by_step = look(life, step_by_step, min(newest, life.newest))
    assert step_by_step == at_once


@given(life=lives())
def test_the_numbers_over_all_blocks_are_those_of_a_measurement(life: Life) -> None:
    record = look(life, life.record, life.newest)
    bars = life.known_by(life.newest)
    labels = bars.labels.values
    within = (life.times >= ANCHOR) & (life.times < record.end)
    known = within & np.isfinite(life.answers) & (labels >= 0)
    totals = total(record.blocks, Nulls(0.5), Blocks(life.record.length, 0.1, 0.1))
    assert totals.bars == known.sum()
    if known.any():
        measured = classify(life.answers[known], labels[known], RULES.bins)
        assert totals.accuracy == measured.accuracy
        assert totals.calibration_error == pytest.approx(measured.calibration_error, abs=1e-5)


@given(life=lives(), threshold=st.sampled_from([0.5, 0.8]))
def test_the_account_is_that_of_one_backtest_over_all_blocks(life: Life, threshold: float) -> None:
    rules = replace(RULES, threshold=threshold)
    stop = whole_blocks(life.record, life.newest)
    record = life.record.followed_by(list(judged(life.known_by(life.newest), life.ask, rules, LOOKBACK, stop)))
    signals = np.where(life.times >= ANCHOR, life.answers, np.nan)
    horizon = life.record.question.horizon
    traded = backtest.run(signals, life.close, life.times, MINUTE, horizon, threshold, rules.fee_bps)
    entered = life.times[traded.entry_bars] < record.end
    account = np.prod(1 + traded.trade_returns[entered]) if entered.any() else 1.0
    assert total(record.blocks, Nulls(0.5), Blocks(life.record.length, 0.1, 0.1)).account == pytest.approx(
        account, abs=1e-6
    )


WHOLE = {
    "nothing has closed since": (-3, 0),
    "the last bar of the first block has closed, and its outcome is not decided": (10, 0),
    "one bar of its horizon is missing": (12, 0),
    "its last outcome is decided": (13, 1),
    "the second block is not whole": (22, 1),
    "the second block is whole": (23, 2),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_block_is_judged_once_its_last_outcome_is_decided(case: str) -> None:
    minutes, expected = WHOLE[case]
    record = Record("BTC-USD", "ab" * 32, Question.parse("1m", 3, "Drop"), 10, ANCHOR)
    assert whole_blocks(record, ANCHOR + minutes * MINUTE) == expected


def steady(bars: int = 60) -> Life:
    """A rising market without gaps, and a model that is right."""
    times = ANCHOR + MINUTE * np.arange(-(LOOKBACK - 1), bars)
    record = Record("BTC-USD", "ab" * 32, Question.parse("1m", 1, "Drop"), 10, ANCHOR)
    return Life(record, times, 100.0 + np.arange(times.size), np.full(times.size, 0.75))


def blocks_of(life: Life) -> tuple[Block, ...]:
    return look(life, life.record, life.newest).blocks


def test_a_block_without_a_judged_bar_is_kept_with_none() -> None:
    life = steady()
    inside = (life.times >= ANCHOR + 8 * MINUTE) & (life.times < ANCHOR + 25 * MINUTE)
    holed = Life(life.record, life.times[~inside], life.close[~inside], life.answers[~inside])
    assert [block.bars for block in blocks_of(holed)] == [7, 0, 5, 10, 10]
    assert [block.gaps == () for block in blocks_of(holed)] == [False, True, False, False, False]


def test_ties_are_judged_as_the_question_says() -> None:
    life = replace(steady(), close=np.full(63, 100.0))
    assert [block.bars for block in blocks_of(life)] == [0] * 5
    down = replace(life, record=replace(life.record, question=Question.parse("1m", 1, "Down")))
    assert {(block.bars, block.right) for block in blocks_of(down)} == {(10, 0)}


def test_a_late_or_restated_bar_changes_the_digest_of_the_blocks_that_it_is_part_of() -> None:
    life = steady()
    record = look(life, life.record, life.newest)
    assert record.blocks[0].digest

    def late(other: Life, begins: int = 0) -> int:
        bars = Bars(record, other.times, other.close)
        return restated(record.blocks, digests(bars, LOOKBACK, begins))

    assert late(life) == 0
    close = life.close.copy()
    close[3 + 15] += 0.5  # in the middle of the second block
    assert late(replace(life, close=close)) == 1
    close = life.close.copy()
    close[3 + 20] += 0.5  # the last outcome of the second block, and the first bar of the third
    assert late(replace(life, close=close)) == 2
    missing = np.delete(np.arange(life.times.size), 3 + 44)
    assert late(Life(life.record, life.times[missing], life.close[missing], life.answers[missing])) == 1
    shorter = life.times >= ANCHOR + 12 * MINUTE
    cut = Life(life.record, life.times[shorter], life.close[shorter], life.answers[shorter])
    assert late(cut, int(cut.times[0])) == 0, "a file that no longer reaches back says nothing of its first blocks"
