"""What a preflight waits for is read from exactly the line that it writes, and from no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.status.lateness import Late, last_late, late_line, read_late

LATE = Late("BTC-USD", 0, "2026-11-28T10:00:00Z", "2026-11-28T14:00:00Z")
LINE = "Late: BTC-USD and 0 more; newest bar closed 2026-11-28T10:00:00Z; waiting until 2026-11-28T14:00:00Z"


def test_the_line() -> None:
    assert late_line(LATE) == LINE and read_late(f"{LINE}\n") == LATE


@given(st.from_regex(r"[A-Z0-9]{1,8}([-.][A-Z0-9]{1,5})?", fullmatch=True), st.integers(0, 63))
def test_a_line_is_read_as_it_was_meant(symbol: str, more: int) -> None:
    late = Late(symbol, more, LATE.newest, LATE.until)
    assert read_late(late_line(late)) == late


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            0,
            "New bars of BTC-USD have not come yet: the newest one closed at 2026-11-28T10:00:00Z. It looks again each "
            "minute until 2026-11-28T14:00:00Z (data.waitFor).",
        ),
        (
            2,
            "New bars of BTC-USD and 2 more symbols have not come yet: the newest one closed at 2026-11-28T10:00:00Z. It "
            "looks again each minute until 2026-11-28T14:00:00Z (data.waitFor).",
        ),
    ],
)
def test_what_the_status_says(more: int, sentence: str) -> None:
    assert Late("BTC-USD", more, LATE.newest, LATE.until).sentence == sentence


@pytest.mark.parametrize("line", ["", "Late: BTC-USD", f"x {LINE}", f"{LINE} or so", "Epoch 1/50: Train Loss=0.6"])
def test_another_line(line: str) -> None:
    assert read_late(line) is None


def test_the_last_one_counts() -> None:
    later = Late("ETH-USD", 1, LATE.newest, LATE.until)
    assert last_late([LINE, "something else", late_line(later), ""]) == later
    assert last_late(["something else"]) is None
