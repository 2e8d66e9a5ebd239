"""Which column of a file is which: the time at which a bar opens, the candle's five, and what else is kept or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError
from retrain_trainer.data.columns.column_names import CANDLE_COLUMNS, known_from_dumps

from .source import Source
from .times import Times, in_zone, read_times, says_utc

TIME = "timestamp"
ROLES = (TIME, *CANDLE_COLUMNS)

_NAMES = {
    "open": ("open", "o", "openprice", "priceopen", "openpx"),
    "high": ("high", "h", "highprice", "pricehigh", "max"),
    "low": ("low", "l", "lowprice", "pricelow", "min"),
    "close": ("close", "c", "closeprice", "priceclose", "last"),
    "volume": ("volume", "vol", "v", "basevolume", "volumebase", "basevol", "tickvol", "tickvolume"),
}
_TIMES = [
    "timestamp",
    "opentime",
    "date",
    "datetime",
    "time",
    "ts",
    "t",
    "unix",
    "unixtime",
    "epoch",
    "opentimestamp",
    "starttime",
    "startat",
    "start",
    "begin",
    "begintime",
    "candlebegintime",
    "bucket",
    "gmttime",
    "localtime",
    "timestamputc",
    "opentimeutc",
    "datetimeutc",
    "dateutc",
    "timeutc",
    "timestampms",
    "timestamps",
    "unixtimestamp",
    "dateopen",
    "timeopen",
    "periodstart",
]
_ROW_NUMBERS = frozenset(("", "index", "unnamed0", "level0", "indexlevel0", "rownumber", "id"))
_MARKET = ("symbol", "pair", "ticker", "tic", "instrument", "product")


@dataclass(frozen=True)
class Choices:
    """What the caller says about the files: the zone and format of times, columns by role, dump columns to keep."""

    symbol: str
    timezone: str | None = None
    time_format: str | None = None
    roles: Mapping[str, str] | None = None
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bars:
    """A file's bars, in its order: `timestamp` (ns UTC), the candle's columns (float64), then the columns that are kept.

    `times` says where the times came from, `left_out` which columns were not taken, `markets` what the file calls its market.
    """

    source: Source
    table: pa.Table
    times: str
    left_out: tuple[str, ...]
    markets: tuple[str, ...]


def read_bars(source: Source, choices: Choices) -> Bars:
    """The bars of a file. Raises DataError for missing columns and values, ConfigurationError where a flag must decide."""
    if source.table.num_rows == 0:
        raise DataError(reasons.TOO_FEW_ROWS, f"{source.name} has no rows.")
    given = choices.roles or {}
    taken = {role: _column_of(source, role, choices) for role in CANDLE_COLUMNS}
    column, times, beside = _time(source, given.get(TIME), choices)
    columns = {TIME: pa.array(times.values, pa.timestamp("ns", tz="UTC"))}
    columns |= {role: _numbers(source, name) for role, name in taken.items() if name is not None}
    used = {column, *beside, *taken.values()}
    rest = [name for name in source.table.column_names if name not in used]
    own = [name for name in rest if _is_kept(source, name, choices)]
    columns |= {name: source.table[name].combine_chunks() for name in own}
    left_out = (*beside[1:], *(name for name in rest if name not in own and _plain(name)), *source.unread)
    return Bars(source, pa.table(columns), f"{column}: {times.described}", left_out, _markets(source))


def of_a_dump(name: str, choices: Choices) -> bool:
    """Whether a column is one of an exchange's file that no candle needs and nobody asked for."""
    asked = name in choices.keep or name in (choices.roles or {}).values()
    needed = any(_plain(name) in _accepted(role, choices) for role in CANDLE_COLUMNS) or _plain(name) in _TIMES
    index = _plain(name) in _ROW_NUMBERS
    return not (asked or needed or index) and known_from_dumps(name) is not None


def _accepted(role: str, choices: Choices) -> tuple[str, ...]:
    """The names, in plain letters, under which a candle's column is known."""
    return _NAMES[role] + ((f"volume{_plain(choices.symbol.partition('-')[0])}",) if role == "volume" else ())


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _column_of(source: Source, role: str, choices: Choices) -> str | None:
    names: list[str] = source.table.column_names
    given = (choices.roles or {}).get(role)
    if given is not None:
        return _present(source, role, given)
    accepted = _accepted(role, choices)
    found = [name for name in names if _plain(name) in accepted]
    exact = [name for name in found if _plain(name) == role]
    found = exact or found
    if len(found) > 1:
        both = " and ".join(map(repr, found))
        raise ConfigurationError(
            reasons.BAD_OPTIONS,
            f"{source.name} has {both}, and either may be {role}; say which: --column {role}={found[0]}.",
        )
    if found:
        return found[0]
    if role == "volume":
        return None
    raise DataError(
        reasons.MISSING_COLUMN,
        f"{source.name} has no column {role!r}; it has {', '.join(names[:15])}. Say which it is: --column {role}=NAME.",
    )


def _present(source: Source, role: str, name: str) -> str:
    if name not in source.table.column_names:
        raise ConfigurationError(
            reasons.BAD_OPTIONS,
            f"--column {role}={name} names no column of {source.name}; it has {', '.join(source.table.column_names[:15])}.",
        )
    return name


def _time(source: Source, given: str | None, choices: Choices) -> tuple[str, Times, tuple[str, ...]]:
    """The column of times, its values, and the columns that say the same."""
    if given is not None:
        name = _present(source, TIME, given)
        return name, _settled(source, name, choices), (name,)
    names = [name for name in source.table.column_names if _plain(name) in _TIMES]
    names = names or [
        name for name in source.table.column_names if _plain(name) in _ROW_NUMBERS and _may_be_time(source, name)
    ]
    if not names:
        raise DataError(
            reasons.MISSING_COLUMN,
            f"{source.name} has no column for the time at which a bar opens; it has "
            f"{', '.join(source.table.column_names[:15])}. Say which it is: --column timestamp=NAME.",
        )
    joined = _date_and_time(source, names, choices)
    if joined is not None:
        return joined
    if len(names) == 1:
        return names[0], _settled(source, names[0], choices), (names[0],)
    return _agreed(source, names, choices)


def _settled(source: Source, name: str, choices: Choices) -> Times:
    times = read_times(source, name, source.table[name], choices.time_format)
    return in_zone(source, name, times, choices.timezone or ("UTC" if says_utc(name) else None))


def _agreed(source: Source, names: Sequence[str], choices: Choices) -> tuple[str, Times, tuple[str, ...]]:
    """Of several columns of times, one that names its zone; where such columns differ, the caller must choose."""
    found = {}
    for name in names:
        try:
            times = read_times(source, name, source.table[name], choices.time_format)
        except (ConfigurationError, DataError):
            continue  # another column may be plainer
        if times.certain:
            found[name] = times
    first = next(iter(found), None)
    if first is None:
        return names[0], _settled(source, names[0], choices), (names[0],)
    other = next((name for name, times in found.items() if (times.values != found[first].values).any()), None)
    if other is not None:
        raise ConfigurationError(
            reasons.BAD_OPTIONS,
            f"Columns {first!r} and {other!r} of {source.name} hold different times; say which is the time at which a bar "
            f"opens: --column timestamp={first}.",
        )
    return first, found[first], (first, *(name for name in names if name != first))


def _date_and_time(source: Source, names: Sequence[str], choices: Choices) -> tuple[str, Times, tuple[str, ...]] | None:
    """A date and a time of day in two columns, as MetaTrader writes them; None where the file has no such pair."""
    pair = {_plain(name): name for name in names if _plain(name) in ("date", "time")}
    if set(pair) != {"date", "time"} or len(names) != 2:
        return None
    date, time = source.table[pair["date"]], source.table[pair["time"]]
    if not (pa.types.is_time(time.type) or pa.types.is_string(time.type)):
        return None
    text = pc.binary_join_element_wise(date.cast(pa.string()), time.cast(pa.string()), " ")
    label = f"{pair['date']} and {pair['time']}"
    times = in_zone(source, label, read_times(source, label, text, choices.time_format), choices.timezone)
    return label, times, (pair["date"], pair["time"])


def _may_be_time(source: Source, name: str) -> bool:
    """Whether an index is one of times: a row number is none."""
    kind = source.table[name].type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        smallest = pc.min(source.table[name]).as_py()
        return smallest is not None and smallest >= 600_000_000
    return True


def _numbers(source: Source, name: str) -> pa.Array:
    values = source.table[name].combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        return values.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    row, value = _first_text(values)
    raise DataError(
        reasons.NOT_NUMERIC,
        f"Column {name!r} is {value!r} in {source.place(row)}, which is no number; correct it, or say with --decimal , "
        "that the file writes decimal commas.",
    )


def _first_text(values: pa.Array) -> tuple[int, object]:
    for row, value in enumerate(values.to_pylist()):
        try:
            float(value if value is not None else 0)
        except (TypeError, ValueError):
            return row, value
    return 0, values[0].as_py()


def _is_kept(source: Source, name: str, choices: Choices) -> bool:
    if name in choices.keep:
        return True
    kind, plain = source.table[name].type, _plain(name)
    numeric = (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )
    quote = f"volume{_plain(choices.symbol.rpartition('-')[2])}"
    unwanted = known_from_dumps(name) is not None or plain in _ROW_NUMBERS or plain in _TIMES or plain == quote
    return numeric and not unwanted


def _markets(source: Source) -> tuple[str, ...]:
    name = next((name for name in source.table.column_names if _plain(name) in _MARKET), None)
    if name is None:
        return ()
    values = pc.unique(source.table[name]).to_pylist()
    return tuple(sorted(str(value) for value in values if value is not None))


def finite_or_none(values: pa.Array) -> np.ndarray:
    """A numeric column as float64 for comparison, NaN where a value is missing."""
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
