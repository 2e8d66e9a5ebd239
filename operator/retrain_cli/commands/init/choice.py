"""Which of a folder's files the run reads: one `data.filename` and one interval for all symbols. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrain_api.spec.data import Data
from retrain_api.time import Interval

from .candle_files import CandleFiles, Importable, Readable

USUAL: str = Data.model_fields["filename"].default
MOST_SYMBOLS = 64


@dataclass(frozen=True)
class Choice:
    """The symbols with their files, and what was passed over.

    `asked` says that a person named the symbols; those of them without a file are `missing`. `imports` are what the run needs,
    `more` what it could have besides.
    """

    symbols: tuple[str, ...]
    filename: str
    interval: str | None
    files: dict[str, str]
    asked: bool = False
    missing: tuple[str, ...] = ()
    others: tuple[Readable, ...] = ()
    imports: tuple[Importable, ...] = ()
    more: tuple[Importable, ...] = ()


def choose(found: CandleFiles, wanted: Sequence[str] | None, interval: str | None) -> Choice:
    """The filename that finds most symbols of those that are wanted, at the shortest interval, or at the one given.

    Where no file can be read as it is, the symbols are those that `retrain import` would make files for.
    """
    groups = _groups(found.readable, wanted, interval)
    imports = tuple(one for one in found.importable if interval is None or one.interval in (interval, None))
    if not groups:
        return _to_import(imports, wanted, interval, found.readable)
    filename, length = max(groups, key=lambda key: _rank(key, groups[key]))
    files = dict(sorted(groups[filename, length].items())[:MOST_SYMBOLS])
    taken = set(files.values())
    missing = tuple(symbol for symbol in wanted or () if symbol not in files)
    return Choice(
        tuple(wanted) if wanted else tuple(files),
        filename,
        length,
        files,
        wanted is not None,
        missing,
        tuple(one for one in found.readable if one.file not in taken),
        tuple(one for one in imports if _is_of(one, missing)),
        tuple(one for one in imports if one.market is not None and not _is_of(one, (*files, *missing))),
    )


def _groups(
    found: Sequence[Readable], wanted: Sequence[str] | None, interval: str | None
) -> dict[tuple[str, str], dict[str, str]]:
    """By filename and interval: the file of each symbol."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for one in found:
        if interval is not None and Interval.parse(one.interval) != Interval.parse(interval):
            continue
        symbol = _symbol(one, wanted, alone=len(found) == 1)
        if symbol is not None:
            named = one.market is not None and symbol == one.market.written
            groups.setdefault((one.filename if named else one.file, one.interval), {})[symbol] = one.file
    return groups


def _symbol(one: Readable, wanted: Sequence[str] | None, alone: bool) -> str | None:
    """The symbol that a file is read for: as its name writes it, or what a person means where there is but one."""
    market = one.market
    if wanted is None:
        return (market.written if one.named else market.symbol) if market else None
    if market is not None and one.named and market.written in wanted:
        return market.written
    if len(wanted) == 1 and ((market is None and alone) or (market is not None and _same(market.symbol, wanted[0]))):
        return wanted[0]
    return None


def _rank(key: tuple[str, str], files: dict[str, str]) -> tuple[int, bool, int, str]:
    filename, interval = key
    return len(files), filename == USUAL, -Interval.parse(interval).nanoseconds, filename


def _to_import(
    imports: tuple[Importable, ...],
    wanted: Sequence[str] | None,
    interval: str | None,
    others: tuple[Readable, ...],
) -> Choice:
    shortest = min(
        (one.interval for one in imports if one.interval),
        key=lambda text: Interval.parse(text).nanoseconds,
        default=None,
    )
    interval = interval or shortest
    chosen = tuple(one for one in imports if one.interval in (interval, None))
    symbols = tuple(sorted({one.market.symbol for one in chosen if one.market}))
    missing = tuple(symbol for symbol in wanted or () if not any(_is_of(one, [symbol]) for one in chosen))
    chosen = chosen if wanted is None else tuple(one for one in chosen if one.market is None or _is_of(one, wanted))
    return Choice(
        tuple(wanted or symbols[:MOST_SYMBOLS]), USUAL, interval, {}, wanted is not None, missing, others, chosen
    )


def _is_of(one: Importable, symbols: Sequence[str]) -> bool:
    """Whether files are of the market of one of the symbols: BTCUSDT.zip is what BTC-USD is made from."""
    base = one.market.symbol.partition("-")[0] if one.market else None
    return any(symbol.partition("-")[0] == base for symbol in symbols)


def _same(first: str, second: str) -> bool:
    return first == second or "".join(filter(str.isalnum, first)) == "".join(filter(str.isalnum, second))


def import_symbol(one: Importable, choice: Choice) -> str:
    """What --symbol of the import is: the symbol of the run that the files are of, else what their name says."""
    if one.market is None:
        return choice.symbols[0] if choice.asked and len(choice.symbols) == len(choice.imports) == 1 else "SYMBOL"
    symbol = one.market.symbol
    same = [known for known in choice.symbols if _same(known, symbol)]
    same = same or [known for known in choice.symbols if known.partition("-")[0] == symbol.partition("-")[0]]
    return same[0] if same else symbol
