"""Makes a feature file from candles: what training would compute, once and for all, beside whatever else the file holds."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from retrain_api.time import Interval
from retrain_trainer.data.files.candles import CANDLE_COLUMNS, read_feature_file
from retrain_trainer.data.files.own_columns import other_columns
from retrain_trainer.data.files.parquet import open_parquet

from .selection import BUILT_IN_NAMES, rows_of


def make_feature_table(candles_path: Path, interval: Interval) -> pa.Table:
    """Candles with the 31 built-in features (float32) and the file's other columns, without the warm-up rows.

    A column of the file that has the name of a built-in feature takes its place. Raises what `read_feature_file` raises,
    and DataError where a candle column is missing or no row is left.
    """
    file = open_parquet(candles_path)
    others = other_columns(file)
    candles, values = rows_of(read_feature_file(candles_path, interval, (), BUILT_IN_NAMES), interval, BUILT_IN_NAMES)
    columns = {"timestamp": pa.array(candles.timestamps, pa.timestamp("ns", tz="UTC"))}
    columns |= {name: pa.array(getattr(candles, name)) for name in CANDLE_COLUMNS}
    columns |= {name: pa.array(values[:, column]) for column, name in enumerate(BUILT_IN_NAMES)}
    if others:
        kept = file.read_table(others)
        columns |= {name: kept.column(name).slice(kept.num_rows - len(values)) for name in others}
    return pa.table(columns)
