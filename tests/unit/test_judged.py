"""How many models the same test bars have judged: which names count, and which bars are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrain_trainer.judged import judged_name, others_judged

OWN = judged_name("2025-06-17T00:00:00Z", "2025-06-24T00:00:00Z", "a" * 64)


def other(first: str, last: str, model: str = "b") -> str:
    return judged_name(first, last, model * 64)


def test_the_name_says_which_bars_and_which_model() -> None:
    assert OWN == "20250617T000000Z-20250624T000000Z-aaaaaaaaaaaaaaaa.json"


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ([], 0),
        ([OWN], 0),
        ([judged_name("2025-06-01T00:00:00Z", "2025-06-20T00:00:00Z", "a" * 64)], 0),
        ([other("2025-06-17T00:00:00Z", "2025-06-24T00:00:00Z")], 1),
        ([other("2025-06-10T00:00:00Z", "2025-06-17T00:00:00Z")], 1),
        ([other("2025-06-24T00:00:00Z", "2025-07-01T00:00:00Z")], 1),
        ([other("2025-01-01T00:00:00Z", "2025-12-31T00:00:00Z")], 1),
        ([other("2025-06-10T00:00:00Z", "2025-06-16T23:59:00Z")], 0),
        ([other("2025-06-24T00:01:00Z", "2025-07-01T00:00:00Z")], 0),
        ([other("2025-06-17T00:00:00Z", "2025-06-24T00:00:00Z"), other("2025-06-10T00:00:00Z", "2025-06-18T00:00:00Z")], 1),
        ([other("2025-06-18T00:00:00Z", "2025-06-19T00:00:00Z", model) for model in "bcdef"], 5),
        (["notes.txt", "", "20250617T000000Z.json", OWN + ".part"], 0),
    ],
)  # fmt: skip
def test_models_that_saw_some_of_the_same_bars_count_once_each(names: list[str], count: int) -> None:
    assert others_judged(names, OWN) == count


moments = st.integers(0, 40).map(lambda days: datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=days))
periods = st.tuples(moments, moments).map(sorted)


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@given(periods, st.lists(st.tuples(periods, st.sampled_from("abcdef")), max_size=30))
def test_the_count_is_that_of_periods_that_meet(own: list[datetime], judged: list[tuple[list[datetime], str]]) -> None:
    names = [judged_name(*map(written, period), model * 64) for period, model in judged]
    met = {model for (first, last), model in judged if first <= own[1] and own[0] <= last}
    assert others_judged(names, judged_name(*map(written, own), "a" * 64)) == len(met - {"a"})
