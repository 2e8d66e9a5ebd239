"""Reads a parquet file as numpy columns, one in memory at a time, and reports any damage in one sentence."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import RawIOBase
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError, NotFoundError
from retrain_trainer.data.columns.time_causes import out_of_range

_MAGIC = b"PAR1"
_NO_VALUE = r"(?i)^\s*(|nan|null|none|na|n/a|-|nat)\s*$"
_NUMBER = r"(?i)^\s*[+-]?((\d[\d,_' ]*)?\.?\d[\d,]*\.?|inf(inity)?)(e[+-]?\d+)?\s*%?\s*$"
_TIME = "timestamp"
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
"""Some writers store text without saying that it is text."""


@dataclass(frozen=True)
class ParquetColumns:
    """An open file. `types` maps each top-level column to its Arrow type; `rows` is the number of rows, after those `skipped`.

    An index of times that pandas stored under another name is column `timestamp`; `index` is the name it has in the file.
    """

    name: str
    rows: int
    types: dict[str, pa.DataType]
    file: pq.ParquetFile
    index: str | None = None
    skipped: int = 0

    def first(self, rows: int) -> ParquetColumns:
        """The same file, as if it ended after so many rows."""
        return replace(self, rows=rows)

    def after(self, rows: int) -> ParquetColumns:
        """The same file, as if it began after so many rows."""
        return replace(self, skipped=self.skipped + rows, rows=self.rows - rows)

    def only(self, columns: Collection[str]) -> ParquetColumns:
        """The same file, as if it had no other columns beside the times, and these in this order."""
        return replace(self, types={name: self.types[name] for name in (_TIME, *columns) if name in self.types})

    def is_numeric(self, column: str) -> bool:
        """Whether a column holds integers, floats, decimals or booleans."""
        kind = self.types[column]
        tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
        return any(test(kind) for test in tests)

    def read_numbers(self, column: str) -> NDArray[np.float64]:
        """A numeric column as float64[rows], NaN where a value is missing. Raises DataError for a damaged file."""
        values = np.empty(self.rows, dtype=np.float64)
        row = 0
        for chunk in self._chunks(column):
            values[row : row + len(chunk)] = _numbers(chunk)
            row += len(chunk)
        return values

    def read_table(self, columns: Sequence[str]) -> pa.Table:
        """Columns as they are, of any type. Raises DataError for a damaged file."""
        with _damage_named(self.name):
            return self.file.read(columns=list(columns), use_threads=False).slice(self.skipped, self.rows)

    def is_text(self, column: str) -> bool:
        """Whether a column holds text, dictionary-encoded or not."""
        return any(test(self._value_type(column)) for test in _TEXT)

    def _value_type(self, column: str) -> pa.DataType:
        kind = self.types[column]
        return kind.value_type if pa.types.is_dictionary(kind) else kind

    def has_numbers_as_text(self, column: str) -> bool:
        """Whether every value of a column of text or bytes reads as a number, and they are not all the same.

        Empty text, NaN, None and the like are no values. Raises DataError for a damaged file.
        """
        if not any(test(self._value_type(column)) for test in (*_TEXT, *_BYTES)):
            return False
        found: set[str] = set()
        for chunk in self._chunks(column):
            try:
                texts = pc.unique(chunk.cast(pa.large_string())).drop_null()
            except pa.ArrowInvalid:
                return False  # bytes that are no text
            texts = texts.filter(pc.invert(pc.match_substring_regex(texts, _NO_VALUE)))
            if not pc.all(pc.match_substring_regex(texts, _NUMBER), min_count=0).as_py():
                return False
            found.update(texts.slice(0, 2).to_pylist())
        return len(found) > 1

    def stored_name(self, column: str) -> str:
        """The name that a column of `types` has in the file."""
        return self.index if self.index is not None and column == _TIME else column

    def read_timestamps(self, column: str) -> tuple[NDArray[np.int64], int | None]:
        """A timestamp column as int64[rows] nanoseconds UTC, and the first row without a value, if any.

        A column without a time zone counts as UTC. Raises DataError for a damaged file, and for times outside the
        years 1677 to 2262, which is the range of nanoseconds in an int64.
        """
        values = np.zeros(self.rows, dtype=np.int64)
        row, missing = 0, None
        for chunk in self._chunks(column):
            if chunk.null_count and missing is None:
                missing = row + int(np.argmax(chunk.is_null().to_numpy(zero_copy_only=False)))
            values[row : row + len(chunk)] = as_nanoseconds(chunk, column, self.name, row)
            row += len(chunk)
        return values, missing

    def distinct(self, column: str) -> list[str]:
        """The different values of a column of text, in the order in which they appear. Raises DataError for a damaged file."""
        found: dict[str, None] = {}
        for chunk in self._chunks(column):
            found.update(dict.fromkeys(value for value in chunk.unique().to_pylist() if value is not None))
        return list(found)

    def first_value(self, column: str) -> Any:
        """The first value of a column that is there; None in an empty column. Raises DataError for a damaged file."""
        chunks = (chunk.drop_null() for chunk in self._chunks(column))
        return next((chunk[0].as_py() for chunk in chunks if len(chunk)), None)

    def read_all(self) -> pa.Table:
        """All columns under the names of `types`. Raises DataError for a damaged file."""
        with _damage_named(self.name):
            table = self.file.read().slice(self.skipped, self.rows)
        return table.rename_columns([_TIME if name == self.index else name for name in table.column_names])

    def _chunks(self, column: str) -> Iterator[pa.Array]:
        stored = self.index if self.index is not None and column == _TIME else column
        for group, first, rows in self._groups():
            with _damage_named(self.name):
                table = self.file.read_row_group(group, columns=[stored], use_threads=False)
            yield from table.column(stored).slice(first, rows).chunks

    def _groups(self) -> Iterator[tuple[int, int, int]]:
        """The row groups that hold rows of this file: number, the first row of it that counts, and how many do."""
        begins = 0
        for group in range(self.file.num_row_groups):
            ends = begins + self.file.metadata.row_group(group).num_rows
            first, stop = max(begins, self.skipped), min(ends, self.skipped + self.rows)
            if first < stop:
                yield group, first - begins, stop - first
            begins = ends


def as_nanoseconds(times: pa.Array, column: str, name: str, first_row: int = 0) -> NDArray[np.int64]:
    """Times of any unit as int64[n] nanoseconds UTC, 0 where one is missing. Raises DataError("TimestampRange")."""
    try:
        converted = times.cast(pa.timestamp("ns", tz=times.type.tz)).cast(pa.int64()).fill_null(0)
    except pa.ArrowInvalid:
        place, cause = out_of_range(times.cast(pa.int64()).fill_null(0).to_numpy(), times.type.unit)
        raise DataError(
            reasons.TIMESTAMP_RANGE,
            f"Column {column!r} of {name} has a time before 1677 or after 2262 in row {first_row + place}: {cause}.",
        ) from None
    found: NDArray[np.int64] = np.asarray(converted.to_numpy(zero_copy_only=False), dtype=np.int64)
    return found


def open_parquet(path: Path) -> ParquetColumns:
    """Open a parquet file and read its schema.

    Raises NotFoundError for a missing file, and DataError for one that is not parquet, is truncated, damaged or
    unreadable, or has two columns of the same name.
    """
    try:
        with path.open("rb") as stream:
            _require_magic(stream, path.name)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(reasons.FILE_NOT_FOUND, f"There is no file {path}.") from None
    except IsADirectoryError:
        raise folder_of_parts(str(path)) from None
    except OSError as error:
        raise DataError(reasons.UNREADABLE, f"{path} cannot be read: {error.strerror}.") from None
    return _opened(path, path.name)


def open_parts(stream: IO[bytes] | RawIOBase, name: str) -> ParquetColumns:
    """Open a parquet file that is read in parts, such as an object in a store: only its footer is read. Raises DataError."""
    _require_magic(stream, name)
    return _opened(stream, name)


def _opened(source: Any, called: str) -> ParquetColumns:
    with _damage_named(called):
        file = pq.ParquetFile(source)
        schema = file.schema_arrow
    repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if repeated:
        raise DataError(reasons.REPEATED_COLUMN, f"{called} has more than one column named {', '.join(repeated)}.")
    index = _time_index(schema)
    names = [_TIME if name == index else name for name in schema.names]
    types = dict(zip(names, schema.types, strict=True))
    return ParquetColumns(called, file.metadata.num_rows, types, file, index)


def _time_index(schema: pa.Schema) -> str | None:
    """The column that is a pandas index of times, where no column is named `timestamp`."""
    if _TIME in schema.names or not schema.metadata or b"pandas" not in schema.metadata:
        return None
    try:
        stored = json.loads(schema.metadata[b"pandas"])["index_columns"]
    except (ValueError, KeyError, TypeError):
        return None
    names = [name for name in stored if isinstance(name, str) and name in schema.names]
    return names[0] if len(names) == 1 and pa.types.is_timestamp(schema.field(names[0]).type) else None


def _require_magic(stream: IO[bytes] | RawIOBase, name: str) -> None:
    head = stream.read(4)
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 4))
    tail = stream.read(4)
    if head != _MAGIC:
        what = "is empty" if size == 0 else "is not a parquet file"
        raise DataError(reasons.NOT_PARQUET, f"{name} {what}; write it with DataFrame.to_parquet, for example.")
    if size < 12 or tail != _MAGIC:
        raise DataError(reasons.TRUNCATED, f"{name} is truncated: its end is missing; copy or write the file again.")


def folder_of_parts(place: str, options: str = "--symbol SYMBOL") -> DataError:
    """The error for a folder where a file is expected; `place` is its path or URI, `options` are those of the import."""
    return DataError(
        reasons.UNREADABLE,
        f"{place} is a folder of parts, as Spark and Dask write it, and one file for each symbol is read: join the parts, "
        f"`retrain import {place.removeprefix('file://')}/*.parquet {options} -o FOLDER`, or write them with coalesce(1).",
    )


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise DataError(reasons.DAMAGED, f"{name} is damaged, copy or write it again: {first_line}") from None


def _numbers(chunk: pa.Array) -> NDArray[np.float64]:
    if pa.types.is_decimal(chunk.type) or pa.types.is_boolean(chunk.type):
        chunk = chunk.cast(pa.float64())
    return np.asarray(chunk.to_numpy(zero_copy_only=False), dtype=np.float64)
