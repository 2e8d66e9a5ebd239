"""What `retrain init` reads from the names of candle files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.names import data_file_uri
from retrain_api.spec.forms import SYMBOL
from retrain_cli.commands.init.market_names import MarketName, interval_in, market_names, template


@pytest.mark.parametrize(
    ("file", "written", "symbol"),
    [
        ("candles_BTC-USD_1m.parquet", "BTC-USD", "BTC-USD"),
        ("features_BTC-USD_1m_latest.parquet", "BTC-USD", "BTC-USD"),
        ("BTC-USDT-SWAP_5m.parquet", "BTC-USDT-SWAP", "BTC-USDT-SWAP"),
        ("BTCUSDT-1m-2025-01.zip", "BTCUSDT", "BTC-USDT"),
        ("BTCUSDT-1m-2025-01-31.csv.gz", "BTCUSDT", "BTC-USDT"),
        ("btcusdt_1m.parquet", "btcusdt", "BTC-USDT"),
        ("btc-usdt-1h.csv", "btc-usdt", "BTC-USDT"),
        ("BTC_USDT-1h.parquet", "BTC_USDT", "BTC-USDT"),
        ("candles_btc_usdt.parquet", "btc_usdt", "BTC-USDT"),
        ("Binance_BTCUSDT_d.csv", "BTCUSDT", "BTC-USDT"),
        ("BINANCE_BTCUSDT, 60.csv", "BTCUSDT", "BTC-USDT"),
        ("kraken_XBTEUR (1).csv", "XBTEUR", "XBT-EUR"),
        ("candles_BTC_1m.parquet", "BTC", "BTC"),
        ("AAPL.parquet", "AAPL", "AAPL"),
        ("BRK.B_1d.parquet", "BRK.B", "BRK.B"),
        ("600519_1d.parquet", "600519", "600519"),
    ],
)
def test_a_market_is_found_in_a_name(file: str, written: str, symbol: str) -> None:
    assert market_names([file]) == {file: MarketName(written, symbol)}


@pytest.mark.parametrize("file", ["klines.parquet", "candles_1m.parquet", "2025-01.csv", "data (1).parquet", "x.zip"])
def test_a_name_without_a_market_says_so(file: str) -> None:
    assert market_names([file]) == {file: None}


def test_of_several_words_in_capitals_the_one_that_differs_is_the_market() -> None:
    files = ["NYSE_AAPL_1d.parquet", "NYSE_MSFT_1d.parquet", "NYSE_BRK.B_1d.parquet"]
    assert [market.symbol for market in market_names(files).values() if market] == ["AAPL", "MSFT", "BRK.B"]


@pytest.mark.parametrize(
    ("file", "interval", "found"),
    [
        ("candles_BTC-USD_1m.parquet", "1m", "candles_{symbol}_{interval}.parquet"),
        ("features_BTC-USD_1m_latest.parquet", "1m", "features_{symbol}_{interval}_latest.parquet"),
        ("BTC-USD.parquet", "1h", "{symbol}.parquet"),
        ("BTC-USD_1m.parquet", "5m", "{symbol}_1m.parquet"),
        ("BTCUSDT-11m-1m.parquet", "1m", "{symbol}-11m-{interval}.parquet"),
        ("btc-usd_1m.parquet", "1m", None),
        ("BTC_USDT_1m.parquet", "1m", None),
        ("BTC-USD_BTC-USD.parquet", "1m", "{symbol}_BTC-USD.parquet"),
    ],
)
def test_the_filename_of_a_run_finds_the_file(file: str, interval: str, found: str | None) -> None:
    market = market_names([file])[file]
    assert market is not None and template(file, market, interval) == found


@given(st.text(st.sampled_from("BTC-USD_.1m btcusdt5h{}()é"), min_size=1, max_size=30))
def test_whatever_a_file_is_called_what_is_found_gives_its_name(stem: str) -> None:
    file = f"{stem}.parquet"
    market = market_names([file])[file]
    if market is None:
        return
    assert not SYMBOL.answer(market.symbol) and market.written in file
    found = template(file, market, "1m")
    assert found is None or data_file_uri("", found, market.written, "1m").lstrip("/") == file


@pytest.mark.parametrize(
    ("file", "interval"),
    [
        ("BTCUSDT-1m-2025-01.csv", "1m"),
        ("btc_15min.csv.gz", "15m"),
        ("ETH-USD_4h.zip", "4h"),
        ("AAPL_1D.csv", "1d"),
        ("BTC-USD.csv", None),
        ("BTC1m.csv", None),
    ],
)
def test_the_length_of_a_bar_is_found_in_a_name(file: str, interval: str | None) -> None:
    assert interval_in(file) == interval
