"""When a schedule retrains, and on how much: lengths that the files can fill, also those of the oldest replay of a proof. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api.time import Interval

_MINUTE, _HOUR, _DAY = 60 * 10**9, 3600 * 10**9, 86_400 * 10**9
_SLOTS, _MIN_PASSED = 6, 4
_LEAST_BARS = 500
"""A test part of fewer bars is mostly Inconclusive: a proof of such parts would never pass."""
_PURGE = 75
"""Bars between two parts: lookback and horizon of the larger of the models that are written."""
_TESTS_OF_A_FILE = 20
"""A test part is this share of the file at most, so that window and six replays fit into it."""


@dataclass(frozen=True)
class Timing:
    """What a schedule says of time. Without `test` the file is too short for a proof."""

    cron: str
    often: str
    max_age: str
    min_new_bars: int
    expires_after: str
    window: str | None = None
    test: str | None = None
    slots: int = _SLOTS
    min_passed: int = _MIN_PASSED


@dataclass(frozen=True)
class _Pace:
    cron: str
    often: str
    nanoseconds: int
    expires_after: str


_DAILY = _Pace("0 3 * * *", "each night at three", _DAY, "7d")
_WEEKLY = _Pace("0 3 * * 6", "Saturdays at three", 7 * _DAY, "21d")
_MONTHLY = _Pace("0 3 1 * *", "the first of each month at three", 31 * _DAY, "93d")


def timing(interval: str, bars: int | None) -> Timing:
    """For bars of this length, of which the shortest file has so many; None where there is no file yet."""
    length = Interval.parse(interval).nanoseconds
    window, test = _usual(length)
    span = None if bars is None else bars * length
    if span is not None:
        test = min(test, span // _TESTS_OF_A_FILE)
    test = _rounded(test, length)
    pace = _MONTHLY if test >= 90 * _DAY else _WEEKLY if test >= 7 * _DAY else _DAILY
    if span is not None:
        apart = -(-(test + _PURGE * length) // pace.nanoseconds) * pace.nanoseconds
        window = min(window, _rounded(span * 9 // 10 - _SLOTS * apart, length))
    fits = test >= _LEAST_BARS * length and window >= 3 * test
    return Timing(
        cron=pace.cron,
        often=pace.often,
        max_age="1d" if length < _DAY else _text(5 * max(length, _DAY)),
        # Half a night's: a file that is some minutes late has something new all the same.
        min_new_bars=max(_DAY // length // (2 if pace is _DAILY else 1), 1),
        expires_after=pace.expires_after,
        window=_text(window) if fits else None,
        test=_text(test) if fits else None,
    )


def _usual(length: int) -> tuple[int, int]:
    """Window and test part, where the file is long enough: 18,720 test bars of 1m, 1,416 of 1h, 730 of 1d.

    A day less than whole weeks, for replays are a test part and a purge apart, and slots are a week apart.
    """
    if length <= 5 * _MINUTE:
        return 180 * _DAY, 13 * _DAY
    return (730 * _DAY, 59 * _DAY) if length <= _HOUR else (3650 * _DAY, 730 * _DAY)


def _rounded(length: int, bar: int) -> int:
    """Down to whole days, or hours, that are whole bars; 0 where there are none."""
    unit = next((unit for unit in (_DAY, _HOUR) if length >= unit and unit % bar == 0), bar if bar >= _DAY else 0)
    return length // unit * unit if unit else 0


def _text(length: int) -> str:
    return f"{length // _DAY}d" if length % _DAY == 0 else f"{length // _HOUR}h"
