"""Times of any kind as nanoseconds UTC. What a person alone can know, such as a time zone, is asked for by name of a flag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError
from retrain_trainer.data.columns.timeline import TimeArray

from .source import Source

_DAY = 86_400_000_000_000
# Epoch times from 1990 to 2100: the four units have no value in common, so the size tells the unit.
_EARLIEST, _LATEST = 631_152_000, 4_102_444_800
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_UTC_NAMES = ("utc", "gmt")


@dataclass(frozen=True)
class Times:
    """When the bars open, int64[n] nanoseconds UTC; `described` says how the file wrote them.

    `certain` is False where the file does not say which zone they are in: `values` are then as written.
    """

    values: TimeArray
    described: str
    certain: bool = True


def read_times(source: Source, column: str, values: pa.ChunkedArray, time_format: str | None) -> Times:
    """A column as times. Raises DataError for a row that is empty or no time, ConfigurationError for a missing flag."""
    array = values.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.null_count:
        row = int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
        raise DataError(reasons.NOT_FINITE, f"Column {column!r} is empty in {source.place(row)}.")
    kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _epoch(source, column, array)
    if pa.types.is_date(kind):
        return _dates(_nanoseconds(source, column, array.cast(pa.timestamp("ms"))))
    if pa.types.is_timestamp(kind):
        return _moments(source, column, array)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view"):
        raise DataError(reasons.TIMESTAMP_TYPE, f"Column {column!r} of {source.name} holds {kind}, which is no time.")
    return _text(source, column, array.cast(pa.string()), time_format)


def in_zone(source: Source, column: str, times: Times, zone: str | None) -> Times:
    """Times that are certain: those without a zone are in `zone`. Raises ConfigurationError("TimeZone"), DataError."""
    if times.certain:
        return times
    if zone is None:
        raise ConfigurationError(
            reasons.TIME_ZONE,
            f"Column {column!r} of {source.name} does not say which time zone its times are in; "
            "say it: --timezone UTC, or --timezone America/New_York, for example.",
        )
    naive = pa.array(times.values, pa.timestamp("ns"))
    try:
        early, late = (_assumed(naive, zone, edge) for edge in ("earliest", "latest"))
    except pa.ArrowInvalid:
        raise ConfigurationError(
            reasons.TIME_ZONE, f"There is no time zone {zone!r}; write UTC, or a name such as Europe/London."
        ) from None
    if (early != late).any():
        row = int(np.argmax(early != late))
        local = str(np.datetime64(int(times.values[row]), "ns").astype("datetime64[s]")).replace("T", " ")
        raise DataError(
            reasons.TIME_ZONE,
            f"{local} in {source.place(row)} comes twice or never in {zone}, where the clocks change; "
            "export the times in UTC.",
        )
    return Times(early, f"local times of {zone}")


def _assumed(naive: pa.Array, zone: str, edge: str) -> NDArray[np.int64]:
    zoned = pc.assume_timezone(naive, zone, ambiguous=edge, nonexistent=edge)
    found: NDArray[np.int64] = zoned.cast(pa.int64()).to_numpy()
    return found


def _epoch(source: Source, column: str, array: pa.Array) -> Times:
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.float64())
    numbers = array.to_numpy(zero_copy_only=False)
    whole = np.issubdtype(numbers.dtype, np.integer)
    found = np.zeros(len(numbers), dtype=np.int64)
    used = []
    for unit, parts in _UNITS.items():
        mine = (numbers >= _EARLIEST * parts) & (numbers < _LATEST * parts)
        if not mine.any():
            continue
        used.append(unit)
        scale = 10**9 // parts
        # A float of nanoseconds is only exact to 256 of them: bars open on whole seconds, so nothing is lost.
        exact = numbers[mine].astype(np.int64) if whole else np.round(numbers[mine] * 1000 / parts).astype(np.int64)
        found[mine] = exact * (scale if whole else 10**6)
    if not found.all():
        row = int(np.argmax(found == 0))
        raise DataError(
            reasons.TIMESTAMP_RANGE,
            f"Column {column!r} is {numbers[row]} in {source.place(row)}, which is no epoch time from 1990 to 2100 in "
            "seconds, milliseconds, microseconds or nanoseconds; name the column of times: --column timestamp=NAME.",
        )
    return Times(found, f"epoch {' and '.join(used)}")


def _dates(values: TimeArray) -> Times:
    return Times(values, "dates, taken as 00:00 UTC")


def _moments(source: Source, column: str, array: pa.Array) -> Times:
    values = _nanoseconds(source, column, array)
    zone = array.type.tz
    if zone is None:
        return _dates(values) if _all_days(values) else Times(values, "times without a zone", certain=False)
    if _all_days(values) or zone.upper() in ("UTC", "GMT", "ETC/UTC", "+00:00"):
        return Times(values, f"times in {zone}")
    local = _nanoseconds(source, column, pc.local_timestamp(array))
    # Days of a market: its midnights shift with summer time, its dates do not.
    return (
        Times(local, f"days of {zone}, taken as 00:00 UTC") if _all_days(local) else Times(values, f"times in {zone}")
    )


def _all_days(values: TimeArray) -> bool:
    return bool((values % _DAY == 0).all())


def _nanoseconds(source: Source, column: str, array: pa.Array) -> TimeArray:
    try:
        found: TimeArray = array.cast(pa.timestamp("ns", tz=array.type.tz)).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        raise DataError(
            reasons.TIMESTAMP_RANGE, f"Column {column!r} of {source.name} has a time before 1677 or after 2262."
        ) from None
    return found


def _text(source: Source, column: str, array: pa.Array, time_format: str | None) -> Times:
    if time_format is not None:
        return _formatted(source, column, array, time_format)
    text = pc.utf8_trim_whitespace(array)
    text = pc.replace_substring_regex(text, r"^(\d{4})[./](\d{2})[./](\d{2})", r"\1-\2-\3")
    text = pc.replace_substring_regex(text, r" ?(UTC|GMT)$", "Z")
    for kind in (pa.timestamp("ns", "UTC"), pa.timestamp("ns"), pa.int64()):
        try:
            parsed = text.cast(kind)
        except pa.ArrowInvalid:
            continue
        return _epoch(source, column, parsed) if kind == pa.int64() else _moments(source, column, parsed)
    raise ConfigurationError(
        reasons.TIME_FORMAT,
        f"Column {column!r} of {source.name} holds times such as {array[0].as_py()!r}, which could be read in more than "
        "one way; say how: --time-format '%d/%m/%Y %H:%M', for example.",
    )


def _formatted(source: Source, column: str, array: pa.Array, time_format: str) -> Times:
    parsed = pc.strptime(array, format=time_format, unit="s", error_is_null=True)
    if parsed.null_count:
        row = int(np.argmax(parsed.is_null().to_numpy(zero_copy_only=False)))
        raise ConfigurationError(
            reasons.TIME_FORMAT,
            f"{array[row].as_py()!r} in {source.place(row)} is not written as --time-format {time_format!r} says.",
        )
    return _moments(source, column, parsed)


def says_utc(column: str) -> bool:
    """Whether a column's name says that its times are in UTC, as timestamp_utc and "Gmt time" do."""
    return any(
        word in _UTC_NAMES for word in column.lower().replace("_", " ").replace("(", " ").replace(")", " ").split()
    )
