"""What luck explains: one model without skill, the best of many, and a sequence of tries."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrain_trainer.measure.tries.luck import (
    HELD_BACK,
    Lead,
    as_normal,
    block_sums,
    deflated_sharpe,
    different_models,
    lead,
    loadings,
    luck_of,
    luckiest_of,
    over_all_tries,
    tail,
)

RNG = np.random.default_rng(11)
ROWS = np.arange(2_000)
LABELS = RNG.random(2_000) < 0.6
NORMAL = NormalDist()


def answers(right: float, seed: int = 0) -> NDArray[np.bool_]:
    """Answers that are right in that share of the bars."""
    return np.where(np.random.default_rng(seed).random(2_000) < right, LABELS, ~LABELS)


# One model


def test_a_lead_is_the_accuracy_above_that_of_answers_that_have_nothing_to_do_with_the_labels() -> None:
    called = answers(0.6)
    found = lead(called, LABELS, ROWS, 20)
    assert found is not None and found.blocks == 100
    assert found.lead + found.expected == pytest.approx((called == LABELS).mean())
    assert found.expected == pytest.approx(0.6 * called.mean() + 0.4 * (1 - called.mean()), abs=0.02)
    assert found.error == pytest.approx(2 * called.std() * LABELS.std() / math.sqrt(2_000), rel=0.15)
    assert found.z == as_normal(found.lead / found.error, 99)


@pytest.mark.parametrize("always", [True, False])
def test_a_model_that_always_says_the_same_has_no_lead(always: bool) -> None:
    found = lead(np.full(2_000, always), LABELS, ROWS, 20)
    assert found is not None and (found.lead, found.z) == (0, 0)
    assert found.expected == pytest.approx(LABELS.mean() if always else 1 - LABELS.mean())


def test_a_perfect_model_is_far_beyond_luck_and_a_perfectly_wrong_one_is_not() -> None:
    right, wrong = (lead(called, LABELS, ROWS, 20) for called in (LABELS, ~LABELS))
    assert right is not None and wrong is not None
    assert tail(right.z) < 1e-40 and tail(wrong.z) > 0.999


@pytest.mark.parametrize(("bars", "known"), [(200, True), (199, False), (0, False)])
def test_it_takes_ten_blocks(bars: int, known: bool) -> None:
    assert (lead(answers(0.6)[:bars], LABELS[:bars], ROWS[:bars], 20) is not None) is known


def test_bars_without_a_label_take_up_their_place() -> None:
    kept = np.flatnonzero(np.arange(2_000) % 4 == 0)
    found = lead(answers(0.6)[kept], LABELS[kept], kept, 20)
    assert found is not None and found.blocks == 99
    assert block_sums(np.ones(3), np.array([0, 19, 45]), 20).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("t", "degrees", "probability"),
    [(1.383029, 9, 0.1), (2.262157, 9, 0.025), (4.296806, 9, 0.001), (1.662978, 86, 0.05), (3.193913, 86, 0.00098)],
)
def test_a_t_variable_has_the_tail_of_the_tables(t: float, degrees: int, probability: float) -> None:
    assert tail(as_normal(t, degrees)) == pytest.approx(probability, rel=0.03)
    assert as_normal(-t, degrees) == -as_normal(t, degrees)


# The best of many


def correlated(models: int, correlation: float) -> NDArray[np.float64]:
    """Loadings of models of which any two have that correlation."""
    own = np.eye(models) * math.sqrt(1 - correlation)
    return np.hstack([np.full((models, 1), math.sqrt(correlation)), own])


@pytest.mark.parametrize("z", [1.0, 3.0, 6.0])
def test_independent_models_are_as_many_as_the_best_of_them_needs(z: float) -> None:
    best_of_ten = -math.expm1(10 * math.log1p(-tail(z)))
    assert different_models(correlated(10, 0), z) * tail(z) == pytest.approx(best_of_ten, rel=0.02)


def test_copies_are_one_model_and_answers_that_nobody_knows_are_independent() -> None:
    assert different_models(correlated(10, 1), 3.0) == pytest.approx(1)
    assert different_models(np.zeros((10, 50)), 4.0) == pytest.approx(10, rel=0.01)
    assert different_models(np.zeros((1, 50)), 4.0) == 1


@given(st.integers(2, 40), st.floats(0, 1), st.floats(0.5, 6))
def test_models_that_are_alike_are_between_one_and_all(models: int, correlation: float, z: float) -> None:
    assert 1 - 1e-9 <= different_models(correlated(models, correlation), z) <= models + 1e-9


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_the_best_of_correlated_models_is_as_drawn(correlation: float) -> None:
    vectors, rng = correlated(8, correlation), np.random.default_rng(1)
    drawn = (rng.standard_normal((400_000, 9)) @ vectors.T).max(axis=1)
    assert different_models(vectors, 2.0) * tail(2.0) == pytest.approx((drawn >= 2.0).mean(), rel=0.03)


def test_many_models_of_chance_correlation_are_nearly_as_many_independent_ones() -> None:
    vectors = np.random.default_rng(2).standard_normal((500, 87))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    assert 400 < different_models(vectors, 5.0) <= 500


def test_loadings_of_the_same_answers_correlate_fully_and_of_others_not_at_all() -> None:
    judged = np.ones(2_000, dtype=np.bool_)
    one, same, other = (
        loadings(judged, RNG.random(2_000) < 0.5 if each else judged & LABELS, 20, 2_000) for each in (0, 0, 1)
    )
    assert one @ same == pytest.approx(1) and abs(one @ other) < 0.35
    assert (loadings(judged, judged, 20, 2_000) == 0).all(), "a model that is always right varies with nobody"
    assert (loadings(~judged, judged, 20, 2_000) == 0).all(), "a model that was judged on other bars"


def test_answers_on_other_bars_correlate_with_nobody() -> None:
    half = np.arange(2_000) < 1_000
    part = loadings(half, half & LABELS, 20, 4_000)
    assert part @ part == pytest.approx(0.25)


@pytest.mark.parametrize(("models", "expected"), [(2, 0.5642), (10, 1.5388), (60, 2.3193), (500, 3.0367)])
def test_the_luckiest_of_many_is_as_far_ahead_as_extreme_values_are(models: int, expected: float) -> None:
    assert luckiest_of(models) == pytest.approx(expected, abs=0.05)


# A sequence of tries


@given(st.lists(st.booleans(), max_size=200))
def test_the_shares_of_all_tries_make_up_less_than_the_whole(news: list[bool]) -> None:
    """Each try passes at 5 %; copies of an earlier one add no model, and no share either."""
    models, spent = 0.0, 0.0
    for new in [True, *news]:
        limit = 0.05 / over_all_tries(1e-9, models + new) * 1e-9
        spent += limit * new
        models += new
    assert spent <= 0.05 / HELD_BACK


def test_shares_of_models_that_are_partly_new_stay_below_the_whole() -> None:
    steps = [1.0] + [0.01] * 100_000
    models = np.cumsum(steps)
    assert sum(step / (HELD_BACK * m * (m + 1)) for step, m in zip(steps, models, strict=True)) < 1.2 / HELD_BACK


@given(st.floats(0, 1), st.floats(1, 1000))
def test_luck_is_a_probability_that_grows_with_the_tries(p: float, models: float) -> None:
    assert p <= over_all_tries(p, models) <= over_all_tries(p, models + 1) <= 1


def test_a_model_among_others() -> None:
    own = Lead(lead=0.06, expected=0.51, error=0.015, blocks=1_000)
    alone, many = luck_of(own, correlated(1, 0)), luck_of(own, correlated(30, 0), unknown=20)
    assert (alone.tries, many.tries) == (1, 50)
    assert alone.p_value == many.p_value == alone.reality_check == pytest.approx(tail(own.z))
    assert many.reality_check == pytest.approx(50 * many.p_value, rel=0.02)
    assert alone.luck == pytest.approx(10 * alone.p_value) and many.luck > 20 * alone.luck
    assert alone.luckiest == pytest.approx(0.51)
    assert many.luckiest == pytest.approx(0.51 + 0.015 * 2.25, abs=0.001)


def test_shifts_that_are_as_good_more_often_than_the_error_says_count() -> None:
    own = Lead(lead=0.06, expected=0.51, error=0.015, blocks=1_000)
    assert luck_of(own, correlated(3, 0), shifts_as_good=1e-6) == luck_of(own, correlated(3, 0))
    doubted = luck_of(own, correlated(3, 0), shifts_as_good=0.02)
    assert doubted.p_value == 0.02 and doubted.reality_check == pytest.approx(0.0588, rel=0.05)


# Deflated Sharpe ratio


def test_the_example_of_bailey_and_lopez_de_prado() -> None:
    """Their section "A numerical example": an annual Sharpe ratio of 2.5 over 1,250 days, the best of 100 tries with a variance of
    1/2, skewness -3 and kurtosis 10, has a deflated Sharpe ratio of 0.9004."""
    sharpe, spread = 2.5 / math.sqrt(250), math.sqrt(0.5 / 250)
    luckiest = spread * luckiest_of(100)
    assert luckiest == pytest.approx(0.1132, abs=1e-4)
    gap = (sharpe - luckiest) * math.sqrt(1249) / math.sqrt(1 + 3 * sharpe + 9 / 4 * sharpe**2)
    assert NORMAL.cdf(gap) == pytest.approx(0.9004, abs=1e-4)
    returns = with_moments(1_250, sharpe)
    others = [sharpe + spread * math.sqrt(2), sharpe - spread * math.sqrt(2)] + [sharpe] * 2
    found = deflated_sharpe(returns, others, 100)
    assert found is not None
    known = np.std([sharpe, *others], ddof=1)
    assert known == pytest.approx(spread, rel=1e-6)
    assert found == pytest.approx(0.9004, abs=0.005)


def with_moments(days: int, sharpe: float) -> NDArray[np.float64]:
    """Returns of two values with skewness -3 and thus kurtosis 10 (skew^2 + 1), and that Sharpe ratio."""
    rare = round(days * (1 - 3 / math.sqrt(13)) / 2)
    values = np.where(np.arange(days) < rare, -1.0, rare / (days - rare))
    return values / values.std(ddof=1) + sharpe


@pytest.mark.parametrize("returns", [None, np.zeros(30), np.full(30, 0.01)])
def test_returns_that_are_too_few_or_do_not_vary_have_none(returns: NDArray[np.float64] | None) -> None:
    assert deflated_sharpe(returns, [], 1) is None


def test_more_tries_deflate_more() -> None:
    returns = np.random.default_rng(0).normal(0.1, 1, 250)
    found = [deflated_sharpe(returns, [], tries) for tries in (1, 2, 10, 100)]
    assert found == sorted(found, reverse=True) and found[0] > 0.8
