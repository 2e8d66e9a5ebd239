"""The text of a CSV file as columns: delimiter, header and types are found, and what is ambiguous is asked for."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pv

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError

KLINE = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_asset_volume",
    "number_of_trades",
    "taker_buy_base_asset_volume",
    "taker_buy_quote_asset_volume",
    "ignore",
)
"""The columns of Binance's kline files, which come without a header: the only layout that is known by its width."""

_PRICES = ("open", "high", "low", "close", "volume")
_HEAD_BYTES = 1 << 16
_DELIMITERS = "\t;|,"  # the first that both of the last lines have: a comma may be a decimal one


@dataclass(frozen=True)
class CsvTable:
    """The columns that were read, the names of those that were not, and the line that holds the first row (from 1)."""

    table: pa.Table
    unread: tuple[str, ...]
    first_line: int


def read_csv(
    name: str, data: bytes, names: Sequence[str] | None, decimal: str, unwanted: Callable[[str], bool]
) -> CsvTable:
    """The columns of a CSV file; those that are `unwanted` are not read, which takes half of the time of a kline file.

    Raises DataError("NotCsv", "RepeatedColumn"), and ConfigurationError("BadOptions") where `--columns` is needed.
    """
    lines = _first_lines(name, data)
    delimiter = next((mark for mark in _DELIMITERS if all(mark in line for line in lines[-2:])), ",")
    skip = (
        1 if len(lines) > 2 and delimiter in lines[1] and delimiter not in lines[0] else 0
    )  # a line that credits the source
    fields = [field.strip() for field in next(csv.reader([lines[skip]], delimiter=delimiter))]
    header = not any(_is_number(field, decimal) for field in fields)
    columns = _distinct(name, fields) if header else _named(name, fields, names)
    first = skip + int(header)
    unread = tuple(column for column in columns if unwanted(column))
    layout = _Layout(columns, [column for column in columns if column not in unread], first, delimiter, decimal)
    return CsvTable(_parsed(name, data, layout), unread, first + 1)


def _first_lines(name: str, data: bytes) -> list[str]:
    cut = data[:_HEAD_BYTES]
    try:
        text = cut.decode("utf-8-sig", errors="strict" if len(data) == len(cut) else "ignore")
    except UnicodeDecodeError:
        text = "\0"
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    if not lines or "\0" in text:
        what = "is not text in UTF-8" if lines else "is empty"
        raise DataError(reasons.NOT_CSV, f"{name} {what}; give a CSV or parquet file.")
    if len(text.splitlines()) > 2 and len(data) > len(cut):
        lines = lines[:-1] if len(lines) < 20 else lines  # the last of them may be cut
    return lines


def _is_number(field: str, decimal: str) -> bool:
    try:
        float(field.replace(decimal, "."))
    except ValueError:
        return False
    return field.lower() not in ("nan", "inf", "infinity")


def _distinct(name: str, fields: Sequence[str]) -> list[str]:
    repeated = sorted({field for field in fields if fields.count(field) > 1})
    if repeated:
        raise DataError(
            reasons.REPEATED_COLUMN, f"{name} has more than one column named {', '.join(map(repr, repeated))}."
        )
    return list(fields)


def _named(name: str, fields: Sequence[str], names: Sequence[str] | None) -> list[str]:
    if names is None and len(fields) == len(KLINE):
        return list(KLINE)
    if names is not None and len(names) == len(fields):
        return _distinct("--columns", list(names))
    if names is not None:
        raise ConfigurationError(
            reasons.BAD_OPTIONS,
            f"{name} has {len(fields)} columns, and --columns names {len(names)}; name each of them.",
        )
    raise ConfigurationError(
        reasons.BAD_OPTIONS,
        f"{name} has no header, and {len(fields)} columns are no layout that is known; name them in order, such as "
        "--columns timestamp,open,high,low,close,volume.",
    )


@dataclass(frozen=True)
class _Layout:
    columns: list[str]
    wanted: list[str]
    skip: int
    delimiter: str
    decimal: str


def _parsed(name: str, data: bytes, layout: _Layout) -> pa.Table:
    """Types come from the first block of text, so prices are declared: a volume of whole numbers may have fractions later.

    Where another column changes its type along the way, the file is read again as one block, which is slower.
    """
    known = {column: pa.float64() for column in layout.wanted if column.lower() in _PRICES}
    try:
        return _read(name, data, layout, known, 1 << 22)
    except pa.ArrowInvalid:
        pass
    try:
        return _read(name, data, layout, {}, min(len(data) + 1, 2**31 - 1))
    except pa.ArrowInvalid:
        raise DataError(
            reasons.NOT_CSV, f"{name} can't be read as CSV; open it in an editor and save it as CSV."
        ) from None


def _read(name: str, data: bytes, layout: _Layout, known: dict[str, pa.DataType], block: int) -> pa.Table:
    wrong: list[Any] = []

    def handle(row: Any) -> str:
        wrong.append(row)
        return "error"

    try:
        return pv.read_csv(
            pa.BufferReader(data),
            pv.ReadOptions(column_names=layout.columns, skip_rows=layout.skip, block_size=block),
            pv.ParseOptions(delimiter=layout.delimiter, invalid_row_handler=handle),
            pv.ConvertOptions(
                column_types=known,
                decimal_point=layout.decimal,
                strings_can_be_null=True,
                include_columns=layout.wanted,
            ),
        )
    except pa.ArrowInvalid:
        if not wrong:
            raise
    row = min(wrong, key=lambda found: found.number or 0)
    raise DataError(
        reasons.NOT_CSV,
        f"{name} has a line with {row.actual_columns} fields where {row.expected_columns} are expected: "
        f"{row.text[:60]!r}; the file may have been cut off there.",
    )
