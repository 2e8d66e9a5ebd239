"""What was traded, row by row, and what holding would have done: every figure of the account follows from them."""

from __future__ import annotations

import csv as csv_module
from hashlib import sha256
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.measured_run import SYMBOL, MeasuredRun

from retrain_api.documents.results import EvaluateResult
from retrain_api.documents.tasks import PublishItem
from retrain_api.measurement import Measurement
from retrain_trainer.measure.predictions.trades import CSV_HEAD, Month, Trade, Traded, by_month, csv, holding, traded
from retrain_trainer.store.locate import locator
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.traded import read_traded


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> MeasuredRun:
    return MeasuredRun(tmp_path_factory.mktemp("run"), "first")


@pytest.fixture(scope="module")
def measured(run: MeasuredRun) -> EvaluateResult:
    return run.evaluated(run.trained())[1]


@pytest.fixture(scope="module")
def found(run: MeasuredRun, measured: EvaluateResult) -> Traded:
    return traded(run.recorded(measured))


def test_the_trades_give_the_measured_account(run: MeasuredRun, measured: EvaluateResult, found: Traded) -> None:
    document, metrics = run.document(measured), measured.measurement.metrics
    assert len(found.trades) == measured.measurement.trades == document["backtest"]["trades"]
    assert found.trades[-1].account - 1 == pytest.approx(metrics.pnl, rel=1e-4)
    assert np.mean([one.change > 0 for one in found.trades]) == pytest.approx(metrics.win_rate, abs=1e-4)
    assert sum(one.side == "long" for one in found.trades) == document["backtest"]["longs"]
    assert [point["equity"] for point in found.points] == [point["equity"] for point in document["equity"]]


def test_every_fill_is_a_close_of_the_file_at_the_time_at_which_its_bar_closed(run: MeasuredRun, found: Traded) -> None:
    candles = pd.read_parquet(run.file)
    closes = {time + pd.Timedelta("1min"): close for time, close in zip(candles.timestamp, candles.close, strict=True)}
    for one in found.trades:
        assert closes[pd.Timestamp(one.entered)] == one.entry_price
        assert closes[pd.Timestamp(one.exited)] == one.exit_price
        gross = (one.exit_price / one.entry_price - 1) * (1 if one.side == "long" else -1)
        assert one.change == pytest.approx(gross - 0.002)
        assert pd.Timestamp(one.exited) - pd.Timestamp(one.entered) == pd.Timedelta(minutes=one.bars)


def test_the_months_hold_every_trade_once(found: Traded) -> None:
    assert sum(month.trades for month in found.months) == len(found.trades)
    account = np.prod([1 + month.change for month in found.months])
    assert account == pytest.approx(found.trades[-1].account, rel=1e-3)  # each is cut to five digits


def test_holding_pays_a_fee_at_both_ends() -> None:
    assert holding(np.array([10.0, 12.0, 11.0]), 0.01) == pytest.approx([0.99, 1.19, 1.08])
    assert holding(np.array([10.0]), 0.01) == pytest.approx([0.98])
    assert holding(np.array([10.0, 1e-12]), 0.01).min() > 0


def test_holding_stands_beside_the_account(run: MeasuredRun, found: Traded) -> None:
    assert found.points[0]["hold"] == pytest.approx(0.999)
    assert found.points[-1]["hold"] == pytest.approx(1 + found.hold, rel=1e-4)
    assert 0 <= found.hold_drawdown < 1


ROWS = (
    Trade("long", "2026-10-31T23:59:00Z", 100.0, "2026-11-01T00:14:00Z", 101.5, 15, 0.013, 1.013),
    Trade("short", "2026-11-01T00:14:00Z", 101.5, "2026-11-01T00:29:00Z", 101.5, 15, -0.002, 1.010974),
)


def test_a_trade_belongs_to_the_month_in_which_it_was_entered() -> None:
    months = by_month(ROWS)
    assert [(month.month, month.trades, month.won) for month in months] == [("2026-10", 1, 1), ("2026-11", 1, 0)]
    assert months[0] == Month("2026-10", 1, 1, pytest.approx(0.013, rel=1e-3))
    assert by_month(()) == []


def test_the_rows_of_the_csv() -> None:
    text = f"symbol,{CSV_HEAD}\n" + csv(SYMBOL, ROWS)
    rows = list(csv_module.DictReader(StringIO(text)))
    assert rows[0] == {
        "symbol": SYMBOL,
        "side": "long",
        "entered": "2026-10-31T23:59:00Z",
        "entry_price": "100",
        "exited": "2026-11-01T00:14:00Z",
        "exit_price": "101.5",
        "bars": "15",
        "return_percent": "1.3",
        "account": "1.013",
    }
    assert rows[1]["return_percent"] == "-0.2"


def test_the_report_has_the_list_of_trades_beside_it(run: MeasuredRun) -> None:
    result = run.published()
    text = run.read(result.markdown.replace("report.md", "trades.csv")).decode()
    rows = list(csv_module.DictReader(StringIO(text)))
    assert {row["symbol"] for row in rows} == {SYMBOL}
    document = run.document(run.evaluated(run.trained())[1])
    assert len(rows) == document["backtest"]["trades"]


@pytest.mark.parametrize(
    ("damage", "why"), [(b"", "is not the file that was measured"), (None, "no longer exists")], ids=["changed", "gone"]
)
def test_predictions_that_are_gone_or_changed_are_left_out_with_a_line_in_the_log(
    tmp_path: Path, damage: bytes | None, why: str
) -> None:
    store = open_store(f"file://{tmp_path}/", {}, 1)
    named = {"uri": store.uri_of("predictions.parquet"), "sha256": sha256(b"as measured").hexdigest()}
    if damage is not None:
        store.write("predictions.parquet", damage)
    item = PublishItem(symbol=SYMBOL, verdict="Pass", measurement=Measurement())
    lines: list[str] = []
    locate = locator(store, store.uri_of(""), {})
    assert read_traded([item], {SYMBOL: {"predictions": named}}, locate, lines.append) == {}
    assert len(lines) == 1 and why in lines[0]
    assert read_traded([item], {SYMBOL: {}}, locate, lines.append) == {} and len(lines) == 1  # of an older release
