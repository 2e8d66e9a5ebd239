"""How often does the look-ahead guard name an honest column, and how often a leak? Many windows of real candles.

An honest window is named where any of its columns is Suspect; of a kind of leak, the share of columns that are. The tables of
docs/measuring.md are made by this program.

    python benchmarks/look_ahead.py [--share 1.0] [--seed 1] [--processes 1] [FILE ...]

FILE is a parquet file of candles whose name ends in _1m.parquet or _5m.parquet; without any, those of examples/data are taken. Each is
measured in longer bars as well. Windows lie evenly over a file, each moved a little at random (by the seed). Where a file is short
they overlap, so the last lines say how many would fit side by side. A smaller share takes fewer windows.
"""

from __future__ import annotations

import argparse
import math
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from leaks.honest import candles_of, honest_columns
from leaks.planted import planted_columns

from retrain_api.time import Interval
from retrain_trainer.data.files.candles import Candles
from retrain_trainer.data.split import Split
from retrain_trainer.measure.leaks.copied_bars import copied_bars
from retrain_trainer.measure.leaks.look_ahead import LookAhead, look_ahead

WINDOWS = {2_000: 30, 4_000: 30, 8_000: 30, 20_000: 70}
"""Windows of each length in a market: more of the longest, since few markets have room for them."""
LEAK_WINDOWS = {2_000: 8, 4_000: 8, 8_000: 8}
SURE_ROWS = 8_000
"""With so many rows every leak should be Suspect, so each that is not is printed."""
WARM_UP = 300
"""Rows at either end of a file that no window holds: honest columns lack values there."""
LONGER = {"1m": (3, 5, 15), "5m": (15,)}
"""Minutes of the longer bars that a file is measured in, too."""
NEAREST = 40
"""Two windows begin at least this part of their length apart, 1 / NEAREST."""


@dataclass(frozen=True)
class Market:
    """Candles of one symbol in bars of one length."""

    symbol: str
    interval: Interval
    table: pd.DataFrame

    @cached_property
    def candles(self) -> Candles:
        """Of all rows."""
        return candles_of(self.table)

    @property
    def name(self) -> str:
        """Symbol and interval."""
        return f"{self.symbol} {self.interval}"

    @property
    def group(self) -> str:
        """Leaks of coins are counted together, those of stablecoins apart: there past bars tell much of the next one."""
        return "stablecoins" if self.symbol.startswith("USD") else "coins"


def markets(files: list[Path]) -> Iterator[Market]:
    """Each file as it is and in longer bars."""
    for file in files:
        table = pd.read_parquet(file)
        table["timestamp"] = pd.to_datetime(table.timestamp, utc=True)
        symbol, interval = file.stem.removeprefix("candles_").rsplit("_", 1)
        yield Market(symbol, Interval.parse(interval), table)
        for minutes in LONGER[interval]:
            yield Market(symbol, Interval.parse(f"{minutes}m"), resampled(table, minutes))


def resampled(table: pd.DataFrame, minutes: int) -> pd.DataFrame:
    """Bars of so many minutes."""
    bars = table.groupby(table.timestamp.dt.floor(f"{minutes}min"))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return bars.agg(how).reset_index()


def windows(rows: int, length: int, count: int, seed: int) -> list[int]:
    """First rows of so many windows, spread evenly; fewer where they would overlap almost wholly."""
    room = rows - length - 2 * WARM_UP
    if room < 0:
        return []
    count = min(count, 1 + room // (length // NEAREST))
    places = (np.arange(count) + np.random.default_rng(seed).random(count)) / count
    return sorted({WARM_UP + int(place * (room + 1)) for place in places})


Found: TypeAlias = dict[int, list[LookAhead]]
"""What the guard says in the windows of each length."""


def readings(market: Market, columns: pd.DataFrame, counts: dict[int, int], share: float, seed: int) -> Found:
    """In so many windows of each length, of which only a share is taken."""
    names, values = list(columns), columns.to_numpy()

    def read(start: int, length: int) -> LookAhead:
        return look_ahead(market.candles, market.interval, names, values, slice(start, start + length))

    starts = {
        length: windows(len(market.table), length, math.ceil(share * most), seed) for length, most in counts.items()
    }
    return {length: [read(start, length) for start in some] for length, some in starts.items()}


def measured(market: Market, share: float, seed: int) -> tuple[Found, Found]:
    """Honest columns and leaks of one market."""
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    honest = readings(market, honest_columns(market.table, market.interval), WINDOWS, share, seed)
    return honest, readings(market, planted_columns(market.table, seed), LEAK_WINDOWS, share, seed)


def honest_row(market: Market, found: Found) -> Iterator[str]:
    """The windows that name any column, and a row of the table: how many they are, and the highest share."""
    cells = []
    for length, some in found.items():
        named = [each for each in some if each.suspects]
        yield from (f"# {market.name} {length} {[each.as_document() for each in one.suspects]}" for one in named)
        top = max((reading.next_share for each in some for reading in each.readings), default=0.0)
        cells.append(f"{len(named)} of {len(some)} ({top:.3f})" if some else "-")
    yield f"| {market.name} | {' | '.join(cells)} |"


def totals(found: list[tuple[Market, Found]]) -> Iterator[str]:
    """Of each length: windows, those that name any column, as many as would fit side by side, and the column nearest to its bar."""
    for length in WINDOWS:
        some = [(market, each) for market, lengths in found for each in lengths[length]]
        if not some:
            continue
        named = sum(bool(each.suspects) for _, each in some)
        fit = sum(max(len(market.table) - 2 * WARM_UP, 0) // length for market, _ in found)
        worst = max(((each.readings[0], market.name) for market, each in some), key=lambda pair: pair[0].severity)
        yield f"| {length} | {named} of {len(some)} | {fit} | {worst[0].severity:.2f}: {worst[0].name} of {worst[1]} |"


def missed(market: Market, found: Found) -> Iterator[str]:
    """Leaks that are not Suspect although there are SURE_ROWS rows."""
    for reading in (reading for each in found[SURE_ROWS] for reading in each.readings if not reading.suspect):
        yield f"# {market.name} {reading.as_document()}"


def leak_rows(found: list[tuple[Market, Found]]) -> Iterator[str]:
    """For each kind of leak and group of markets, the share of columns that are Suspect at each length, and the lowest share."""
    groups = list(dict.fromkeys(market.group for market, _ in found))
    kinds = list(
        dict.fromkeys(reading.name.split(":")[0] for reading in found[0][1][next(iter(LEAK_WINDOWS))][0].readings)
    )
    yield f"| leak | {' | '.join(groups)} |"
    rows = [(kind, [list(leak_cells(kind, group, found)) for group in groups]) for kind in kinds]
    for kind, cells in sorted(rows, key=lambda row: row[1][0][-1], reverse=True):
        yield f"| {kind} | {' | '.join(cell for part in cells for cell in part)} |"


def leak_cells(kind: str, group: str, found: list[tuple[Market, Found]]) -> Iterator[str]:
    """Shares of one kind in one group by length, and the lowest share of the next return at SURE_ROWS."""
    lowest = 1.0
    for length in LEAK_WINDOWS:
        some = [each for market, lengths in found if market.group == group for each in lengths[length]]
        some_readings = [reading for each in some for reading in each.readings if reading.name.split(":")[0] == kind]
        yield f"{100 * np.mean([reading.suspect for reading in some_readings]):.0f} %" if some_readings else "-"
        if length == SURE_ROWS:
            lowest = min((reading.next_share for reading in some_readings), default=lowest)
    yield f"{lowest:.3f}"


def copies(market: Market) -> str:
    """How many runs of test bars an honest file has in its train part."""
    rows = len(market.table)
    split = Split(slice(0, rows * 7 // 10), slice(rows * 7 // 10, rows * 85 // 100), slice(rows * 85 // 100, rows))
    return (
        f"# runs of test bars of {market.name} that stand in its train part: {copied_bars(market.candles, split).runs}"
    )


def main() -> None:
    """Print the tables: honest windows of each market, all of them by length, and the leaks by group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    folder = Path(__file__).resolve().parents[1] / "examples" / "data"
    some = sorted(markets(args.files or sorted(folder.glob("*.parquet"))), key=lambda market: -len(market.table))
    honest, leaks = [], []
    with ProcessPoolExecutor(args.processes) as executor:
        found = executor.map(partial(measured, share=args.share, seed=args.seed), some)
        for market, (ours, theirs) in zip(some, found, strict=True):
            honest.append((market, ours))
            leaks.append((market, theirs))
            print(copies(market), *honest_row(market, ours), *missed(market, theirs), sep="\n", flush=True)
    print(*totals(honest), *leak_rows(leaks), sep="\n", flush=True)


if __name__ == "__main__":
    main()
