"""How often does the look-ahead guard name an honest column, and how often a leak? Random windows of real candles.

An honest window is named where any of its columns is Suspect; of a kind of leak, the share of columns that are. The tables of
docs/measuring.md are made by this program.

    python benchmarks/look_ahead.py [--windows 30] [--seed 1] [FILE ...]

FILE is a parquet file of candles whose name ends in _1m.parquet or _5m.parquet; without any, those of examples/data are taken. Files of
1m are measured as 5m as well.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from leaks.honest import candles_of, honest_columns
from leaks.planted import planted_columns

from retrain_api.time import Interval
from retrain_trainer.data.split import Split
from retrain_trainer.measure.leaks.copied_bars import copied_bars
from retrain_trainer.measure.leaks.look_ahead import LookAhead, look_ahead

ROWS = (2_000, 4_000, 8_000, 20_000)
WARM_UP = 300
"""Rows at either end of a file that no window holds: honest columns lack values there."""


def markets(files: list[Path]) -> Iterator[tuple[str, Interval, pd.DataFrame]]:
    """Name, interval and candles of each market."""
    for file in files:
        table = pd.read_parquet(file)
        table["timestamp"] = pd.to_datetime(table.timestamp, utc=True)
        name, interval = file.stem.removeprefix("candles_").rsplit("_", 1)
        yield f"{name} {interval}", Interval.parse(interval), table
        if interval == "1m":
            yield f"{name} 5m", Interval.parse("5m"), resampled(table)


def resampled(table: pd.DataFrame) -> pd.DataFrame:
    """Bars of five minutes."""
    bars = table.groupby(table.timestamp.dt.floor("5min"))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return bars.agg(how).reset_index()


def windows(rows: int, length: int, count: int, seed: int) -> list[int]:
    """First rows of so many windows; fewer where they would overlap almost wholly."""
    room = rows - length - 2 * WARM_UP
    if room < 0:
        return []
    starts = np.random.default_rng(seed).integers(WARM_UP, WARM_UP + room + 1, min(count, 1 + room // (length // 10)))
    return sorted({int(start) for start in starts})


def read(table: pd.DataFrame, interval: Interval, columns: pd.DataFrame, start: int, length: int) -> LookAhead:
    """The readings in one window."""
    values = np.ascontiguousarray(columns.to_numpy())
    return look_ahead(candles_of(table), interval, list(columns), values, slice(start, start + length))


def honest_row(name: str, interval: Interval, table: pd.DataFrame, count: int, seed: int) -> str:
    """A row of the table of honest columns: windows that name any, and the highest shares."""
    columns, cells = honest_columns(table, interval), []
    for length in ROWS:
        found = [read(table, interval, columns, start, length) for start in windows(len(table), length, count, seed)]
        if not found:
            cells.append("-")
            continue
        named = [each for each in found if each.suspects]
        top = max(reading.next_share for each in found for reading in each.readings)
        cells.append(f"{len(named)} of {len(found)} ({top:.3f})")
        for each in named:
            print("#", name, length, [reading.as_document() for reading in each.suspects], flush=True)
    return f"| {name} | {' | '.join(cells)} |"


def leak_rows(name: str, interval: Interval, table: pd.DataFrame, count: int, seed: int) -> Iterator[str]:
    """For each kind of leak, the share of columns that are Suspect at each length, and the lowest share of the next return."""
    columns = planted_columns(table, seed)
    caught: dict[str, dict[int, list[bool]]] = defaultdict(lambda: defaultdict(list))
    lowest: dict[str, float] = defaultdict(lambda: 1.0)
    for length in ROWS[:3]:
        for start in windows(len(table), length, count, seed):
            for reading in read(table, interval, columns, start, length).readings:
                kind = reading.name.split(":")[0]
                caught[kind][length].append(reading.suspect)
                lowest[kind] = min(lowest[kind], reading.next_share) if length == 8_000 else lowest[kind]
                if length == 8_000 and not reading.suspect:
                    print("#", name, start, reading.as_document(), flush=True)
    for kind, by_length in caught.items():
        shares = [f"{100 * np.mean(by_length[length]):.0f} %" if by_length[length] else "-" for length in ROWS[:3]]
        yield f"| {name} | {kind} | {' | '.join(shares)} | {lowest[kind]:.3f} |"


def copies(name: str, table: pd.DataFrame) -> str:
    """How many runs of test bars an honest file has in its train part."""
    rows = len(table)
    split = Split(slice(0, rows * 7 // 10), slice(rows * 7 // 10, rows * 85 // 100), slice(rows * 85 // 100, rows))
    return f"| {name} | {copied_bars(candles_of(table), split).runs} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--windows", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    folder = Path(__file__).resolve().parents[1] / "examples" / "data"
    for name, interval, table in markets(args.files or sorted(folder.glob("*.parquet"))):
        print(copies(name, table), flush=True)
        print(honest_row(name, interval, table, args.windows, args.seed), flush=True)
        for row in leak_rows(name, interval, table, max(args.windows // 4, 1), args.seed):
            print(row, flush=True)


if __name__ == "__main__":
    main()
