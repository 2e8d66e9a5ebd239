"""Numbers in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.formatting import bar, measured, points, quoted


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("accuracy", 0.668, "66.8 %"),
        ("accuracy", 0.68, "68 %"),
        ("accuracy", 0.712345, "71.2 %"),
        ("accuracy", 1.0, "100 %"),
        ("pnl", -0.0001, "0 %"),
        ("pnl", -0.25, "-25 %"),
        ("maxDrawdown", 0.0, "0 %"),
        ("f1", 0.5434, "0.543"),
        ("sharpe", 10.0, "10"),
        ("sharpe", -1.25, "-1.25"),
        ("brier", None, "not measured"),
    ],
)
def test_measured(metric: str, value: float | None, words: str) -> None:
    assert measured(metric, value) == words


@pytest.mark.parametrize(
    ("metric", "bound", "words"),
    [
        ("accuracy", 0.68, "68 %"),
        ("accuracy", 0.6825, "68.25 %"),
        ("accuracy", 0.681234, "68.1234 %"),
        ("accuracy", 0, "0 %"),
        ("accuracy", 1, "100 %"),
        ("sharpe", 1.5, "1.5"),
        ("sharpe", 100, "100"),
    ],
)
def test_a_bar_is_said_as_it_was_written(metric: str, bound: float, words: str) -> None:
    assert bar(metric, bound) == words


@pytest.mark.parametrize(
    ("metric", "value", "bound", "words"),
    [
        ("accuracy", 0.668, 0.68, ("1.2 points", "66.8 %")),
        ("accuracy", 0.67996, 0.68, ("0.004 points", "67.996 %")),
        ("accuracy", 0.68, 0.68, ("0.0 points", "68.0 %")),
        ("sharpe", 0.5, 1.0, ("0.500", "0.500")),
    ],
    ids=[
        "a tenth of a point",
        "as many digits as it takes to differ",
        "no difference",
        "no points of a ratio",
    ],
)
def test_points(metric: str, value: float, bound: float, words: tuple[str, str]) -> None:
    assert points(metric, value, bound) == words


@given(st.floats(0, 1).map(lambda value: float(f"{value:.6g}")), st.integers(0, 10_000).map(lambda n: n / 10_000))
def test_a_value_beside_the_bar_never_reads_like_the_bar(value: float, bound: float) -> None:
    if abs(value - bound) >= 1e-6:
        assert points("accuracy", value, bound)[1] != bar("accuracy", bound)
        assert points("accuracy", value, bound)[0].strip("0. points") != ""


@pytest.mark.parametrize(("metric", "words"), [("auc", "AUC"), ("winRate", "win rate"), ("accuracy", "accuracy")])
def test_quoted(metric: str, words: str) -> None:
    assert quoted(metric) == words
