"""Measured numbers as text. Status, report and terminal use the same functions, so a figure reads alike everywhere."""

from __future__ import annotations

from collections.abc import Sequence

_SHARES = frozenset({"accuracy", "calibrationError", "winRate", "pnl", "maxDrawdown", "leadOverLogistic"})
_NAMES = {
    "calibrationError": "calibration error",
    "f1": "F1",
    "auc": "AUC",
    "brier": "Brier score",
    "winRate": "win rate",
    "pnl": "PnL",
    "sharpe": "Sharpe ratio",
    "maxDrawdown": "maximum drawdown",
    "leadOverLogistic": "lead over the logistic regression",
}


def quoted(metric: str) -> str:
    """The metric's name as it is written in a sentence: calibration error."""
    return _NAMES.get(metric, metric)


def _unit(metric: str) -> str:
    """What follows the number; a difference of two shares is in points."""
    if metric == "leadOverLogistic":
        return " points"
    return " %" if metric in _SHARES else ""


def measured(metric: str, value: float | None) -> str:
    """A value with its unit: 66.8 % for shares, 0.543 for the rest; `not measured` for None."""
    if value is None:
        return "not measured"
    share = metric in _SHARES
    return (_trimmed(f"{value * 100:.1f}") if share else _trimmed(f"{value:.3f}")) + _unit(metric)


def bar(metric: str, bound: float) -> str:
    """A bound as it was written, with its unit: 68 %, 68.25 %, 0.2."""
    share = metric in _SHARES
    return _trimmed(f"{bound * (100 if share else 1):.8f}") + _unit(metric)


def points(metric: str, value: float, bound: float, decimals: int | None = None) -> tuple[str, str]:
    """Distance between value and bound, and the value, with enough digits to show a difference; `decimals` at least."""
    share = metric in _SHARES
    scale = 100.0 if share else 1.0
    first = decimals if decimals is not None else 1 if share else 3
    distance = abs(value - bound) * scale
    digits = next((digits for digits in range(first, 7) if round(distance, digits) > 0), first)
    unit = " points" if share else ""
    return f"{distance:.{digits}f}{unit}", f"{value * scale:.{digits}f}{_unit(metric)}"


def _trimmed(digits: str) -> str:
    text = digits.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def headline(sentence: str) -> str:
    """A message up to its first reason; the reasons are given with their symbols."""
    return sentence.split(";", 1)[0]


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 symbol, 3 symbols."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def age(seconds: float) -> str:
    """How long ago, in the largest unit of which there are at least two: 90 seconds, 9 hours, 3 days."""
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60))
    noun, size = next(((noun, size) for noun, size in units if seconds >= 2 * size), ("second", 1))
    return counted(max(int(seconds // size), 0), noun)


def listed(names: Sequence[str]) -> str:
    """Names as part of a sentence: A, B and C; empty without any."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
