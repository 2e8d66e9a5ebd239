"""What the live table shows on a narrow terminal, how its times read, and the lines beside it."""

from __future__ import annotations

import pytest

from retrain_api.status.progress import Step
from retrain_cli.display.live_table import COLUMNS, clock, fitting, folded, time_left
from retrain_cli.display.plain import labelled

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


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (42.9, "0:42"), (725, "12:05"), (3720, "1h02m")])
def test_the_clock_is_minutes_or_hours(seconds: float, said: str) -> None:
    assert clock(seconds) == said


@pytest.mark.parametrize(
    ("widths", "width", "more"),
    [((), 80, 0), ((80, 80), 80, 0), ((0, 80), 80, 0), ((81, 80), 80, 1), ((120, 120, 10), 50, 4)],
)
def test_a_terminal_that_has_become_narrower_folds_what_does_not_fit(
    widths: tuple[int, ...], width: int, more: int
) -> None:
    assert folded(widths, width) == more


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BTC-USD: 31 features: all 31 built in.", "[BTC-USD] 31 features: all 31 built in."),
        ("BTC-USD training complete in 0.1 minutes", "[BTC-USD] training complete in 0.1 minutes"),
        ("Epoch 1/6", "[BTC-USD] Epoch 1/6"),
        ("BTC-USDT: another market", "[BTC-USD] BTC-USDT: another market"),
        ("BTC-USD", "[BTC-USD] BTC-USD"),
    ],
)
def test_a_line_says_its_symbol_once(text: str, said: str) -> None:
    assert labelled("BTC-USD", text) == said
