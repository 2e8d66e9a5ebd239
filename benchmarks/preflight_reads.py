"""What a preflight reads of a large file, and how long it takes: python benchmarks/preflight_reads.py [GIGABYTES [URI]]

The file is written to a temporary folder or, with the credentials of the environment, under a URI such as s3://bucket/folder/. It
has a gap in one of its row groups in the second round.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retrain_api.spec.data import Split
from retrain_api.time import Question, Windows
from retrain_trainer.data.preflight import Demand, closed_bars
from retrain_trainer.store.open import open_store

MINUTE = 60_000_000_000
START = 1_000_000_000_000_000_000 // MINUTE * MINUTE
COLUMNS, GROUP = 64, 131_072
DEMAND = Demand(Question.parse("1m", 15, "Drop"), Windows(60, Split()))


class Counted:
    """A store that counts its answers and their bytes."""

    def __init__(self, store: Any) -> None:
        """Of another store."""
        self.store, self.answers = store, list[int]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read_range(self, *asked: Any) -> Any:
        """As the store's own."""
        found = self.store.read_range(*asked)
        self.answers.append(len(found.data))
        return found


def write(path: Path, groups: int, gap_in: int | None) -> None:
    """Row groups of minutes with the same random features in each: random bytes don't compress."""
    random = np.random.default_rng(0)
    features = {f"f{number}": random.standard_normal(GROUP, dtype=np.float32) for number in range(COLUMNS)}
    writer = None
    for group in range(groups):
        opens = START + MINUTE * (np.arange(GROUP) + group * GROUP)
        opens[GROUP // 2 :] += 60 * MINUTE * (group == gap_in)
        opens += 60 * MINUTE * (gap_in is not None and group > gap_in)
        table = pa.table({"timestamp": opens.astype("datetime64[ns]"), "close": features["f0"] + 100.0, **features})
        writer = writer or pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False)
        writer.write_table(table, row_group_size=GROUP)
    if writer is not None:
        writer.close()


def main() -> None:
    """Print what was read in each round."""
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    groups = max(round(gigabytes * 2**30 / (GROUP * (4 * COLUMNS + 16))), 2)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="preflight-") as folder:
        uri = sys.argv[2] if len(sys.argv) > 2 else f"file://{folder}/"
        for gap_in in (None, groups // 2):
            path = Path(folder, "x.parquet")
            write(path, groups, gap_in)
            if not uri.startswith("file://"):
                open_store(uri).upload(path.name, path)
            counted, before = Counted(open_store(uri)), time.monotonic()
            bars = closed_bars(counted, path.name, "X", DEMAND, time.time_ns(), time.time_ns())  # type: ignore[arg-type]
            spent, taken, size = time.monotonic() - before, sum(counted.answers), path.stat().st_size
            print(
                f"{'one gap' if gap_in else 'no gap'}: {taken:,} of {size:,} bytes ({100 * taken / size:.3f} %) in "
                f"{len(counted.answers)} answers and {spent:.2f} s, {len(bars) if bars is not None else 0:,} bars"
            )
    print(
        f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB, the writing of the file included"
    )


if __name__ == "__main__":
    main()
