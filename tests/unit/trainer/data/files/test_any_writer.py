"""Parquet files of every writer that people use read to the same bars (tests/writers says how they were made)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrain_api.time import Interval
from retrain_trainer.data.files.candles import CANDLE_COLUMNS, read_feature_file

FILES = Path(__file__).parents[4] / "writers" / "files"
ROWS = 120
WRITERS = ("arrow-10", "arrow-14", "arrow-18", "arrow-26", "pandas-1.5", "pandas-2.2", "pandas-3.1", "fastparquet")
ENGINES = ("polars-0.20", "polars-2.1", "duckdb-0.9", "duckdb-2.0", "spark-3.5")


def expected() -> dict[str, np.ndarray]:
    close = 100 + (np.arange(ROWS) * 37 % 23) * 0.25
    opened = np.concatenate([[100.0], close[:-1]])
    return {
        "timestamps": np.datetime64("2024-01-01", "ns").astype(np.int64) + np.arange(ROWS) * 3_600_000_000_000,
        "open": opened,
        "high": np.maximum(opened, close) + 0.25,
        "low": np.minimum(opened, close) - 0.25,
        "close": close,
        "volume": (np.arange(ROWS) * 13 % 17) * 0.5,
    }


@pytest.mark.parametrize("path", sorted(FILES.glob("*.parquet")), ids=lambda path: path.stem)
def test_every_writer_s_file_reads_to_the_same_bars(path: Path) -> None:
    file = read_feature_file(path, Interval.parse("1h"), None)
    for name in ("timestamps", *CANDLE_COLUMNS):
        np.testing.assert_array_equal(getattr(file.candles, name), expected()[name], err_msg=name)
    assert (file.names, file.left_out) == ((), ())


@pytest.mark.parametrize("writer", [*WRITERS, *ENGINES])
def test_no_writer_is_missing_and_no_file_is_large(writer: str) -> None:
    sizes = [path.stat().st_size for path in FILES.glob(f"{writer}*.parquet")]
    assert len(sizes) >= 3
    assert max(sizes) < 50_000
