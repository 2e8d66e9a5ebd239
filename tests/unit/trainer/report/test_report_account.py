"""The account beside buying and holding: what a trader asks first."""

from __future__ import annotations

from typing import Any

import pytest
from support.publishing_case import measured
from support.report_case import evaluation, facts, original, row, section, traded, whole_facts

from retrain_api.measurement import Metrics
from retrain_trainer.measure.predictions.trades import Month, Traded
from retrain_trainer.report.criteria import between
from retrain_trainer.report.sections import render
from retrain_trainer.report.text import shown


def account(measurement: Any, held: float | None = None) -> str:
    trades = {} if held is None else {"X-USD": Traded((), (), held, 0.1, ())}
    return section(render(facts({"X-USD": measurement}, trades=trades)), "Account")


@pytest.mark.parametrize(
    ("pnl", "trades", "held", "said"),
    [
        (-0.99, 4_000, None, "after fees of 10 bps a fill no gain is left."),
        (0.0, 40, None, "after fees of 10 bps a fill no gain is left."),
        (0.1, 40, None, "after fees of 10 bps a fill a gain is left."),
        (0.1, 40, 0.05, "after fees of 10 bps a fill a gain is left, and holding leaves less."),
        (0.1, 40, 0.2, "after fees of 10 bps a fill a gain is left, and holding leaves more."),
        (-0.1, 40, -0.2, "after fees of 10 bps a fill no gain is left, and holding leaves less."),
        (0.0, 0, 0.2, "the backtest made no trade."),
        (None, 0, 0.2, "the backtest was not measured."),
    ],
)
def test_what_the_fees_leave(pnl: float | None, trades: int, held: float | None, said: str) -> None:
    text = account(measured(0.9, metrics=Metrics(accuracy=0.9, pnl=pnl), trades=trades), held)
    assert f"- X-USD: {said}\n" in text


def test_the_account_stands_beside_one_that_holds() -> None:
    assert row(render(whole_facts()), "Account", "ETH-USD") == {
        "Model": "ETH-USD",
        "PnL": "10 %",
        "95 % interval": "60 % to 65 %",
        "Drawdown": "20 %",
        "Buy and hold": "5 %",
        "Its drawdown": "12 %",
        "Sharpe ratio": "1.00",
        "Win rate": "50 %",
        "Trades": "600",
        "In the market": "93 %",
        "Fees paid": "121 %",
    }


def test_a_loss_is_bold_and_what_nobody_measured_has_no_column() -> None:
    lost = measured(0.7, metrics=Metrics(accuracy=0.7, pnl=-0.2, max_drawdown=0.3))
    assert row(render(facts({"X-USD": lost})), "Account", "X-USD") == {
        "Model": "X-USD",
        "PnL": "**-20 %**",
        "Drawdown": "30 %",
        "Sharpe ratio": "n/a",
        "Trades": "600",
    }


@pytest.mark.parametrize(
    ("ratio", "cell"),
    [(1.0, "1.00"), (-0.456, "-0.46"), (20.0, "20.00"), (20.01, "n/a"), (-129.96, "n/a"), (None, "n/a")],
)
def test_a_sharpe_ratio_that_nobody_can_mean_is_not_available(ratio: float | None, cell: str) -> None:
    assert shown("sharpe", ratio) == cell
    text = account(measured(0.7, metrics=Metrics(accuracy=0.7, pnl=0.1, sharpe=ratio)))
    assert ("The Sharpe ratio is n/a with fewer than 20 days" in text) is (cell == "n/a")


def test_neither_its_interval_nor_its_chance_is_told_of_a_sharpe_ratio_that_nobody_can_mean() -> None:
    assert between("sharpe", (-140.2, -120.9)) == "n/a"
    assert between("sharpe", (15.0, 140.9)) == "15.00 to n/a"
    for ratio, said in ((-129.96, "n/a"), (-1.5, "0.020"), (None, "0.020")):
        known = measured(0.7, metrics=Metrics(accuracy=0.7, pnl=-0.8, sharpe=ratio))
        text = render(facts({"X-USD": known}, document={"luck": {"deflatedSharpe": 0.02}}))
        assert row(text, "Luck", "X-USD")["Sharpe ratio is real"] == said


@pytest.mark.parametrize(
    ("metric", "value", "cell"),
    [("f1", 0.6, "0.60"), ("auc", 0.70449, "0.70"), ("brier", 0.2, "0.200"), ("pnl", 0.1, "10 %"), ("accuracy", None, "-")],
)  # fmt: skip
def test_figures_have_the_digits_that_they_are_good_for(metric: str, value: float | None, cell: str) -> None:
    assert shown(metric, value) == cell


def test_the_trades_stand_by_month_and_all_of_them_are_beside_the_report() -> None:
    text = section(render(whole_facts()), "Account")
    assert "| Entered in | BTC-USD | ETH-USD | SOL-USD |" in text
    assert "| 2025-07 | 1 trade, 100 % won, +0.8 % | 1 trade, 100 % won, +0.8 % |" in text
    assert "Every trade with both fills: [trades.csv](trades.csv), beside this report." in text
    assert "trades.csv" not in render(facts(original()))


def test_many_months_are_folded_and_many_models_have_rows_of_their_own() -> None:
    long = Traded((), tuple(Month(f"2024-{n:02}", 2, 1, -0.01) for n in range(1, 14)), 0.1, 0.1, ())
    text = render(facts({"X-USD": measured(0.7)}, trades={"X-USD": long}))
    assert "<details><summary>Trades by month</summary>" in text and "| 2024-13 | 2 trades, 50 % won, -1 % |" in text
    four = {f"{n}-USD": traded(()) for n in "ABCD"}
    text = render(facts(dict.fromkeys(four, measured(0.7)), trades=four))
    assert "| D-USD, 2025-07 | 1 trade, 100 % won, +0.8 % |" in text


def test_the_period_of_the_account_is_said_where_all_models_have_it() -> None:
    document = evaluation()
    text = section(render(facts(original(), document=document)), "Account")
    assert "closes of the bars from 2025-06-17 00:00 to 2025-06-24 00:00 UTC, after fees" in text
    assert "closes of the bars of the test, after fees" in render(facts(original(), document={"test": {}}))
