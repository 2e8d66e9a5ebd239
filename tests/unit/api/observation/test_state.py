"""From numbers to a word: which null, and when it is Observing, Holding, BelowPromise or Decaying."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.measurement import Baselines, Measurement
from retrain_api.observation.blocks import Blocks
from retrain_api.observation.record import Block, Nulls, Totals, total
from retrain_api.observation.state import Evidence, nulls_at, state_by, state_of
from retrain_api.spec.gate import Gate

BLOCKS = Blocks(60, 0.05, 0.06)
NULLS = Nulls(0.68, 0.75)


def life(*stages: tuple[int, int], nulls: Nulls = NULLS) -> Totals:
    """Stages of so many blocks of 60 bars with so many right each, give or take a few."""
    draw = random.Random(1)
    right = [right + draw.randint(-3, 3) for blocks, right in stages for _ in range(blocks)]
    record = [Block(first=f"{number:06}", bars=60, right=one) for number, one in enumerate(right)]
    return total(record, nulls, BLOCKS)


@pytest.mark.parametrize(
    ("totals", "state"),
    [
        (life(), "Observing"),
        (life((1, 20)), "Observing"),
        (life((200, 50)), "Holding"),
        (life((200, 42)), "BelowPromise"),  # 70 %
        (life((200, 42), nulls=Nulls(0.68)), "Holding"),  # nothing was promised
        (life((40, 30)), "Decaying"),  # 50 %
        (life((400, 50), (40, 30)), "Decaying"),
        (life((40, 30), (400, 50)), "Decaying"),  # it stays until another model stands
        (life((40, 42), (400, 52)), "Holding"),  # a warning goes away
    ],
)
def test_a_symbol_has_one_of_four_states(totals: Totals, state: str) -> None:
    assert state_of(totals, 1) == state


def test_how_many_bars_it_takes_to_say_anything_is_the_users_choice() -> None:
    fallen = life((40, 30))
    assert [state_of(fallen, 1, bars) for bars in (2_400, 2_401)] == ["Decaying", "Observing"]


def test_with_more_symbols_it_takes_more_to_alarm() -> None:
    life_of_one = next(totals for blocks in range(1, 40) if state_of(totals := life((blocks, 34)), 1) == "Decaying")
    assert state_of(life_of_one, 64) != "Decaying"


lives = st.lists(st.tuples(st.integers(1, 30), st.integers(25, 55)), max_size=3)


@given(stages=lives, symbols=st.integers(1, 64), promised=st.sampled_from([None, 0.75]))
def test_a_look_reports_enough_of_a_record(stages: list[tuple[int, int]], symbols: int, promised: float | None) -> None:
    totals = life(*stages, nulls=Nulls(0.68, promised))
    reported = Evidence(totals.bars, totals.bar.log_peak, totals.promise.log if totals.promise else None)
    assert state_by(reported, symbols, 100) == state_of(totals, symbols)


ACCURACY = {"metric": "accuracy", "atLeast": 0.6}
BRIER = {"metric": "brier", "atMost": 0.2}


@pytest.mark.parametrize(("criteria", "bar"), [([ACCURACY], 0.6), ([BRIER, ACCURACY], 0.6), ([BRIER], None)])
def test_a_model_is_held_to_the_gates_bar_of_accuracy(criteria: list[dict[str, object]], bar: float | None) -> None:
    assert Gate.model_validate({"criteria": criteria}).accuracy_bar == bar


@pytest.mark.parametrize(
    ("bar", "majority", "bounds", "nulls"),
    [
        (0.6, 0.55, ((0.66, 0.65, 0.64),), Nulls(0.6, 0.65)),
        (0.6, 0.55, (), Nulls(0.6)),
        (None, 0.55, ((0.66, 0.65, 0.64),), Nulls(0.55, 0.65)),
        (None, 0.55, ((None, None, None),), Nulls(0.55)),
        (None, None, ((0.66, 0.65, 0.64),), None),
    ],
)
def test_the_nulls_are_the_gates_bar_or_the_majority_and_the_promised_interval(
    bar: float | None,
    majority: float | None,
    bounds: tuple[tuple[float | None, ...], ...],
    nulls: Nulls | None,
) -> None:
    measurement = Measurement.model_validate({"baselines": Baselines(majority=majority), "nearBounds": bounds})
    assert nulls_at(bar, measurement) == nulls
