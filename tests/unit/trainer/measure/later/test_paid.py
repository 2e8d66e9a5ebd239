"""Did retraining pay? What is said of models whose skill is known."""

from __future__ import annotations

import numpy as np
import pytest
from support.later_scores import scores

from retrain_trainer.measure.later.figures import Account, symbol_figures
from retrain_trainer.measure.later.paid import retraining, sentence, verdict
from retrain_trainer.measure.later.scores import Scores

DAYS = 6


def of(promoted: list[bool], skill: list[float], **more: float) -> Scores:
    return scores(promoted, dict(enumerate(skill)), **more)  # type: ignore[arg-type]


FADES = [0.62, *[0.62] * (DAYS - 1)]


@pytest.mark.parametrize(
    ("promoted", "skill", "word", "said"),
    [
        ([False] * DAYS, [0.5] * DAYS, "NothingPassed", "No model passed at any of 6 slots"),
        ([False], [0.5], "NothingPassed", "No model passed at 1 slot"),
        ([True, *[False] * (DAYS - 1)], [0.7] * DAYS, "OneModel", "one model passed and none after it"),
        ([True] * DAYS, [0.5, *[0.65] * (DAYS - 1)], "Paid", "Retraining paid in accuracy"),
        ([True] * DAYS, [0.65, *[0.5] * (DAYS - 1)], "DidHarm", "Retraining cost accuracy"),
        ([True] * DAYS, [0.6] * DAYS, "NotSure", "can't be told"),
    ],
)
def test_the_sentence_follows_from_the_interval_of_the_difference(
    promoted: list[bool], skill: list[float], word: str, said: str
) -> None:
    known = of(promoted, skill)
    found, figures = retraining([known]), [symbol_figures(known)]
    assert verdict(found, figures) == word
    assert said in sentence(found, figures)
    assert (found is None) == (word in ("NothingPassed", "OneModel"))


def test_what_the_gate_kept_out_is_told_where_nothing_passed() -> None:
    known = of([False] * 3, [0.5] * 3)
    said = sentence(None, [symbol_figures(known)])
    assert "On the bars until the next slot the refused models read " in said and said.endswith(" %) for BTC-USD.")


def test_only_bars_after_the_first_was_replaced_are_compared() -> None:
    known = of([True, False, True, False], [0.6] * 4)
    found = retraining([known])
    assert found is not None
    assert found.bars == 2 * 1440 - 1  # two days, and the last bar has no outcome


def test_one_market_under_three_names_makes_nothing_surer() -> None:
    one = of([True] * DAYS, [0.55, *[0.58] * (DAYS - 1)])
    alone = retraining([one])
    thrice = retraining([Scores(**(vars(one) | {"symbol": name})) for name in ("A", "B", "C")])
    assert alone is not None and thrice is not None
    assert (thrice.accuracy.low, thrice.accuracy.high) == pytest.approx((alone.accuracy.low, alone.accuracy.high))


def test_an_account_that_earns_is_compared_and_two_that_lose_are_not() -> None:
    earns = of([True] * DAYS, [0.5, *[0.65] * (DAYS - 1)])
    loses = of([True] * DAYS, [0.5, *[0.65] * (DAYS - 1)], fee_bps=20)
    assert "From there on the account gained" in sentence(retraining([earns]), [symbol_figures(earns)])
    assert "Neither made money: the account lost" in sentence(retraining([loses]), [symbol_figures(loses)])


def test_the_slots_multiply_to_the_whole() -> None:
    known = of([False, True, False, True], [0.5, 0.6, 0.5, 0.62])
    figures = symbol_figures(known)
    parts = [1 + row.served.pnl for row in figures.rows if row.served and row.served.pnl is not None]
    assert figures.served is not None and figures.served.pnl is not None
    assert np.prod(parts) == pytest.approx(1 + figures.served.pnl)
    assert sum(row.served.trades for row in figures.rows if row.served) == figures.served.trades
    held = [1 + row.hold for row in figures.rows if row.hold is not None]
    assert figures.hold is not None and np.prod(held) == pytest.approx(1 + figures.hold)


def test_without_a_model_in_service_there_is_no_position() -> None:
    figures = symbol_figures(of([False, True], [0.5, 0.6]))
    assert figures.rows[0].served is None and figures.rows[0].own is not None
    assert figures.rows[1].served is not None
    assert Account(of([False, False], [0.5, 0.5])).traded["served"].trades == 0


def test_accuracies_are_those_of_the_answers_with_an_interval_around_them() -> None:
    known = of([True, True], [0.6, 0.7])
    row = symbol_figures(known).rows[1]
    assert row.own is not None and row.own.right is not None
    right = row.own.right
    assert right.low is not None and right.high is not None
    assert right.low < right.accuracy < right.high
    assert right.accuracy == pytest.approx(0.7, abs=0.04) and right.bars == 1439
