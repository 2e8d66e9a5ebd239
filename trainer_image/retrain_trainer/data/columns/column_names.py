"""Which columns of a file are no features, by name alone: what exchanges' and brokers' downloads carry beside candles.

A person who asks for a kline dump gets `close_time` and `number_of_trades` with it, and nobody chose them to learn from. Names are
compared without case, blanks and punctuation, because every library spells them in its own way: `quoteVolume`, `Quote asset
volume`, `quote_asset_volume`. `data.features` may still name any of these columns.
"""

from __future__ import annotations

import re

CANDLE_COLUMNS = ("open", "high", "low", "close", "volume")

_CURRENCY = "usdt|usdc|usd|busd|fdusd|tusd|dai|eur|gbp|jpy|krw|try|aud|brl|btc|xbt|eth|sol|bnb|xrp|ada|doge|ltc|bch|trx|avax|dot|link"
_TIME_OF = (
    "open|close|start|end|begin|event|trade|candle|bar|kline|local|exchange|server|received|window|opening|closing"
)

_KNOWN: tuple[tuple[str, str], ...] = (
    (
        "a time",
        rf"({_TIME_OF})?(datetime|timestamp|time|date|ts)(stamp)?(utc|gmt|est|kst|unix|iso|local|sec|seconds|ms|us|ns|s)*"
        r"|(candle)?datetime(utc|kst)|time(period)?(start|end|open|close)|unix(time|timestamp|ms|s)?|epoch(time|ms|s)?"
        r"|window(start|end)|ts(event|recv|init)|mts|year|t|(kline|candle|bar)(open|close|start|end)(time|date)|period(start|end)",
    ),
    ("a row number", r"unnamed\d*(level\d+)?|level\d+|index|idx|id|row|row(id|s|number|num|nr|no|index)|seq|sequence"),
    (
        "a count of trades",
        r"(number|num|nr|no|n|count|total)?(of)?(trades|transactions|ticks)|(trades?|transactions?|tick)(count|cnt|num|number|s)"
        r"|(num|n|number)(trade|tick)|counts?|cnt|n|tick(vol|volume)|barcounts?|tradesdone|txns?",
    ),
    (
        "the volume in another unit",
        r"(quote|base|q)(asset|currency|token)?(volume|vol|qty|quantity|amount|av)"
        r"|(volume|vol)(quote|base|ccy|ccyquote|from|to|notional)|turnover|amount|notional(value)?"
        rf"|(dollar|real|{_CURRENCY})(volume|vol)|(volume|vol)({_CURRENCY})|candleacctrade(price|volume)|volumetraded"
        r"|(home|foreign)notional",
    ),
    (
        "the volume of takers",
        r"(taker(buy|sell)|buytaker|selltaker|tb(?=base|quote))(base|quote)?(asset|currency)?(volume|vol|av|qty|quantity|amount)?(base|quote)?"
        r"|taker(base|quote)?(asset)?(volume|vol|qty|quantity|amount)",
    ),
    ("the size of the last trade", r"last(size|qty|quantity)"),
    (
        "a filler",
        r"ignored?|unused(field)?|reserved|confirm(ed)?|is(final|closed)|conversion(type|symbol)|repaired|hasgaps|rtype"
        r"|publisherid|instrumentid",
    ),
    (
        "an adjusted price",
        r"adj(usted)?(open|high|low|close|closing|price|volume)(price)?|(open|high|low|close|volume)adj(usted)?|adj(ust(ed|ment)?)?factor"
        r"|(unadjusted|u)(open|high|low|close|volume)|f(open|high|close|volume)",
    ),
    (
        "a dividend or a split",
        r"dividends?(amount|cash)?|divcash|(stock)?splits?(factor|ratio|coefficient)?|capitalgains?",
    ),
    (
        "an average price",
        r"vwap(price)?|vw|wap|average|av(era)?ge?price|weightedaverage(price)?|volumeweighted(average)?(price)?",
    ),
    ("the close of the bar before", r"(prev(ious)?|pre|last|yesterdays?)clos(e|ing)(price)?"),
    (
        "a candle column under another name",
        r"open|high|low|close|volume|[ohlcv]|(open|opening|high|low|close|closing)price|price(open|high|low|close)",
    ),
)
_RULES = tuple((why, re.compile(names)) for why, names in _KNOWN)


def known_from_dumps(name: str) -> str | None:
    """What a column is that exchanges' and brokers' files carry under this name, or None. Not for the candle columns."""
    plain = re.sub(r"[\W_]+", "", name.casefold())
    if not plain:
        return "a row number" if not name.strip(" #:_.-") else None
    return next((why for why, names in _RULES if names.fullmatch(plain)), None)
