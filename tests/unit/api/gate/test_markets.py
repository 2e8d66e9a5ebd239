"""One market under several names counts once towards the quorum, and a person is told which symbols are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.gate.judgement import Judgement
from retrain_api.gate.markets import SAME, SLOTS, copies, markets_among, same_market
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.measurement import Baselines, Measurement, Metrics
from retrain_api.spec.gate import Gate
from retrain_api.wire import to_wire

ONE, TWO, THREE = "A" * SLOTS, "B" * SLOTS, "C" * SLOTS


def judged(required: int, **models: tuple[float, str]) -> Judgement:
    return judge(
        Gate.model_validate({"criteria": [{"metric": "accuracy", "atLeast": 0.68}]}),
        required,
        [
            Candidate(
                symbol,
                Measurement(metrics=Metrics(accuracy=accuracy), baselines=Baselines(majority=0.5), market=market),
            )
            for symbol, (accuracy, market) in models.items()
        ],
    )


def test_one_file_under_three_names_is_one_answer() -> None:
    judgement = judged(2, AAA=(0.7, ONE), BBB=(0.7, ONE), CCC=(0.7, ONE))
    assert [model.verdict for model in judgement.models] == ["Pass"] * 3
    assert (judgement.verdict, judgement.outcome, judgement.passed) == ("Fail", "NeedsMoreWork", 1)
    assert judgement.one_market == (("AAA", "BBB", "CCC"),)
    assert judgement.summary == (
        "3 of 3 models pass (AAA, BBB, CCC) and count as 1, because AAA, BBB and CCC move together bar for bar, so they are "
        "one market, 2 required, judged by accuracy >= 68 %"
    )


@pytest.mark.parametrize(
    ("required", "markets", "accuracies", "verdict", "outcome", "passed"),
    [
        (1, (ONE, ONE, ONE), (0.7, 0.7, 0.7), "Pass", "Ideal", 1),
        (2, (ONE, ONE, TWO), (0.7, 0.7, 0.7), "Pass", "Ideal", 2),
        (2, (ONE, ONE, TWO), (0.7, 0.7, 0.6), "Fail", "NeedsMoreWork", 1),
        (2, (ONE, ONE, TWO), (0.7, 0.6, 0.7), "Pass", "Ideal", 2),
        (2, (ONE, TWO, THREE), (0.7, 0.7, 0.7), "Pass", "Ideal", 3),
        (2, ("", "", ""), (0.7, 0.7, 0.7), "Pass", "Ideal", 3),
    ],
    ids=[
        "one is enough",
        "two markets",
        "only the copies pass",
        "one of the copies passes",
        "three markets",
        "measured by a release without digests",
    ],
)
def test_each_market_counts_once(required, markets, accuracies, verdict, outcome, passed) -> None:  # type: ignore[no-untyped-def]
    figures = dict(zip(("AAA", "BBB", "CCC"), zip(accuracies, markets, strict=True), strict=True))
    judgement = judged(required, **figures)
    assert (judgement.verdict, judgement.outcome, judgement.passed) == (verdict, outcome, passed)
    assert (judgement.one_market is None) == (len(set(markets)) == 3 or not markets[0])


def test_the_document_of_a_judgement_without_copies_is_as_before() -> None:
    assert "oneMarket" not in to_wire(judged(1, AAA=(0.7, ONE), BBB=(0.7, TWO)))
    assert "market" not in to_wire(Measurement()), "a status has no room for what says nothing"


def test_digests_agree_in_at_least_some_letters() -> None:
    for equal in range(SLOTS + 1):
        assert same_market(ONE, "A" * equal + "B" * (SLOTS - equal)) == (equal >= SAME)


@pytest.mark.parametrize("other", ["", "A", ONE + "A"])
def test_a_digest_of_another_release_is_nobodys_copy(other: str) -> None:
    assert not same_market(ONE, other) and not same_market(other, other)


def test_a_chain_of_copies_is_one_market() -> None:
    half = SLOTS // 2
    digests = {"A": "x" * SLOTS, "Z": TWO, "C": "y" * SLOTS, "B": "x" * half + "y" * half}
    assert copies(digests) == (("A", "C", "B"),)


@given(st.lists(st.sampled_from([ONE, TWO, THREE, ""]), max_size=8))
def test_markets_are_counted_like_a_set(digests: list[str]) -> None:
    named = {f"S{number}": digest for number, digest in enumerate(digests)}
    expected = len({digest for digest in digests if digest}) + digests.count("")
    assert markets_among(list(named), copies(named)) == expected
