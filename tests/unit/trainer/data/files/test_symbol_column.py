"""A column that names another market than the one a file is read for is told; the usual spellings of one market are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retrain_api.spec.data import Split
from retrain_api.time import Question, Windows
from retrain_trainer.data.dataset import load_dataset
from retrain_trainer.data.files.parquet import open_parquet
from retrain_trainer.data.files.symbol_column import names_market, symbol_warning

SAME = ["BTC-USD", "BTCUSDT", "btc_usdt", "BTC/USDT:USDT", "BINANCE:BTCUSD", "XBT/USD", "XXBTZUSD", "tBTCUSD", "USD-BTC", "BTC", "BTC-USD-SWAP"]  # fmt: skip
OTHERS = ["ETH-USD", "ETHUSDT", "ETHBTC", "ETH/BTC", "SOL", "", "USD"]


@pytest.mark.parametrize("value", SAME)
def test_spellings_of_the_market(value):
    assert names_market(value, "BTC-USD")


@pytest.mark.parametrize("value", OTHERS)
def test_other_markets(value):
    assert not names_market(value, "BTC-USD")


def test_a_dataset_carries_the_warning(tmp_path):
    close = 50 + np.cumsum(np.random.default_rng(1).normal(0, 0.01, 400))
    times = pd.date_range("2025-05-04", periods=400, freq="1min", tz="UTC")
    table = pd.DataFrame({"timestamp": times, "close": close, "wave": np.sin(np.arange(400)), "symbol": "ETHUSDT"})
    table.to_parquet(tmp_path / "c.parquet", index=False)
    question, windows = Question.parse("1m", 1, "Drop"), Windows(5, Split())
    dataset = load_dataset(tmp_path / "c.parquet", symbol="BTC-USD", question=question, windows=windows, features=None)
    assert any("'ETHUSDT', and the file is read for BTC-USD" in warning for warning in dataset.warnings)


def warnings(folder, **columns):
    table = pd.DataFrame({"close": np.arange(6.0), **columns})
    table.to_parquet(folder / "c.parquet", index=False, row_group_size=2)
    return symbol_warning(open_parquet(folder / "c.parquet"), "BTC-USD")


@pytest.mark.parametrize("column", ["symbol", "Symbol", "pair", "instId"])
@pytest.mark.parametrize("kind", ["str", "category"])
def test_another_market_is_told(tmp_path, column, kind):
    values = pd.Series(["ETHUSDT"] * 6, dtype=kind)
    assert warnings(tmp_path, **{column: values}) == (
        f"Column '{column}' of c.parquet names 'ETHUSDT', and the file is read for BTC-USD; is it the right file?",
    )


@pytest.mark.parametrize(
    "columns",
    [{"symbol": ["BTCUSDT"] * 6}, {"symbol": [None, *["BTCUSDT"] * 5]}, {"symbol": [7] * 6}, {"session": ["ETH"] * 6}],
    ids=["the market", "with empty rows", "numbers", "another column"],
)
def test_what_says_nothing_else_is_quiet(tmp_path, columns):
    assert warnings(tmp_path, **columns) == ()


def test_several_markets_are_told(tmp_path):
    (both,) = warnings(tmp_path, symbol=["BTCUSDT"] * 5 + ["ETHUSDT"])
    assert "names 'ETHUSDT', and" in both
    (spellings,) = warnings(tmp_path, symbol=["BTCUSDT"] * 5 + ["BTCUSDC"])
    assert spellings == "Column 'symbol' of c.parquet names several markets: 'BTCUSDT', 'BTCUSDC'."
