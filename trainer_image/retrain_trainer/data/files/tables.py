"""Tables of any library as columns by name, without importing one: pandas, polars, Arrow, DuckDB, or a dict of arrays."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa

_TIME = "timestamp"


class Table(Protocol):
    """Columns by name: a pandas or polars DataFrame, a pyarrow Table, or a dict of arrays."""

    def __getitem__(self, name: str, /) -> Any: ...


class _Indexed:
    """A pandas DataFrame whose index is the time."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __getitem__(self, name: str, /) -> Any:
        return self._frame.index if name == _TIME else self._frame[name]


def with_times(table: Any) -> Table:
    """The table with its times as column `timestamp`; it is not copied.

    A pandas index is taken for the times where no column is named `timestamp` and the index has that name or holds
    times. A table that is not computed yet, such as a polars LazyFrame, is computed.
    """
    if hasattr(table, "collect_schema") and hasattr(table, "collect"):
        table = table.collect()  # a polars LazyFrame
    if hasattr(table, "index") and hasattr(table, "columns"):
        indexed = _TIME not in table.columns and (table.index.name == _TIME or _holds_times(table.index))
        table = _Indexed(table) if indexed else table
    elif hasattr(table, "__arrow_c_stream__") and not isinstance(table, pa.Table):
        table = pa.table(table)
    found: Table = table
    return found


def _holds_times(index: Any) -> bool:
    return getattr(index, "nlevels", 1) == 1 and str(getattr(index, "dtype", "")).startswith("datetime64")
