"""A parquet file as columns of numpy arrays: one column in memory at a time, every damage one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from retrain_api.errors import DataError, NotFoundError

_MAGIC = b"PAR1"


@dataclass(frozen=True)
class ParquetColumns:
    """An open file: `types` maps each top-level column to its Arrow type, `rows` counts the rows."""

    name: str
    rows: int
    types: dict[str, pa.DataType]
    file: pq.ParquetFile

    def is_numeric(self, column: str) -> bool:
        """Whether a column holds integers, floats, decimals or booleans."""
        kind = self.types[column]
        tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
        return any(test(kind) for test in tests)

    def read_numbers(self, column: str) -> NDArray[np.float64]:
        """A numeric column as float64[rows], NaN where a value is missing. Raises DataError when damaged."""
        values = np.empty(self.rows, dtype=np.float64)
        row = 0
        for chunk in self._chunks(column):
            values[row : row + len(chunk)] = _numbers(chunk)
            row += len(chunk)
        return values

    def read_timestamps(self, column: str) -> tuple[NDArray[np.int64], int | None]:
        """A timestamp column as int64[rows] nanoseconds UTC, and the first row without a value, if any.

        A column without a time zone is taken as UTC. Raises DataError when damaged or beyond the years
        1677 to 2262 that nanoseconds can hold.
        """
        nanoseconds = pa.timestamp("ns", tz=self.types[column].tz)
        values = np.zeros(self.rows, dtype=np.int64)
        row, missing = 0, None
        for chunk in self._chunks(column):
            if chunk.null_count and missing is None:
                missing = row + int(np.argmax(chunk.is_null().to_numpy(zero_copy_only=False)))
            try:
                converted = chunk.cast(nanoseconds).cast(pa.int64()).fill_null(0)
            except pa.ArrowInvalid:
                raise DataError(
                    "TimestampRange",
                    f"Column {column!r} of {self.name} has a time before 1677 or after 2262.",
                ) from None
            values[row : row + len(chunk)] = converted.to_numpy()
            row += len(chunk)
        return values, missing

    def _chunks(self, column: str) -> Iterator[pa.Array]:
        for group in range(self.file.num_row_groups):
            with _damage_named(self.name):
                table = self.file.read_row_group(group, columns=[column], use_threads=False)
            yield from table.column(column).chunks


def open_parquet(path: Path) -> ParquetColumns:
    """Open a parquet file and read its schema.

    Raises NotFoundError when there is no such file, and DataError when it is not parquet, cut short, damaged,
    unreadable, or names a column twice.
    """
    _require_magic(path)
    with _damage_named(path.name):
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if repeated:
        raise DataError("RepeatedColumn", f"{path.name} has more than one column named {', '.join(repeated)}.")
    types = dict(zip(schema.names, schema.types, strict=True))
    return ParquetColumns(path.name, file.metadata.num_rows, types, file)


def _require_magic(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
            size = stream.seek(0, 2)
            stream.seek(max(0, size - 4))
            tail = stream.read(4)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError("FileNotFound", f"There is no file {path}.") from None
    except OSError as error:
        raise DataError("Unreadable", f"{path} cannot be read: {error.strerror}.") from None
    if head != _MAGIC:
        what = "is empty" if size == 0 else "is not a parquet file"
        raise DataError("NotParquet", f"{path.name} {what}; write it with DataFrame.to_parquet, for example.")
    if size < 12 or tail != _MAGIC:
        raise DataError("Truncated", f"{path.name} is cut short: its end is missing; copy or write the file again.")


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise DataError("Damaged", f"{name} is damaged, copy or write it again: {first_line}") from None


def _numbers(chunk: pa.Array) -> NDArray[np.float64]:
    if pa.types.is_decimal(chunk.type) or pa.types.is_boolean(chunk.type):
        chunk = chunk.cast(pa.float64())
    return np.asarray(chunk.to_numpy(zero_copy_only=False), dtype=np.float64)
