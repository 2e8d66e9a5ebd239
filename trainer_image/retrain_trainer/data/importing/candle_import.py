"""Files of candles as people have them, made into the one table that a run reads: `retrain import`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.time import Interval
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.files.candles import CANDLE_COLUMNS

from .columns import TIME, Bars, Choices, of_a_dump, read_bars
from .joining import Gap, find_gaps, find_interval, join, require_interval, without_open_bar
from .source import find_files, open_source


@dataclass(frozen=True)
class Imported:
    """The table of a feature file, and what was done to make it.

    `own` are columns kept beside the candles, `left_out` those that were not taken, `open_bar` the time of a last bar that
    was still forming and left out. `times` says, for each way of writing times, which column they were in.
    """

    table: pa.Table
    interval: Interval
    name: str
    files: int
    rows_read: int
    first_bar: str
    last_bar: str
    times: tuple[str, ...]
    repeated: int
    reordered: bool
    open_bar: str | None
    gaps: tuple[Gap, ...]
    own: tuple[str, ...]
    left_out: tuple[str, ...]
    markets: tuple[str, ...]


def import_candles(
    paths: Sequence[Path],
    choices: Choices,
    interval: Interval | None,
    now: int,
    names: Sequence[str] | None = None,
    decimal: str = ".",
) -> Imported:
    """Read, join and sort the files of one symbol; `now` is the time in nanoseconds UTC.

    `interval` is found from the bars where it is None; `names` are the columns of CSV files without a header. Raises
    DataError and NotFoundError for what is wrong with the files, ConfigurationError where a flag must say what they mean.
    """
    files = _read_all(paths, choices, names, decimal)
    name = files[0].source.name + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    _require_one_market(files, name)
    joined = join(files)
    times = joined.table[TIME].cast(pa.int64()).to_numpy()
    interval = interval or find_interval(times, name)
    require_interval(times, interval, name)
    table, open_bar = without_open_bar(joined.table, interval, now)
    times = times[: len(table)]
    return Imported(
        table=table,
        interval=interval,
        name=name,
        files=len(files),
        rows_read=sum(bars.table.num_rows for bars in files),
        first_bar=iso_time(times[0]),
        last_bar=iso_time(times[-1]),
        times=tuple(dict.fromkeys(bars.times for bars in files)),
        repeated=joined.repeated,
        reordered=joined.reordered,
        open_bar=open_bar,
        gaps=tuple(find_gaps(times, interval)),
        own=tuple(column for column in table.column_names if column not in (TIME, *CANDLE_COLUMNS)),
        left_out=tuple(dict.fromkeys([*(column for bars in files for column in bars.left_out), *joined.uncommon])),
        markets=tuple(sorted({market for bars in files for market in bars.markets})),
    )


def _read_all(paths: Sequence[Path], choices: Choices, names: Sequence[str] | None, decimal: str) -> list[Bars]:
    return [
        read_bars(open_source(path, names, decimal, lambda column: of_a_dump(column, choices)), choices)
        for path in find_files(paths)
    ]


def _require_one_market(files: Sequence[Bars], name: str) -> None:
    markets = sorted({market for bars in files for market in bars.markets})
    if len(markets) > 1:
        raise ConfigurationError(
            reasons.OTHER_MARKET,
            f"{name} holds candles of {len(markets)} markets ({', '.join(markets[:5])}); give files of one symbol at a time.",
        )
