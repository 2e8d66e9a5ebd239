"""How long `retrain import` takes for one million rows of an exchange's kline file: python benchmarks/import_speed.py [ROWS]"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv

ROUNDS = 5


def kline(rows: int) -> pa.Table:
    """A kline file as Binance writes it: twelve columns, milliseconds, prices with two digits."""
    random = np.random.default_rng(0)
    close = (40_000 * np.exp(np.cumsum(random.normal(0, 3e-4, rows)))).round(2)
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) + 0.5, np.minimum(opened, close) - 0.5
    at, volume = 1_640_995_200_000 + 60_000 * np.arange(rows), random.lognormal(0, 1, rows).round(5)
    rest = [at + 59_999, (volume * close).round(5), (volume * 20).astype(int), volume, volume, np.zeros(rows, int)]
    return pa.table(
        [at, opened, high.round(2), low.round(2), close, volume, *rest], [str(column) for column in range(12)]
    )


def timed(file: Path, folder: Path) -> tuple[float, float]:
    """Seconds on the clock and of processor time, of the whole command."""
    wall, before = time.perf_counter(), os.times()
    command = [sys.executable, "-m", "retrain_cli.main", "import", str(file), "--symbol", "BTC-USDT", "-o", str(folder)]
    subprocess.run([*command, "--force"], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - wall, spent


def main() -> None:
    """Print every round, and the medians."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with TemporaryDirectory() as place:
        file = Path(place) / "BTCUSDT-1m.csv"
        pv.write_csv(kline(rows), file, pv.WriteOptions(include_header=False))
        print(
            f"{rows:,} rows, {file.stat().st_size / 1e6:.0f} MB, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )
        rounds = [timed(file, Path(place) / "data") for _ in range(ROUNDS)]
    for wall, spent in rounds:
        print(f"{wall:.2f} s on the clock, {spent:.2f} s of processor time")
    print("median: {:.2f} s on the clock, {:.2f} s of processor time".format(*np.median(rounds, axis=0)))


if __name__ == "__main__":
    main()
