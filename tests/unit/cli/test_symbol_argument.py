"""Symbols on the command line: whoever writes one as other programs do is answered with the name to write."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.publishing_case import NOW, measured, publish_item, publish_task

from retrain_api.errors import ConfigurationError
from retrain_cli import main
from retrain_cli.inputs.symbols import market_in, require_symbol, symbol_of
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import locator
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.publish import publish

FORM = "a symbol is capital letters and digits, with - or . between its parts"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """BTC-USD is promoted; SOL-USDT was judged and not promoted. Tests only read it."""
    store = open_store(f"file://{tmp_path_factory.mktemp('models')}/", {}, 1)
    for number, (symbol, promote) in enumerate((("BTC-USD", True), ("SOL-USDT", False)), start=1):
        item = publish_item(store, symbol, measured(0.7), version=number, promote=promote)
        task = publish_task(store, [item], number=number, publish_key=f"{number:016}", approved_by="gate")
        publish(task, store, locator(store, task.artifacts_uri, {}), NOW, lambda line: None)
    for symbol in ("SOL-USDT", "XY-ZUSD", "XYZ-USD"):
        store.write(f"judged/{symbol}/b.json", b"{}")
    return store


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("btc-usd", "btc-usd: write BTC-USD"),
        ("BTC/USD", "BTC/USD: write BTC-USD"),
        ("btc_usd", "btc_usd: write BTC-USD"),
        ("btcusd", "btcusd: write BTC-USD"),
        ("BTCUSD", "BTCUSD: write BTC-USD"),
        ("sol/usdt", "sol/usdt: write SOL-USDT"),
        ("ETH/USDT", f"ETH/USDT: write ETH-USDT; {FORM}"),
        ("eth-usd", f"eth-usd: write ETH-USD; {FORM}"),
        ("../ETH-USD", "../ETH-USD: a symbol must be capital letters and digits, in up to three parts"),
    ],
)
@pytest.mark.parametrize("command", ["rollback", "history"])
def test_a_symbol_of_another_spelling_is_answered_with_the_name_to_write(
    store: Store, capsys: pytest.CaptureFixture[str], command: str, given: str, said: str
) -> None:
    reason = ["--reason", "bad fills"] if command == "rollback" else []
    assert main.main([command, given, "--artifacts", store.uri_of(""), *reason]) == 2
    assert capsys.readouterr().err.startswith(f"retrain: {said}")


def test_a_symbol_that_the_store_has_is_taken_as_it_is(store: Store) -> None:
    assert require_symbol(store, "BTC-USD") == "BTC-USD"
    assert require_symbol(store, "ETH-USD") == "ETH-USD", "what was never promoted is for the command to say"


def test_of_two_symbols_with_the_same_letters_none_is_preferred(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="xyzusd: write XY-ZUSD or XYZ-USD, as the models here are named"):
        require_symbol(store, "xyzusd")


@pytest.mark.parametrize("given", ["btc-usd", "BTC-USD", "BTC/USD"])
def test_history_without_a_place_says_how_to_ask_for_a_symbol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main.main(["history", given, "--state-dir", str(tmp_path / "state")]) == 1
    assert capsys.readouterr().err.endswith("\nretrain: For the symbol BTC-USD: `retrain history BTC-USD -f FILE`.\n")


@pytest.mark.parametrize("given", ["BTC/USDT", "btc-usdt", "btc_usdt"])
def test_import_names_its_flag_and_the_name_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    (tmp_path / "c.csv").write_text("timestamp,open,high,low,close\n")
    assert main.main(["import", str(tmp_path / "c.csv"), "--symbol", given, "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"retrain: {given}: write BTC-USDT; {FORM}.\n"


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("btcusdt", "BTC-USDT"),
        ("BTCUSDT", "BTC-USDT"),
        ("eth_usd", "ETH-USD"),
        ("ETH/BTC", "ETH-BTC"),
        ("ethbtc", "ETH-BTC"),
        ("1INCHUSDT", "1INCH-USDT"),
        ("usd1usdt", "USD1-USDT"),
        ("usdt", None),
        ("nightly", None),
        ("AAPL", None),
    ],
)
def test_a_pair_is_recognised_by_its_quote(text: str, symbol: str | None) -> None:
    assert market_in(text) == symbol


@pytest.mark.parametrize(("text", "symbol"), [("BRK.B", "BRK.B"), ("brk.b", "BRK.B"), ("a b c d", None)])
def test_the_name_to_write(text: str, symbol: str | None) -> None:
    assert symbol_of(text) == symbol
