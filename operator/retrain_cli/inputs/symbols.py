"""Symbols as people write them: BTC/USDT as in ccxt, btcusdt as in a file's name. The answer is the name to write."""

from __future__ import annotations

import re
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import promoted_pointer
from retrain_api.spec.forms import SYMBOL

_QUOTES = "USDT|USDC|FDUSD|TUSD|BUSD|USD|EUR|GBP|JPY|KRW|TRY|BRL|BTC|ETH|BNB"
_PAIR = re.compile(rf"([A-Z0-9]{{2,16}}?)[-./_: ]?({_QUOTES})")


def market_in(text: str) -> str | None:
    """BTC-USDT for btcusdt, BTC_USDT and the like: two parts, the second a currency that markets are quoted in."""
    found = _PAIR.fullmatch(text.upper())
    return "-".join(found.groups()) if found else None


def symbol_of(text: str) -> str | None:
    """The symbol that a run takes for `text`, or None where that can't be told: BTC-USD for btc-usd and BTC/USD."""
    if not SYMBOL.answer(text):
        return text
    hint = next((hint for hint in SYMBOL.hints if re.fullmatch(hint.found, text)), None)
    return hint.mended(text) if hint else None


def well_formed(text: str) -> str:
    """The symbol, unchanged. Raises ConfigurationError("BadSymbol") with the name to write, as a run's file is answered."""
    answer = SYMBOL.answer(text)
    if answer:
        raise _refused(text, answer if answer.startswith("write") else f"a symbol {answer}")
    return text


def require_symbol(store: Any, text: str) -> str:
    """A symbol that a store of artifacts is asked for, unchanged.

    Raises ConfigurationError("BadSymbol") where it is no symbol, or where the store knows its letters under another name alone.
    """
    if not SYMBOL.answer(text) and store.head(promoted_pointer(text)) is not None:
        return text
    known = _known(store)
    same = sorted(symbol for symbol in known if _letters(symbol) == _letters(text))
    if text in known or not same:
        return well_formed(text)
    raise _refused(text, f"write {' or '.join(same)}, as the models here are named")


def _known(store: Any) -> set[str]:
    """The symbols that were promoted or judged in a store."""
    promoted = (key.removeprefix("promoted/").removesuffix(".json") for key in store.list("promoted/"))
    judged = (key.split("/")[1] for key in store.list("judged/"))
    return {name for name in (*promoted, *judged) if not SYMBOL.answer(name)}


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.upper()))


def _refused(text: str, what: str) -> ConfigurationError:
    return ConfigurationError(reasons.BAD_SYMBOL, f"{text}: {what}.")
