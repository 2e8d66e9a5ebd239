"""Processor time of the digests by UTC day and column, of two years of minutes: python benchmarks/day_digests.py [ROWS COLUMNS]"""

from __future__ import annotations

import os
import sys
import time

import numpy as np

from retrain_trainer.data.day_digests import day_digests

MINUTE = 60_000_000_000
ROUNDS = 5


def main() -> None:
    """Print every round and the median. Five columns are candles (float64), the others features (float32)."""
    rows, columns = (int(value) for value in sys.argv[1:3]) if len(sys.argv) > 2 else (1_030_512, 64)
    rng = np.random.default_rng(0)
    times = 1_700_000_000_000_000_000 // MINUTE * MINUTE + MINUTE * np.arange(rows)
    candles = [(name, rng.lognormal(size=rows)) for name in ("open", "high", "low", "close", "volume")]
    features = [(f"f{i}", rng.standard_normal(rows, dtype=np.float32)) for i in range(columns - len(candles))]
    print(f"{rows:,} rows x {columns} columns, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    spent = []
    for _ in range(ROUNDS):
        before = time.process_time()
        found = day_digests(times, candles + features)
        spent.append(time.process_time() - before)
        print(f"{spent[-1]:.2f} s of processor time, {found.digests.nbytes:,} bytes for {len(found.days)} days")
    print(f"median: {np.median(spent):.2f} s of processor time")


if __name__ == "__main__":
    main()
