"""What is probably wrong with times that are refused: another unit, local time, an hour that comes twice.

A message that only says "not sorted" sends a person to look at a million rows. Each function here returns the likely cause as the
end of a sentence, or an empty text.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrain_api.time import Interval

HOUR = 3_600_000_000_000
_UNITS = {0: ("s", "seconds"), 3: ("ms", "milliseconds"), 6: ("us", "microseconds"), 9: ("ns", "nanoseconds")}
_NEAR = 0.06
"""Orders of magnitude by which two times of one file differ at most, when one is in another unit: 2011 and 2026 are 0.06 apart."""


def times_apart(before: int, after: int) -> str:
    """The cause where one of two neighbouring times is a thousand, a million or a billion times the other."""
    if before <= 0 or after <= 0:
        return ""
    orders = abs(math.log10(before / after))
    if orders < 3 - _NEAR or abs(orders - 3 * round(orders / 3)) > _NEAR:
        return ""
    return f"; one is {10 ** (3 * round(orders / 3)):,} times the other: rows in two units, such as seconds among milliseconds"


def backwards(before: int, after: int, interval: Interval) -> str:
    """The cause where a time is earlier than the one before it."""
    if after - before == interval.nanoseconds - HOUR:
        return "; the hour comes twice, as where summer time ends: the times are local, convert them to UTC"
    return times_apart(before, after) or "; sort the rows by time"


def repeated(timestamps: NDArray[np.int64], steps: NDArray[np.int64]) -> str:
    """The cause where times are repeated."""
    twice = timestamps[1:][steps == 0]
    if len(twice) * 3 > len(timestamps):
        return "; are there several symbols or sources in one file?"
    if changes_of_summer_time(twice).all():
        return "; the hour comes twice, as where summer time ends: the times are local, convert them to UTC"
    return "; keep one row for each time"


def changes_of_summer_time(timestamps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each time is one at which clocks are changed: in the first four hours of a Sunday in spring or autumn [n]."""
    days = timestamps // (24 * HOUR)
    months = timestamps.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    sunday, early = days % 7 == 3, timestamps % (24 * HOUR) < 4 * HOUR  # 1970-01-01 was a Thursday
    found: NDArray[np.bool_] = sunday & early & np.isin(months, (3, 4, 9, 10, 11))
    return found


def wrong_interval(usual: int, interval: Interval) -> str:
    """The cause where all bars are another interval apart."""
    for power in (3, 6, 9):
        if interval.nanoseconds in (usual * 10**power, usual // 10**power):
            return f"that is a factor of {10**power:,}: the times were read in another unit than they were written in"
    return ""


def off_the_grid(before: int, after: int, interval: Interval) -> str:
    """The cause where a step is no multiple of the interval."""
    rest = (after - before) % interval.nanoseconds
    if interval.nanoseconds > HOUR and rest in (HOUR, interval.nanoseconds - HOUR):
        days = interval.nanoseconds % (24 * HOUR) == 0
        how = "give each date as 00:00 UTC" if days else "convert them to UTC"
        return f"; the times shift with summer time: {how}"
    return times_apart(before, after)


def type_advice(kind: pa.DataType, first: Any) -> str:
    """How to write times that are no times: epoch numbers with their unit, or text."""
    if isinstance(first, int | float) and not isinstance(first, bool) and math.isfinite(first) and first > 0:
        power = 3 * round((math.log10(first) - 9.25) / 3)
        if power in _UNITS:
            unit, name = _UNITS[power]
            return f'{first} looks like epoch {name}, which pandas.to_datetime(..., unit="{unit}", utc=True) converts'
    return "pandas.to_datetime(..., utc=True) gives them"


def out_of_range(values: NDArray[np.int64], unit: str) -> tuple[int, str]:
    """The first row whose time is outside 1677 to 2262 in that unit, counted in `values`, and the cause."""
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    most = (2**63 - 1) * per_second // 10**9
    outside = (values > most) | (values < -most)
    row = int(np.argmax(outside))
    names = [name for name, _ in _UNITS.values()]
    finer = next((name for name, text in _UNITS.values() if _recent(int(values[row]), name)), None)
    if finer is None or names.index(finer) <= names.index(unit):
        return row, f"it holds {values[row]} {_word(unit)}"
    return (
        row,
        f"{values[row]} was read as {_word(unit)}, and is a time of these years in {_word(finer)}: read it in that unit",
    )


def _recent(value: int, unit: str) -> bool:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    return 10**9 / 2 < value / per_second < 5 * 10**9


def _word(unit: str) -> str:
    return next(text for name, text in _UNITS.values() if name == unit)
