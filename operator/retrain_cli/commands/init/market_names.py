"""What the names of candle files say: which market a file holds, and the `data.filename` that finds it. Pure.

A name is only a proposal. What a run is to read by it is checked against the file itself, by the code of a training.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from retrain_api.names import data_file_uri
from retrain_api.spec.forms import SYMBOL
from retrain_cli.inputs.symbols import market_in

_ENDINGS = re.compile(r"(\.(csv|parquet|pq|txt|tsv|zip|gz))+$", re.IGNORECASE)
_INTERVAL = re.compile(r"(?<![A-Za-z0-9])([1-9][0-9]{0,3})(m|min|h|d)(?![A-Za-z0-9])", re.IGNORECASE)
_DATE = re.compile(r"((19|20)[0-9]{2}([-.]?[0-9]{2}){0,2}|[0-9]{1,2})")
# Words that files of candles are called by, in capitals or not, and that are no market.
_OTHER_WORDS = frozenset(
    [
        "ASK",
        "BARS",
        "BID",
        "BINANCE",
        "BITFINEX",
        "BITSTAMP",
        "BYBIT",
        "CANDLES",
        "COINBASE",
        "DAILY",
        "DATA",
        "FEATURES",
        "FUTURES",
        "HISTORY",
        "HOURLY",
        "KLINE",
        "KLINES",
        "KRAKEN",
        "LATEST",
        "MARKET",
        "OHLC",
        "OHLCV",
        "OKX",
        "PARQUET",
        "PERP",
        "PRICES",
        "SPOT",
        "SWAP",
        "TICKER",
        "TRAIN",
        "UM",
        "UTC",
    ]
)


@dataclass(frozen=True)
class MarketName:
    """The market of a file: `written` as in its name, and the symbol to write for it, such as BTC-USDT for btcusdt."""

    written: str
    symbol: str


def market_names(files: Sequence[str]) -> dict[str, MarketName | None]:
    """For each file name the market that it says, or None.

    A pair such as BTC-USD or btcusdt is taken first, then the capital letters that the fewest of the files share: of
    OHLCV_AAPL and OHLCV_MSFT the second word differs.
    """
    words = {file: list(_capitals(file)) for file in files}
    shared = Counter(word for found in words.values() for word in set(found))
    return {file: _pair(file) or _rarest(words[file], shared) for file in files}


def template(file: str, market: MarketName, interval: str) -> str | None:
    """The `data.filename` that gives `file` for the symbol as it is written there; None where no symbol may be written so."""
    if SYMBOL.answer(market.written):
        return None
    found = re.sub(
        rf"(?<![A-Za-z0-9]){interval}(?![A-Za-z0-9])", "{interval}", file.replace(market.written, "{symbol}", 1)
    )
    named = data_file_uri("", found, market.written, interval).lstrip("/")
    return found if named == file and found.count("{symbol}") == 1 else None


def interval_in(file: str) -> str | None:
    """The length of a bar that a file's name says: 1m for BTCUSDT-1m-2025-01.csv and btc_1min.csv."""
    found = _INTERVAL.search(_ENDINGS.sub("", file))
    return f"{found[1]}{found[2][0].lower()}" if found else None


def _tokens(file: str) -> list[str]:
    return [token for token in re.split(r"[_ ,()\[\]]+", _ENDINGS.sub("", file)) if token]


def _pair(file: str) -> MarketName | None:
    tokens = [_without_dates(token) for token in _tokens(file)]
    for whole in tokens:
        parts = whole.split("-")
        if len(parts) == 3 and market_in("-".join(parts[:2])) and not SYMBOL.answer(whole):
            return MarketName(whole, whole)
        for text in (whole, *("-".join(pair) for pair in pairwise(parts)), *parts):
            if (symbol := market_in(text)) is not None:
                return MarketName(text, symbol)
    for first, second in pairwise(tokens):
        symbol = market_in(f"{first}_{second}")
        if symbol is not None and first.upper() not in _OTHER_WORDS and first.isupper() == second.isupper():
            return MarketName(f"{first}_{second}", symbol)
    return None


def _without_dates(token: str) -> str:
    """BTCUSDT for BTCUSDT-1m-2025-01: what stands behind a market is when, and how long a bar is."""
    parts = token.split("-")
    while len(parts) > 1 and (_DATE.fullmatch(parts[-1]) or _INTERVAL.fullmatch(parts[-1])):
        parts.pop()
    return "-".join(parts)


def _capitals(file: str) -> Iterator[str]:
    for token in _tokens(file):
        text = _without_dates(token)
        if not (SYMBOL.answer(text) or _DATE.fullmatch(text) or text.upper() in _OTHER_WORDS):
            yield text


def _rarest(words: Sequence[str], shared: Counter[str]) -> MarketName | None:
    if not words:
        return None
    word = min(words, key=lambda word: (shared[word], word.isdigit()))
    return MarketName(word, word)
