"""Which bar belongs to which slot, and the file that keeps what models answered on it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.later_scores import DAY, MINUTE, scores, slots

from retrain_api.errors import DataError
from retrain_trainer.measure.later.scores import Slot, decode, encode, placed


@pytest.mark.parametrize(
    ("opens", "place"),
    [
        (-MINUTE, -1),  # before the first slot
        (0, 0),  # opens at the slot
        (DAY - MINUTE, 0),  # closes at the next slot
        (DAY - MINUTE // 2, -1),  # closes after it, and opened before it
        (DAY, 1),
        (3 * DAY - MINUTE, 2),
        (3 * DAY, -1),  # after the last span
    ],
)
def test_a_bar_is_of_the_slot_that_it_opened_after_and_had_closed_by_the_next(opens: int, place: int) -> None:
    assert placed(np.array([opens]), MINUTE, slots([True] * 3)).tolist() == [place]


@given(
    starts=st.lists(st.integers(0, 500), min_size=1, max_size=6, unique=True).map(sorted),
    times=st.lists(st.integers(-10, 600), unique=True).map(sorted),
)
def test_no_bar_is_in_two_slots_and_none_that_a_model_of_its_slot_could_know(
    starts: list[int], times: list[int]
) -> None:
    ends = [*starts[1:], starts[-1] + 50]
    known = tuple(Slot(start, end) for start, end in zip(starts, ends, strict=True))
    found = placed(np.array(times, dtype=np.int64), 1, known)
    for time, place in zip(times, found.tolist(), strict=True):
        inside = [i for i, one in enumerate(known) if one.slot <= time and time + 1 <= one.until]
        assert inside == ([place] if place >= 0 else [])


def test_the_file_holds_what_was_scored() -> None:
    known = scores([False, True, False], {0: 0.5, 1: 0.6, 2: 0.5})
    again = decode(encode(known), "x")
    assert again.slots == known.slots and again.question == known.question
    assert all(np.array_equal(again.answers[name], known.answers[name], equal_nan=True) for name in known.answers)
    assert np.array_equal(again.times, known.times) and np.array_equal(again.labels, known.labels)
    assert encode(again) == encode(known)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"{}"])
def test_another_file_is_named_and_not_read(data: bytes) -> None:
    with pytest.raises(DataError, match=r"models/x\.parquet is not what the models of a backfill answered"):
        decode(data, "models/x.parquet")


@pytest.mark.parametrize(
    ("promoted", "serving", "first"),
    [
        ([False, False], [None, None], None),
        ([True, False], [0, 0], 0),
        ([False, True, False, True], [None, 1, 1, 3], 1),
    ],
)
def test_what_is_refused_leaves_the_former_model_in_service(
    promoted: list[bool], serving: list[int | None], first: int | None
) -> None:
    known = scores(promoted, dict.fromkeys(range(len(promoted)), 0.5))
    assert [known.in_service(i) for i in range(len(promoted))] == serving
    assert known.first == first
