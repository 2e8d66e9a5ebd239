"""Processor time and memory of pinning the rows of two years of minutes, as a training does: python benchmarks/row_pin.py [ROWS COLUMNS]

The table lies in memory as a training reads it. Pinned, then compared with the pin of yesterday, which lacks the last day. Last, those
rows of yesterday are found again in a parquet file of the whole table, as a retry or an evaluation does where the file has grown.
"""

from __future__ import annotations

import os
import sys
import time
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retrain_api.time import Interval
from retrain_trainer.data.files.candles import Candles, FeatureFile
from retrain_trainer.data.files.parquet import open_parquet
from retrain_trainer.data.raw_rows import digests_within, rows_of_file, rows_on_disk
from retrain_trainer.data.row_pin import RowPin, restated

INTERVAL = Interval.parse("1m")
DAY = 24 * 60
ROUNDS = 5


def table(rows: int, features: int) -> FeatureFile:
    """Five candle columns in float64, the others in one table of float32."""
    rng = np.random.default_rng(0)
    start = 1_700_000_000_000_000_000 // INTERVAL.nanoseconds * INTERVAL.nanoseconds
    times = start + INTERVAL.nanoseconds * np.arange(rows)
    prices = [rng.lognormal(size=rows) for _ in range(5)]
    values = rng.standard_normal((rows, features), dtype=np.float32)
    names = tuple(f"f{number}" for number in range(features))
    return FeatureFile(Candles(times, *prices), names, values, (0,) * features)


def without_the_last_day(file: FeatureFile) -> FeatureFile:
    """The file as it was yesterday."""
    candles = Candles(*(column[:-DAY] for column in vars(file.candles).values()))
    return FeatureFile(candles, file.names, file.values[:-DAY], file.starts)


def stored(file: FeatureFile, path: Path) -> None:
    """The table as a parquet file."""
    candles = {name: values for name, values in vars(file.candles).items() if name != "timestamps"}
    times = pa.array(file.candles.timestamps, pa.timestamp("ns", "UTC"))
    own = {name: np.ascontiguousarray(file.values[:, column]) for column, name in enumerate(file.names)}
    pq.write_table(pa.table({"timestamp": times, **candles, **own}), path)


def find_again(earlier: RowPin, path: Path) -> None:
    """Print what it costs to find pinned rows in a file."""
    before = time.process_time()
    found = rows_on_disk(open_parquet(path), earlier.columns, INTERVAL, earlier.first, earlier.last)
    spent = time.process_time() - before
    assert found is not None and found.sha256 == earlier.sha256
    print(f"found again in a file of {path.stat().st_size / 1e6:.0f} MB: {spent:.2f} s of processor time")


def main() -> None:
    """Print every round, the median, and the most memory that a round takes beside the table."""
    rows, columns = (int(value) for value in sys.argv[1:3]) if len(sys.argv) > 2 else (1_030_512, 64)
    file = table(rows, columns - 5)
    earlier = rows_of_file(without_the_last_day(file), INTERVAL)
    print(f"{rows:,} rows x {columns} columns, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    spent = []
    for _ in range(ROUNDS):
        before = time.process_time()
        pin = rows_of_file(file, INTERVAL)
        pinned = time.process_time()
        found = restated(earlier, pin, lambda first, last: digests_within(file, first, last))
        spent.append(time.process_time() - before)
        print(
            f"{spent[-1]:.2f} s of processor time, {time.process_time() - pinned:.3f} s of it to compare, {len(pin.encoded):,} bytes"
        )
        assert not found
    tracemalloc.start()
    rows_of_file(file, INTERVAL)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"median: {np.median(spent):.2f} s of processor time; {most / 1e6:.0f} MB beside a table of {file.values.nbytes / 1e6:.0f} MB"
    )
    with TemporaryDirectory() as folder:
        stored(file, Path(folder) / "features.parquet")
        find_again(earlier, Path(folder) / "features.parquet")


if __name__ == "__main__":
    main()
