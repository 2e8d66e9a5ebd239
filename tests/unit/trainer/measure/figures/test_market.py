"""Copies of a market have nearly the same digest whatever hides their bytes; correlated markets have not."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrain_api.gate.markets import SAME, copies, same_market
from retrain_trainer.measure.figures.market import market_digest

EXAMPLES = Path(__file__).parents[5] / "examples" / "data"
TESTED = 0.15


def real(symbol: str) -> pd.DataFrame:
    return pd.read_parquet(EXAMPLES / f"candles_{symbol}-USD_1m.parquet", columns=["timestamp", "close"])


def bouncing(bars: int = 20_000, seed: int = 0) -> pd.DataFrame:
    """A market that bounces between bid and ask: few prices, many flat bars."""
    rng = np.random.default_rng(seed)
    close = np.round(1 + 1e-4 * rng.integers(-1, 2, bars) + 2e-6 * np.cumsum(rng.standard_normal(bars)), 4)
    return pd.DataFrame({"timestamp": pd.date_range("2026-01-01", periods=bars, freq="1min", tz="UTC"), "close": close})


def digest(table: pd.DataFrame) -> str:
    """Of the last 15 % of the rows, as an evaluation measures them."""
    tested = table.iloc[int(len(table) * (1 - TESTED)) :]
    times = tested.timestamp.to_numpy("datetime64[ns]").astype(np.int64)
    return market_digest(tested.close.to_numpy(np.float64), times)


def without_rows(table: pd.DataFrame, share: float, seed: int = 0) -> pd.DataFrame:
    return table[np.random.default_rng(seed).random(len(table)) >= share]


def equal(one: pd.DataFrame, other: pd.DataFrame) -> int:
    return sum(left == right for left, right in zip(digest(one), digest(other), strict=True))


MARKETS = {"BTC": lambda: real("BTC"), "ETH": lambda: real("ETH"), "SOL": lambda: real("SOL"), "bouncing": bouncing}
COPIES = {
    "the same file": lambda table: table,
    "a thousandth": lambda table: table.assign(close=table.close / 1000),
    "another currency": lambda table: table.assign(close=table.close * 0.9173),
    "the other way round": lambda table: table.assign(close=1 / table.close),
    "as float32": lambda table: table.assign(close=table.close.astype(np.float32)),
    "1 % of the rows missing": lambda table: without_rows(table, 0.01),
    "six hours missing": lambda table: table[
        table.timestamp.dt.floor("6h") != table.timestamp.dt.floor("6h").iloc[-900]
    ],
    "a bar later": lambda table: table.assign(timestamp=table.timestamp + pd.Timedelta("1min")),
    "in a zone 5 hours away": lambda table: table.assign(timestamp=table.timestamp + pd.Timedelta("5h")),
    "another unit and 1 % missing": lambda table: without_rows(table.assign(close=table.close * 100), 0.01),
    "an hour shorter": lambda table: table.iloc[:-60],
}


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("market", MARKETS)
def test_a_copy_is_found(market: str, copy: str) -> None:
    table = MARKETS[market]()
    assert equal(table, COPIES[copy](table)) >= SAME


def test_copies_that_both_lack_rows_are_found_nearly_always() -> None:
    table = real("ETH")
    found = [
        same_market(digest(without_rows(table, 0.01, seed)), digest(without_rows(table, 0.01, 100 + seed)))
        for seed in range(20)
    ]
    assert sum(found) >= 18


def test_markets_of_one_exchange_are_none() -> None:
    """BTC, ETH and SOL on the same days, whose returns have a correlation of 0.7 to 0.8."""
    tables = {name: real(name) for name in ("BTC", "ETH", "SOL")}
    assert copies({name: digest(table) for name, table in tables.items()}) == ()
    assert all(equal(one, other) < SAME for one, other in combinations(tables.values(), 2))


def test_quiet_markets_of_one_kind_are_none() -> None:
    assert equal(bouncing(seed=1), bouncing(seed=2)) <= 2


@pytest.mark.parametrize(
    "table", [bouncing(100), bouncing().assign(close=1.0), bouncing(0)], ids=["short", "flat", "empty"]
)
def test_too_few_moves_have_no_digest(table: pd.DataFrame) -> None:
    assert digest(table) == ""


def test_the_digest_is_the_same_on_every_machine() -> None:
    """It is stored: another release that computed another one would find no copy."""
    rows = np.arange(5_000, dtype=np.int64)
    assert (
        market_digest((rows * rows * 7919 % 104_729 + 1).astype(np.float64), rows * 60_000_000_000) == "CmDSAS2Nt9onvP"
    )
