"""A column that names the market, as many dumps have one: does it name the symbol that the file is read for?

A pipeline that writes ETH under the name of BTC trains a model that passes every other check and then trades the wrong market.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .parquet import ParquetColumns

NAMES = frozenset({"symbol", "ticker", "pair", "instrument", "market", "product_id", "inst_id", "instid"})
_ALIASES = {"XBT": "BTC", "XDG": "DOGE"}
_SHOWN = 3


def symbol_columns(file: ParquetColumns) -> list[str]:
    """The columns of text that may name the market."""
    return [column for column in file.types if column.lower() in NAMES and file.is_text(column)]


def symbol_warning(file: ParquetColumns, symbol: str) -> tuple[str, ...]:
    """A sentence where a column of text names another market than `symbol`, or several. Raises DataError for a damaged file."""
    found = []
    for column in symbol_columns(file):
        values = file.distinct(column)
        others = [value for value in values if not names_market(value, symbol)]
        if others:
            found.append(
                f"Column {column!r} of {file.name} names {_listed(others)}, and the file is read for {symbol}; is it the right file?"
            )
        elif len(values) > 1:
            found.append(f"Column {column!r} of {file.name} names several markets: {_listed(values)}.")
    return tuple(found)


def names_market(value: str, symbol: str) -> bool:
    """Whether a name such as BTCUSDT, XBT/USD, tBTCUSD, KRW-BTC or BTC can mean `symbol`, such as BTC-USD."""
    text = re.sub(r"[^A-Z0-9]", "", value.upper())
    for alias, usual in _ALIASES.items():
        text = text.replace(alias, usual)
    base, _, quote = symbol.partition("-")
    if text in (base, base + quote, quote + base):
        return True
    place = text.find(base)
    # The base with something behind it: ETHBTC is no BTC, and BTCUSDT is.
    return place >= 0 and place + len(base) < len(text)


def _listed(values: Iterable[str]) -> str:
    shown = [repr(value) for value in values]
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
