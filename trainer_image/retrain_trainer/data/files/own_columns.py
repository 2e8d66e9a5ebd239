"""Which columns of a file may be features at all, by their names and types, and their values.

Whatever is left out is left out with its name and the reason, so that nobody learns from a column, or without one, unawares.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_trainer.data.columns.column_names import CANDLE_COLUMNS, known_from_dumps
from retrain_trainer.data.columns.column_values import as_float32, require_finite, rows_without_value
from retrain_trainer.data.columns.timeline import TimeArray

from .parquet import ParquetColumns

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class LeftOut:
    """A column of the file that is not learnt from, and why, such as "a time"."""

    name: str
    why: str


@dataclass(frozen=True)
class Column:
    """A feature column: float32[n], NaN in the first `start` rows, which hold no value."""

    values: NDArray[np.float32]
    start: int


def other_columns(file: ParquetColumns) -> tuple[str, ...]:
    """The columns beside time and candles, without the row numbers that pandas writes by itself."""
    known = ("timestamp", *CANDLE_COLUMNS)
    return tuple(name for name in file.types if name not in known and not _PANDAS_INDEX.fullmatch(name))


def own_columns(file: ParquetColumns, by_type: bool = False) -> tuple[tuple[str, ...], tuple[LeftOut, ...]]:
    """The columns that may be features where nobody names any, and those that are none.

    Raises DataError("NotNumeric") for numbers that are written as text. With `by_type` no text is read to find any.
    """
    left_out = [
        LeftOut(name, why) for name in other_columns(file) if (why := _no_feature(file, name, by_type)) is not None
    ]
    names = {one.name for one in left_out}
    return tuple(name for name in other_columns(file) if name not in names), tuple(left_out)


def _no_feature(file: ParquetColumns, name: str, by_type: bool) -> str | None:
    known = known_from_dumps(name)
    if known is not None or file.is_numeric(name):
        return known
    if not by_type:
        _refuse_numbers_as_text(file, name)
    kind = file.types[name]
    if pa.types.is_temporal(kind):
        return "a time"
    return "no value in any row" if pa.types.is_null(kind) else "text" if file.is_text(name) else f"{kind}, no numbers"


def named_columns(file: ParquetColumns, wanted: Sequence[str], computable: Collection[str]) -> tuple[str, ...]:
    """Those of the `wanted` names that the file has; the others must be `computable`.

    Raises DataError: MissingFeature, NotNumeric.
    """
    missing = [name for name in wanted if name not in file.types and name not in computable]
    if missing:
        numeric = [name for name in other_columns(file) if file.is_numeric(name)]
        known = [*numeric, *(name for name in CANDLE_COLUMNS if name in file.types), *computable]
        nearest = "; ".join(f"{name!r}{near(name, known)}" for name in missing[:5])
        raise DataError(
            reasons.MISSING_FEATURE,
            f"{file.name} lacks features that data.features names: {nearest}; it has {listed(known)}.",
        )
    names = tuple(name for name in wanted if name in file.types)
    for name in names:
        require_numeric(file, name)
    return names


def require_numeric(file: ParquetColumns, name: str) -> None:
    """Raises DataError("NotNumeric") for a column of anything but numbers."""
    if not file.is_numeric(name):
        _refuse_numbers_as_text(file, name)
        raise DataError(
            reasons.NOT_NUMERIC,
            f"Column {name!r} of {file.name} holds {file.types[name]}, not numbers; "
            "store it as numbers, or remove it from data.features.",
        )


def _refuse_numbers_as_text(file: ParquetColumns, name: str) -> None:
    if file.has_numbers_as_text(name):
        raise DataError(
            reasons.NOT_NUMERIC,
            f"Column {name!r} of {file.name} holds numbers as text ({file.types[name]}); write them as numbers, as "
            "pandas.to_numeric does, or remove the column.",
        )


def read_column(file: ParquetColumns, name: str, timestamps: TimeArray) -> Column:
    """A numeric column. Raises DataError: NotFinite for a gap after the first value or an infinite one, Overflow."""
    values = file.read_numbers(name)
    start = rows_without_value(values)
    require_finite(values, name, file.name, timestamps, start)
    return Column(as_float32(values, name, file.name, timestamps, start), start)


def near(name: str, names: Collection[str]) -> str:
    """A question after a name that does not exist: (did you mean 'close'?); empty where none is like it."""
    close = difflib.get_close_matches(name, list(names), n=3, cutoff=0.6)
    cased = [other for other in names if other.lower() == name.lower() and other not in close]
    found = [repr(other) for other in cased + close]
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def listed(names: Sequence[str], most: int = 12) -> str:
    """At most so many names, as part of a sentence."""
    if not names:
        return "no column"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
