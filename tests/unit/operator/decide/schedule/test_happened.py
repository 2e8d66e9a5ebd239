"""What of a schedule people are told of: when it happens, and that it happens once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.status.schedule import RecentRun
from retrain_operator.decide.schedule.happened import delivers_nothing

STATES = ("Promoted", "Passed", "Rejected", "Failed", "Skipped", "Missed", "AwaitingApproval", "Deleted", "Finished")


def lines(*newest_first: str) -> tuple[RecentRun, ...]:
    """Lines of slots; those of runs out of turn begin with a star."""
    total = len(newest_first)
    return tuple(
        RecentRun(
            slot=f"2026-11-{28 - at:02}T03:00:00Z",
            run=f"weekly-decay-{at:08x}" if state.startswith("*") else f"weekly-202611{28 - at:02}0300",
            state=state.removeprefix("*"),
        )
        for at, state in enumerate(newest_first[:total])
    )


@pytest.mark.parametrize(
    ("newest_first", "nothing"),
    [
        ([], False),
        (["Rejected"], False),
        (["Rejected", "Failed"], True),
        (["Skipped", "Missed"], True),
        (["Missed", "Skipped", "Promoted"], True),
        (["Rejected", "Promoted", "Rejected", "Rejected"], False),
        (["Promoted", "Rejected", "Rejected"], False),
        (["Passed", "Rejected", "Rejected"], False),
        (["AwaitingApproval", "Rejected"], False),
        (["Rejected", "AwaitingApproval", "Rejected"], False),
        (["AwaitingApproval", "Rejected", "Rejected"], True),
        (["Rejected", "Deleted"], False),
        (["Finished", "Rejected"], False),
        (["Rejected", "*Rejected"], False),
        (["Rejected", "*Rejected", "Rejected"], True),
        (["*Promoted", "Rejected", "Rejected"], False),
        (["Rejected", "*Promoted", "Rejected"], False),
    ],
)
def test_two_slots_in_a_row_that_came_to_nothing(newest_first: list[str], nothing: bool) -> None:
    assert delivers_nothing("weekly", lines(*newest_first)) is nothing


@given(st.lists(st.sampled_from(STATES), max_size=8), st.sampled_from(STATES))
def test_once_it_is_so_only_a_delivery_ends_it(before: list[str], next_one: str) -> None:
    was = delivers_nothing("weekly", lines(*before))
    now = delivers_nothing("weekly", lines(next_one, *before))
    if was:
        assert now is (next_one not in ("Promoted", "Passed"))
    if now and not was:
        assert next_one in ("Rejected", "Failed", "Skipped", "Missed")
