"""The table of a backfill fits the terminal: rather fewer columns than lines that break."""

from __future__ import annotations

import pytest

from retrain_cli.display.backfill.table import COLUMNS, fitted

WIDE = [
    ["2026-01-10 03:00", "BTC-USD", "Pass", *["68.9 % (66.1 to 71.6)"] * 2, "this one", "68.9 % (66.1 to 71.6)"]
    + ["-1.0 %"] * 4
]
SHORT = [[cell.split(" (")[0] for cell in row] for row in WIDE]


@pytest.mark.parametrize(
    ("room", "columns", "intervals"),
    [
        (None, COLUMNS, True),
        (200, COLUMNS, True),
        (120, COLUMNS, False),
        (80, COLUMNS[:8], False),
        (20, COLUMNS[:3] + COLUMNS[4:8], False),
    ],
)
def test_intervals_go_first_then_what_never_was(room: int | None, columns: tuple[str, ...], intervals: bool) -> None:
    names, rows = fitted(WIDE, SHORT, room)
    assert tuple(names) == columns
    assert any("(" in cell for cell in rows[0]) is intervals
