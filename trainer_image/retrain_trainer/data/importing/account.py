"""What an import did, in sentences for the person who started it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .candle_import import Imported

_MOST_GAPS = 10


def account(imported: Imported, symbol: str, output: str) -> Iterator[str]:
    """One line for each thing that was done, the file that was written first."""
    interval = imported.interval
    yield (
        f"Wrote {output}: {imported.table.num_rows:,} bars of {interval}, {imported.first_bar} to {imported.last_bar}, "
        f"from {_counted(imported.files, 'file')} with {_counted(imported.rows_read, 'row')}."
    )
    yield f"Times were read from {'; and from '.join(imported.times)}."
    if imported.reordered:
        yield "The bars were sorted by time."
    if imported.repeated:
        yield f"{_counted(imported.repeated, 'repeated candle')} dropped; each equals the one that was kept."
    if imported.open_bar:
        yield f"The last bar, {imported.open_bar}, was left out: it has not closed yet."
    if "volume" not in imported.table.column_names:
        yield "There is no volume; the built-in features need it, so a run needs features of its own in this file."
    if imported.left_out:
        yield f"Columns left out: {', '.join(imported.left_out)} (--keep NAME keeps one of numbers)."
    if imported.own:
        yield f"Columns kept beside the candles: {', '.join(imported.own)}."
    yield from _markets(imported.markets, symbol)
    yield from _gaps(imported)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _gaps(imported: Imported) -> Iterator[str]:
    gaps = imported.gaps
    if not gaps:
        yield "No gaps in time."
        return
    missing = sum(gap.bars for gap in gaps)
    yield f"{_counted(len(gaps), 'gap')} in time, {_counted(missing, 'bar')} missing:"
    for gap in gaps[:_MOST_GAPS]:
        yield f"    {_counted(gap.bars, 'bar')} after {gap.after}"
    if len(gaps) > _MOST_GAPS:
        yield f"    and {_counted(len(gaps) - _MOST_GAPS, 'gap')} more"


def _markets(markets: Sequence[str], symbol: str) -> Iterator[str]:
    for market in markets:
        if not _same_market(market, symbol):
            yield f"Note: the file says that these are candles of {market}, and --symbol says {symbol}."


def _same_market(market: str, symbol: str) -> bool:
    first, second = ("".join(filter(str.isalnum, name.upper())) for name in (market, symbol))
    return first.startswith(second) or second.startswith(first)
