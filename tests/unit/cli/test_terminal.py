"""What the live table shows on a narrow terminal, and how the time left reads."""

from __future__ import annotations

import pytest

from retrain_api.status.progress import Step
from retrain_cli.display.terminal import COLUMNS, fitting, time_left

ROW = ["BTC-USD", "Training", "12/50", "████████░░░░", "0.6931", "0.6929", "0.512", "0.001000", "450", "12:34"]


def needed(columns: list[int]) -> int:
    return sum(max(len(COLUMNS[column]), len(ROW[column])) + 1 for column in columns) - 1


def test_a_wide_terminal_shows_every_column() -> None:
    assert fitting([ROW], 120) == list(range(len(COLUMNS)))


@pytest.mark.parametrize("width", [80, 70, 60, 50])
def test_a_narrow_terminal_does_without_columns_and_cuts_none(width: int) -> None:
    shown = fitting([ROW], width)
    assert needed(shown) <= width
    assert {COLUMNS[column] for column in shown} >= {"SYMBOL", "STATE", "EPOCH", "VAL ACC", "LEFT"}


@pytest.mark.parametrize(("rate", "said"), [(100.0, "1:40"), (1.0, "2h46m"), (0.0, "0:00")])
def test_the_time_left_is_minutes_or_hours(rate: float, said: str) -> None:
    assert time_left(Step(epoch=1, epochs=1, windows=0, of_windows=10_000, rate=rate)) == said
