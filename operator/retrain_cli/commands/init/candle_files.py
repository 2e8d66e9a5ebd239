"""The candle files of a folder: those that a run reads as they are, those that `retrain import` makes into such, and the rest.

Files are looked at by the code that trains on them and imports them. What can't be read is said in one sentence, and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, NotFoundError, RetrainError
from retrain_cli.inputs.symbols import market_in, symbol_of

from .market_names import MarketName, interval_in, market_names, template

_TABLES = (".csv", ".csv.gz", ".csv.zip", ".zip", ".tsv")
_DATES = re.compile(r"(?<![0-9])(19|20)[0-9]{2}([-_.]?[0-9]{2}){0,2}(?![0-9])")


@dataclass(frozen=True)
class Readable:
    """A file that a run can read: `filename` is the `data.filename` that finds it, `market` what its name says, if anything."""

    file: str
    market: MarketName | None
    interval: str
    filename: str

    @property
    def named(self) -> bool:
        """Whether the filename holds for any symbol, and not for this file alone."""
        return "{symbol}" in self.filename


@dataclass(frozen=True)
class Importable:
    """Files of one market that `retrain import` makes into one; `interval` is what their names or first rows say."""

    files: tuple[str, ...]
    market: MarketName | None
    interval: str | None
    note: str = ""


@dataclass(frozen=True)
class CandleFiles:
    """What a folder holds; `unusable` are sentences about files of candles that are none, or that can't be read."""

    folder: Path
    readable: tuple[Readable, ...] = ()
    importable: tuple[Importable, ...] = ()
    unusable: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.readable or self.importable)


def candle_files(folder: Path) -> CandleFiles:
    """Look at the files of a folder itself, not below it. Raises ModuleNotFoundError where pyarrow is not installed."""
    names = _names(folder)
    markets = market_names(names)
    readable: list[Readable] = []
    importable: list[Importable] = []
    unusable: list[str] = []
    for name in names:
        try:
            found = _look(folder / name, markets[name])
        except RetrainError as error:
            unusable.append(error.message)
            continue
        (readable if isinstance(found, Readable) else importable).append(found)  # type: ignore[arg-type]
    whole, parts = _without_parts(readable)
    return CandleFiles(folder, tuple(whole), tuple(_joined([*importable, *parts])), tuple(unusable))


def _names(folder: Path) -> list[str]:
    try:
        found = sorted(path.name for path in folder.iterdir() if path.name[0] not in "._")
    except OSError:
        return []
    return [name for name in found if name.lower().endswith((".parquet", ".pq", *_TABLES))]


def _look(path: Path, market: MarketName | None) -> Readable | Importable:
    """What a file is. Raises DataError where it holds no candles or can't be read."""
    if path.is_dir() or not path.name.lower().endswith((".parquet", ".pq")):
        return _table(path, market)
    from retrain_trainer.data.files.parquet import open_parquet
    from retrain_trainer.data.files.symbol_column import symbol_columns
    from retrain_trainer.data.importing.joining import find_interval

    file = open_parquet(path)
    if "close" not in file.types or not str(file.types.get("timestamp", "")).startswith("timestamp"):
        return _table(path, market)
    times, _ = file.read_timestamps("timestamp")
    interval = str(find_interval(times, path.name))
    market = market or _named_in([value for column in symbol_columns(file) for value in file.distinct(column)])
    found = template(path.name, market, interval) if market else None
    return Readable(path.name, market, interval, found or path.name)


def _named_in(values: Sequence[str]) -> MarketName | None:
    """The market that a column of the file names, where it names one."""
    symbol = (market_in(values[0]) or symbol_of(values[0])) if len(values) == 1 else None
    return MarketName(values[0], symbol) if symbol else None


def _table(path: Path, market: MarketName | None) -> Importable:
    """A file that `retrain import` reads, or asks a flag for. Raises DataError for any other."""
    from retrain_trainer.data.importing.columns import TIME, Choices, read_bars
    from retrain_trainer.data.importing.joining import find_interval
    from retrain_trainer.data.importing.source import find_files, open_head, open_source

    symbol = market.symbol if market else "SYMBOL"
    interval, note = interval_in(path.name), ""
    try:
        first = find_files([path])[0]
        source = open_source(first, None, ".") if first.suffix.lower() in (".parquet", ".pq") else open_head(first)
        bars = read_bars(source, Choices(symbol))
        market = market or _named_in(bars.markets)
        interval = str(find_interval(bars.table[TIME].cast("int64").to_numpy(), path.name))
    except ConfigurationError as error:
        note = error.message
    return Importable((path.name,), market, interval, note)


def _without_parts(found: Sequence[Readable]) -> tuple[list[Readable], list[Importable]]:
    """Files that differ in a date alone, such as one a month, are parts of one market: a run reads one file of it."""
    by_name: dict[tuple[str, str], list[Readable]] = {}
    for one in found:
        by_name.setdefault((_DATES.sub("", one.file), one.interval), []).append(one)
    whole = [one for same in by_name.values() if len(same) == 1 for one in same]
    parts = [
        Importable(tuple(one.file for one in same), same[0].market, same[0].interval)
        for same in by_name.values()
        if len(same) > 1
    ]
    return whole, parts


def _joined(found: Iterable[Importable]) -> list[Importable]:
    """One for each market and interval, with all of its files; of those that name no market, one for each name but for dates."""
    together: dict[tuple[str, str | None], list[Importable]] = {}
    for one in found:
        name = one.market.symbol if one.market else _DATES.sub("", one.files[0])
        together.setdefault((name, one.interval), []).append(one)
    return [
        Importable(
            tuple(sorted(file for one in same for file in one.files)),
            same[0].market,
            same[0].interval,
            next((one.note for one in same if one.note), ""),
        )
        for same in together.values()
    ]


def first_with_candles(folders: Iterable[Path]) -> CandleFiles | None:
    """The first of the folders that has files that a run reads; else the first with files to import; None where there is none.

    Sentences about unusable files of the others are kept where nothing better is found.
    """
    looked = []
    for folder in folders:
        found = candle_files(folder)
        if found.readable:
            return found
        looked.append(found)
    best = next((found for found in looked if found.importable), None)
    return best or next((found for found in looked if found.unusable), None)


def require_folder(folder: Path) -> Path:
    """The folder. Raises NotFoundError where there is none."""
    if not folder.is_dir():
        raise NotFoundError(reasons.FILE_NOT_FOUND, f"There is no folder {folder}.")
    return folder
