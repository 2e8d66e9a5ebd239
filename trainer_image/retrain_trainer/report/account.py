"""What trading on the models would have left of an account, beside buying and holding: what a trader asks first.

An accuracy is no money. This part has the account with its falls, how long it was in the market, what the fees took and what was
traded in each month; every fill is in trades.csv.
"""

from __future__ import annotations

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import counted, measured
from retrain_api.names import TRADES_FILE

from .criteria import between, interval
from .facts import Facts
from .text import NOTHING, Block, Table, count, folded, grouped, known_table, period, share, shown, table

_HEAD = (
    "Model", "PnL", "95 % interval", "Drawdown", "Buy and hold", "Its drawdown", "Sharpe ratio", "Win rate", "Trades", "In the market",
    "Fees paid",
)  # fmt: skip
_OPEN = 12
"""Rows of months that are shown unfolded."""
_BESIDE = 3
"""Models that share a row of the months."""


def account(facts: Facts) -> list[Block]:
    """The account of each model, in figures."""
    if not facts.measured:
        return ["No model was measured."]
    return [
        grouped((item.symbol, after_fees(facts, item)) for item in facts.measured),
        known_table(_HEAD, [_row(facts, item) for item in facts.measured]),
        _note(facts),
        *_months(facts),
    ]


def after_fees(facts: Facts, item: PublishItem) -> str:
    """What the backtest leaves after fees, and whether holding leaves more."""
    assert item.measurement is not None
    pnl, held = item.measurement.metrics.pnl, facts.trades.get(item.symbol)
    fees = "fees" if facts.fee_bps is None else f"fees of {facts.fee_bps:g} bps a fill"
    if pnl is None:
        return "the backtest was not measured."
    if item.measurement.trades == 0:
        return "the backtest made no trade."
    beside = "" if held is None else f", and holding leaves {'more' if held.hold > pnl else 'less'}"
    return f"after {fees} {'no' if pnl <= 0 else 'a'} gain is left{beside}."


def _row(facts: Facts, item: PublishItem) -> list[str]:
    assert item.measurement is not None
    metrics, document, held = item.measurement.metrics, facts.evaluation(item), facts.trades.get(item.symbol)
    traded = document.get("backtest") or {}
    pnl = measured("pnl", metrics.pnl)
    return [
        item.symbol,
        f"**{pnl}**" if metrics.pnl is not None and metrics.pnl <= 0 else pnl,
        between("pnl", interval(document, "pnl")),
        share(metrics.max_drawdown),
        share(held.hold if held else None),
        share(held.hold_drawdown if held else None),
        shown("sharpe", metrics.sharpe),
        share(metrics.win_rate),
        count(item.measurement.trades),
        share(traded.get("exposure")),
        share(traded.get("feesPaid")),
    ]


def _note(facts: Facts) -> str:
    """How the account is kept, and the period where all models have the same."""
    tests = {(test["firstBar"], test["lastBar"]) for item in facts.measured if (test := facts.test(item))}
    bars = f"from {period(*tests.pop())}" if len(tests) == 1 else "of the test"
    few = any(shown("sharpe", item.measurement.metrics.sharpe) == "n/a" for item in facts.measured if item.measurement)
    ratio = (
        " The Sharpe ratio is n/a with fewer than 20 days, and where days were so alike that it would be beyond 20."
        if few
        else ""
    )
    return (
        f"Each trade stakes the whole account at the real closes of the bars {bars}, after fees; holding buys at the first of them "
        f"and sells at the last. Fees are what was paid, as a share of the account at the start.{ratio}"
    )


def _months(facts: Facts) -> list[Block]:
    if not facts.trades:
        return []
    rows = _months_table(facts)
    link = f"Every trade with both fills: [{TRADES_FILE}]({TRADES_FILE}), beside this report."
    shown_rows: Block = rows if len(rows.rows) <= _OPEN else folded("Trades by month", rows)
    return [shown_rows, link]


def _months_table(facts: Facts) -> Table:
    """A column for each of a few models, a row for each month of each of many."""
    found = {symbol: {month.month: month for month in traded.months} for symbol, traded in facts.trades.items()}
    names = sorted({month for months in found.values() for month in months})
    cells = {
        symbol: {
            name: f"{counted(one.trades, 'trade')}, {share(one.won / one.trades)} won, {'+' * (one.change > 0)}{share(one.change)}"
            for name, one in months.items()
        }
        for symbol, months in found.items()
    }
    if len(found) <= _BESIDE:
        head = ["Entered in", *found]
        return table(head, [[name, *(cells[symbol].get(name, NOTHING) for symbol in found)] for name in names])
    rows = [[f"{symbol}, {name}", one] for symbol, months in cells.items() for name, one in months.items()]
    return table(["Model and month", "Trades"], rows)
